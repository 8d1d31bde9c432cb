"""A backup, then a withdrawal, a deletion and a hold, then everything is killed and the backup restored."""

from __future__ import annotations

import base64
import io
import json
import subprocess
import sys
import time
import zipfile

import pytest

from portal.stack.config import PROJECT
from portal.stack.program import Unexpected
from portal.stack.smoke import AGENT, GIVEN, PASSWORD
from tests.drills.company import Company
from tests.drills.stack import Stack

pytestmark = pytest.mark.drill
BY_HAND = """
import django, pathlib, sys
django.setup()
from django.db import connections
from portal.backups.programs import Database
with connections["default"].cursor() as cursor:
    cursor.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                   "WHERE datname = current_database() AND pid <> pg_backend_pid()")
connections["default"].close()
Database.of("default").load(pathlib.Path(sys.argv[1]) / "database.dump", "")
"""


def live(n: int = 20) -> list[dict]:
    now = round(time.time() * 1000)
    return [{"t": now + i, "type": "pointermove", "x": i, "y": 1} for i in range(n)]


def withdraw(company: Company):
    return company.ada.press(company.ada.get("/choices/"), "withdraw", purpose=GIVEN)


def erasures(company: Company) -> list[tuple]:
    sql = "SELECT id::text, state FROM rights_subjectrequest WHERE kind = 'erasure' AND subject_id = %s ORDER BY id"
    return company.stack.query(sql, company.subjects["1"])


def until_erased(company: Company, seconds: float = 60) -> list[tuple]:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = erasures(company)
        if found and all(state == "delivered" for _pk, state in found):
            return found
        time.sleep(0.3)
    raise AssertionError(f"not erased after {seconds} s: {erasures(company)}")


def copied_events(company: Company) -> int:
    """Return how many events the person's own copy has, made through the site."""
    ready = company.until(company.ask_for_copy(), "ready", 120)
    answer = company.ada.reauthenticate(company.ada.get(f"{ready.path}download"), PASSWORD)
    files = json.loads(zipfile.ZipFile(io.BytesIO(answer.body)).read("manifest.json"))["files"]
    return sum(each["records"] for each in files if each["path"].startswith("data/"))


def everything_happens(company: Company, stack: Stack) -> list[tuple]:
    """Take the yes back, delete everything, place a hold, and be killed; return the deletions."""
    assert withdraw(company).status == 200
    company.erase_everything()
    done = until_erased(company)
    stack.run("-m", "tests.drills.place_hold", company.subjects["1"], company.subjects["3"])
    assert stack.kill() >= 6
    stack.process.wait()
    return done


def test_a_restored_backup_brings_back_no_event_and_loses_no_no(place):
    with Stack(place / "var") as stack:
        company = Company(stack)
        company.fill(days=2, events_a_day=500)
        assert company.put(live(), AGENT)["stored"] == 20
        stack.manage("seal_segments")
        assert "backed up" in stack.manage("backup", str(place / "backup"))
        done = everything_happens(company, stack)
        log = outside(stack)

        assert "restored the backup" in stack.manage("restore", str(place / "backup"))
        stack.start()
        assert stack.browser().get("/healthz").json() == {"status": "ok"}
        stack.manage("verify_ledger")
        assert entries(stack)[: len(log)] == log

        company.ada = company.browser("ada@smoke.example")
        assert company.put(live(), AGENT)["stored"] == 0
        assert company.fill(days=2, events_a_day=50) == 0
        assert copied_events(company) == 0
        assert stack.query("SELECT count(*) FROM events_segment") == [(0,)]
        assert [path for path in (stack.var / "vault" / "segments").rglob("*") if path.is_file()] == []
        assert set(done) <= set(erasures(company))
        held = stack.query("SELECT ground FROM holds_hold WHERE released_at IS NULL AND until > now()")
        assert held == [("legal_claims",)]


def outside(stack: Stack) -> list[bytes]:
    """Return every entry as the journal has it."""
    lines = map(json.loads, (stack.var / "journal" / "journal.jsonl").read_text().splitlines())
    return [base64.b64decode(line["entry"]) for line in lines if line["kind"] == "leaf"]


def entries(stack: Stack) -> list[bytes]:
    return [bytes(entry) for (entry,) in stack.query("SELECT entry FROM consent_ledgerleaf ORDER BY idx")]


def test_an_older_database_under_a_running_site_closes_it_until_the_journal_was_applied(place):
    with Stack(place / "var") as stack:
        company = Company(stack)
        company.fill(days=1, events_a_day=100)
        stack.manage("backup", str(place / "backup"))
        company.ada.press(company.ada.get("/"), "pause")
        restore_by_hand(stack, str(place / "backup"))

        closed = stack.browser().get("/healthz")
        assert (closed.status, closed.json()["status"]) == (503, "closed")
        company.ada = company.browser("ada@smoke.example")
        assert company.ada.get("/").status == 200
        with pytest.raises(Unexpected, match="answered 503"):
            company.put(live(), AGENT)
        assert withdraw(company).status == 202

        said = stack.manage("replay_journal", "--restored")
        assert "pause" in said and "withdrawal" in said
        assert stack.browser().get("/healthz").status == 200
        assert company.put(live(), AGENT)["stored"] == 0
        stack.manage("verify_ledger")
        until_erased(company)


def restore_by_hand(stack: Stack, folder: str) -> None:
    """Load the dump as an operator of PostgreSQL would, past Daylight's own command."""
    environment = stack.environment | {"DAYLIGHT_AS_OWNER": "1", "DJANGO_SETTINGS_MODULE": "portal.settings"}
    command = [sys.executable, "-c", BY_HAND, folder]
    done = subprocess.run(command, cwd=PROJECT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
