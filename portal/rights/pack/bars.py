"""Draws counts as bars, as numbers that a template puts into an SVG: no script, no library, no request. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

WIDTH, HEIGHT = 720, 160
# More bars than this are thinner than the eye can part.
MOST = 92


@dataclass(frozen=True)
class Bar:
    """One bar: what it stands for, how many, and where it is drawn."""

    label: str
    value: int
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True)
class Chart:
    """Bars, the largest value, and one sentence that says what they show."""

    key: str
    title: str
    says: str
    heads: tuple[str, str]
    bars: list[Bar]
    most: int
    width: int = WIDTH
    height: int = HEIGHT
    lying: bool = False

    @property
    def first(self) -> str:
        return self.bars[0].label if self.bars else ""

    @property
    def last(self) -> str:
        return self.bars[-1].label if self.bars else ""


def standing(rows: Sequence[tuple[str, int]]) -> tuple[list[Bar], int]:
    """Return bars side by side, as for days, and the largest value."""
    most = max((value for _label, value in rows), default=0)
    step = WIDTH / max(1, len(rows))
    bars = []
    for place, (label, value) in enumerate(rows):
        height = round(HEIGHT * value / most, 2) if most else 0.0
        bars.append(
            Bar(label, value, round(place * step, 2), round(HEIGHT - height, 2), round(max(0.5, step * 0.8), 2), height)
        )
    return bars, most


def lying(rows: Sequence[tuple[str, int]]) -> tuple[list[Bar], int]:
    """Return bars below each other, as for kinds of data, and the largest value."""
    most = max((value for _label, value in rows), default=0)
    drawn = [Bar(label, value, 0, 0, round(WIDTH * value / most, 2) if most else 0.0, 1) for label, value in rows]
    return drawn, most


def grouped(rows: Iterable[tuple[str, int]]) -> list[tuple[str, int]]:
    """Return days as they are, or months where there are too many days to be drawn (labels are ISO dates)."""
    found = list(rows)
    if len(found) <= MOST:
        return found
    months: dict[str, int] = {}
    for label, value in found:
        months[label[:7]] = months.get(label[:7], 0) + value
    return list(months.items())
