"""People use the site while faults happen to it; then everything that must hold is checked.

`python -m tests.drills.storm SECONDS [SEED]` runs it as long as wanted; the seed of a run that failed runs it again.
"""

from __future__ import annotations

import csv
import io
import json
import os
import random
import signal
import sys
import tempfile
import threading
import time
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.client import HTTPException
from pathlib import Path
from uuid import uuid4

import psycopg
import redis

from portal.stack.browser import Answer, Browser
from portal.stack.program import Program
from portal.stack.smoke import AGENT, GIVEN, PASSWORD
from tests.drills.company import Company
from tests.drills.services import Services
from tests.drills.stack import Stack, kill

EMAILS = {"1": "ada@smoke.example", "4": "otto@smoke.example", "5": "cora@smoke.example"}
EVENTS = 20
BETWEEN_FAULTS = 5.0
QUIET_SECONDS = 180
LEASE = 6
AWAY = (OSError, HTTPException)
# What the site may answer while something under it is away, besides what it answers otherwise.
UNAVAILABLE = {502, 503}
SETTINGS = {"INGEST_BATCHES_PER_MINUTE": "100000", "REQUEST_LEASE_SECONDS": str(LEASE)}


@dataclass
class Batch:
    """What was sent and, once somebody answered, how much of it was kept."""

    number: int
    began_ms: int
    ended_ms: int = 0
    stored: int | None = None


@dataclass
class Person:
    """One employee at a browser; `noes` are spans between a no that was answered and the next yes that was asked."""

    number: str
    subject: str
    browser: Browser
    batches: list[Batch] = field(default_factory=list)
    noes: list[list[float]] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    def look(self, path: str) -> Answer:
        return self._checked(self.browser.get(path))

    def press(self, page: Answer, action: str, **fields: str) -> Answer:
        return self._checked(self.browser.press(page, action, **fields))

    def _checked(self, answer: Answer) -> Answer:
        if answer.status >= 500 and answer.status not in UNAVAILABLE:
            self.wrong.append(f"{answer.path} answered {answer.status}")
        return answer


class Storm:
    """The company, its people at work, and the faults; `dice` decides all that is not left to the machine."""

    def __init__(self, stack: Stack, services: Services, seed: int) -> None:
        self.stack, self.services, self.dice = stack, services, random.Random(seed)
        company = Company(stack)
        self.program: Program = company.program
        self.people = [self._person(company, number, email) for number, email in EMAILS.items()]
        self.over = threading.Event()
        self.happened: Counter[str] = Counter()
        self.numbers = iter(range(1, 10**9))

    def _person(self, company: Company, number: str, email: str) -> Person:
        person = Person(number, company.subjects[number], company.browser(email))
        if number != "1":
            person.press(person.look("/choices/"), "give", purpose=GIVEN)
        return person

    # --- work

    def run(self, seconds: float) -> None:
        work = [self._send, self._decide, self._copy, self._erase]
        hands = [threading.Thread(target=self._again, args=(each,), daemon=True) for each in work]
        for hand in hands:
            hand.start()
        ends = time.monotonic() + seconds
        while time.monotonic() < ends:
            time.sleep(BETWEEN_FAULTS)
            self._fault()
        self.over.set()
        for hand in hands:
            hand.join(timeout=120)
            assert not hand.is_alive(), "somebody still waits for an answer"

    def _again(self, work: Callable[[Person, random.Random], None]) -> None:
        dice = random.Random(self.dice.random())
        while not self.over.is_set():
            person = dice.choice(self.people)
            with suppress(*AWAY, LookupError):
                work(person, dice)
                self.happened[work.__name__] += 1

    def _send(self, person: Person, dice: random.Random) -> None:
        """Send a batch until it is answered, always the same bytes, as a collector does."""
        now = round(time.time() * 1000)
        batch = Batch(next(self.numbers), now)
        events = [{"t": now, "type": "pointermove", "x": batch.number, "y": i} for i in range(EVENTS)]
        sent = {"source": AGENT, "subject": person.number, "sent_at": "2026-01-01T00:00:00Z", "events": events}
        person.batches.append(batch)
        path, body = f"/api/v1/batches/{uuid4()}", json.dumps(sent).encode()
        headers = {"Authorization": f"Bearer {self.program.token}", "Content-Type": "application/json"}
        while batch.stored is None and not self.over.is_set():
            with suppress(*AWAY):
                answer = self.program.http.request("PUT", path, body, headers)
                if answer.status in (200, 201):
                    batch.stored = answer.json()["stored"]
                elif answer.status not in UNAVAILABLE:
                    person.wrong.append(f"a batch was answered {answer.status}: {answer.text[:200]}")
                    return
            time.sleep(0.1)
        batch.ended_ms = round(time.time() * 1000)
        time.sleep(dice.random() / 5)

    def _decide(self, person: Person, dice: random.Random) -> None:
        time.sleep(2 + dice.random())
        page = person.look("/choices/")
        if f'data-action="withdraw" data-purpose="{GIVEN}"' in page.text and dice.random() < 0.5:
            if person.press(page, "withdraw", purpose=GIVEN).status in (200, 202):
                person.noes.append([time.time() * 1000, float("inf")])
        elif f'data-action="give" data-purpose="{GIVEN}"' in page.text:
            if person.noes:
                person.noes[-1][1] = min(person.noes[-1][1], time.time() * 1000)
            person.press(page, "give", purpose=GIVEN)

    def _copy(self, person: Person, dice: random.Random) -> None:
        time.sleep(2 + dice.random())
        person.press(person.look("/requests/"), "copy")

    def _erase(self, person: Person, dice: random.Random) -> None:
        time.sleep(5 + dice.random() * 5)
        asked = person.press(person.look("/requests/"), "erase")
        page = person.browser.reauthenticate(person.press(asked, "confirm"), PASSWORD)
        if page.path.startswith("/requests/erase"):
            person.press(page, "confirm")

    # --- faults

    def _fault(self) -> None:
        faults = [
            self.kill_a_worker, self.kill_all_workers, self.freeze_a_worker, self.flush_the_broker,
            self.flush_the_cache, self.end_connections, self.kill_the_web, self.freeze_the_broker,
            self.lose_the_broker, self.crash_the_database,
        ]  # fmt: skip
        fault = self.dice.choice(faults)
        print(f"{time.strftime('%H:%M:%S')} {fault.__name__}", file=sys.stderr)  # noqa: T201
        self.happened[fault.__name__] += 1
        with suppress(redis.RedisError):
            fault()

    def kill_a_worker(self) -> None:
        kill(self.stack.workers()[1:][:1])

    def kill_all_workers(self) -> None:
        """Celery's own process as well."""
        kill(self.stack.workers())

    def freeze_a_worker(self) -> None:
        """For two leases: when it goes on, another has done its work."""
        for pid in self.stack.workers()[1:][:1]:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGSTOP)
                threading.Timer(2 * LEASE, self._thaw, [pid]).start()

    def _thaw(self, pid: int) -> None:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)

    def flush_the_broker(self) -> None:
        self.stack.redis(0).flushdb()

    def flush_the_cache(self) -> None:
        self.stack.redis(1).flushdb()

    def end_connections(self) -> None:
        with psycopg.connect(self.services.postgres.url("postgres"), autocommit=True) as connection:
            connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname LIKE 'daylight%'")

    def kill_the_web(self) -> None:
        """Granian's own process stays and starts another."""
        kill(self.stack.pids("granian")[1:])

    def freeze_the_broker(self) -> None:
        self.services.freeze_valkey()
        time.sleep(3)
        self.services.thaw_valkey()

    def lose_the_broker(self) -> None:
        self.services.crash_valkey(keep=self.dice.random() < 0.5)

    def crash_the_database(self) -> None:
        self.services.crash_postgres()

    # --- afterwards

    def calm(self) -> None:
        """Wait until nothing is under way; what gave up must say why, and goes on when somebody asks it to."""
        under_way = "SELECT id::text, kind, failures, reason FROM rights_subjectrequest WHERE state = 'processing'"
        ends = time.monotonic() + QUIET_SECONDS
        while (left := self.stack.query(under_way)) and time.monotonic() < ends:
            time.sleep(1)
        assert not left, left
        gave_up = self.stack.query("SELECT kind, reason FROM rights_subjectrequest WHERE state = 'needs_attention'")
        assert all(reason for _kind, reason in gave_up), gave_up

    def check(self) -> None:
        """Raise AssertionError for the first thing that does not hold."""
        self.stack.manage("verify_ledger")
        for person in self.people:
            assert not person.wrong, person.wrong[:3]
            self._no_means_no(person)
            self._kept_is_what_was_said(person)
        self._each_deletion_has_one_certificate()

    def _no_means_no(self, person: Person) -> None:
        for batch in person.batches:
            said_no = any(no < batch.began_ms and batch.ended_ms < yes for no, yes in person.noes)
            assert not (said_no and batch.stored), f"kept after a no: {batch}"

    def _kept_is_what_was_said(self, person: Person) -> None:
        """The copy holds each batch whole that was said to be kept since the last deletion was asked, and no other."""
        erased = self.stack.query(
            "SELECT coalesce(max((extract(epoch FROM opened_at) * 1000)::bigint), 0) FROM rights_subjectrequest"
            " WHERE kind = 'erasure' AND state = 'delivered' AND subject_id = %s",
            person.subject,
        )[0][0]
        found = self._copied(person)
        for batch in person.batches:
            if batch.stored is not None and abs(batch.began_ms - erased) > 1:
                wanted = batch.stored if batch.began_ms >= erased else 0
                assert found.pop(batch.number, 0) == wanted, f"{batch}, erased until {erased}"
            else:
                found.pop(batch.number, 0)
        assert not found, f"nobody sent {found}"

    def _copied(self, person: Person) -> Counter[int]:
        path = person.press(person.look("/requests/"), "copy").path
        ends = time.monotonic() + 90
        pk = path.strip("/").split("/")[1]
        while self.stack.query("SELECT state FROM rights_subjectrequest WHERE id = %s", pk) != [("ready",)]:
            assert time.monotonic() < ends, "the last copy was not made"
            time.sleep(0.5)
        answer = person.browser.reauthenticate(person.look(f"{path}download"), PASSWORD)
        if "application/zip" not in answer.headers["content-type"]:
            answer = person.look(f"{path}download")
        packed = zipfile.ZipFile(io.BytesIO(answer.body))
        assert packed.testzip() is None
        if "data/pointer_movement.csv" not in packed.namelist():
            return Counter()
        rows = csv.DictReader(io.StringIO(packed.read("data/pointer_movement.csv").decode()))
        return Counter(int(row["x"]) for row in rows)

    def _each_deletion_has_one_certificate(self) -> None:
        done = "SELECT count(*) FROM rights_subjectrequest WHERE kind = 'erasure' AND sealed_certificate IS NOT NULL"
        leaves = "SELECT count(*) FROM consent_ledgerleaf WHERE entry LIKE 'daylight/v1\nerasure%%'"
        assert self.stack.query(done) == self.stack.query(leaves)


@contextmanager
def storm(place: Path, seed: int) -> Iterator[Storm]:
    with Services(place) as services, Stack(place / "var", **services.settings, **SETTINGS) as stack:
        yield Storm(stack, services, seed)


def weather(place: Path, seconds: float, seed: int) -> Counter[str]:
    """Run a storm, wait for the calm, check; return how often what happened."""
    with storm(place, seed) as found:
        try:
            found.run(seconds)
            found.calm()
            found.check()
        except AssertionError as error:
            raise AssertionError(f"seed {seed}, {dict(found.happened)}: {error}") from error
        return found.happened


def main() -> None:
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 60
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else random.SystemRandom().randrange(10**6)
    sys.stdout.write(f"seed {seed}\n")
    with tempfile.TemporaryDirectory(prefix="daylight-storm-") as place:
        Path(place).chmod(0o755)
        sys.stdout.write(f"{dict(weather(Path(place), seconds, seed))}\n")


if __name__ == "__main__":
    main()
