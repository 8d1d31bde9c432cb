"""A copy: everything comes back, the digests hold, it opens offline, and it goes when its time is over."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
from datetime import UTC, datetime

import pyarrow.parquet as pq
import pytest
from django.utils import timezone

from consent.values import Scope
from portal.audit.models import Act
from portal.rights import actions, expiry
from portal.rights.models import Bundle, BundlePart
from portal.rights.values import NotAllowed
from portal.vault import objects
from tests.rights.conftest import ask, at, carry_out, person, store, stored, unzip

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "keys"])

OURS = {"category", "source", "collector", "in_app", "purposes", "key_purposes"}


def data(files):
    return {name: body for name, body in files.items() if name.startswith("data/")}


def from_jsonl(files):
    return [json.loads(line) for body in data(files).values() for line in body.splitlines()]


def typed(row):
    whole = {"t", "seq", "button"}
    numbers = whole | {"x", "y", "deltaX", "deltaY", "screen_w", "screen_h"}
    filled = {name: value for name, value in row.items() if value != ""}
    return {name: float(value) if name in numbers else value for name, value in filled.items()}


def day_of(days_ago):
    return datetime.fromtimestamp(at(days_ago) / 1000, UTC).date().isoformat()


def key_of(event):
    return (event["t"], event["type"], event.get("x"))


def test_every_field_comes_back_as_it_was_sent(recorded):
    files = unzip(carry_out(ask(recorded, format="jsonl")))
    sent = [
        {**{name: value for name, value in row.items() if name not in {"screen_w", "screen_h"}}}
        | ({"screen": [row["screen_w"], row["screen_h"]]} if "screen_w" in row else {})
        for row in stored(recorded)
    ]
    assert sorted(from_jsonl(files), key=key_of) == sorted(sent, key=key_of)
    [focus] = {row["title"] for row in from_jsonl(files) if row["type"] == "focus"}
    assert focus == "=SUM(A1)"


def test_a_spreadsheet_finds_no_formula_and_numbers_stay_numbers(recorded):
    files = unzip(carry_out(ask(recorded)))
    rows = [row for body in data(files).values() for row in csv.DictReader(io.StringIO(body.decode()))]
    assert len(rows) == 24
    assert {row["title"] for row in rows if row["type"] == "focus"} == {"'=SUM(A1)"}
    assert {row["key"] for row in rows if row["type"] == "keydown"} == {"'="}
    assert {(row["x"], row.get("deltaY", "")) for row in rows if row["type"] == "wheel"} == {("", "-120.5")}
    assert {float(row["x"]) for row in rows if row["type"] == "pointerdown"} == {-3.0}


def test_a_parquet_copy_holds_the_same_events(recorded):
    store(recorded, [{"t": at(1), "type": "pointermove", "x": 0.5, "y": 1}])
    files = unzip(carry_out(ask(recorded, format="parquet")))
    tables = {name: pq.read_table(io.BytesIO(body)) for name, body in data(files).items()}
    assert sum(len(table) for table in tables.values()) == 25
    days = {name: len(table) for name, table in tables.items()}
    assert days == {f"data/{day_of(each)}.parquet": 1 if each == 1 else 8 for each in (40, 3, 2, 1)}
    newest = tables[f"data/{day_of(1)}.parquet"]
    assert (newest["x_fraction"].to_pylist(), newest["y"].to_pylist()) == ([0.5], [1])
    for table in tables.values():
        assert table["t"].to_pylist() == sorted(table["t"].to_pylist())


@pytest.mark.parametrize("format", ["csv", "jsonl", "parquet"])
def test_the_manifest_names_every_file_with_its_digest(recorded, format):
    files = unzip(carry_out(ask(recorded, format=format)))
    manifest = json.loads(files["manifest.json"])["files"]
    assert {each["path"] for each in manifest} == set(files) - {"manifest.json"}
    for each in manifest:
        body = files[each["path"]]
        assert (each["sha256"], each["bytes"]) == (hashlib.sha256(body).hexdigest(), len(body))
    assert sum(each["records"] for each in manifest if each["path"].startswith("data/")) == 24


def test_the_start_page_asks_nothing_of_the_network(recorded):
    page = unzip(carry_out(ask(recorded)))["index.html"].decode()
    assert not re.search(r"""(src|href)=["'](https?:)?//""", page)
    assert "<script" not in page
    for title in ("Purposes and their legal basis", "Who receives it", "How long it is kept", "Who looked"):
        assert title in page


def test_a_copy_of_one_category_and_one_hour_holds_only_that(recorded):
    scope = Scope(categories=frozenset({"pointer_movement"}), from_ms=at(3), to_ms=at(3) + 3600_000)
    files = unzip(carry_out(ask(recorded, scope=scope, format="jsonl")))
    assert set(data(files)) == {"data/pointer_movement.jsonl"}
    assert len(from_jsonl(files)) == 3


def test_a_copy_of_key_rhythm_holds_no_character(recorded):
    scope = Scope(categories=frozenset({"keystroke_timing"}))
    rows = from_jsonl(unzip(carry_out(ask(recorded, scope=scope, format="jsonl"))))
    assert len(rows) == 3
    assert not any("key" in row for row in rows)


def test_a_portable_copy_leaves_out_what_rests_on_another_basis(recorded):
    rows = from_jsonl(unzip(carry_out(ask(recorded, kind="portability", format="jsonl"))))
    assert len(rows) == 24
    assert {row["purposes"] for row in rows} == {"train"}


def test_somebody_without_data_gets_a_copy_that_says_so(ben):
    files = unzip(carry_out(ask(ben)))
    assert data(files) == {}
    assert "It holds 0 events" in files["index.html"].decode()


def test_a_download_is_an_access_before_its_first_byte(recorded):
    request = carry_out(ask(recorded))
    sent = actions.download(request=request, by=person(recorded))
    [act] = Act.objects.for_subject(recorded.pk).filter(action="bundle.downloaded")
    assert act.leaf_idx is not None
    request.refresh_from_db()
    assert request.state == "delivered"
    assert next(sent.chunks).startswith(b"PK")


def test_nothing_is_handed_out_before_it_is_ready(recorded):
    with pytest.raises(NotAllowed) as refused:
        actions.download(request=ask(recorded), by=person(recorded))
    assert refused.value.code == "bundle.not_ready"
    assert not Act.objects.filter(action="bundle.downloaded").exists()


def test_an_expired_copy_is_gone_with_its_objects(recorded):
    request = carry_out(ask(recorded))
    assert list(objects.names("bundles/"))
    Bundle.objects.update(expires_at=timezone.now())
    with pytest.raises(NotAllowed) as refused:
        actions.download(request=request, by=person(recorded))
    assert refused.value.code == "bundle.gone"
    expiry.expire()
    request.refresh_from_db()
    assert request.state == "expired"
    assert not list(objects.names("bundles/"))


def test_nothing_of_a_copy_lies_open_in_the_vault(recorded):
    carry_out(ask(recorded))
    lying = b"".join(objects.get(name) for name in objects.names("bundles/"))
    assert b"KeyA" not in lying
    assert b"example.org" not in lying
    assert BundlePart.objects.count() == len(list(objects.names("bundles/")))
