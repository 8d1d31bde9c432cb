"""The archive that answers: sealed parts in the vault, an index, and a stream that opens them one by one."""

from __future__ import annotations

import hashlib
import json
import struct
import uuid
import zlib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext as _

from portal.rights import archive
from portal.rights.archive import DEFLATE_END, DEFLATED, STORED, Entry
from portal.rights.models import Bundle, BundlePart, SubjectRequest
from portal.rights.values import Fenced, NotAllowed, State
from portal.vault import keys, objects
from portal.vault.cipher import aad

MONTH = "bundle"
HEAD = struct.Struct(">QQ")  # records, bytes before compression
SPEED = 1


def begin(request: SubjectRequest, epoch: int) -> Bundle:
    """Make the archive's row in the caller's transaction; one a request."""
    return Bundle.objects.get_or_create(request=request, defaults={"subject_id": request.subject_id, "epoch": epoch})[0]


# --- parts


def put_part(request: SubjectRequest, path: str, seq: int, data: bytes, records: int) -> None:
    """Store a piece of a file, in place of one at the same place; the object first, then the row that names it."""
    bundle = request.bundle
    name = f"{bundle.prefix}{uuid.uuid4().hex}"
    packed = HEAD.pack(records, len(data)) + _pack(path, data)
    bound = aad("bundle", bundle.pk, path, seq)
    blob = keys.seal_for(bundle.subject_id, bundle.epoch, MONTH, bundle.key_name, packed, bound)
    try:
        objects.put(name, blob)
    except OSError:
        with suppress(OSError):
            objects.delete(name)
        raise
    try:
        replaced = _name_part(request, path, seq, name)
    except Fenced:
        objects.delete(name)
        raise
    for old in replaced:
        objects.delete(old)


def _name_part(request: SubjectRequest, path: str, seq: int, name: str) -> list[str]:
    """Write the row of a piece; return the objects that it replaced."""
    with request.fenced():
        place = BundlePart.objects.filter(bundle=request.bundle, path=path, seq=seq)
        replaced = list(place.values_list("object_name", flat=True))
        place.delete()
        BundlePart.objects.create(bundle=request.bundle, path=path, seq=seq, object_name=name)
    return replaced


def drop_parts(request: SubjectRequest, *, path: str = "", from_seq: int = 0) -> None:
    """Forget pieces from a place on, so that a step that runs again leaves nothing of its first run."""
    with request.fenced():
        parts = BundlePart.objects.filter(bundle=request.bundle, seq__gte=from_seq)
        parts = parts.filter(path=path) if path else parts
        gone = list(parts.values_list("object_name", flat=True))
        parts.delete()
    for name in gone:
        objects.delete(name)


def paths(bundle: Bundle) -> list[str]:
    return list(
        BundlePart.objects.filter(bundle=bundle).order_by("path").distinct("path").values_list("path", flat=True)
    )


def read_parts(bundle: Bundle, path: str) -> Iterator[tuple[int, bytes]]:
    """Yield (records, bytes) of each piece of a file, in order."""
    for part in BundlePart.objects.filter(bundle=bundle, path=path):
        records, _length, packed = _open_part(bundle, part)
        yield records, _unpack(path, packed)


def _open_part(bundle: Bundle, part: BundlePart) -> tuple[int, int, bytes]:
    bound = aad("bundle", bundle.pk, part.path, part.seq)
    body = keys.open_for(bundle.subject_id, MONTH, objects.get(part.object_name), bound)
    return (*HEAD.unpack_from(body), body[HEAD.size :])


def _method(path: str) -> int:
    return STORED if path.endswith(".parquet") else DEFLATED


def _pack(path: str, data: bytes) -> bytes:
    """Compress so that pieces of a file can follow each other as one deflate stream."""
    if _method(path) == STORED:
        return data
    packer = zlib.compressobj(SPEED, zlib.DEFLATED, -zlib.MAX_WBITS)
    return packer.compress(data) + packer.flush(zlib.Z_FULL_FLUSH)


def _unpack(path: str, packed: bytes) -> bytes:
    return packed if _method(path) == STORED else zlib.decompress(packed + DEFLATE_END, -zlib.MAX_WBITS)


# --- the index


def describe(bundle: Bundle, path: str) -> Entry:
    """Read a file back from its sealed pieces and say what it is; this is also the check of what was written."""
    digest, crc, length, packed_length, records = hashlib.sha256(), 0, 0, 0, 0
    for part in BundlePart.objects.filter(bundle=bundle, path=path):
        count, _length, packed = _open_part(bundle, part)
        data = _unpack(path, packed)
        digest.update(data)
        crc = zlib.crc32(data, crc)
        length, packed_length, records = length + len(data), packed_length + len(packed), records + count
    method = _method(path)
    closing = len(DEFLATE_END) if method == DEFLATED else 0
    return Entry(path, method, crc, length, packed_length + closing, digest.hexdigest(), records)


def index(bundle: Bundle) -> list[Entry]:
    """Return the files that were described so far."""
    if bundle.sealed_index is None:
        return []
    opened = keys.open_for(bundle.subject_id, MONTH, bytes(bundle.sealed_index), aad("index", bundle.pk))
    return [Entry(**each) for each in json.loads(opened)]


def note_down(request: SubjectRequest, entries: list[Entry]) -> None:
    """Keep the index, sealed: it counts a person's events."""
    bundle = request.bundle
    body = json.dumps([entry.to_json() for entry in entries]).encode()
    blob = keys.seal_for(bundle.subject_id, bundle.epoch, MONTH, bundle.key_name, body, aad("index", bundle.pk))
    with request.fenced():
        Bundle.objects.filter(pk=bundle.pk).update(sealed_index=blob)
    bundle.sealed_index = blob


def manifest(entries: list[Entry]) -> bytes:
    files: list[dict[str, Any]] = [
        {"path": entry.path, "sha256": entry.sha256, "bytes": entry.bytes, "records": entry.records}
        for entry in entries
    ]
    return json.dumps({"files": files}, indent=1).encode()


# --- handing over and removing


@dataclass(frozen=True)
class Opened:
    """An archive whose key and index could be opened."""

    bundle: Bundle
    entries: list[Entry]

    @property
    def size(self) -> int:
        return archive.size(self.entries, self.bundle.made_at)

    def chunks(self) -> Iterator[bytes]:
        return archive.stream(self.entries, self._body, self.bundle.made_at)

    def _body(self, entry: Entry) -> Iterator[bytes]:
        for part in BundlePart.objects.filter(bundle=self.bundle, path=entry.path):
            yield _open_part(self.bundle, part)[2]
        if entry.method == DEFLATED:
            yield DEFLATE_END


def opened(request: SubjectRequest) -> Opened:
    """Open the archive of a copy; raises NotAllowed `bundle.not_ready` or `bundle.gone`."""
    if not request.is_copy or request.state in {State.REFUSED, State.WITHDRAWN}:
        raise NotAllowed("bundle.none", _("This request has no copy."))
    found = Bundle.objects.filter(request=request).first()
    over = found is not None and found.expires_at is not None and found.expires_at <= timezone.now()
    if request.state == State.EXPIRED or over:
        raise NotAllowed("bundle.gone", request.reason or _("The time to fetch this copy is over."))
    if request.state not in {State.READY, State.DELIVERED} or found is None:
        raise NotAllowed("bundle.not_ready", _("This copy is not ready yet."))
    return Opened(found, index(found))


def stream(request: SubjectRequest) -> Iterator[bytes]:
    """Yield the archive; `actions.download` writes the access down first."""
    return opened(request).chunks()


def mark_handed_out(request: SubjectRequest) -> None:
    SubjectRequest.objects.filter(pk=request.pk, state=State.READY).update(state=State.DELIVERED)


def set_expiry(request: SubjectRequest, after: timedelta) -> None:
    Bundle.objects.filter(request=request, expires_at=None).update(expires_at=Now() + after)


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
