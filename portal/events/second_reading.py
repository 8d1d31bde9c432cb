"""Looks for what should be gone, event by event and in every store, by another way than the one that took it out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import date
from typing import Any
from uuid import UUID

from django.db import connection

from consent.values import Scope
from portal.events import blocks, focus, reading, segments
from portal.events.models import Block
from portal.events.values import CONTENT, UNKNOWN_APP
from portal.vault import cipher, keys, objects

# What cannot be opened yields nothing: that is what the erasure is for.
SHUT = (keys.KeyGone, cipher.WrongKey, objects.Missing)
Found = tuple[str, dict[str, Any]]
# Nearly always all of a day is sealed.
ANY_BLOCK = "SELECT FROM events_block WHERE subject_id = %s AND body <> '' LIMIT 1"

BLOCKS, SEGMENTS, VOLUMES, FRONTS = "blocks", "segments", "volumes", "last apps in front"


def residue(subject_id: UUID, scope: Scope, asked_ms: int) -> int:
    """Return how many events in the scope any store still yields: blocks, every object of the person, counts."""
    return sum(residue_of(subject_id, scope, asked_ms).values())


def residue_of(subject_id: UUID, scope: Scope, asked_ms: int) -> dict[str, int]:
    """Return the same store by store; a store that yields nothing is there with nought."""
    counted = reading.counted(subject_id)
    stored: Counter[tuple[str, str, str]] = Counter()
    left = {BLOCKS: 0, SEGMENTS: 0, VOLUMES: 0, FRONTS: sum(_fronts(subject_id, scope, asked_ms))}
    for store, rows in ((SEGMENTS, _sealed_rows(subject_id)), (BLOCKS, _rows(subject_id))):
        for day, row in rows:
            stored[(day, row["source"], row["category"])] += 1
            left[store] += _lies_in(row, scope, asked_ms)
    for day, each in counted.items():
        for source, tally in each.sources.items():
            for category, n in tally.events.items():
                left[VOLUMES] += max(0, n - stored[(day, source, category)])
    return left


def _sealed_rows(subject_id: UUID) -> Iterator[Found]:
    """Go through all objects, named by a row or not."""
    for name in objects.names(segments.prefix_of(subject_id)):
        try:
            header, table = segments.read(name)
        except SHUT:
            continue
        for batch in table.to_batches(max_chunksize=segments.ROWS_A_GROUP):
            yield from ((header.day.isoformat(), row) for row in batch.to_pylist())


def _rows(subject_id: UUID) -> Iterator[Found]:
    with connection.cursor() as cursor:
        cursor.execute(ANY_BLOCK, [subject_id])
        if cursor.fetchone() is None:
            return
    for block in Block.objects.for_subject(subject_id).with_body().order_by("pk").iterator(100):
        yield from _block_rows(block.day, block)


def _block_rows(day: date, block: Block) -> Iterator[Found]:
    try:
        body = blocks.body(block)
    except SHUT:
        return
    for place, each in zip(body.bound, body.events, strict=True):
        binding = body.bindings[place]
        yield (
            day.isoformat(),
            {
                "t": each.t,
                "category": segments.CATEGORY_OF[each.type],
                "source": body.source,
                "collector": body.writer,
                "app": each.app,
                "in_app": binding.app,
                "purposes": ",".join(binding.purposes),
                "key": each.key,
                "key_purposes": ",".join(binding.contents),
            },
        )


def _lies_in(row: dict[str, Any], scope: Scope, asked_ms: int) -> bool:
    t, about = row["t"], (row["source"], app_of(row), row["collector"])
    if t >= asked_ms:
        return False
    whole = scope.covers(row["category"], t, *about) and _only_for(row["purposes"], scope)
    typed = row["key"] is not None and scope.covers(CONTENT, t, *about)
    return whole or (typed and _only_for(row["key_purposes"] or "", scope))


def app_of(row: dict[str, Any]) -> str:
    return next((each for each in (row["app"], row["in_app"]) if each is not None), UNKNOWN_APP)


def _only_for(purposes: str, scope: Scope) -> bool:
    return scope.purposes is None or set(purposes.split(",")) <= scope.purposes


def _fronts(subject_id: UUID, scope: Scope, asked_ms: int) -> Iterator[bool]:
    for row in focus.of(subject_id):
        try:
            fronts = focus.opened(row)
        except SHUT:
            continue
        for front in fronts:
            if front.shown and front.t < asked_ms and scope.purposes is None:
                yield scope.covers("app_usage", front.t, row.source, front.app, row.writer)
