"""Decisions a second, 200 people a commit, and the gate's own time: no rival, so theirs is the gate."""

from __future__ import annotations

import json
import math
import tempfile
from collections.abc import Sequence
from pathlib import Path
from statistics import median

from bench.report import Row
from portal.stack.own import OwnStack

ROUNDS = 7
GATES = {"decisions_per_s": 1000.0, "gate_us": 50.0}
SETTINGS = {"DJANGO_SETTINGS_MODULE": "bench.settings"}


def rows(names: Sequence[str], scale: float) -> list[Row]:
    """Measure both in one process of a real stack; one decision a commit is printed beside."""
    rounds = max(5, math.ceil(ROUNDS * min(1.0, scale)))
    with tempfile.TemporaryDirectory(prefix="daylight-bench-") as place:
        Path(place).chmod(0o755)
        with OwnStack(Path(place) / "var", Path(place) / "log", **SETTINGS) as stack:
            told = json.loads(stack.manage("bench_decisions", f"--rounds={rounds}").splitlines()[-1])
    print(f"decisions, one a commit: {median(told['alone']):,.0f} decisions/s")
    print(f"gate, a row that was not read before: {median(told['gate_new_us']):,.0f} us")
    made = {"decisions_per_s": _more(told["together"]), "gate_us": _fewer(told["gate_us"])}
    return [made[name] for name in GATES if name in names]


def _more(found: Sequence[float]) -> Row:
    gate, ours = GATES["decisions_per_s"], median(found)
    return Row("decisions_per_s", round(ours / gate, 2), gate, ours >= gate, round(ours, 1), gate, "decisions/s")


def _fewer(found: Sequence[float]) -> Row:
    gate, ours = GATES["gate_us"], median(found)
    return Row("gate_us", round(gate / ours, 2), gate, ours <= gate, round(ours, 1), gate, "us")
