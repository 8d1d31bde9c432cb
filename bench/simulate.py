"""`make simulate PEOPLE=100000 DAYS=30`: does what people notice cost the same in a large company as in a small one?"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

import psycopg

from bench import rival
from bench.ingest import EVENTS, Sender
from portal.stack.browser import Browser
from portal.stack.own import OwnStack

FEW = 1000
LOOKS, ERASURES, ROUNDS, BATCHES = 15, 3, 5, 20
EVENTS_KEPT = 3000
SETTINGS = {
    "DJANGO_SETTINGS_MODULE": "bench.settings",
    "INGEST_BATCHES_PER_MINUTE": "100000000",
    "KEK_RENEWAL_SECONDS": "1",
}
TABLES = """
SELECT c.relname, greatest(c.reltuples, 0)::bigint, pg_table_size(c.oid), pg_indexes_size(c.oid)
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relkind = 'r' AND n.nspname = 'public' ORDER BY pg_total_relation_size(c.oid) DESC LIMIT 14
"""
Figures = dict[str, float]


@dataclass
class Simulation:
    """A company that grows on one stack, and what is measured of it at each size."""

    stack: OwnStack
    days: int
    batches: int
    told: dict[str, Any] = field(default_factory=dict)
    size: int = 0

    def grow(self, size: int) -> None:
        began = time.perf_counter()
        more = [] if self.told else ["--found"]
        counts = {"people": size - self.size, "days": self.days, "batches": self.batches, "first": self.size}
        printed = self.stack.manage("bench_crowd", *more, *(f"--{name}={n}" for name, n in counts.items()))
        self.told = self.told or json.loads(printed.splitlines()[0])
        self.size = size
        for database in ("daylight", "daylight_keys"):
            with rival.connect(self.stack, database) as owner:
                owner.execute("VACUUM ANALYZE")
                owner.execute("CHECKPOINT")
        print(f"{size:,} people with {self.days} days: loaded in {time.perf_counter() - began:.0f} s", flush=True)

    def measure(self) -> Figures:
        person, *others = self._people(1 + ERASURES)
        found = {
            "overview, ms": self._page("/", person["email"], person["password"]),
            "HR queue, ms": self._page("/queue/", self.told["hr"], self.told["password"]),
            "ingest, events/s": self._ingest(),
        }
        found |= self._erasures([each["subject"] for each in others])
        ticks = json.loads(self.stack.manage("bench_ticks").splitlines()[-1])
        return found | {f"tick: {name}, ms": ms for name, ms in ticks.items()}

    def _people(self, count: int) -> list[dict[str, Any]]:
        """Return people like all others, but with days that can be opened."""
        days = f"--days={min(self.days, 22)}"
        printed = self.stack.manage("bench_person", f"--events={EVENTS_KEPT}", days, f"--people={count}")
        return [json.loads(line) for line in printed.splitlines() if line.startswith("{")]

    def _page(self, path: str, email: str, password: str) -> float:
        browser = Browser(self.stack.origin)
        browser.sign_in(email, password)
        return median(_milliseconds(lambda: _seen(browser, path)) for _ in range(LOOKS + 3))

    def _ingest(self) -> float:
        sender = Sender(self.stack.port, self.told["token"], self.told["subject"])
        # The yes counts from now on; what is sent looks back for some seconds.
        time.sleep(EVENTS * 12 / 1000 + 1)
        sender.rate("ours", BATCHES, seed=0)
        return median(sender.rate("ours", BATCHES, seed=turn) for turn in range(1, ROUNDS + 1))

    def _erasures(self, subjects: list[str]) -> Figures:
        """From the click to the old key's end, and from there to the certificate: all keys are wrapped anew for it."""
        gone, certified = [], []
        for subject in subjects:
            printed = self.stack.manage("bench_request", subject, "erasure")
            told = json.loads(printed.splitlines()[-1])
            gone.append(told["seconds"] * 1000)
            certified.append(_milliseconds(lambda request=told["request"]: self._until_certified(request)))
        return {"erasure, ms": median(gone), "and its certificate, ms": median(certified)}

    def _until_certified(self, request: str) -> None:
        question = "SELECT count(*) FROM rights_subjectrequest WHERE id = %s AND state = 'delivered'"
        while not self.stack.count(question, [request]):
            time.sleep(0.05)

    def sizes(self) -> list[tuple[str, int, int, int]]:
        found = []
        for database in ("daylight", "daylight_keys"):
            with rival.connect(self.stack, database) as owner:
                found += [tuple(row) for row in _rows(owner)]
        return sorted(found, key=lambda row: -(row[2] + row[3]))


def _rows(owner: psycopg.Connection) -> list[tuple[str, int, int, int]]:
    return owner.execute(TABLES.encode()).fetchall()


def _seen(browser: Browser, path: str) -> None:
    answer = browser.request("GET", path)
    if answer.status != 200:
        message = f"{path} answered {answer.status}"
        raise RuntimeError(message)


def _milliseconds(act: Callable[[], None]) -> float:
    began = time.perf_counter()
    act()
    return (time.perf_counter() - began) * 1000


def main() -> int:
    people, days = int(os.environ.get("PEOPLE", "100000")), int(os.environ.get("DAYS", "30"))
    few = max(10, min(FEW, people // 10))
    with tempfile.TemporaryDirectory(prefix="daylight-simulate-") as place:
        Path(place).chmod(0o755)
        with OwnStack(Path(place) / "var", Path(place) / "log", **SETTINGS) as stack:
            company = Simulation(stack, days, int(os.environ.get("BATCHES", "4")))
            found: dict[int, Figures] = {}
            for size in (few, people):
                company.grow(size)
                found[size] = company.measure()
            _show(found, company)
    return 0


def _show(found: dict[int, Figures], company: Simulation) -> None:
    (few, before), (many, after) = found.items()
    print(f"\n{'':44} {few:>12,} {many:>12,} {'growth':>8}")
    for name, figure in before.items():
        print(f"{name:44} {figure:12,.1f} {after[name]:12,.1f} {after[name] / figure if figure else 0:8.2f}")
    print(f"\n{'table':32} {'rows':>12} {'MB':>9} {'index MB':>9} {'bytes/row':>10}")
    for name, rows, table, indexes in company.sizes():
        print(
            f"{name:32} {rows:12,} {table / 1e6:9,.1f} {indexes / 1e6:9,.1f} {(table + indexes) / max(rows, 1):10,.0f}"
        )


if __name__ == "__main__":
    sys.exit(main())
