"""What the points of each screen are drawn on: the screen, and what lies beyond it as far as it was really used."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

# A stray point far outside must not shrink all the others: of the rest so much lies within.
WITHIN = (0.01, 0.99)
MOST_AREAS = 12
# So many screens to each side: three beside one's own.
FURTHEST = 3


@dataclass(frozen=True)
class Area:
    """The screen's size, 0 where none was sent, and the edges of what is drawn."""

    w: float
    h: float
    left: float
    top: float
    right: float
    bottom: float

    def to_json(self) -> dict[str, float]:
        return asdict(self)


Size = tuple[float | None, float | None]


def areas(table: pa.Table) -> tuple[list[Area], dict[Size, int]]:
    """Return an area for each of the screens used most, and which one belongs to which size."""
    sizes = pa.table({name: table[name] for name in ("screen_w", "screen_h")})
    counted = sizes.group_by(["screen_w", "screen_h"]).aggregate([([], "count_all")])
    most = counted.sort_by([("count_all", "descending")]).slice(0, MOST_AREAS).to_pylist()
    found = [(each["screen_w"], each["screen_h"]) for each in most] or [(None, None)]
    return [_area(table, size) for size in found], {size: number for number, size in enumerate(found)}


def _area(table: pa.Table, size: Size) -> Area:
    w, h = (side if side and side > 0 else 0 for side in size)
    mine = table.filter(pc.and_(_is(table["screen_w"], size[0]), _is(table["screen_h"], size[1])))
    left, right = _edges(mine["x"], w)
    top, bottom = _edges(mine["y"], h)
    return Area(w, h, left, top, right, bottom)


def _is(column: Any, value: float | None) -> Any:
    return pc.is_null(column) if value is None else pc.fill_null(pc.equal(column, value), False)


def _edges(column: Any, side: float) -> tuple[float, float]:
    low, high = (each or 0 for each in pc.quantile(column, list(WITHIN)).to_pylist())
    if side:
        return max(min(0, low), -FURTHEST * side), min(max(side, high), (FURTHEST + 1) * side)
    return (low, high) if high > low else (low, low + 1)
