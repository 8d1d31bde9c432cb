"""`make bench`: every ratio in one table and in bench/results.json; ROWS names some, BENCH_SCALE makes it shorter."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence

from bench import decisions, disk, ingest, report, requests

Measure = Callable[[Sequence[str], float], list[report.Row]]
MEASURES: list[tuple[Sequence[str], Measure]] = [
    (tuple(ingest.GATES), ingest.rows),
    (tuple(decisions.GATES), decisions.rows),
    (tuple(requests.GATES), requests.rows),
    (tuple(disk.GATES), disk.rows),
]


def main() -> int:
    scale = float(os.environ.get("BENCH_SCALE", "1"))
    known = [name for names, _measure in MEASURES for name in names]
    wanted = [name for name in os.environ.get("ROWS", "").split(",") if name] or known
    unknown = sorted(set(wanted) - set(known))
    if unknown:
        print(f"unknown rows: {', '.join(unknown)}; there are {', '.join(known)}", file=sys.stderr)
        return 2
    found: list[report.Row] = []
    for names, measure in MEASURES:
        asked = [name for name in names if name in wanted]
        found += measure(asked, scale) if asked else []
        # Whatever becomes of the others.
        report.write(found)
    report.show(found)
    return 0 if all(row.ok for row in found) else 1


if __name__ == "__main__":
    sys.exit(main())
