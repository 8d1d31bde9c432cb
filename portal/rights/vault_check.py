"""Compares the vault with the rows that name its objects: what is missing, what nobody names, what does not open."""

from __future__ import annotations

import heapq
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from itertools import groupby
from typing import NamedTuple
from uuid import UUID
from zlib import crc32

from django.db import transaction
from django.db.models.functions import Collate
from django.utils import timezone

from consent import ledger
from portal.events import segments
from portal.events.models import Segment
from portal.outbox import actions as outbox
from portal.people.holders import holders
from portal.people.roles import Role
from portal.rights import bundle
from portal.rights.cases.models import File
from portal.rights.models import BundlePart
from portal.vault import cipher, kek, keys, objects

# Whoever writes puts the object first and names it within moments; a killed writer is gone for good by then.
GRACE = timedelta(hours=24)
# Each night opens a share of all objects: in so many nights each is opened once.
NIGHTS = 28
CHUNK = 1000
TEMPLATE = "vault_fails"
SHUT = (keys.KeyGone, kek.UnknownKek, cipher.WrongKey, cipher.Damaged, segments.Unfaithful)
Row = Segment | BundlePart | File
log = logging.getLogger(__name__)


@dataclass
class Found:
    """Objects that a row names, how many of them were opened, and the names of whatever is wrong.

    `young` are objects that no row names yet.
    """

    objects: int = 0
    opened: int = 0
    young: int = 0
    orphans: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    shut: list[str] = field(default_factory=list)
    leftovers: list[str] = field(default_factory=list)
    removed: int = 0


@dataclass(frozen=True)
class Check:
    """What is looked at, and what is removed: never anything that a row names."""

    grace: timedelta = GRACE
    opens: Callable[[str], bool] = lambda name: True
    removes_orphans: bool = False
    removes_leftovers: bool = False


class Side(NamedTuple):
    """A name as the vault lists it, or as a row has it."""

    name: str
    written: datetime | None = None
    row: Row | None = None


def nightly() -> None:
    """Check everything, open tonight's share, remove what was left half done, and tell operators what is wrong.

    Orphans stay: where rows were lost, they are all there is.
    """
    if ledger.closed():
        return
    tonight = timezone.localdate()
    found = check(Check(opens=lambda name: is_turn(name, tonight), removes_leftovers=True))
    if found.missing or found.shut or found.orphans:
        _tell(found, tonight)


def is_turn(name: str, day: date) -> bool:
    return crc32(name.encode()) % NIGHTS == day.toordinal() % NIGHTS


def check(how: Check) -> Found:
    """Go through objects and rows side by side, in order of names; raises OSError if the vault does not answer."""
    found, before = Found(), timezone.now() - how.grace
    sides = heapq.merge(_listed(), *_named(), key=lambda side: side.name)
    for name, both in groupby(sides, key=lambda side: side.name):
        _compare(name, list(both), how, before, found)
    for each in objects.leftovers():
        if each.written < before:
            found.leftovers.append(each.name)
            if how.removes_leftovers:
                each.remove()
                found.removed += 1
    return found


def _listed() -> Iterator[Side]:
    return (Side(entry.name, written=entry.written) for entry in objects.entries())


def _named() -> list[Iterator[Side]]:
    """Return the rows of each table that names objects, in the order of bytes as the vault lists them."""
    parts = BundlePart.objects.select_related("bundle").exclude(bundle__expires_at__lte=timezone.now())
    files = File.objects.select_related("entry__request").order_by("pk")
    return [
        (Side(row.name, row=row) for row in Segment.objects.order_by(Collate("name", "C")).iterator(CHUNK)),
        (Side(row.object_name, row=row) for row in parts.order_by(Collate("object_name", "C")).iterator(CHUNK)),
        (Side(row.object_name, row=row) for row in files.iterator(CHUNK)),
    ]


def _compare(name: str, sides: list[Side], how: Check, before: datetime, found: Found) -> None:
    row = next((side.row for side in sides if side.row), None)
    written = next((side.written for side in sides if side.written), None)
    if row and written:
        found.objects += 1
        if how.opens(name):
            _open(name, row, found)
    elif row:
        _miss(name, found)
    elif written and _row_of(name) is None:
        _orphan(name, written < before, how, found)


def _open(name: str, row: Row, found: Found) -> None:
    try:
        _prove(row)
    except objects.Missing:
        _miss(name, found)
    except SHUT:
        # Unless it was replaced, or its key destroyed with it, while it was read.
        if _row_of(name):
            found.shut.append(name)
    else:
        found.opened += 1


def _miss(name: str, found: Found) -> None:
    """Note an object that is not there, unless the row went too or the object came since they were listed."""
    if _row_of(name) and not objects.exists(name):
        found.missing.append(name)


def _orphan(name: str, old: bool, how: Check, found: Found) -> None:
    """Note an object that no row names, unless it was replaced, and is gone, since it was listed."""
    if not old:
        found.young += 1
        return
    if not objects.is_name(name):
        # Somebody else put it there: they are told of it, and nothing of ours touches it.
        found.orphans.append(name)
        return
    if not objects.exists(name):
        return
    found.orphans.append(name)
    if how.removes_orphans:
        objects.delete(name)
        found.removed += 1


def _row_of(name: str) -> Row | None:
    """Return the row that names an object at this moment."""
    kind, _slash, rest = name.partition("/")
    owner = _uuid(rest.partition("/")[0])
    if kind == "segments":
        return Segment.objects.filter(subject_id=owner, name=name).first()
    if kind == "bundles":
        return BundlePart.objects.filter(bundle_id=owner, object_name=name).first()
    return File.objects.filter(pk=owner).first() if kind == "cases" else None


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def _prove(row: Row) -> None:
    """Open an object and keep nothing of it; raises Missing or one of SHUT."""
    if isinstance(row, Segment):
        header = segments.unsealed(row.name)[0]
        if header != segments.Header(row.subject_id, row.day, row.generation, row.epoch):
            raise segments.Unfaithful(row.name)
    elif isinstance(row, BundlePart):
        bundle.prove(row)
    else:
        row.prove()


@transaction.atomic
def _tell(found: Found, day: date) -> None:
    facts = {"missing": len(found.missing), "shut": len(found.shut), "orphans": len(found.orphans)}
    log.error("the vault and its rows differ: %s; manage.py vault check names them", facts)
    for each in holders(Role.OPERATOR):
        outbox.post(TEMPLATE, to=each, facts=facts, once=f"{TEMPLATE}:{day}:{each}")
