"""The archive that answers: sealed parts in the vault, an index, and a stream that opens them one by one."""

from __future__ import annotations

import hashlib
import json
import struct
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec
from django.db import connection
from isal import isal_zlib

from portal.rights import leases
from portal.rights.archive import DEFLATE_END, DEFLATED, STORED, Entry
from portal.rights.models import Bundle, BundlePart, SubjectRequest
from portal.rights.prepared import Rows
from portal.rights.values import Fenced
from portal.vault import keys, objects
from portal.vault.cipher import Key, aad, open_sealed, seal

MONTH = "bundle"
HEAD = struct.Struct(">QQ")  # records, bytes before compression
SIZE = struct.Struct(">I")
SHELF = "shelf"
SPEED = 1
PARTS = Rows(lambda pk: BundlePart.objects.filter(bundle=pk).order_by("path", "seq"))
BEGIN = """
    INSERT INTO rights_bundle (id, request_id, subject_id, epoch, made_at, downloads)
    VALUES (%s, %s, %s, %s, now(), 0)
        ON CONFLICT (request_id) DO UPDATE SET request_id = EXCLUDED.request_id
 RETURNING id, request_id, subject_id, epoch, made_at, expires_at, downloads, sealed_index
"""
NAME = """
           before AS (
           SELECT object_name FROM rights_bundlepart
            WHERE bundle_id = %(bundle)s AND path = %(path)s AND seq = %(seq)s),
           named AS (
           INSERT INTO rights_bundlepart (bundle_id, path, seq, object_name)
           SELECT %(bundle)s, %(path)s, %(seq)s, %(name)s FROM held
               ON CONFLICT (bundle_id, path, seq) DO UPDATE SET object_name = EXCLUDED.object_name
        RETURNING id)
    SELECT (SELECT count(*) FROM named), ARRAY(SELECT object_name FROM before)
"""
DROP = """
           gone AS (
           DELETE FROM rights_bundlepart
            WHERE bundle_id = %(bundle)s AND seq >= %(seq)s AND %(path)s IN ('', path) AND EXISTS (SELECT FROM held)
        RETURNING object_name)
    SELECT (SELECT count(*) FROM held), ARRAY(SELECT object_name FROM gone)
"""
NOTE = """
           noted AS (
           UPDATE rights_bundle SET sealed_index = %(index)s
            WHERE id = %(bundle)s AND EXISTS (SELECT FROM held)
        RETURNING id)
    SELECT (SELECT count(*) FROM held)
"""


def begin(request: SubjectRequest, epoch: int) -> None:
    """Make the archive's row in the caller's transaction; one a request, of which the request then knows."""
    with connection.cursor() as cursor:
        cursor.execute(BEGIN, [uuid.uuid4(), request.pk, request.subject_id, epoch])
        names, row = [column.name for column in cursor.description or ()], cursor.fetchone() or ()
    Bundle.from_db(connection.alias, names, row).request = request


# --- parts


@dataclass(frozen=True)
class Piece:
    """A piece of a file, compressed already: how many records, and how many bytes before.

    One that is a whole file has its digests, taken where it was made. `data` is what it was, while that is at hand.
    """

    records: int
    length: int
    packed: bytes
    sha256: str = ""
    crc: int = 0
    data: bytes | memoryview | None = field(default=None, repr=False)


def pack(path: str, data: bytes | memoryview, records: int) -> Piece:
    return Piece(records, len(data), _pack(path, data), data=data)


def whole(path: str, data: bytes, records: int) -> Piece:
    """Return a whole file as a piece, for a shelf."""
    digest = hashlib.sha256(data).hexdigest()
    return Piece(records, len(data), _pack(path, data), digest, isal_zlib.crc32(data))


def as_one(pieces: Sequence[Piece]) -> Piece:
    """Return pieces that follow each other as one."""
    packed = pieces[0].packed if len(pieces) == 1 else b"".join(each.packed for each in pieces)
    return Piece(sum(each.records for each in pieces), sum(each.length for each in pieces), packed)


def put_part(request: SubjectRequest, path: str, seq: int, data: bytes, records: int) -> None:
    """Store a piece of a file, in place of one at the same place; the object first, then the row that names it."""
    put_packed(request, path, seq, [pack(path, data, records)])


def put_packed(request: SubjectRequest, path: str, seq: int, pieces: Sequence[Piece]) -> None:
    """Store several pieces that follow each other as one."""
    head = HEAD.pack(sum(each.records for each in pieces), sum(each.length for each in pieces))
    _put(request, path, seq, b"".join([head, *(each.packed for each in pieces)]))


def put_shelf(request: SubjectRequest, seq: int, files: Mapping[str, Piece]) -> None:
    """Store whole files as one object: many small ones cost as much as a few large ones."""
    _put(request, SHELF, seq, _listed(files))


def _listed(files: Mapping[str, Piece]) -> bytes:
    """Return files one after the other behind a list of what they are."""
    listed = [
        (path, piece.records, piece.length, len(piece.packed), piece.sha256, piece.crc) for path, piece in files.items()
    ]
    head = json.dumps(listed).encode()
    return b"".join([SIZE.pack(len(head)), head, *(piece.packed for piece in files.values())])


def shelving(request: SubjectRequest, seq: int, files: Mapping[str, Piece]) -> Callable[[], str]:
    """Return what stores a shelf, opens it again and returns its name, for a thread that may not use the database."""
    bundle = request.bundle
    key, bound = _key(bundle), aad("bundle", bundle.pk, SHELF, seq)

    def shelve() -> str:
        name = _store(bundle, key, bound, _listed(files))
        open_sealed(key, objects.get(name), bound)
        return name

    return shelve


def name_shelf(request: SubjectRequest, seq: int, name: str) -> None:
    """Write the row of a shelf that `shelving` has stored; raises Fenced."""
    _give_name(request, SHELF, seq, name)


def _put(request: SubjectRequest, path: str, seq: int, packed: bytes) -> None:
    bundle = request.bundle
    _give_name(request, path, seq, _store(bundle, _key(bundle), aad("bundle", bundle.pk, path, seq), packed))


def _key(bundle: Bundle) -> Key:
    return keys.key_for(bundle.subject_id, bundle.epoch, MONTH, bundle.key_name)


def _store(bundle: Bundle, key: Key, bound: bytes, packed: bytes) -> str:
    name = f"{bundle.prefix}{uuid.uuid4().hex}"
    try:
        objects.put(name, seal(key, packed, bound))
    except OSError:
        with suppress(OSError):
            objects.delete(name)
        raise
    return name


def _give_name(request: SubjectRequest, path: str, seq: int, name: str) -> None:
    """Write the row that names an object, and remove the one in whose place it stands."""
    try:
        replaced = _name_part(request, path, seq, name)
    except Fenced:
        objects.delete(name)
        raise
    for old in replaced:
        objects.delete(old)


def _name_part(request: SubjectRequest, path: str, seq: int, name: str) -> list[str]:
    """Write the row of a piece; return the objects that it replaced."""
    place = {"bundle": request.bundle.pk, "path": path, "seq": seq, "name": name}
    (replaced,) = leases.in_one(request, NAME, place)
    return list(replaced)


def drop_parts(request: SubjectRequest, *, path: str = "", from_seq: int = 0) -> None:
    """Forget pieces from a place on, so that a step that runs again leaves nothing of its first run."""
    place = {"bundle": request.bundle.pk, "path": path, "seq": from_seq}
    (gone,) = leases.in_one(request, DROP, place)
    for name in gone:
        objects.delete(name)


def parts(bundle: Bundle) -> list[BundlePart]:
    """Return all pieces, those of each file in order."""
    return PARTS.of(bundle.pk)


def paths(parts: Iterable[BundlePart], under: str = "") -> list[str]:
    """Return the files that have pieces of their own."""
    return list(dict.fromkeys(part.path for part in parts if part.path != SHELF and part.path.startswith(under)))


def read_parts(bundle: Bundle, path: str) -> Iterator[tuple[int, bytes]]:
    """Yield (records, bytes) of each piece of a file, in order."""
    for part in BundlePart.objects.filter(bundle=bundle, path=path):
        records, length, packed = open_part(bundle, part)
        yield records, _unpack(path, packed, length)


def open_part(bundle: Bundle, part: BundlePart) -> tuple[int, int, bytes]:
    body = _opened_part(bundle, part)
    return (*HEAD.unpack_from(body), body[HEAD.size :])


def _opened_part(bundle: Bundle, part: BundlePart) -> bytes:
    bound = aad("bundle", bundle.pk, part.path, part.seq)
    return keys.open_for(bundle.subject_id, MONTH, objects.get(part.object_name), bound)


def proved(request: SubjectRequest, path: str, seq: int) -> str:
    """Open the piece at a place, and return the name of its object."""
    part = BundlePart.objects.get(bundle=request.bundle, path=path, seq=seq)
    _opened_part(request.bundle, part)
    return part.object_name


def objects_of(request: SubjectRequest, paths: Iterable[str]) -> dict[tuple[str, int], str]:
    """Return the objects of some files, by path and place."""
    parts = BundlePart.objects.filter(bundle=request.bundle, path__in=paths)
    return {(path, seq): name for path, seq, name in parts.values_list("path", "seq", "object_name")}


def prove(part: BundlePart) -> None:
    """Open a piece and keep nothing of it; raises what opening raises."""
    _opened_part(part.bundle, part)


def read_shelved(bundle: Bundle, seq: int, path: str) -> bytes | None:
    """Return one file of a shelf; None where it is not on it, or there is no such shelf."""
    part = BundlePart.objects.filter(bundle=bundle, path=SHELF, seq=seq).first()
    piece = open_shelf(bundle, part).get(path) if part else None
    return None if piece is None else _unpack(path, piece.packed, piece.length)


def open_shelf(bundle: Bundle, part: BundlePart) -> dict[str, Piece]:
    body = _opened_part(bundle, part)
    start = SIZE.size + SIZE.unpack_from(body)[0]
    found = {}
    for path, records, length, size, sha256, crc in json.loads(body[SIZE.size : start]):
        found[path] = Piece(records, length, body[start : start + size], sha256, crc)
        start += size
    return found


def _method(path: str) -> int:
    return STORED if path.endswith(".parquet") else DEFLATED


def _pack(path: str, data: bytes | memoryview) -> bytes:
    """Compress so that pieces of a file can follow each other as one deflate stream."""
    if _method(path) == STORED:
        return bytes(data)
    packer = isal_zlib.compressobj(SPEED, isal_zlib.DEFLATED, -isal_zlib.MAX_WBITS)
    return packer.compress(data) + packer.flush(isal_zlib.Z_FULL_FLUSH)


def _unpack(path: str, packed: bytes, length: int) -> bytes:
    """Return what was packed, which is so long: a place for all of it is made once."""
    if _method(path) == STORED:
        return packed
    return isal_zlib.decompress(packed + DEFLATE_END, -isal_zlib.MAX_WBITS, max(length, 1))


# --- the index


class Account:
    """What a file is, while its pieces come one after the other."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.digest = hashlib.sha256()
        self.crc = self.length = self.packed = self.records = 0

    def add(self, piece: Piece) -> None:
        data = _unpack(self.path, piece.packed, piece.length) if piece.data is None else piece.data
        # The digest takes as long as all the rest, and lets go of the interpreter while it counts.
        self.digest.update(data)
        self.crc = isal_zlib.crc32(data, self.crc)
        self.length += len(data)
        self.packed += len(piece.packed)
        self.records += piece.records

    def whole(self, pieces: Sequence[Piece]) -> Piece:
        """Return the pieces that were counted as a whole file, for a shelf."""
        return replace(as_one(pieces), sha256=self.digest.hexdigest(), crc=self.crc)

    def entry(self) -> Entry:
        method = _method(self.path)
        packed = self.packed + (len(DEFLATE_END) if method == DEFLATED else 0)
        return Entry(self.path, method, self.crc, self.length, packed, self.digest.hexdigest(), self.records)


def describe(bundle: Bundle, path: str) -> Entry:
    """Read a file back from its sealed pieces and say what it is; this is also the check of what was written."""
    account = Account(path)
    with ThreadPoolExecutor(1) as hand:
        counted = None
        for part in BundlePart.objects.filter(bundle=bundle, path=path):
            records, length, packed = open_part(bundle, part)
            data = _unpack(path, packed, length)
            if counted:
                counted.result()
            counted = hand.submit(account.add, Piece(records, len(data), packed, data=data))
    if counted:
        counted.result()
    return account.entry()


def describe_shelves(bundle: Bundle, parts: Iterable[BundlePart], besides: Iterable[Entry]) -> list[Entry]:
    """Open the shelves again and say what lies on them, without those that were described.

    The seal says that each is as it was when its digests were taken.
    """
    known = {entry.shelf for entry in besides}
    shelves = [part for part in parts if part.path == SHELF and part.seq not in known]
    return [on_shelf(path, piece, part.seq) for part in shelves for path, piece in open_shelf(bundle, part).items()]


def on_shelf(path: str, piece: Piece, seq: int) -> Entry:
    method = _method(path)
    size = len(piece.packed) + (len(DEFLATE_END) if method == DEFLATED else 0)
    return Entry(path, method, piece.crc, piece.length, size, piece.sha256, piece.records, seq)


def index(bundle: Bundle) -> list[Entry]:
    """Return the files that were described so far."""
    if bundle.sealed_index is None:
        return []
    opened = keys.open_for(bundle.subject_id, MONTH, bytes(bundle.sealed_index), aad("index", bundle.pk))
    return [Entry(**each) for each in json.loads(opened)]


def forget_index(request: SubjectRequest) -> None:
    """Forget what a run noted that was killed before it was recorded: its files are written again."""
    if request.bundle.sealed_index is not None:
        note_down(request, [])


def note_down(request: SubjectRequest, entries: list[Entry]) -> None:
    """Keep the index, sealed: it counts a person's events."""
    bundle = request.bundle
    body = json.dumps([entry.to_json() for entry in entries]).encode()
    blob = keys.seal_for(bundle.subject_id, bundle.epoch, MONTH, bundle.key_name, body, aad("index", bundle.pk))
    leases.in_one(request, NOTE, {"bundle": bundle.pk, "index": blob})
    bundle.sealed_index = blob


def manifest(entries: list[Entry]) -> bytes:
    files: list[dict[str, Any]] = [
        {"path": entry.path, "sha256": entry.sha256, "bytes": entry.bytes, "records": entry.records}
        for entry in entries
    ]
    return indented(json.dumps({"files": files}))


def indented(text: str) -> bytes:
    """Return JSON for people to read, to the letter as the standard library writes it, which is slow at this."""
    return msgspec.json.format(text.encode(), indent=1)


# --- removing


def remove_of(request: SubjectRequest) -> None:
    """Remove a request's archive, finished or not: its key, its objects, then its row. Safe to repeat."""
    for bundle in Bundle.objects.filter(request=request):
        remove(bundle)


def remove(bundle: Bundle) -> None:
    keys.drop(bundle.subject_id, MONTH, bundle.key_name)
    for name in list(objects.names(bundle.prefix)):
        objects.delete(name)
    Bundle.objects.filter(pk=bundle.pk).delete()


def orphans() -> list[str]:
    """Return objects of archives that are gone: what a killed worker put after its archive was removed."""
    there = {str(pk) for pk in Bundle.objects.values_list("pk", flat=True)}
    return [name for name in objects.names("bundles/") if name.split("/")[1] not in there]
