"""Hands a finished archive out: three times, until its time is over, opened piece by piece."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta

from django.db.models import F
from django.db.models.functions import Least, Now
from django.utils import timezone
from django.utils.translation import gettext as _

from portal.rights import archive, bundle
from portal.rights.archive import DEFLATE_END, DEFLATED, Entry
from portal.rights.bundle import Piece
from portal.rights.models import Bundle, BundlePart, SubjectRequest
from portal.rights.values import NotAllowed, State

MOST_DOWNLOADS = 3
# The last one has so long to end before the key goes.
LAST_DOWNLOAD = timedelta(hours=1)


@dataclass(frozen=True)
class Opened:
    """An archive whose key and index could be opened."""

    bundle: Bundle
    entries: list[Entry]
    # The shelf that was opened last; the files of one follow each other.
    shelf: dict[int, dict[str, Piece]] = field(default_factory=dict)

    @property
    def size(self) -> int:
        return archive.size(self.entries, self.bundle.made_at)

    def chunks(self) -> Iterator[bytes]:
        return archive.stream(self.entries, self._body, self.bundle.made_at)

    def _body(self, entry: Entry) -> Iterator[bytes]:
        if entry.shelf >= 0:
            yield self._from_shelf(entry)
        else:
            for part in BundlePart.objects.filter(bundle=self.bundle, path=entry.path):
                yield bundle.open_part(self.bundle, part)[2]
        if entry.method == DEFLATED:
            yield DEFLATE_END

    def _from_shelf(self, entry: Entry) -> bytes:
        if entry.shelf not in self.shelf:
            part = BundlePart.objects.get(bundle=self.bundle, path=bundle.SHELF, seq=entry.shelf)
            self.shelf.clear()
            self.shelf[entry.shelf] = bundle.open_shelf(self.bundle, part)
        return self.shelf[entry.shelf][entry.path].packed


def opened(request: SubjectRequest) -> Opened:
    """Open the archive of a copy; raises NotAllowed `bundle.none`, `.not_ready`, `.used_up` or `.gone`."""
    if not request.is_copy or request.state in {State.REFUSED, State.WITHDRAWN}:
        raise NotAllowed("bundle.none", _("This request has no copy."))
    found = Bundle.objects.filter(request=request.lead).first()
    over = found is not None and found.expires_at is not None and found.expires_at <= timezone.now()
    if request.state == State.EXPIRED or over:
        raise NotAllowed("bundle.gone", request.reason or _("The time to fetch this copy is over."))
    if request.state not in {State.READY, State.DELIVERED} or found is None:
        raise NotAllowed("bundle.not_ready", _("This copy is not ready yet."))
    if not downloads_left(found):
        raise _used_up()
    return Opened(found, bundle.index(found))


def _used_up() -> NotAllowed:
    return NotAllowed("bundle.used_up", _("This copy was fetched three times, which is as often as one can be."))


def downloads_left(archived: Bundle) -> int:
    return max(0, MOST_DOWNLOADS - archived.downloads)


@contextmanager
def claimed(archived: Bundle) -> Iterator[None]:
    """Count a download as it begins, in one UPDATE, and give it back if it cannot be written down.

    Raises NotAllowed once three have begun. One that breaks off counts: nobody but the receiver knows how much arrived.
    """
    row = Bundle.objects.filter(pk=archived.pk)
    if not row.filter(downloads__lt=MOST_DOWNLOADS).update(downloads=F("downloads") + 1):
        raise _used_up()
    written = False
    try:
        yield
        written = True
    finally:
        if not written:
            row.update(downloads=F("downloads") - 1)
    row.filter(downloads__gte=MOST_DOWNLOADS).update(expires_at=Least("expires_at", Now() + LAST_DOWNLOAD))


def stream(request: SubjectRequest) -> Iterator[bytes]:
    """Yield the archive; `actions.download` writes the access down first."""
    return opened(request).chunks()


def mark_handed_out(request: SubjectRequest) -> None:
    SubjectRequest.objects.filter(pk=request.pk, state=State.READY).update(state=State.DELIVERED)


def set_expiry(request: SubjectRequest, after: timedelta) -> None:
    Bundle.objects.filter(request=request, expires_at=None).update(expires_at=Now() + after)
