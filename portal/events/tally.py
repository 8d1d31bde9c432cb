"""How much of what, a day and source: the only thing charts need to know."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date

import msgspec
from msgspec import Struct, field

from portal.events.values import Counts, DayTotal


class Tally(Struct, omit_defaults=True):
    """One source's part of a day; `size` is in bytes before compression, `contents` counts typed characters.

    `rules` name the versions that stood at the door, as `3`, or `3+1` where the stricter of both held; `cut` counts the
    titles and addresses that they made shorter.
    """

    events: Counts = field(default_factory=dict)
    size: int = 0
    contents: int = 0
    withheld: dict[str, Counts] = field(default_factory=dict)
    rules: list[str] = field(default_factory=list)
    cut: Counts = field(default_factory=dict)

    def add(self, other: Tally) -> None:
        merge(self.events, other.events)
        self.size += other.size
        self.contents += other.contents
        for category, reasons in other.withheld.items():
            merge(self.withheld.setdefault(category, {}), reasons)
        self.add_rules(other)

    def add_rules(self, other: Tally) -> None:
        self.rules = sorted({*self.rules, *other.rules})
        merge(self.cut, other.cut)

    def forget(self, gone: Mapping[str, int], contents: int) -> None:
        """Take erased events out; the bytes go in proportion, since a category has none of its own."""
        before = sum(self.events.values())
        merge(self.events, {category: -n for category, n in gone.items()})
        self.events = {category: n for category, n in self.events.items() if n > 0}
        self.contents = max(0, self.contents - contents)
        # Nobody knows whose texts these were.
        self.cut = {}
        self.size = self.size * sum(self.events.values()) // before if before else 0

    def __bool__(self) -> bool:
        return bool(self.events or self.withheld)


class DayTally(Struct, omit_defaults=True):
    """A day; `sending` are sources that sent although nothing of theirs may be kept."""

    sources: dict[str, Tally] = field(default_factory=dict)
    sending: list[str] = field(default_factory=list)

    def add(self, other: DayTally) -> None:
        for source, tally in other.sources.items():
            self.sources.setdefault(source, Tally()).add(tally)
        self.sending = sorted({*self.sending, *other.sending})

    def __bool__(self) -> bool:
        return bool(self.sending or any(self.sources.values()))

    def total(self, day: date) -> DayTotal:
        whole = Tally()
        for tally in self.sources.values():
            whole.add(tally)
        sources = {source: dict(tally.events) for source, tally in self.sources.items() if tally.events}
        return DayTotal(
            day=day,
            events=whole.events,
            bytes=whole.size,
            sources=sources,
            withheld=whole.withheld,
            contents=whole.contents,
            sending=tuple(self.sending),
            rules={source: tuple(tally.rules) for source, tally in self.sources.items() if tally.rules},
            cut=whole.cut,
        )


Month = dict[str, DayTally]
_day = msgspec.json.Decoder(DayTally)
_month = msgspec.json.Decoder(Month)
encode = msgspec.json.encode
read_day = _day.decode
read_month = _month.decode


def merge(into: Counts, more: Mapping[str, int]) -> None:
    for name, n in more.items():
        into[name] = into.get(name, 0) + n


def add_to(month: Month, counted: Iterable[tuple[date, DayTally]]) -> None:
    for day, tally in counted:
        month.setdefault(day.isoformat(), DayTally()).add(tally)
