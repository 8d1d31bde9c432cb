"""What was asked for is done, once, whatever dies meanwhile."""

from __future__ import annotations

import io
import json
import multiprocessing
import os
import shutil
import signal
import subprocess
import threading
import time
import zipfile
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from uuid import uuid4

import pytest

from portal.stack.postgres import free_port
from portal.stack.program import Program
from portal.stack.smoke import GIVEN, PASSWORD
from portal.stack.valkey import Valkey
from tests.drills.company import Company, put
from tests.drills.stack import Stack

pytestmark = pytest.mark.drill


def archive(company: Company, page) -> zipfile.ZipFile:
    answer = company.ada.get(f"{page.path}download")
    answer = company.ada.reauthenticate(answer, PASSWORD)
    assert answer.status == 200
    return zipfile.ZipFile(io.BytesIO(answer.body))


def records(packed: zipfile.ZipFile) -> int:
    files = json.loads(packed.read("manifest.json"))["files"]
    return sum(each["records"] for each in files if each["path"].startswith("data/"))


def one_certificate(company: Company, page) -> dict:
    got = company.ada.get(f"{page.path}certificate.json")
    assert got.status == 200
    erased = company.stack.query("SELECT count(*) FROM consent_ledgerleaf WHERE entry LIKE 'daylight/v1\nerasure%%'")
    assert erased == [(1,)]
    return got.json()["certificate"]


def kill_them_soon(stack: Stack) -> None:
    """Each kill leaves a lease behind that has to run out; Celery may not have the next child up for every one."""
    killed = 0
    for _ in range(3):
        time.sleep(0.2)
        killed += stack.kill_workers()
    assert killed


def test_workers_are_killed_again_and_again_during_a_copy_and_a_deletion(place):
    """At the default lease, sweep and renewal times: done within two minutes of the last kill."""
    with Stack(place / "var", quick=False) as stack:
        company = Company(stack)
        kept = company.fill(days=12, events_a_day=2000)
        path = company.ask_for_copy()
        kill_them_soon(stack)
        ready = company.until(path, "ready", 120)
        assert records(archive(company, ready)) == kept
        assert len([p for p in (stack.var / "vault").rglob("*") if "bundle" in str(p) and p.is_file()]) >= 1
        path = company.erase_everything()
        kill_them_soon(stack)
        done = company.until(path, "delivered", 120 + 30)
        assert one_certificate(company, done)["erased"]["events"] == kept
        assert company.stack.query("SELECT count(*) FROM events_block") == [(0,)]


def test_a_person_gets_their_page_while_the_broker_is_away_and_the_work_is_done_later(place):
    valkey = Valkey(place / "valkey", free_port())
    valkey.start()
    try:
        with Stack(place / "var", REDIS_URL=valkey.url) as stack:
            company = Company(stack)
            kept = company.fill(days=1, events_a_day=100)
            for away, back in ((valkey.stop, valkey.start), (frozen(valkey), thawed(valkey))):
                away()
                began = time.monotonic()
                path = company.ask_for_copy()
                assert company.ada.get(path).status == 200
                assert time.monotonic() - began < 45
                back()
                assert records(archive(company, company.until(path, "ready", 120))) == kept
    finally:
        valkey.stop()


def test_a_flushed_broker_and_a_restart_of_everything_lose_nothing(place):
    with Stack(place / "var") as stack:
        company = Company(stack)
        kept = company.fill(days=6, events_a_day=1000)
        os.kill(stack.workers()[0], signal.SIGSTOP)
        path = company.ask_for_copy()
        stack.redis().flushall()
        os.kill(stack.workers()[0], signal.SIGCONT)
        assert records(archive(company, company.until(path, "ready", 120))) == kept
        path = company.ask_for_copy()
        stack.kill()
        stack.process.wait()
        stack.start()
        assert records(archive(company, company.until(path, "ready", 120))) == kept
        stack.manage("verify_ledger")


def frozen(valkey: Valkey):
    return lambda: valkey.process.send_signal(signal.SIGSTOP)


def thawed(valkey: Valkey):
    return lambda: valkey.process.send_signal(signal.SIGCONT)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small disk")
def test_a_full_disk_under_the_copy_is_said_and_the_copy_made_when_there_is_space(place):
    small = place / "small"
    small.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(small)], check=True)
    try:
        with Stack(place / "var", VAULT_URL=f"file://{small}") as stack:
            company = Company(stack)
            kept = company.fill(days=2, events_a_day=3000)
            filler = small / "filler"
            free = shutil.disk_usage(small).free
            filler.write_bytes(os.urandom(max(0, free - 30_000)))
            path = company.ask_for_copy()
            deadline = time.monotonic() + 60
            while not (said := company.states(path)[0][3]) and time.monotonic() < deadline:
                time.sleep(0.3)
            assert "space" in said, company.states(path)
            assert said in company.ada.get(path).text
            assert not list(Path(small).rglob("*.tmp*"))
            filler.unlink()
            assert records(archive(company, company.until(path, "ready", 120))) == kept
    finally:
        subprocess.run(["umount", "-l", str(small)], check=True)


def put_apart(origin: str, client: tuple[str, str], batch: str, events: list[dict]) -> dict:
    """Run in a process of its own: send one batch."""
    return put(Program(origin, *client, "events.write"), events, batch=batch)


def test_a_batch_sent_at_once_from_two_processes_is_stored_once(place):
    with Stack(place / "var") as stack, ProcessPoolExecutor(2, multiprocessing.get_context("spawn")) as pool:
        company = Company(stack)
        now = round(time.time() * 1000)
        for turn in range(5):
            batch = str(uuid4())
            events = [{"t": now + i, "type": "pointermove", "x": i, "y": turn} for i in range(200)]
            both = [pool.submit(put_apart, stack.origin, company.client, batch, events) for _ in range(2)]
            first, second = (each.result(timeout=60) for each in both)
            assert first == second
            assert first["stored"] == 200
        assert stack.query("SELECT count(*) FROM events_batchreceipt") == [(5,)]
        ready = company.until(company.ask_for_copy(), "ready", 60)
        assert records(archive(company, ready)) == 5 * 200


def stream(program: Program, answers: list[tuple[float, int]], stop: threading.Event) -> None:
    while not stop.is_set():
        began = time.time()
        moved = [{"t": round(began * 1000) + i, "type": "pointermove", "x": 1, "y": 1} for i in range(20)]
        answers.append((began, put(program, moved)["stored"]))


def test_nothing_is_stored_after_a_withdrawals_commit(place):
    """Batches stream in while the person withdraws; none that began after the answer may be kept."""
    with Stack(place / "var", INGEST_BATCHES_PER_MINUTE="100000") as stack:
        company = Company(stack)
        answers: list[tuple[float, int]] = []
        stop = threading.Event()
        senders = [threading.Thread(target=stream, args=(company.program, answers, stop)) for _ in range(3)]
        for sender in senders:
            sender.start()
        while len(answers) < 30:
            time.sleep(0.05)
        page = company.ada.get("/choices/")
        assert company.ada.press(page, "withdraw", purpose=GIVEN).status in (200, 202)
        committed = time.time()
        time.sleep(1)
        stop.set()
        for sender in senders:
            sender.join()
        assert any(stored for _, stored in answers)
        after = [stored for began, stored in answers if began > committed]
        assert len(after) > 3
        assert set(after) == {0}
