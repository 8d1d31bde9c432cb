"""Openings may be missing of people who were forgotten, and of nobody else; no yes outlives a leaving and a return."""

from __future__ import annotations

import json
from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import connection, transaction
from django.utils import timezone

from consent import actions, asking, forgotten, gate, journal, leaf, ledger
from consent.models import Decision, Gate, JournalLine, LedgerLeaf, Opening
from tests.makers import make_purpose

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def ben():
    subject_id = uuid4()
    actions.admit(subject_id=subject_id)
    return subject_id


@pytest.fixture
def decided(ada, ben):
    """Two people who answered, and whose answers a checkpoint covers."""
    make_purpose()
    for each in (ada, ben):
        actions.give(subject_id=each, purpose_key="train", path="choices")
    assert ledger.verify() is None
    return ada


def remove(subject_id, *models):
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT set_config('daylight.forgetting', %s, true)", [str(subject_id)])
        for model in models or (Decision, Opening, Gate):
            cursor.execute(f"DELETE FROM {model._meta.db_table} WHERE subject_id = %s", [subject_id])


def test_a_forgotten_person_leaves_no_fault_and_the_checkpoints_hold(decided, ben):
    with transaction.atomic():
        remove(decided)
        ledger.append_forgotten(decided)
    assert ledger.verify() is None
    ledger.settle_and_sign()
    ledger.append_forgotten(decided, kind="account", sha256="ab" * 32)
    actions.withdraw(subject_id=ben, purpose_key="train", path="choices")
    assert ledger.verify() is None
    assert not any(model.objects.filter(subject_id=decided).exists() for model in (Decision, Opening, Gate))


def test_openings_that_go_without_a_leaf_that_says_so_are_missed(decided):
    remove(decided)
    assert ledger.verify() == "the opening of leaf 0 is missing"


def test_a_line_alone_excuses_nothing(decided):
    """Whoever can write rows can have a line written, but not one that fits a leaf of the tree."""
    remove(decided)
    leaf_of_ben = LedgerLeaf.objects.get(idx=1)
    record = forgotten.record_of(decided, timezone.now(), "forgotten", "")
    claim = forgotten.facts_of(leaf_of_ben.idx, leaf.Opened(record, b"x" * 32))
    facts = json.dumps({"forgotten": {"subject_id": str(decided), **claim}}).encode()
    JournalLine.objects.create(kind=journal.FORGOTTEN, subject_id=journal.NOBODY, sealed=facts)
    assert ledger.verify() == "the opening of leaf 0 is missing"
    ledger.settle()
    assert ledger.verify() == "the opening of leaf 0 is missing"


def test_that_one_person_was_forgotten_excuses_nobody_else(decided, ben):
    with transaction.atomic():
        remove(decided)
        ledger.append_forgotten(decided)
    remove(ben)
    assert ledger.verify() == "the opening of leaf 1 is missing"


@pytest.mark.parametrize("left", [Decision, Gate, Opening])
def test_half_a_person_is_not_forgotten(decided, left):
    with transaction.atomic():
        remove(decided, *({Decision, Opening, Gate} - {left}))
        ledger.append_forgotten(decided)
    assert ledger.verify() is not None


def test_what_is_decided_after_the_forgetting_is_not_excused(decided):
    with transaction.atomic():
        remove(decided)
        ledger.append_forgotten(decided)
    actions.admit(subject_id=decided)
    actions.give(subject_id=decided, purpose_key="train", path="choices")
    remove(decided)
    assert ledger.verify() == "the opening of leaf 3 is missing"


# --- leaving and coming back


def test_a_yes_from_before_does_not_stand_again_and_all_is_asked_anew(decided):
    actions.deactivate(subject_id=decided)
    assert ledger.verify() is None
    actions.admit(subject_id=decided)
    assert gate.read(decided).grants == {}
    assert asking.questions(decided)["train"].why == asking.Why.NEW
    assert ledger.verify() is None
    actions.give(subject_id=decided, purpose_key="train", path="choices")
    assert "train" in gate.read(decided).grants
    assert asking.questions(decided) == {}
    assert ledger.verify() is None


def test_a_return_that_the_journal_does_not_have_is_found(decided):
    Gate.objects.filter(pk=decided).update(grants={}, returned_at=timezone.now())
    assert "came back" in ledger.verify()


def test_a_grant_put_back_after_a_return_is_found(decided):
    before = Gate.objects.get(pk=decided).grants
    actions.deactivate(subject_id=decided)
    actions.admit(subject_id=decided)
    Gate.objects.filter(pk=decided).update(grants=before)
    assert "without a decision" in ledger.verify()


def test_a_return_moved_to_an_earlier_time_is_found(decided):
    actions.deactivate(subject_id=decided)
    actions.admit(subject_id=decided)
    row = Gate.objects.get(pk=decided)
    Gate.objects.filter(pk=decided).update(returned_at=row.returned_at - timedelta(days=1))
    assert "came back" in ledger.verify()
