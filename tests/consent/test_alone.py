"""consent is worth installing alone: with Django, PostgreSQL and four settings, and nothing else of the house."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.db import connection

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = """
import sys
from pathlib import Path
from uuid import uuid4

import django
from django.conf import settings
from django.core.management import call_command

base, name, host, port, user = sys.argv[1:]
database = {"ENGINE": "django.db.backends.postgresql", "NAME": name, "HOST": host, "PORT": port, "USER": user}
base = Path(base)
settings.configure(
    INSTALLED_APPS=["consent"], DATABASES={"default": database}, USE_TZ=True, LEDGER_ORIGIN="alone.example",
    LEDGER_KEY_FILE=base / "ledger.key", JOURNAL_DIR=base / "journal", CHECKPOINT_DIR=base / "checkpoints",
)
django.setup()
call_command("migrate", verbosity=0)
call_command("ledger_key", verbosity=0)

from consent import actions, asking, gate, ledger, receipts, verify_receipt

somebody = uuid4()
actions.admit(subject_id=somebody)
actions.define_purpose(
    key="train", title="Training", basis="consent", refusal_consequence="None.", alternative="We do without."
)
actions.publish_notice(purpose_key="train", language="en", text="What we do.", covers={"agent": ["scrolling"]})
assert asking.questions(somebody)["train"].why == "new"
said = actions.give(subject_id=somebody, purpose_key="train", path="shell")
assert not said.pending
may = {"purpose": "train", "category": "scrolling", "source": "agent", "t_ms": 2**52}
assert gate.allows(gate.read(somebody), **may) is None
actions.withdraw(subject_id=somebody, purpose_key="train", path="shell")
assert gate.allows(gate.read(somebody), **may) == "not_permitted"
(base / "mine.tlog-proof").write_text(receipts.issue(said.index).text)
call_command("verify_ledger")
left = sorted(each for each in sys.modules if each.split(".")[0] in {"portal", "celery", "redis", "allauth", "ninja"})
assert not left, left
"""


@pytest.mark.django_db(transaction=True)
def test_it_decides_permits_proves_and_verifies_with_nothing_but_django_around_it(tmp_path):
    at = connection.settings_dict
    name = f"{at['NAME']}_alone"
    with connection.cursor() as cursor:
        cursor.execute(f'CREATE DATABASE "{name}"')
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("DAYLIGHT", "DJANGO"))}
    clean["PGPASSWORD"] = at["PASSWORD"]
    arguments = [str(tmp_path), name, at["HOST"], str(at["PORT"]), at["USER"]]
    try:
        _run([sys.executable, "-c", PROGRAM, *arguments], clean)
        mine = [str(tmp_path / "mine.tlog-proof"), "--key-file", str(tmp_path / "ledger.vkey")]
        _run([sys.executable, str(ROOT / "consent" / "verify_receipt.py"), *mine], clean)
    finally:
        with connection.cursor() as cursor:
            cursor.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


def _run(command, environment):
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
