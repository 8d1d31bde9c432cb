"""Batches of 500 through HTTP into a real stack: ours against bulk_create, INSERTs and COPY behind the same server."""

from __future__ import annotations

import http.client
import json
import math
import random
import tempfile
import time
import uuid
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from bench.report import Row, faster
from portal.stack.own import OwnStack

EVENTS = 500
ROUNDS = 7
CLIENTS = 2
WARM = 8
# A round of each lasts a second or more, few enough that seven of the slowest stay bearable.
BATCHES = {"ours": 240, "copy": 120, "bulk_create": 40, "insert": 8}
GATES = {
    "ingest_vs_bulk_create": ("bulk_create", 6),
    "ingest_vs_insert": ("insert", 40),
    "ingest_vs_copy": ("copy", 1.5),
}
SETTINGS = {"DJANGO_SETTINGS_MODULE": "bench.settings", "INGEST_BATCHES_PER_MINUTE": "100000000"}


@dataclass(frozen=True)
class Sender:
    """Sends bodies of the same make to any of the four."""

    port: int
    token: str
    subject: str

    def body(self, dice: random.Random) -> bytes:
        """A hand that moves, clicks, scrolls and types for some seconds, up to now."""
        t = round(time.time() * 1000) - EVENTS * 8
        x, y = dice.randrange(1920), dice.randrange(1080)
        events = []
        for seq in range(EVENTS):
            t += dice.randrange(4, 12)
            x, y = x + dice.randrange(-9, 10), y + dice.randrange(-9, 10)
            events.append({"t": t, "seq": seq, **_event(dice, x, y)})
        sent_at = datetime.now(UTC).isoformat()
        batch = {"source": "agent", "subject": self.subject, "sent_at": sent_at, "events": events}
        return json.dumps(batch, separators=(",", ":")).encode()

    def send(self, way: str, bodies: Sequence[bytes]) -> None:
        path = "/api/v1/batches" if way == "ours" else f"/rivals/{way}"
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        connection = http.client.HTTPConnection("localhost", self.port, timeout=60)
        for body in bodies:
            connection.request("PUT", f"{path}/{uuid.uuid4()}", body, headers)
            answer = connection.getresponse()
            told = answer.read()
            if answer.status != 201 or json.loads(told)["stored"] != EVENTS:
                message = f"{way}: {answer.status} {told[:300]!r}"
                raise RuntimeError(message)
        connection.close()

    def rate(self, way: str, batches: int, seed: int) -> float:
        """Return events a second."""
        dice = random.Random(seed)
        bodies = [self.body(dice) for _ in range(batches)]
        began = time.perf_counter()
        with ThreadPoolExecutor(CLIENTS) as pool:
            list(pool.map(lambda part: self.send(way, part), [bodies[n::CLIENTS] for n in range(CLIENTS)]))
        return batches * EVENTS / (time.perf_counter() - began)


def _event(dice: random.Random, x: int, y: int) -> dict[str, object]:
    kind = dice.random()
    if kind < 0.90:
        return {"type": "pointermove", "x": x, "y": y}
    if kind < 0.94:
        return {"type": "wheel", "deltaX": 0, "deltaY": dice.choice((-120, 120))}
    if kind < 0.97:
        return {"type": "keydown", "code": dice.choice(("KeyA", "KeyE", "Space"))}
    return {"type": "pointerdown", "x": x, "y": y, "button": 0}


def rows(names: Sequence[str], scale: float) -> list[Row]:
    """Measure the named gates; each round asks every way once, so that a slow moment hits all alike."""
    ways = ["ours", *(GATES[name][0] for name in names)]
    rounds = max(5, math.ceil(ROUNDS * min(1.0, scale)))
    found: dict[str, list[float]] = {way: [] for way in ways}
    with tempfile.TemporaryDirectory(prefix="daylight-bench-") as place:
        Path(place).chmod(0o755)
        with OwnStack(Path(place) / "var", Path(place) / "log", **SETTINGS) as stack:
            sender = _sender(stack)
            for way in ways:
                sender.rate(way, WARM, seed=0)
            for turn in range(rounds):
                for way in ways:
                    batches = max(4, round(BATCHES[way] * scale))
                    found[way].append(sender.rate(way, batches, seed=turn))
    return [
        faster(name, gate, found["ours"], found[way], "events/s") for name, (way, gate) in GATES.items() if way in found
    ]


def _sender(stack: OwnStack) -> Sender:
    told = json.loads(stack.manage("bench_company").splitlines()[-1])
    # The yes counts from now on; what is sent looks back for some seconds.
    time.sleep(EVENTS * 12 / 1000 + 1)
    return Sender(stack.port, told["token"], told["subject"])
