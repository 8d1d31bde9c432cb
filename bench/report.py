"""A row of the table, and how a ratio is had from interleaved rounds."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

RESULTS = Path(__file__).resolve().parent / "results.json"


@dataclass(frozen=True)
class Row:
    """One gate of the design: how many times better than the rival, and how many it must be."""

    name: str
    ratio: float
    gate: float
    ok: bool
    ours: float
    theirs: float
    unit: str


def faster(name: str, gate: float, ours: Sequence[float], theirs: Sequence[float], unit: str) -> Row:
    """Compare the medians of two series in which more is better."""
    mine, other = median(ours), median(theirs)
    ratio = mine / other
    return Row(name, round(ratio, 2), gate, ratio >= gate, round(mine, 1), round(other, 1), unit)


def show(rows: Sequence[Row]) -> None:
    print(f"{'name':26} {'ratio':>8} {'gate':>6}  {'ok':3} {'ours':>14} {'theirs':>14} unit")
    for row in rows:
        verdict = "yes" if row.ok else "NO"
        print(f"{row.name:26} {row.ratio:8.2f} {row.gate:6g}  {verdict:3}", end=" ")
        print(f"{row.ours:14,.1f} {row.theirs:14,.1f} {row.unit}")


def write(rows: Sequence[Row]) -> None:
    RESULTS.write_text(json.dumps({"rows": [asdict(row) for row in rows]}, indent=1) + "\n", encoding="utf-8")
