"""A copy too large for one object or one run: its digests hold, whoever wrote which piece of it."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile

import pytest

from portal.rights import access, bundle, days, handing, paging, pieces, runner
from portal.rights.models import Bundle, BundlePart
from portal.vault import objects
from tests.rights.conftest import ask, at, carry_out, store, stored, unzip

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "keys"])


def check(request):
    archive = b"".join(handing.stream(request))
    assert zipfile.ZipFile(io.BytesIO(archive)).testzip() is None
    files = unzip(request)
    manifest = json.loads(files["manifest.json"])["files"]
    assert {each["path"] for each in manifest} == set(files) - {"manifest.json"}
    for each in manifest:
        body = files[each["path"]]
        assert (each["sha256"], each["bytes"]) == (hashlib.sha256(body).hexdigest(), len(body)), each["path"]
    return files


@pytest.fixture
def usual(recorded):
    """What a copy of one object holds."""
    return {
        format: {path: body for path, body in check(carry_out(ask(recorded, format=format))).items() if "data/" in path}
        for format in ("csv", "jsonl", "parquet")
    }


@pytest.fixture
def read_back(monkeypatch):
    """The files that were read back from their pieces."""
    found, describe = [], bundle.describe
    monkeypatch.setattr(bundle, "describe", lambda of, path: found.append(path) or describe(of, path))
    return found


def runs_of(request):
    """Do the request's days run by run."""
    while request.steps.filter(name="write_days").exclude(state="done").exists():
        runner.advance(request.pk)
        yield request.steps.get(name="write_days")


@pytest.mark.parametrize("format", ["csv", "jsonl", "parquet"])
def test_many_pieces_are_the_same_files_and_none_is_read_back(recorded, usual, read_back, monkeypatch, format):
    monkeypatch.setattr(pieces, "SMALL_BYTES", 0)
    monkeypatch.setattr(pieces, "MOST_BYTES", 1)
    request = carry_out(ask(recorded, format=format))
    assert {path: body for path, body in check(request).items() if "data/" in path} == usual[format]
    assert not any(path.startswith("data/") for path in read_back)
    assert BundlePart.objects.filter(bundle=request.bundle, path__startswith="data/").count() > 4 or format == "parquet"


@pytest.mark.parametrize("format", ["csv", "jsonl", "parquet"])
def test_a_day_a_run_in_one_process_is_not_read_back_either(recorded, usual, read_back, monkeypatch, format):
    monkeypatch.setattr(pieces, "SMALL_BYTES", 0)
    monkeypatch.setattr(days, "CHUNK_SECONDS", -1)
    request = ask(recorded, format=format)
    assert [run.done for run in runs_of(request)] == [0, 1, 2, 3]
    assert {path: body for path, body in check(carry_out(request)).items() if "data/" in path} == usual[format]
    assert not any(path.startswith("data/") for path in read_back)


@pytest.mark.parametrize("seconds", [8.0, -1])
def test_days_on_many_shelves_are_the_same_files_and_are_opened_again_where_they_are_put(
    recorded, usual, monkeypatch, seconds
):
    monkeypatch.setattr(pieces, "SHELF_BYTES", 1)
    monkeypatch.setattr(days, "CHUNK_SECONDS", seconds)
    described, on_shelf = [], bundle.open_shelf
    monkeypatch.setattr(bundle, "open_shelf", lambda of, part: described.append(part.seq) or on_shelf(of, part))
    request = carry_out(ask(recorded, format="parquet"))
    shelves = BundlePart.objects.filter(bundle=request.bundle, path=bundle.SHELF, seq__lt=paging.SHELVES)
    assert shelves.count() == 3
    assert not described or min(described) >= paging.SHELVES - 1
    assert {path: body for path, body in check(request).items() if "data/" in path} == usual["parquet"]


def test_a_shelf_that_was_damaged_on_its_way_is_put_again(recorded, usual, monkeypatch):
    monkeypatch.setattr(pieces, "SHELF_BYTES", 1)
    put, damaged = objects.put, []

    def torn(name, data):
        put(name, data if damaged or not name.startswith("bundles/") else data[:-1])
        damaged.append(name)

    monkeypatch.setattr(objects, "put", torn)
    request = carry_out(ask(recorded, format="parquet"))
    assert damaged[0] not in BundlePart.objects.values_list("object_name", flat=True)
    assert {path: body for path, body in check(request).items() if "data/" in path} == usual["parquet"]


@pytest.mark.parametrize("elsewhere", [1, 2])
def test_what_another_process_goes_on_with_is_read_back(recorded, usual, read_back, monkeypatch, elsewhere):
    monkeypatch.setattr(days, "CHUNK_SECONDS", -1)
    request = ask(recorded)
    for run in runs_of(request):
        if run.done == elsewhere:
            pieces._unfinished.clear()
    assert {path: body for path, body in check(carry_out(request)).items() if "data/" in path} == usual["csv"]
    assert {path for path in read_back if path.startswith("data/")} == set(usual["csv"])


def test_pieces_that_somebody_else_wrote_again_are_not_taken_for_those_that_were_counted(
    recorded, read_back, monkeypatch
):
    monkeypatch.setattr(days, "CHUNK_SECONDS", -1)
    request = ask(recorded, format="jsonl")
    runs = runs_of(request)
    next(run for run in runs if run.done == 1)
    kept = dict(pieces._unfinished)
    # Another worker had the same run as well, and found more.
    request.steps.filter(name="write_days").update(cursor={})
    store(recorded, [{"t": at(40), "type": "pointermove", "x": 1, "y": 2}])
    next(run for run in runs if run.done == 1)
    pieces._unfinished.clear()
    pieces._unfinished.update(kept)
    files = check(carry_out(request))
    assert len(files["data/pointer_movement.jsonl"].splitlines()) == 10
    assert "data/pointer_movement.jsonl" in read_back


def test_what_a_killed_run_noted_of_its_files_is_forgotten(recorded, monkeypatch):
    monkeypatch.setattr(pieces, "SMALL_BYTES", 0)
    request = ask(recorded, format="jsonl")
    for _run in runs_of(request):
        pass
    assert Bundle.objects.get(request=request).sealed_index is not None
    # Killed after it had noted the files and before it was recorded; then there is more.
    request.steps.filter(name="write_days").update(state="running", cursor={})
    store(recorded, [{"t": at(1), "type": "pointermove", "x": 1, "y": 2}])
    files = check(carry_out(request))
    assert sum(len(body.splitlines()) for path, body in files.items() if path.startswith("data/")) == len(
        stored(recorded)
    )


def test_a_long_day_is_counted_although_not_all_of_it_is_kept(recorded, usual, read_back, monkeypatch):
    monkeypatch.setattr(pieces, "SMALL_BYTES", 0)
    monkeypatch.setattr(days, "UNPACKED_BYTES", 0)
    monkeypatch.setattr(days, "PORTION", 3)
    files = check(carry_out(ask(recorded)))
    assert {path: body for path, body in files.items() if "data/" in path} == usual["csv"]
    assert not any(path.startswith("data/") for path in read_back)


def test_the_time_of_closing_is_shared_as_well(recorded, usual, monkeypatch):
    monkeypatch.setattr(days, "CHUNK_SECONDS", -1)
    monkeypatch.setattr(access, "CHUNK_SECONDS", -1)
    request = ask(recorded)
    for _run in runs_of(request):
        pieces._unfinished.clear()
    assert {path: body for path, body in check(carry_out(request)).items() if "data/" in path} == usual["csv"]
