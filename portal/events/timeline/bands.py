"""A day cut into quarters of an hour: in which of them something was kept, of what and from which app."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from portal.events.openday import OpenDay

MINUTE = 60_000
STEP = 15 * MINUTE
HOUR = 60 * MINUTE
MOST_APPS = 8
Span = tuple[int, int]


@dataclass(frozen=True)
class Run:
    """Quarters of an hour one after the other in each of which something was kept; in ms, the end excluded."""

    from_ms: int
    to_ms: int
    count: int


def span_with(span: Span, opened: OpenDay) -> Span:
    """Return the day, longer where it holds events of a time zone that the person has left since."""
    times = opened.index["t"]
    if not len(times):
        return span
    first, last = times[0].as_py(), times[-1].as_py()
    return min(span[0], first - first % HOUR), max(span[1], last - last % HOUR + HOUR)


def of_categories(opened: OpenDay, span: Span) -> dict[str, list[Run]]:
    return _runs(opened.index["t"], opened.index["category"], span)


def of_apps(opened: OpenDay, span: Span) -> dict[str, list[Run]]:
    """Return the runs of the apps that the most events belong to."""
    found = _runs(opened.index["t"], opened.apps, span)
    return {app: found[app] for app in most_used(opened, MOST_APPS)}


def most_used(opened: OpenDay, count: int) -> list[str]:
    """Return the apps that the most events belong to."""
    counted = pc.value_counts(opened.apps).to_pylist()
    most = sorted(counted, key=lambda each: (-each["counts"], each["values"]))
    return [each["values"] for each in most[:count]]


def _runs(times: Any, names: Any, span: Span) -> dict[str, list[Run]]:
    if not len(times):
        return {}
    steps = pc.divide(pc.subtract(times, span[0]), STEP)
    counted = pa.table({"step": steps, "name": names}).group_by(["step", "name"]).aggregate([([], "count_all")])
    of_each: dict[str, Counter[int]] = {}
    for row in counted.to_pylist():
        of_each.setdefault(row["name"], Counter())[row["step"]] = row["count_all"]
    return {name: _joined(steps, span) for name, steps in of_each.items()}


def _joined(steps: Mapping[int, int], span: Span) -> list[Run]:
    runs: list[Run] = []
    for step, count in sorted(steps.items()):
        start = span[0] + step * STEP
        end = min(start + STEP, span[1])
        if runs and runs[-1].to_ms == start:
            runs[-1] = Run(runs[-1].from_ms, end, runs[-1].count + count)
        else:
            runs.append(Run(start, end, count))
    return runs


def without(span: Span, taken: Iterable[Span]) -> list[Span]:
    """Return what is left of a span of time."""
    left, reached = [], span[0]
    for start, end in sorted(taken):
        if start > reached:
            left.append((reached, min(start, span[1])))
        reached = max(reached, end)
        if reached >= span[1]:
            return left
    return [*left, (reached, span[1])]
