"""The steps of a copy: a row for the archive, the days, the sections of Art. 15, then the check and the manifest."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator
from datetime import date

import pyarrow as pa

from consent import gate
from consent.models import Purpose
from consent.values import Basis
from portal.events import reading
from portal.rights import bundle, erasure, sections, tables
from portal.rights.archive import Entry
from portal.rights.models import SubjectRequest
from portal.rights.values import Cursor, Format, Kind, Wait

CHUNK_SECONDS = 8.0
CHUNK_ROWS = 250_000
PIECE_BYTES = 4 * 1024 * 1024
WORK = "work/"
INDEX, MANIFEST = "index.html", "manifest.json"
PROVIDED_UNDER = (Basis.CONSENT, Basis.CONTRACT)


def gather(request: SubjectRequest, cursor: Cursor) -> Cursor | None:
    """Make the archive's row under the gate row, so that an erasure either sees it or is waited for."""
    with request.fenced():
        row = gate.hold_exclusive(request.subject_id)
        if erasure.under_way(row):
            raise Wait(erasure.TURN_SECONDS)
        bundle.begin(request, row.key_epoch)
    return None


# --- the data


def write_days(request: SubjectRequest, cursor: Cursor) -> Cursor | None:
    """Write the next days, as many as fit into some seconds, in one piece a category."""
    days = [day for day in reading.stored_days(request.subject_id) if day.isoformat() > cursor.get("after", "")]
    if not days:
        return None
    written, last = _pieces(request, days)
    seq = days[0].toordinal()
    # A first run that was killed may have taken more days, and categories that this one has not.
    bundle.drop_parts(request, from_seq=seq)
    for category, (records, chunks) in written.items():
        bundle.put_part(request, _data_path(request, category), seq, b"".join(chunks), records)
    done = cursor.get("done", 0) + last + 1
    if last + 1 == len(days):
        return None
    return {"after": days[last].isoformat(), "done": done, "total": done + len(days) - last - 1}


Pieces = dict[str, tuple[int, list[bytes]]]


def _pieces(request: SubjectRequest, days: list[date]) -> tuple[Pieces, int]:
    """Return (records, bytes) a category, and the index of the last day taken."""
    write, began, rows = tables.WRITERS[request.format], time.monotonic(), 0
    written: Pieces = {}
    parquet: dict[str, list[pa.Table]] = defaultdict(list)
    purposes = _portable() if request.kind == Kind.PORTABILITY else None
    last = -1
    for day in days:
        last += 1
        table = tables.within(reading.table(request.subject_id, day), request.wanted, purposes)
        for category, part in tables.by_category(table, request.wanted).items():
            if request.format == Format.PARQUET:
                parquet[category].append(part)
                continue
            records, chunks = written.setdefault(category, (0, []))
            written[category] = (records + len(part), [*chunks, write(part)])
        rows += len(table)
        if rows >= CHUNK_ROWS or time.monotonic() - began > CHUNK_SECONDS:
            break
    for category, parts in parquet.items():
        whole = pa.concat_tables(parts, promote_options="permissive")
        written[category] = (len(whole), [write(whole)])
    return written, last


def _portable() -> frozenset[str]:
    """Return the purposes whose data may be taken elsewhere (Art. 20): on consent or contract."""
    return frozenset(Purpose.objects.filter(basis__in=PROVIDED_UNDER).values_list("key", flat=True))


def _data_path(request: SubjectRequest, category: str) -> str:
    place = WORK if request.format == Format.PARQUET else "data/"
    return f"{place}{category}.{request.format}"


def join_tables(request: SubjectRequest, cursor: Cursor) -> Cursor | None:
    """Make one Parquet table a category of the pieces of its days; one category a run."""
    left = [path for path in bundle.paths(request.bundle) if path.startswith(WORK)]
    if not left:
        return None
    path = left[0]
    target = path.replace(WORK, "data/", 1)
    bundle.drop_parts(request, path=target)
    pieces = [0]

    def hand_on(data: bytes) -> None:
        bundle.put_part(request, target, pieces[0], data, 0)
        pieces[0] += 1

    def read() -> Iterator[bytes]:
        return (data for _records, data in bundle.read_parts(request.bundle, path))

    rows = tables.join_parquet(read, tables.Sink(hand_on, PIECE_BYTES))
    # The count stands on a piece without bytes: how many there are is known only at the end.
    bundle.put_part(request, target, pieces[0], b"", rows)
    bundle.drop_parts(request, path=path)
    done = cursor.get("done", 0) + 1
    return {"done": done, "total": done + len(left) - 1}


# --- what is known about the person and why


def write_sections(request: SubjectRequest, cursor: Cursor) -> Cursor | None:
    for path, records, data in sections.files(request):
        bundle.put_part(request, path, 0, data, records)
    return None


def write_schema(request: SubjectRequest, cursor: Cursor) -> Cursor | None:
    """Say what each field is, for the program that takes the data in (Art. 20)."""
    bundle.put_part(request, "schema.json", 0, sections.schema(), len(tables.OWN))
    return None


def close_archive(request: SubjectRequest, cursor: Cursor) -> Cursor | None:
    """Read files back for some seconds a run and note what they are; at the end write the start page and manifest."""
    known = {entry.path: entry for entry in bundle.index(request.bundle)}
    left = [path for path in bundle.paths(request.bundle) if path not in {*known, INDEX, MANIFEST}]
    if left:
        described = _described(request, left)
        _keep(request, [*known.values(), *described])
        return {"done": len(known) + len(described), "total": len(known) + len(left) + 1}
    files = [entry for path, entry in sorted(known.items()) if path not in {INDEX, MANIFEST}]
    page = _written(request, INDEX, sections.start_page(request, files), 1)
    listed = _written(request, MANIFEST, bundle.manifest([page, *files]), len(files) + 1)
    _keep(request, [page, listed, *files])
    return None


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
    if path.startswith("data/") and path.endswith(".csv"):
        category = path.removeprefix("data/").removesuffix(".csv")
        bundle.put_part(request, path, 0, tables.csv_header(category), 0)


def _written(request: SubjectRequest, path: str, data: bytes, records: int) -> Entry:
    bundle.put_part(request, path, 0, data, records)
    return bundle.describe(request.bundle, path)


def _keep(request: SubjectRequest, entries: list[Entry]) -> None:
    bundle.note_down(request, entries)
