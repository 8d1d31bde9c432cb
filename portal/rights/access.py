"""The steps of a copy: a row for the archive, the days, the sections of Art. 15, then the check and the manifest."""

from __future__ import annotations

import time

from consent import gate
from portal.rights import bundle, datapackage, erasure, sections, start, tables
from portal.rights.archive import Entry
from portal.rights.models import StepRun, SubjectRequest
from portal.rights.start import Facts
from portal.rights.turn import Turn
from portal.rights.values import Cursor, Kind, StepState, Wait

CHUNK_SECONDS = 8.0
WORK = "work/"
INDEX, MANIFEST = "index.html", "manifest.json"
MADE_LAST = (INDEX, MANIFEST, datapackage.NAME)
# What the start page is drawn from lies beside the sections until the archive is closed, and is no file of it.
FACTS = "start.json"
# Shelves behind those of the data and of the pages.
SECTIONS, LAST = 3_000_000, 3_000_001


def gather(request: SubjectRequest, cursor: Cursor) -> Cursor | None:
    """Make the archive's row under the gate row, so that an erasure either sees it or is waited for."""
    with request.fenced():
        row = gate.hold_exclusive(request.subject_id)
        if erasure.under_way(row):
            raise Wait(erasure.TURN_SECONDS)
        bundle.begin(request, row.key_epoch)
    return None


# --- the data


def join_tables(request: SubjectRequest, cursor: Cursor) -> Cursor | None:
    """Begin the data again in a copy of the last release: its pieces were to be joined, which nobody does now."""
    if bundle.paths(bundle.parts(request.bundle), under=WORK):
        bundle.drop_parts(request)
        StepRun.objects.filter(request=request, name="write_days").update(state=StepState.PENDING, cursor={}, done=0)
    return None


# --- what is known about the person and why


def write_sections(request: SubjectRequest, cursor: Cursor) -> Cursor | None:
    turn = Turn.of(request)
    known = sections.find(turn)
    found = {path: bundle.whole(path, data, records) for path, records, data in sections.files(request, known)}
    turn.facts = Facts.of(known).to_bytes()
    found[FACTS] = bundle.whole(FACTS, turn.facts, 1)
    bundle.put_shelf(request, SECTIONS, found)
    return None


def write_schema(request: SubjectRequest, cursor: Cursor) -> Cursor | None:
    """A step of the last release: the fields are described when the archive is closed, with the files they stand in."""
    return None


def close_archive(request: SubjectRequest, cursor: Cursor) -> Cursor | None:
    """Read files back for some seconds a run and note what they are; at the end write the start page and manifest."""
    known, parts = {entry.path: entry for entry in bundle.index(request.bundle)}, bundle.parts(request.bundle)
    if shelved := bundle.describe_shelves(request.bundle, parts, besides=known.values()):
        known |= {entry.path: entry for entry in shelved}
    left = [path for path in bundle.paths(parts) if path not in {*known, *MADE_LAST}]
    if left:
        described = _described(request, left)
        _keep(request, [*known.values(), *described])
        return {"done": len(known) + len(described), "total": len(known) + len(left) + 1}
    _close(request, [entry for path, entry in sorted(known.items()) if path not in {*MADE_LAST, FACTS}])
    return None


def _close(request: SubjectRequest, files: list[Entry]) -> None:
    """Write what speaks of all other files: how their fields are called, the start page, and the manifest."""
    described = datapackage.describe(entry.path for entry in files)
    made = {datapackage.NAME: bundle.whole(datapackage.NAME, sections.as_json(described), len(described["resources"]))}
    files = [*files, bundle.on_shelf(datapackage.NAME, made[datapackage.NAME], LAST)]
    made[INDEX] = bundle.whole(INDEX, start.page(request, files, _facts(request)), 1)
    page = bundle.on_shelf(INDEX, made[INDEX], LAST)
    made[MANIFEST] = bundle.whole(MANIFEST, bundle.manifest([page, *files]), len(files) + 1)
    bundle.put_shelf(request, LAST, made)
    _keep(request, [page, bundle.on_shelf(MANIFEST, made[MANIFEST], LAST), *files])


def _facts(request: SubjectRequest) -> Facts | None:
    """Return what was found with the sections; where the last release wrote those, it is found now."""
    if request.kind != Kind.ACCESS:
        return None
    if kept := Turn.of(request).facts or bundle.read_shelved(request.bundle, SECTIONS, FACTS):
        return Facts.from_bytes(kept)
    return Facts.of(sections.find(Turn.of(request)))


def _described(request: SubjectRequest, paths: list[str]) -> list[Entry]:
    """Describe at least one file, and as many as fit: receipts are many and small."""
    ends, found = time.monotonic() + CHUNK_SECONDS / 2, []
    for path in paths:
        _add_header(request, path)
        found.append(bundle.describe(request.bundle, path))
        if time.monotonic() > ends:
            break
    return found


def _add_header(request: SubjectRequest, path: str) -> None:
    if category := tables.csv_category(path):
        bundle.put_part(request, path, 0, tables.csv_header(category), 0)


def _keep(request: SubjectRequest, entries: list[Entry]) -> None:
    bundle.note_down(request, entries)
