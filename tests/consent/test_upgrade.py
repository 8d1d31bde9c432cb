"""What the last release wrote holds in this one, and is bound as what follows is."""

from __future__ import annotations

import json
from importlib import import_module

import pytest
from django.apps import apps
from django.db import connection

from consent import actions, checkpoints, journal, ledger, outside
from tests.makers import make_purpose

pytestmark = pytest.mark.django_db(transaction=True)
bound = import_module("consent.migrations.0004_bound")


def answer(subject_id):
    return actions.give(subject_id=subject_id, purpose_key="train", path="choices")


@pytest.fixture
def before(ada):
    """Somebody who answered twice, in files and rows as the last release left them."""
    make_purpose()
    answer(ada)
    answer(ada)
    lines = [line for line in outside.lines(journal.path()) if line["kind"] != journal.NOTICE]
    journal.path().write_bytes(b"".join(outside.spelled(line) + b"\n" for line in lines))
    notes = [{"note": line["note"]} for line in outside.lines(checkpoints.path())]
    checkpoints.path().write_bytes(b"".join(outside.spelled(line) + b"\n" for line in notes))
    with connection.cursor() as cursor:
        cursor.execute("UPDATE consent_gate SET grants = grants #- '{train,sha256}' #- '{train,before,sha256}'")
    return ada


def upgrade():
    bound.publish_again(apps, None)
    bound.name_texts(apps, None)


def test_a_ledger_of_the_last_release_holds_once_it_was_upgraded(before):
    assert ledger.verify()
    upgrade()
    assert ledger.verify() is None
    ledger.settle()
    assert ledger.verify() is None
    assert answer(before).index == 2
    assert ledger.verify() is None


def test_a_checkpoint_without_a_time_after_one_with_a_time_is_found(before):
    upgrade()
    answer(before)
    lines = list(outside.lines(checkpoints.path()))
    assert [list(line) for line in lines] == [["note"], ["note"], ["note", "signed_at"]]
    answer(before)
    *lines, newest = outside.lines(checkpoints.path())
    kept = [*lines, {"note": newest["note"]}]
    checkpoints.path().write_bytes(b"".join(outside.spelled(line) + b"\n" for line in kept))
    assert "checkpoint 4" in ledger.verify()


def test_a_line_that_a_crash_of_the_last_release_wrote_twice_is_no_fault(before):
    upgrade()
    with checkpoints.path().open("a") as file:
        file.write(checkpoints.path().read_text().splitlines()[-1] + "\n")
    assert ledger.verify() is None


def test_upgrading_twice_changes_nothing_more(before):
    upgrade()
    with connection.cursor() as cursor:
        cursor.execute("SELECT grants::text FROM consent_gate")
        once = cursor.fetchall()
        upgrade()
        cursor.execute("SELECT grants::text FROM consent_gate")
        assert cursor.fetchall() == once
    assert len(json.loads(once[0][0])["train"]["sha256"]) == 64
    ledger.settle()
    assert ledger.verify() is None
