"""A person's keys: one for evidence, and a key per day in sealed month lists under a data key per epoch.

Everything that writes does so in a transaction of its own on `keys`, commited when it returns, so that no blob is
stored before its key is.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from contextlib import suppress
from uuid import UUID

from portal.vault import cache, kek, keyring, lists
from portal.vault.cache import Ring
from portal.vault.cipher import Key, key_id_of, open_sealed, seal
from portal.vault.lists import KeyGone
from portal.vault.models import KeyList, SubjectKey

__all__ = ["KeyGone", "Name"]
Name = tuple[str, str]  # (month, name): ("2026-11", "2026-11-21"), ("2026-11", "volume"), ("bundle", a uuid)
FIRST_EPOCH = 1


class OnlyEpoch(Exception):
    """An epoch is destroyed only when a newer one holds what stays."""


def make_person(subject_id: UUID) -> None:
    """Make the evidence key and the first data key; safe to repeat."""
    with kek.wrapping() as wrapping_key:
        if SubjectKey.objects.filter(subject_id=subject_id).exists():
            return
        kinds = (SubjectKey.Kind.EVIDENCE, SubjectKey.Kind.DATA)
        rows = [SubjectKey(subject_id=subject_id, kind=kind, epoch=FIRST_EPOCH) for kind in kinds]
        lists.insert_keys(wrapping_key, rows)
        keyring.append(SubjectKey.objects.filter(subject_id=subject_id))


def seal_evidence(subject_id: UUID, data: bytes, aad: bytes) -> bytes:
    return seal(_evidence(subject_id), data, aad)


def open_evidence(subject_id: UUID, blob: bytes, aad: bytes) -> bytes:
    return open_sealed(_evidence(subject_id), blob, aad)


def key_for(subject_id: UUID, epoch: int, month: str, name: str) -> Key:
    """Return the key to seal with, made where there is none; a cached one costs no query. Raises KeyGone."""
    ring = cache.known(subject_id).rings.get(epoch)
    key = ring.key(month, name) if ring else None
    return key or _load_or_make(subject_id, epoch, month, name)


def find(subject_id: UUID, month: str, key_id: bytes) -> Key:
    """Return the key that a blob names, whichever epoch holds it; raises KeyGone."""
    key = _among(cache.known(subject_id).rings, month, key_id)
    key = key or _among(_load_month(subject_id, month), month, key_id)
    if key is None:
        raise KeyGone
    return key


def seal_for(subject_id: UUID, epoch: int, month: str, name: str, data: bytes, aad: bytes) -> bytes:
    return seal(key_for(subject_id, epoch, month, name), data, aad)


def open_for(subject_id: UUID, month: str, blob: bytes, aad: bytes) -> bytes:
    return open_sealed(find(subject_id, month, key_id_of(blob)), blob, aad)


def epochs(subject_id: UUID) -> list[int]:
    return list(SubjectKey.objects.data(subject_id).order_by("epoch").values_list("epoch", flat=True))


def begin_epoch(subject_id: UUID, current: int, touched: Collection[Name]) -> int:
    """Make the data key of epoch `current + 1`, and new keys there for what is touched; return it. Safe to repeat."""
    new = current + 1
    with kek.wrapping() as wrapping_key:
        held = lists.lock_data_keys(subject_id, current, new)
        if current not in held:
            raise KeyGone
        made = []
        if new not in held:
            lists.insert_keys(wrapping_key, [SubjectKey(subject_id=subject_id, kind=SubjectKey.Kind.DATA, epoch=new)])
            made = lists.lock_data_rows(subject_id, new)
            held[new] = kek.unwrap(made[0])
        _entries, rows = _with_names(subject_id, new, held[new], _by_month(touched))
        keyring.append([*made, *rows])
    return new


def carry_over(subject_id: UUID, old: int, new: int, dropped: Collection[Name]) -> None:
    """Re-wrap the old epoch's other keys into the new one's lists; safe to repeat, also when the old one is gone.

    A day may then have two keys: ingest went on under the new epoch while the old day's objects stay as they are.
    """
    without = _by_month(dropped)
    with kek.unrenewed():
        held = lists.lock_data_keys(subject_id, old, new)
        if old not in held:
            return
        if new not in held:
            raise KeyGone
        found = lists.lock_lists(subject_id, held)
        mine = found[new]
        joined = {
            month: mine.get(month, lists.Entries()).joined(theirs, without[month])
            for month, theirs in found[old].items()
        }
        keyring.append(lists.write(subject_id, new, held[new], joined))
    cache.forget_epochs(subject_id)


def destroy_epoch(subject_id: UUID, old: int) -> None:
    """Forget an epoch's data key and lists; safe to repeat. Raises OnlyEpoch for the newest."""
    with kek.unrenewed():
        there = {row.epoch for row in lists.lock_data_rows(subject_id)}
        if old in there and max(there) == old:
            raise OnlyEpoch
        lists.remove(subject_id, old)
    cache.forget_epochs(subject_id)
    keyring.append_gone(subject_id, epoch=old)


def destroy_person(subject_id: UUID) -> None:
    """Forget every key of a person, the evidence key too; safe to repeat."""
    with kek.unrenewed():
        rows = SubjectKey.objects.filter(subject_id=subject_id)
        list(rows.select_for_update().order_by("pk"))
        rows.delete()
        KeyList.objects.filter(subject_id=subject_id).delete()
    cache.forget(subject_id)
    keyring.append_gone(subject_id, epoch=None)


def drop(subject_id: UUID, month: str, name: str) -> None:
    """Forget one name's keys in every epoch, such as an expired copy's; safe to repeat."""
    with kek.unrenewed():
        held = lists.lock_data_keys(subject_id)
        rows = []
        for epoch, found in lists.lock_lists(subject_id, held, [month]).items():
            without = {each: entries.dropped(name) for each, entries in found.items()}
            rows += lists.write(subject_id, epoch, held[epoch], without)
        keyring.append(rows)
    cache.forget_epochs(subject_id)


def _evidence(subject_id: UUID) -> Key:
    known = cache.known(subject_id)
    if known.evidence is None:
        known.evidence = lists.evidence_key(subject_id)
    return known.evidence


def warm_evidence(subject_ids: Collection[UUID]) -> None:
    """Open the evidence keys of many people in one query."""
    wanted = [each for each in subject_ids if cache.known(each).evidence is None]
    if len(wanted) < 2:
        return
    for row in SubjectKey.objects.filter(subject_id__in=wanted, kind=SubjectKey.Kind.EVIDENCE):
        # What a renewal re-wrapped since it was read is read again when it is used.
        with suppress(kek.UnknownKek):
            cache.known(row.subject_id).evidence = kek.unwrap(row)


def _among(rings: dict[int, Ring], month: str, key_id: bytes) -> Key | None:
    found = (rings[epoch].by_id(month, key_id) for epoch in sorted(rings, reverse=True))
    return next(filter(None, found), None)


def _load_month(subject_id: UUID, month: str) -> dict[int, Ring]:
    """Read one month's lists of every epoch; what was destroyed meanwhile goes from the cache as well."""
    opened, rows = lists.data_keys(subject_id), lists.of_month(subject_id, month)
    known = cache.known(subject_id)
    held = known.rings
    known.rings = {epoch: held.get(epoch) or Ring(key) for epoch, key in opened.items()}
    for epoch, ring in known.rings.items():
        if epoch in rows:
            ring.lists[month] = lists.open_list(rows[epoch], ring.data_key)
    return known.rings


def _load_or_make(subject_id: UUID, epoch: int, month: str, name: str) -> Key:
    ring = _load_month(subject_id, month).get(epoch)
    if ring is None:
        raise KeyGone
    return ring.key(month, name) or _make(subject_id, epoch, month, name, ring)


def _make(subject_id: UUID, epoch: int, month: str, name: str, ring: Ring) -> Key:
    """Add a key under a name, unless somebody was faster: then theirs is used."""
    with kek.unrenewed():
        data_key = lists.lock_data_key(subject_id, epoch)
        found, rows = _with_names(subject_id, epoch, data_key, {month: {name}})
        keyring.append(rows)
    ring.lists[month] = entries = found[month]
    key = entries.named(name)
    if key is None:
        raise KeyGone
    return key


def _with_names(
    subject_id: UUID, epoch: int, data_key: Key, names: Mapping[str, Collection[str]]
) -> tuple[dict[str, lists.Entries], list[KeyList]]:
    """Make keys of these names by month where there are none; return the months' lists, and the rows that changed.

    The caller has locked the epoch's data key, and appends the rows to the keyring.
    """
    before = lists.lock_lists(subject_id, {epoch: data_key}, list(names))[epoch]
    after = {month: before.get(month, lists.Entries()).with_all(each) for month, each in names.items()}
    changed = {month: entries for month, entries in after.items() if entries != before.get(month)}
    return after, lists.write(subject_id, epoch, data_key, changed)


def _by_month(names: Collection[Name]) -> defaultdict[str, set[str]]:
    months: defaultdict[str, set[str]] = defaultdict(set)
    for month, name in names:
        months[month].add(name)
    return months
