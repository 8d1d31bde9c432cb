"""What a person asks for, measured: copies and erasures of 5 million events, the overview, many requests at once."""

from __future__ import annotations

import http.client
import json
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

import psycopg

from bench import rival
from bench.report import Row, faster
from portal.stack.own import OwnStack

ROUNDS = 5
EVENTS, DAYS = 5_000_000, 100
# Enough that it is done as a large copy is: with several threads, shelf after shelf.
WARM = (500_000, 10)
FORMATS = {"export_csv_vs_copy": "csv", "export_jsonl_vs_copy": "jsonl", "export_parquet_vs_copy": "parquet"}
GATES = {
    "export_csv_vs_copy": 1.0,
    "export_jsonl_vs_copy": 0.7,
    "export_parquet_vs_copy": 20.0,
    "erase_vs_delete_vacuum": 50.0,
    "overview_growth": 1.2,
    "requests_per_s": 10.0,
}
MANY, FEW = (10_000_000, 200), (10_000, 5)
LOOKS = 25
EACH, EVENTS_EACH = 50, 1000
QUICK = {"KEK_RENEWAL_SECONDS": "1"}
SETTINGS = {"DJANGO_SETTINGS_MODULE": "bench.settings"}


def rows(names: Sequence[str], scale: float) -> list[Row]:
    """Measure the named gates, each on a stack of its own, so that nobody's caches help another."""
    found: list[Row] = []
    if formats := [name for name in names if name in FORMATS]:
        found += _exports(formats, scale)
    alone: dict[str, Callable[[float], Row]] = {
        "erase_vs_delete_vacuum": _erasures,
        "overview_growth": _overview,
        "requests_per_s": _requests,
    }
    return found + [measure(scale) for name, measure in alone.items() if name in names]


@contextmanager
def _stack(**settings: str) -> Iterator[tuple[OwnStack, Path]]:
    with tempfile.TemporaryDirectory(prefix="daylight-bench-") as place:
        Path(place).chmod(0o755)
        with OwnStack(Path(place) / "var", Path(place) / "log", **SETTINGS, **settings) as stack:
            yield stack, Path(place)


def _told(stack: OwnStack, *command: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stack.manage(*command).splitlines() if line.startswith("{")]


def _person(stack: OwnStack, events: int, days: int, *more: str) -> dict[str, Any]:
    return _told(stack, "bench_person", f"--events={events}", f"--days={days}", *more)[0]


def _smaller(stack: OwnStack, events: int = 1000, days: int = 2) -> str:
    """Return the option that has somebody smaller asked first: a worker that has run for a while has all loaded."""
    return f"--warm={_person(stack, events, days)['subject']}"


def _size(scale: float) -> tuple[str, str]:
    events, days = max(10_000, round(EVENTS * scale)), max(2, round(DAYS * scale))
    return f"--events={events}", f"--days={days}"


# --- copies


def _exports(names: Sequence[str], scale: float) -> list[Row]:
    """The events to take elsewhere (Art. 20), from the click to `ready`, against COPY of the same rows to a file.

    An access copy (Art. 15) holds beside them pages, receipts and sections, of which COPY has nothing: it is printed
    beside, as is how long reading the archive takes.
    """
    ours: dict[str, list[dict[str, Any]]] = {name: [] for name in names}
    theirs: list[float] = []
    with _stack() as (stack, place), rival.connect(stack) as owner:
        subject = _told(stack, "bench_person", *_size(scale), f"--rows={place / 'rows.csv'}")[0]["subject"]
        warm = _smaller(stack, *WARM)
        rival.load(owner, place / "rows.csv")

        def copied(kind: str, name: str) -> dict[str, Any]:
            return _told(stack, "bench_request", subject, kind, f"--format={FORMATS[name]}", warm)[0]

        for _ in range(ROUNDS):
            theirs.append(rival.copy_seconds(owner, subject))
            for name in names:
                ours[name].append(copied("portability", name))
        for name in names:
            _beside(name, ours[name])
            _beside(f"{name}, as an access copy", [copied("access", name)])
    return [
        faster(name, GATES[name], _inverse(ours[name]), [1 / each for each in theirs], "copies/s") for name in names
    ]


def _beside(name: str, found: Sequence[dict[str, Any]]) -> None:
    read = [each["read_seconds"] for each in found if "read_seconds" in each]
    told = f"{name}: {median(each['seconds'] for each in found):.2f} s"
    if read:
        told += f"; {found[0]['bytes'] / 1e6:,.0f} MB read in {median(read):.2f} s"
    steps = {step: median(each["steps"].get(step, 0.0) for each in found) for step in found[0]["steps"]}
    print(told + "; " + ", ".join(f"{step} {seconds:.2f}" for step, seconds in steps.items()))


def _inverse(found: Sequence[dict[str, Any]]) -> list[float]:
    return [1 / each["seconds"] for each in found]


# --- erasures


def _erasures(scale: float) -> Row:
    """An erasure of everything, from the fence to the old key's end, against DELETE and VACUUM of the same rows."""
    ours: list[dict[str, Any]] = []
    theirs: list[float] = []
    with _stack(**QUICK) as (stack, place), rival.connect(stack) as owner:
        for _ in range(ROUNDS):
            subject = _told(stack, "bench_person", *_size(scale), f"--rows={place / 'rows.csv'}")[0]["subject"]
            rival.load(owner, place / "rows.csv")
            theirs.append(rival.delete_seconds(owner, subject))
            ours += _told(stack, "bench_request", subject, "erasure", _smaller(stack))
        certified = _certified(stack, ours[-1]["request"])
    _beside("erase_vs_delete_vacuum", ours)
    print(f"erasure: second reading, renewal of the keys and certificate after {certified:.1f} s")
    gate = GATES["erase_vs_delete_vacuum"]
    return faster("erase_vs_delete_vacuum", gate, _inverse(ours), [1 / each for each in theirs], "erasures/s")


def _certified(stack: OwnStack, request: str) -> float:
    began = time.perf_counter()
    question = "SELECT count(*) FROM rights_subjectrequest WHERE id = %s AND state = 'delivered'"
    while not stack.count(question, [request]):
        time.sleep(0.1)
    return time.perf_counter() - began


# --- pages


def _overview(scale: float) -> Row:
    """The overview of somebody of whom there is much, over that of somebody of whom there is little."""
    took: list[list[float]] = [[], []]
    with _stack() as (stack, _place):
        people = [_person(stack, max(10_000, round(events * scale)), days) for events, days in (MANY, FEW)]
        browsers = [stack.browser() for _ in people]
        for browser, person in zip(browsers, people, strict=True):
            browser.sign_in(person["email"], person["password"])
        for turn in range(LOOKS + 3):
            for browser, seconds in zip(browsers, took, strict=True):
                began = time.perf_counter()
                answer = browser.request("GET", "/")
                if answer.status != 200:
                    message = f"the overview answered {answer.status}"
                    raise RuntimeError(message)
                if turn >= 3:
                    seconds.append(time.perf_counter() - began)
    many, few = (median(each) * 1000 for each in took)
    growth, gate = many / few, GATES["overview_growth"]
    return Row("overview_growth", round(growth, 2), gate, growth <= gate, round(many, 1), round(few, 1), "ms")


# --- many at once


def _requests(scale: float) -> Row:
    """Copies and erasures of different people, opened and approved by programs, until the last is certified."""
    each, rates = max(5, round(EACH * scale)), []
    with _stack(**QUICK) as (stack, _place), rival.connect(stack) as watcher:
        for _ in range(ROUNDS):
            told = _told(stack, "bench_person", f"--events={EVENTS_EACH}", "--days=2", f"--people={2 * each}")
            rates.append(_lifecycles(stack, watcher, [person["subject"] for person in told]))
    gate, ours = GATES["requests_per_s"], median(rates)
    return Row("requests_per_s", round(ours / gate, 2), gate, ours >= gate, round(ours, 1), gate, "requests/s")


def _lifecycles(stack: OwnStack, watcher: psycopg.Connection, subjects: Sequence[str]) -> float:
    opens, handles = (_told(stack, "bench_client", name)[0]["token"] for name in ("opens", "handles"))
    half = len(subjects) // 2
    asked = [*((subject, "access") for subject in subjects[:half]), *((each, "erasure") for each in subjects[half:])]

    def ask(wanted: tuple[str, str]) -> str:
        subject, kind = wanted
        opened = _post(stack, opens, "/api/v1/subject-requests", {"kind": kind, "subject": subject})
        if kind == "erasure":
            _post(stack, handles, f"/api/v1/subject-requests/{opened['id']}/approve", {})
        return str(opened["id"])

    began = time.perf_counter()
    with ThreadPoolExecutor(4) as pool:
        requests = list(pool.map(ask, asked))
    question = (
        "SELECT count(*) FROM rights_subjectrequest WHERE id = ANY(%s::uuid[])"
        " AND (state = 'ready' OR (state = 'delivered' AND sealed_certificate IS NOT NULL))"
    )
    # The watcher stays connected: what it takes is taken from the two cores that are measured.
    while (row := watcher.execute(question, [requests]).fetchone()) and row[0] < len(requests):
        time.sleep(0.05)
    return len(requests) / (time.perf_counter() - began)


def _post(stack: OwnStack, token: str, path: str, body: dict[str, Any]) -> dict[str, Any]:
    connection = http.client.HTTPConnection("localhost", stack.port, timeout=60)
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    connection.request("POST", path, json.dumps(body), headers)
    answer = connection.getresponse()
    told = answer.read()
    connection.close()
    if answer.status not in (200, 201):
        message = f"{path}: {answer.status} {told[:300]!r}"
        raise RuntimeError(message)
    return json.loads(told)
