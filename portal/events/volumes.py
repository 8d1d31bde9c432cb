"""Folds the blocks' counts into a month's sealed volume, so that charts read a row a month."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID, uuid4

from django.db import connection, transaction
from django.utils import timezone

from consent import gate
from portal.events import blocks, tally
from portal.events.models import BatchReceipt, Block, Volume
from portal.events.tally import Month
from portal.vault import cipher, keys

MOST_BLOCKS = 500
FIELDS = ("id", "subject_id", "month", "epoch", "version", "sealed")
LOCK = """
SELECT id, subject_id, month, epoch, version, sealed FROM events_volume
 WHERE subject_id = %s AND month = %s FOR UPDATE
"""


def _bound(volume: Volume) -> bytes:
    return cipher.aad("volume", volume.subject_id, volume.month, volume.version)


def opened(volume: Volume) -> Month:
    """Return a month's counts; raises KeyGone."""
    if not volume.sealed:
        return {}
    return tally.read_month(keys.open_for(volume.subject_id, volume.month, bytes(volume.sealed), _bound(volume)))


def lock(subject_id: UUID, month: str, epoch: int) -> Volume:
    """Return the month's row, made if need be and locked; the gate row must be held before."""
    while (found := locked(subject_id, month)) is None:
        new = Volume(subject_id=subject_id, month=month, epoch=epoch, version=uuid4(), sealed=b"")
        Volume.objects.bulk_create([new], ignore_conflicts=True)
    return found


def locked(subject_id: UUID, month: str) -> Volume | None:
    """Return the month's row, locked, if there is one."""
    with connection.cursor() as cursor:
        cursor.execute(LOCK, [subject_id, month])
        row = cursor.fetchone()
    return Volume.from_db(connection.alias, FIELDS, row) if row else None


def write(volume: Volume, counted: Month, epoch: int) -> None:
    """Seal a month's counts under the epoch's key; a month without any has no row."""
    counted = {day: each for day, each in counted.items() if each}
    if not counted:
        with connection.cursor() as cursor:
            cursor.execute("DELETE FROM events_volume WHERE id = %s", [volume.pk])
        return
    volume.epoch, volume.version = epoch, uuid4()
    data = tally.encode(counted)
    volume.sealed = keys.seal_for(volume.subject_id, epoch, volume.month, "volume", data, _bound(volume))
    volume.save(update_fields=["epoch", "version", "sealed"])


def take_in(counted: Month, found: Iterable[Block]) -> None:
    """Add the counts of blocks that are locked and not yet folded."""
    tally.add_to(counted, ((block.day, blocks.counts(block)) for block in found))


def discard(found: Iterable[Block]) -> None:
    """Delete blocks whose counts are folded; from today on their receipts are all that is left of them."""
    ids, receipts = [block.pk for block in found], {block.receipt_id for block in found}
    if not ids:
        return
    Block.objects.filter(pk__in=ids).delete()
    BatchReceipt.objects.filter(pk__in=receipts).update(settled=timezone.now().date())


def fold(subject_id: UUID, month: str) -> bool:
    """Fold one month's waiting blocks; return whether more may wait."""
    with transaction.atomic():
        state = gate.hold(subject_id)
        if state is None:
            return False
        volume = lock(subject_id, month, state.key_epoch)
        first, last = bounds(month)
        waiting = Block.objects.for_subject(subject_id).unfolded().filter(day__gte=first, day__lt=last)
        found = list(waiting.select_for_update().order_by("pk")[:MOST_BLOCKS])
        counted = opened(volume)
        take_in(counted, found)
        write(volume, counted, state.key_epoch)
        discard([block for block in found if not block.body])
        Block.objects.filter(pk__in=[block.pk for block in found if block.body]).update(folded=True)
    return len(found) == MOST_BLOCKS


def bounds(month: str) -> tuple[str, str]:
    """Return the first day of the month and of the next."""
    year, number = int(month[:4]), int(month[5:])
    following = f"{year + number // 12:04d}-{number % 12 + 1:02d}"
    return f"{month}-01", f"{following}-01"


def waiting() -> list[tuple[UUID, str]]:
    """Return whose months have blocks to fold."""
    rows = Block.objects.unfolded().values_list("subject_id", "day").distinct()
    return sorted({(subject_id, day.isoformat()[:7]) for subject_id, day in rows})


def fold_all() -> int:
    """Fold whatever waits; return how many months were touched."""
    found = waiting()
    for subject_id, month in found:
        while fold(subject_id, month):
            pass
    return len(found)
