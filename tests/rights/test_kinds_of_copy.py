"""Data for another service rests on consent or contract alone; what a program fetches, nothing that is restricted."""

from __future__ import annotations

import io
import json

import pyarrow.parquet as pq
import pytest

from consent import actions as decisions
from consent.values import Scope
from portal.events import sealing, segments
from portal.events.models import Segment
from portal.register.models import Source
from portal.rights.redress import rectifying, restricting
from portal.rights.values import Kind
from tests.makers import make_flow, make_purpose
from tests.rights.conftest import ask, at, carry_out, make_events, person, store, unzip

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "keys"])
SCROLLING = Scope(categories=frozenset({"scrolling"}))
FORMATS = pytest.mark.parametrize("format", ["csv", "jsonl", "parquet"])


def data_of(files):
    return {name for name in files if name.startswith("data/") and "descriptor" not in name}


@FORMATS
def test_a_copy_that_a_program_fetches_leaves_out_what_is_restricted(recorded, format):
    restricting.ask(subject_id=recorded.pk, by=person(recorded), scope=SCROLLING, ground="legal_claims")
    files = unzip(carry_out(ask(recorded, Kind.ACCESS, format=format, opened_by="client")))
    assert not any(b"-120.5" in body for body in files.values())
    assert data_of(files)


@FORMATS
def test_the_persons_own_copy_holds_what_they_restricted(recorded, format):
    restricting.ask(subject_id=recorded.pk, by=person(recorded), scope=SCROLLING, ground="legal_claims")
    files = unzip(carry_out(ask(recorded, Kind.ACCESS, format=format)))
    assert format == "parquet" or any(b"-120.5" in files[name] for name in data_of(files))


@FORMATS
def test_a_copy_tells_of_a_disputed_stretch_and_of_a_disputed_entry(recorded, format):
    me = {"subject_id": recorded.pk, "by": person(recorded)}
    rectifying.ask_events(**me, scope=Scope(from_ms=at(2), to_ms=at(1)), wrong="not_me")
    rectifying.ask_profile(**me, field="department", right="Hydrology")
    files = unzip(carry_out(ask(recorded, Kind.ACCESS, format=format)))
    listed = next(body for name, body in files.items() if name.startswith("disputes."))
    assert b"Hydrology" in listed
    assert b"not_me" in listed


@pytest.fixture
def typed_for_another(ada):
    """Keys are timed on Ada's yes; which characters they are is kept on the company's legitimate interest alone."""
    make_purpose("rhythm", covers={"recorder": ["keystroke_timing"]})
    make_purpose("safety", basis="legitimate_interest", covers={"recorder": ["keystroke_content", "keystroke_timing"]})
    source = Source.objects.create(
        key="recorder", title="R", kind="import", description="R.", owner="IT", state="live",
        earlier_recordings="Earlier recordings are taken in.",
    )  # fmt: skip
    make_flow(source, "keystroke_timing", "rhythm", exact_timing=True)
    make_flow(source, "keystroke_content", "safety", content_apps=["editor"])
    make_flow(source, "app_usage", "safety")
    decisions.give(subject_id=ada.pk, purpose_key="rhythm", path="/choices/")
    decisions.acknowledge(subject_id=ada.pk, purpose_key="safety", path="/choices/")
    events = [{"t": at(2), "type": "keydown", "code": "KeyZ", "key": "zebra", "app": "editor"}]
    assert store(ada, events).stored == 1
    return ada


@FORMATS
def test_a_character_kept_on_another_basis_is_not_taken_along(typed_for_another, format):
    own = unzip(carry_out(ask(typed_for_another, Kind.ACCESS, format="jsonl")))
    assert b"zebra" in own["data/keystroke_timing.jsonl"]
    files = unzip(carry_out(ask(typed_for_another, Kind.PORTABILITY, format=format)))
    assert not any(b"zebra" in body for body in files.values())
    assert data_of(files)


def test_data_for_another_service_says_what_each_field_is_and_nothing_of_art_15(recorded):
    files = unzip(carry_out(ask(recorded, Kind.PORTABILITY, format="jsonl")))
    assert any("schema" in name or "datapackage" in name for name in files)
    assert not {"article-15.json", "accesses.jsonl", "register.json"} & files.keys()
    assert not [name for name in (b"Your decisions", b"Who looked", b"receipts") if name in files["index.html"]]
    row = json.loads(files["data/scrolling.jsonl"].splitlines()[0])
    assert row["deltaY"] == -120.5


def test_what_rests_on_legitimate_interest_is_in_the_copy_and_not_in_what_is_taken_along(recorded):
    source = Source.objects.get(pk="recorder")
    make_purpose("safety", basis="legitimate_interest", covers={"recorder": ["web_navigation"]})
    make_flow(source, "web_navigation", "safety")
    decisions.withdraw(subject_id=recorded.pk, purpose_key="train", path="/choices/")
    decisions.acknowledge(subject_id=recorded.pk, purpose_key="safety", path="/choices/")
    assert store(recorded, make_events(at(1))).stored == 1
    both = {
        kind: unzip(carry_out(ask(recorded, kind, format="jsonl", scope=Scope(from_ms=at(1), to_ms=at(0)))))
        for kind in (Kind.ACCESS, Kind.PORTABILITY)
    }
    assert data_of(both[Kind.ACCESS]) == {"data/web_navigation.jsonl"}
    assert data_of(both[Kind.PORTABILITY]) == set()


# --- days that are sealed are handed on as they are stored, where nothing in them must stay behind


def stored_files(employee):
    """Seal what is there; return the stored days by the names that they have in a copy."""
    sealing.seal(sealing.waiting())
    rows = Segment.objects.filter(subject_id=employee.pk)
    return {f"data/{row.day.isoformat()}.parquet": segments.parquet(row) for row in rows}


def tables_of(files):
    return [pq.read_table(io.BytesIO(files[name])).to_pylist() for name in sorted(data_of(files))]


@pytest.mark.parametrize("kind", [Kind.ACCESS, Kind.PORTABILITY])
def test_a_sealed_day_is_handed_on_to_the_byte(recorded, kind):
    there = stored_files(recorded)
    files = unzip(carry_out(ask(recorded, kind, format="parquet")))
    assert {name: files[name] for name in data_of(files)} == there
    assert len(there) == 3


def test_a_character_of_a_sealed_day_that_is_kept_on_another_basis_stays_behind(typed_for_another):
    assert stored_files(typed_for_another)
    [[own]] = tables_of(unzip(carry_out(ask(typed_for_another, Kind.ACCESS, format="parquet"))))
    assert (own["key"], own["key_purposes"]) == ("zebra", "safety")
    [[taken]] = tables_of(unzip(carry_out(ask(typed_for_another, Kind.PORTABILITY, format="parquet"))))
    assert (taken["code"], taken["key"], taken["key_purposes"]) == ("KeyZ", None, None)


def test_an_event_of_a_sealed_day_that_is_kept_on_another_basis_stays_behind(recorded):
    make_purpose("safety", basis="legitimate_interest", covers={"recorder": ["web_navigation"]})
    make_flow(Source.objects.get(pk="recorder"), "web_navigation", "safety")
    decisions.withdraw(subject_id=recorded.pk, purpose_key="train", path="/choices/")
    decisions.acknowledge(subject_id=recorded.pk, purpose_key="safety", path="/choices/")
    assert store(recorded, make_events(at(2, hour=13))).stored == 1
    there = stored_files(recorded)
    files = unzip(carry_out(ask(recorded, Kind.PORTABILITY, format="parquet")))
    assert [len(rows) for rows in tables_of(files)] == [8, 8, 8]
    assert {row["purposes"] for rows in tables_of(files) for row in rows} == {"train"}
    assert [files[name] == there[name] for name in sorted(there)] == [True, True, False]
