"""A database that is older than the journal is known as such, and what it lacks is applied once, whatever stops it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from consent import actions, gate, journal, ledger, marking, outside
from consent.models import Gate, JournalLine, LedgerState, NoticeVersion
from consent.recovery import replay
from consent.values import Closed, Scope
from tests.makers import make_purpose

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def older(ada):
    """Return what takes the gate rows back to now, as a restore does: no leaf tells of what comes after."""
    make_purpose()
    actions.give(subject_id=ada, purpose_key="train", path="choices")
    rows = list(Gate.objects.values())
    known = LedgerState.objects.get().journal_end

    def go_back():
        for row in rows:
            Gate.objects.filter(pk=row["subject_id"]).update(**row)
        LedgerState.objects.update(journal_end=known)

    return go_back


def apply():
    told = replay.run(replay.Parts())
    assert replay.finish() == ""
    return told


def test_a_pause_that_only_the_journal_has_closes_the_site_and_stands_again(ada, older):
    actions.pause(subject_id=ada, until=timezone.now() + timedelta(hours=1))
    before = gate.read(ada).pauses
    older()
    assert not gate.read(ada).pauses
    assert "journal" in ledger.check()
    with pytest.raises(Closed):
        actions.give(subject_id=ada, purpose_key="train", path="choices")
    assert apply().applied["pause"] == 1
    assert gate.read(ada).pauses == before
    assert ledger.check() == ""
    assert apply().applied["pause"] == 0


@pytest.mark.parametrize("resumed", [False, True])
def test_what_was_ended_since_is_ended_again_to_the_millisecond(ada, older, resumed):
    key = actions.restrict(subject_id=ada, scope=Scope(categories=frozenset({"scrolling"})))
    actions.pause(subject_id=ada)
    if resumed:
        actions.resume(subject_id=ada)
        actions.lift(subject_id=ada, key=key)
    before = gate.read(ada)
    older()
    apply()
    after = gate.read(ada)
    assert (after.pauses, after.restrictions) == (before.pauses, before.restrictions)


def test_days_off_that_only_the_journal_has_stand_again_and_those_taken_away_do_not(ada, older):
    today = timezone.now().date()
    days = [today + timedelta(days=n) for n in range(3)]
    marking.mark(subject_id=ada, days=days, today=today)
    marking.unmark(subject_id=ada, days=days[2:], today=today)
    older()
    assert not gate.read(ada).days_off
    apply()
    assert gate.read(ada).days_off == set(days[:2])


def test_a_fence_brings_its_key_epoch_along(ada, older):
    fence = {"key": "f", "scope": Scope(), "asked_ms": 7, "key_epoch": 2, "lasting": True}
    actions.fence(subject_id=ada, **fence)
    older()
    assert gate.read(ada).key_epoch == 1
    apply()
    assert gate.read(ada).key_epoch == 2
    assert [each.key for each in gate.read(ada).fences] == ["f"]


def test_somebody_who_left_since_has_left_again_and_who_came_back_is_asked_anew(ada, older):
    actions.deactivate(subject_id=ada)
    older()
    apply()
    assert not Gate.objects.get().active
    actions.admit(subject_id=ada)
    older()
    apply()
    row = Gate.objects.get()
    assert row.active and row.returned_at and not row.grants
    assert ledger.verify() is None


def test_a_crash_between_the_journal_and_its_row_is_no_restore(ada, older, monkeypatch):
    """The line is in the file, and the row that it was made from still waits."""
    real = outside.append

    def dies(path, lines):
        real(path, list(lines))
        raise OSError

    with monkeypatch.context() as patched:
        patched.setattr(outside, "append", dies)
        actions.pause(subject_id=ada)
    assert JournalLine.objects.count() == 1
    assert ledger.check() == ""
    ledger.settle()
    assert not JournalLine.objects.exists()
    assert ledger.check() == ""
    assert LedgerState.objects.get().journal_end == outside.size(journal.path())


def test_a_leaf_that_a_crash_left_in_the_journal_is_no_restore_either(ada, older):
    known = LedgerState.objects.get().journal_end
    actions.give(subject_id=ada, purpose_key="train", path="choices")
    LedgerState.objects.update(journal_end=known)
    assert ledger.check() == ""
    ledger.settle()
    assert LedgerState.objects.get().journal_end == outside.size(journal.path())


def test_nothing_takes_effect_while_the_journal_is_ahead(ada, older):
    actions.pause(subject_id=ada)
    older()
    actions.withdraw(subject_id=ada, purpose_key="train", path="choices")
    assert ledger.check()
    effective = LedgerState.objects.get().journalled
    ledger.settle()
    assert LedgerState.objects.get().journalled == effective


def test_a_lost_journal_gets_back_its_notices_the_ends_of_purposes_and_what_stands(ada, older):
    make_purpose("survey")
    actions.retire_purpose(key="survey")
    actions.pause(subject_id=ada)
    journal.path().unlink()
    ledger.settle()
    assert ledger.verify() is None
    kinds = {line["kind"] for line in outside.lines(journal.path())}
    assert {"notice", "retirement", "pause", "leaf"} <= kinds
    assert ledger.check() == ""


def test_another_history_is_not_joined_to_this_one(ada, older):
    actions.give(subject_id=ada, purpose_key="train", path="choices")
    lines = list(outside.lines(journal.path()))
    other = [line | {"entry": lines[1]["entry"]} if line.get("idx") == 1 else line for line in lines]
    journal.path().write_bytes(b"".join(outside.spelled(line) + b"\n" for line in other))
    outside.append(journal.path(), [lines[-1] | {"idx": 2, "leaves": 3}])
    with pytest.raises(replay.CannotReplay, match="leaf 1 of the database"):
        replay.run(replay.Parts())
    assert ledger.check()


def test_a_line_that_nobody_can_open_is_counted_and_passed_over(ada, older):
    line = {"leaves": 1, "kind": "pause", "key": 99, "subject_id": str(ada), "sealed": "AAAA"}
    outside.append(journal.path(), [line, {"leaves": 1, "kind": "of a later release", "key": 1}])
    told = apply()
    assert told.lost["lines whose person's keys are gone"] == 2
    assert not gate.read(ada).pauses


def test_a_text_published_after_it_was_put_back_gets_a_key_of_its_own(ada, older):
    make_purpose("survey")
    taken = NoticeVersion.objects.latest("pk").pk
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = 'replica'")
        cursor.execute("DELETE FROM consent_noticeversion WHERE id = %s", [taken])
        cursor.execute("SELECT setval('consent_noticeversion_id_seq', 1)")
        cursor.execute("SET session_replication_role = 'origin'")
    older()
    assert apply().applied["notice"] == 1
    make_purpose("third")
    assert NoticeVersion.objects.latest("pk").pk > taken
    assert ledger.verify() is None
