"""Twice as many batches as can be stored: some are sent away, none that was acknowledged is lost, pages go on."""

from __future__ import annotations

import http.client
import json
import multiprocessing
import threading
import time
from uuid import uuid4

import pytest

from tests.drills.company import DAY_MS, IMPORTS, SENT_AT, Company
from tests.drills.stack import Stack
from tests.drills.test_requests_survive import archive, records

pytestmark = pytest.mark.drill
EVENTS = 100
SENDERS = 40
LIMITS = {"INGEST_BATCHES_PER_MINUTE": "1000000", "API_CALLS_PER_MINUTE": "1000000"}


class Load:
    """Batches of one body, each with an id of its own, from many connections: every answer is noted."""

    def __init__(self, port: int, token: str) -> None:
        self.port, self.said = port, []
        self.headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        t = round(time.time() * 1000) - DAY_MS
        moved = [{"t": t + i, "type": "pointermove", "x": i, "y": i} for i in range(EVENTS)]
        self.body = json.dumps({"source": IMPORTS, "subject": "1", "sent_at": SENT_AT, "events": moved}).encode()

    def run(self, senders: int, seconds: float, each_second: float = 0.0) -> list[tuple[int, str]]:
        """Return (status, Retry-After) of all that was sent; without a rate each sends as fast as it is answered."""
        self.said = []
        pause = senders / each_second if each_second else 0.0
        ends = time.monotonic() + seconds
        threads = [threading.Thread(target=self._send, args=(ends, pause, pause * n / senders)) for n in range(senders)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return self.said

    def _send(self, ends: float, pause: float, late: float) -> None:
        connection = http.client.HTTPConnection("localhost", self.port, timeout=60)
        turn = time.monotonic() + late
        while (now := time.monotonic()) < ends:
            if now < turn:
                time.sleep(min(turn, ends) - now)
                continue
            turn += pause
            connection.request("PUT", f"/api/v1/batches/{uuid4()}", self.body, self.headers)
            answer = connection.getresponse()
            answer.read()
            self.said.append((answer.status, answer.headers.get("Retry-After", "")))
        connection.close()


def overload(port: int, token: str, pipe) -> None:
    """Run in a process of its own: find out what the site holds, then send twice that."""
    load = Load(port, token)
    held = load.run(4, 4.0)
    twice = 2 * len(held) / 4.0
    pipe.send(("held", held))
    pipe.send(("twice", load.run(SENDERS, 10.0, twice)))
    began = time.monotonic()
    after = [load.run(1, 0.01)]
    while after[-1][0][0] != 201 and time.monotonic() - began < 60:
        after.append(load.run(1, 0.01))
    pipe.send(("recovered", (time.monotonic() - began, [each for said in after for each in said])))


def test_twice_what_it_holds_is_answered_429_and_nothing_acknowledged_is_lost(place):
    with Stack(place / "var", **LIMITS) as stack:
        company = Company(stack)
        ours, theirs = multiprocessing.get_context("spawn").Pipe()
        sender = multiprocessing.get_context("spawn").Process(
            target=overload, args=(stack.port, company.program.token, theirs)
        )
        sender.start()
        told, pages = {}, []
        while len(told) < 3:
            if ours.poll(0.2):
                name, said = ours.recv()
                told[name] = said
            elif "held" in told:
                pages.append(company.ada.get("/choices/").status)
        sender.join()
        waited, after = told["recovered"]
        every = [*told["held"], *told["twice"], *after]
        assert {status for status, _wait in every} == {201, 429}
        assert all(1 <= int(wait) <= 60 for status, wait in every if status == 429)
        assert waited < 30
        assert pages
        assert set(pages) == {200}
        acknowledged = [status for status, _wait in every].count(201)
        assert stack.query("SELECT count(*) FROM events_batchreceipt") == [(acknowledged,)]
        ready = company.until(company.ask_for_copy(), "ready", 120)
        assert records(archive(company, ready)) == acknowledged * EVENTS
