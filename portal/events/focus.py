"""Which windows came to the front, carried from one batch of a collector to the next."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from itertools import pairwise
from operator import attrgetter
from uuid import UUID

import msgspec
from django.db import connection

from portal.events import hot
from portal.events.gatekeeping import Front
from portal.events.models import LastFocus
from portal.events.values import UNKNOWN_APP
from portal.vault import cipher, keys

# Batches may arrive out of order; so many changes of window back, an event still finds its own.
MOST_FRONTS = 200
OF_PERSON = """
SELECT id, subject_id, writer, source, month, epoch, sealed FROM events_lastfocus WHERE subject_id = %s ORDER BY id
"""
_decode = msgspec.msgpack.Decoder(list[Front]).decode
_encode = msgspec.msgpack.Encoder().encode


def _bound(row: LastFocus) -> bytes:
    return cipher.aad("focus", row.subject_id, row.writer, row.source, row.month)


def recall(row: LastFocus | None, epoch: int) -> list[Front]:
    """Return what earlier batches saw in front."""
    if row is None:
        return []
    # After an erasure nothing is carried into its new keys but that what follows must be dropped.
    return opened(row) if row.epoch == epoch else bare(opened(row))


def bare(fronts: list[Front]) -> list[Front]:
    """Forget names and times: had any of them to be hidden, all that has no window of its own is dropped.

    A batch that comes late may be of just that time.
    """
    if any(front.hidden for front in fronts):
        return [Front(0, hidden=True)]
    closed = sorted({purpose for front in fronts for purpose in (*front.shut, *front.out)})
    return [Front(0, shut=tuple(closed))] if closed else []


def of(subject_id: UUID) -> list[LastFocus]:
    """Return what is carried on of each of a person's collectors, still sealed."""
    with connection.cursor() as cursor:
        cursor.execute(OF_PERSON, [subject_id])
        return [LastFocus(*row) for row in cursor.fetchall()]


def opened(row: LastFocus) -> list[Front]:
    if not row.sealed:
        return []
    return _decode(keys.open_for(row.subject_id, row.month, bytes(row.sealed), _bound(row)))


def remember(subject_id: UUID, epoch: int, writer: str, source: str, fronts: Iterable[Front]) -> None:
    """Add to what others have seen meanwhile; of a window whose focus event was withheld only whether it is hidden.

    Keeps one month: the row is sealed under the key of that month's counts.
    """
    row = hot.lock_focus(subject_id, writer, source)
    seen = [front if front.shown else _nameless(front) for front in fronts]
    known = sorted([*recall(row, epoch), *seen], key=attrgetter("t"))[-MOST_FRONTS:]
    row.month, row.epoch = month_of(known[-1].t), epoch
    within = [each if month_of(each.t) == row.month else _nameless(each) for each in known]
    row.sealed = seal(row, _changes(within))
    hot.remember_focus(row)


def seal(row: LastFocus, fronts: list[Front]) -> bytes:
    return keys.seal_for(row.subject_id, row.epoch, row.month, "volume", _encode(fronts), _bound(row))


def month_of(t: int) -> str:
    return datetime.fromtimestamp(t / 1000, UTC).strftime("%Y-%m")


def _nameless(front: Front) -> Front:
    return Front(front.t, UNKNOWN_APP, front.hidden, shut=front.shut, out=front.out, listed=front.listed)


def _changes(fronts: list[Front]) -> list[Front]:
    """Leave out what only says again what held before."""
    later = [new for old, new in pairwise(fronts) if _says(old) != _says(new)]
    return [*fronts[:1], *later]


def _says(front: Front) -> tuple[str, bool, tuple[str, ...], tuple[str, ...], str]:
    return front.app, front.hidden, front.shut, front.out, front.listed
