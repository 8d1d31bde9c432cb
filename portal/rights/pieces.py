"""Puts what days add to the files of a copy into the archive, and takes the digests of the files as they grow."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import date
from uuid import UUID

from portal.rights import bundle, tables
from portal.rights.archive import Entry
from portal.rights.bundle import Account, Piece
from portal.rights.models import SubjectRequest
from portal.rights.values import Format

# Files of no more than this together are one object of the archive.
SMALL_BYTES = 32 * 1024 * 1024
# Whoever opens a piece holds it whole: no more than so much as it is packed, and so much as it was.
PACKED_BYTES, MOST_BYTES = SMALL_BYTES, 128 * 1024 * 1024
# Stored days come together on shelves of about this size: each is sealed and opened again while the next is filled.
SHELF_BYTES = 1024 * 1024
# To hand over what is so short takes longer than to count it.
SHORT_BYTES = 64 * 1024
# Says of each day in how many places a colleague's name gave way to their role.
REDUCED = "reduced.jsonl"
Files = Mapping[str, Sequence[Piece]]


@dataclass
class Known:
    """What was counted of each file so far, and the objects that hold it, by path and place."""

    accounts: dict[str, Account] = field(default_factory=dict)
    stored: list[Entry] = field(default_factory=list)
    opened: dict[tuple[str, int], str] = field(default_factory=dict)

    def paths(self) -> list[str]:
        return sorted({path for path, _seq in self.opened})

    def entries(self) -> list[Entry]:
        return [*self.stored, *(self.accounts[path].entry() for path in self.paths() if path != bundle.SHELF)]


# Of copies that take several runs, by request and last day. A digest that is half done stays in this process: where
# another one goes on, the files are read back when the archive is closed.
_unfinished: dict[tuple[UUID, str], Known] = {}
MOST_UNFINISHED = 100


class Counting:
    """Counts files as they grow, in the order of the days, in another thread."""

    def __init__(self, known: Known, hand: ThreadPoolExecutor) -> None:
        self.accounts, self.hand = known.accounts, hand
        self.counting: Future[None] | None = None

    def add(self, files: Files) -> None:
        """Count what a day adds; no more than one day waits, as each holds what was packed as it was."""
        self.wait()
        for path in files:
            if path not in self.accounts:
                self.accounts[path] = _begun(path)
        if sum(piece.length for pieces in files.values() for piece in pieces) > SHORT_BYTES:
            self.counting = self.hand.submit(self._count, files)
        else:
            self._count(files)

    def wait(self) -> None:
        if self.counting:
            self.counting.result()
            self.counting = None

    def _count(self, files: Files) -> None:
        for path, pieces in files.items():
            for piece in pieces:
                self.accounts[path].add(piece)


class Shelves:
    """Puts days that are whole files onto shelves, each in another thread while the next one is filled."""

    def __init__(self, request: SubjectRequest, known: Known, hand: ThreadPoolExecutor) -> None:
        self.request, self.known, self.hand = request, known, hand
        self.files: dict[str, Piece] = {}
        self.seq = self.packed = 0
        self.putting: tuple[int, dict[str, Piece], Future[str]] | None = None

    def add(self, day: date, files: Files) -> None:
        if not self.files:
            self.seq = day.toordinal()
        for path, (piece,) in files.items():
            self.files[path] = piece
            self.packed += len(piece.packed)
        if self.packed >= SHELF_BYTES:
            self._send()

    def end(self) -> None:
        """Put what is left; where that is all there is, it is opened when the archive is closed."""
        if self.files and not self.putting and not self.known.opened:
            bundle.put_shelf(self.request, self.seq, self.files)
            return
        if self.files:
            self._send()
        self._name()

    def _send(self) -> None:
        self._name()
        work = bundle.shelving(self.request, self.seq, self.files)
        self.putting = self.seq, self.files, self.hand.submit(work)
        self.files, self.packed = {}, 0

    def _name(self) -> None:
        """Wait for the shelf that is being put, and write its row: the database is this thread's alone."""
        if self.putting is None:
            return
        (seq, files, put), self.putting = self.putting, None
        name = put.result()
        bundle.name_shelf(self.request, seq, name)
        self.known.opened[bundle.SHELF, seq] = name
        self.known.stored += [bundle.on_shelf(path, piece, seq) for path, piece in files.items()]


class Pieces:
    """Collects what each day adds to each file, and puts it where there is enough for a piece.

    The digests are taken on the way, so that no file is read back for them.
    """

    def __init__(self, request: SubjectRequest, hand: ThreadPoolExecutor, after: str) -> None:
        self.request = request
        # None: the days before were counted elsewhere.
        self.known = _unfinished.pop((request.pk, after), None) if after else Known()
        counted = self.known or Known()
        self.counting, self.shelves = Counting(counted, hand), Shelves(request, counted, hand)
        self.held: dict[str, list[Piece]] = defaultdict(list)
        self.packed = self.length = self.seq = 0

    def add(self, day: date, files: Files) -> None:
        if not self.held:
            self.seq = day.toordinal()
        self.shelves.add(day, {path: pieces for path, pieces in files.items() if _is_stored(path)})
        files = {path: pieces for path, pieces in files.items() if not _is_stored(path)}
        if self.known:
            self.counting.add(files)
        for path, pieces in files.items():
            self.held[path] += [replace(piece, data=None) for piece in pieces]
            self.packed += sum(len(piece.packed) for piece in pieces)
            self.length += sum(piece.length for piece in pieces)
        if self.packed >= PACKED_BYTES or self.length >= MOST_BYTES:
            self._put()

    def stop(self, last: date) -> None:
        """Put what is left, and remember what was counted: more days follow."""
        self.counting.wait()
        self._put()
        self.shelves.end()
        if self.known:
            if len(_unfinished) >= MOST_UNFINISHED:
                _unfinished.clear()
            _unfinished[self.request.pk, last.isoformat()] = self.known

    def end(self) -> None:
        """Put what is left, and note what the files are: no day follows."""
        self.counting.wait()
        if self.known and not self.known.opened and self.length <= SMALL_BYTES:
            self._join(self.known)
        self._put()
        self.shelves.end()
        if self.known and self.known.opened:
            self._note(self.known)

    def _join(self, known: Known) -> None:
        """Make whole files of what is held: many small objects cost as much as a few large ones."""
        for path, pieces in self.held.items():
            if path != REDUCED:
                self.held[path] = [known.accounts[path].whole([*_header(path), *pieces])]

    def _put(self) -> None:
        """Put what is held: whole files beside each other, of all others a piece of each."""
        if shelf := {path: pieces[0] for path, pieces in self.held.items() if pieces[0].sha256}:
            bundle.put_shelf(self.request, self.seq, shelf)
        for path in self.held.keys() - shelf.keys():
            bundle.put_packed(self.request, path, self.seq, self.held[path])
            if self.known:
                self.known.opened[path, self.seq] = bundle.proved(self.request, path, self.seq)
        self.held.clear()
        self.packed = self.length = 0

    def _note(self, known: Known) -> None:
        """Note what the files are that still consist of what was counted, and nothing else."""
        paths = known.paths()
        for path in paths:
            if category := tables.csv_category(path):
                bundle.put_part(self.request, path, 0, tables.csv_header(category), 0)
                known.opened[path, 0] = bundle.proved(self.request, path, 0)
        if bundle.objects_of(self.request, paths) == known.opened:
            bundle.note_down(self.request, known.entries())


def _is_stored(path: str) -> bool:
    """Return whether this is a day as a file of its own, with digests of its own."""
    return path.endswith(Format.PARQUET)


def _begun(path: str) -> Account:
    account = Account(path)
    for piece in _header(path):
        account.add(piece)
    return account


def _header(path: str) -> list[Piece]:
    """Return what stands before the first event of a file."""
    category = tables.csv_category(path)
    return [bundle.pack(path, tables.csv_header(category), 0)] if category else []
