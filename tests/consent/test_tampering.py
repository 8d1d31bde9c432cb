"""Whatever somebody changes who has the database and the copy outside in hand, `verify_ledger` finds it."""

from __future__ import annotations

import json
import random
import secrets
from uuid import uuid4

import pytest
from django.db import connection, transaction

from consent import actions, checkpoints, journal, ledger
from consent.models import LedgerState
from tests.consent import tampering
from tests.makers import COVERS, make_purpose

pytestmark = pytest.mark.django_db(transaction=True)
AT = "2026-11-21T12:00:00.000Z"


def make_terms(**over):
    flow = {"off_hours": False, "exact_timing": False, "content_apps": [], "why": "To learn."}
    categories = {category: dict(flow) for category in COVERS["agent"]}
    return {
        "purpose": {"key": "safety", "title": "Safety", "description": "Keep systems safe."},
        "basis": "legitimate_interest",
        "sources": {"agent": {"title": "Agent", "blocked_apps": ["bank"], "categories": categories}},
        "recipients": [],
        "processors": [],
        "retention": dict.fromkeys(COVERS["agent"], 30),
        "expires": {"after_days": 365},
        **over,
    }


def publish(**terms):
    return actions.publish_notice(
        purpose_key="safety", language="en", text="How we keep systems safe.", terms=make_terms(**terms)
    )


@pytest.fixture
def history():
    """Three people, two purposes, texts answered and not, accesses and an erasure: something of everything."""
    people = [uuid4() for _ in range(3)]
    for each in people:
        actions.admit(subject_id=each)
    make_purpose()
    actions.publish_notice(purpose_key="train", language="de", text="Was wir tun.", covers=COVERS)
    actions.define_purpose(key="safety", title="Safety", basis="legitimate_interest", categories=COVERS["agent"])
    publish()
    for each in people:
        actions.acknowledge(subject_id=each, purpose_key="safety", path="choices")
        actions.give(subject_id=each, purpose_key="train", path="choices")
    publish(retention=dict.fromkeys(COVERS["agent"], 60))
    ada, ben, cem = people
    actions.acknowledge(subject_id=ada, purpose_key="safety", path="choices")
    actions.give(subject_id=ada, purpose_key="train", path="choices")
    actions.withdraw(subject_id=ben, purpose_key="train", path="choices")
    actions.object_to(subject_id=cem, purpose_key="safety", path="choices")
    actions.refuse(subject_id=ben, purpose_key="train", path="choices")
    names = ("action", "actor_id", "actor_role", "case", "purpose")
    ledger.append("access", cem, dict.fromkeys(names, "") | {"at": AT, "subject_id": str(cem)})
    ledger.append("erasure", ben, {"at": AT, "certificate_sha256": "0" * 64, "kind": "all", "subject_id": str(ben)})
    ledger.sign()
    # And one that no checkpoint has yet.
    ledger.append("access", ada, dict.fromkeys(names, "") | {"at": AT, "subject_id": str(ada)})
    assert ledger.verify() is None
    return people


@pytest.mark.parametrize("edits", [60, pytest.param(1000, marks=pytest.mark.drill)])
def test_every_random_edit_is_found_and_undone_the_ledger_holds(history, edits):
    seed = secrets.randbits(32)
    print(f"seed {seed}")  # noqa: T201 (whoever sees it fail needs it)
    tamperer = tampering.Tamperer(random.Random(seed), checkpoints.path())
    for number in range(edits):
        if tamperer.rng.random() < 0.1:
            kept = tamperer.edit_outside()
            assert ledger.verify(), f"{number}: {tamperer.told} (seed {seed})"
            checkpoints.path().write_bytes(kept)
        else:
            with transaction.atomic():
                tamperer.edit_row()
                assert ledger.verify(), f"{number}: {tamperer.told} (seed {seed})"
                transaction.set_rollback(True)
        if edits < 100 or number % 10 == 0:
            assert ledger.verify() is None, f"{number}: after {tamperer.told} (seed {seed})"
    assert ledger.verify() is None


def test_every_column_of_the_ledger_is_edited_or_has_a_reason_not_to_be():
    with connection.cursor() as cursor:
        cursor.execute("SELECT table_name FROM information_schema.tables WHERE table_name LIKE 'consent_%'")
        tables = {row[0] for row in cursor.fetchall()}
    without = {"consent_purpose", "consent_ledgerstate", "consent_journalline"}
    assert tables - without == set(tampering.KEYS)
    known = {("consent_ledgerstate", "closed_reason"), ("the copy outside", "a line that is not JSON")}
    known |= {(table, name) for table in tampering.KEYS for name, _ in tampering._columns(table)}
    assert {each for each in tampering.SAYS_NOTHING if "/" not in each[1]} <= known


def test_more_leaves_in_effect_than_the_journal_has_are_found(history):
    with connection.cursor() as cursor:
        cursor.execute("UPDATE consent_ledgerstate SET journalled = journalled + 1")
    assert "took effect" in ledger.verify()


@pytest.mark.parametrize("basis", ["consent", "contract", "", None, 1])
def test_another_basis_in_a_grant_is_found(history, basis):
    with connection.cursor() as cursor:
        sql = "UPDATE consent_gate SET grants = jsonb_set(grants, '{safety,basis}', %s::jsonb) WHERE subject_id = %s"
        cursor.execute(sql, [json.dumps(basis), history[0]])
    assert "the gate" in ledger.verify()


def test_a_permission_that_was_taken_out_of_the_gate_is_found(history):
    with connection.cursor() as cursor:
        cursor.execute("UPDATE consent_gate SET grants = grants - 'train' WHERE subject_id = %s", [history[0]])
    assert "decision 7 says yes" in ledger.verify()


def test_a_purpose_that_was_retired_and_came_back_holds(history):
    actions.retire_purpose(key="train")
    assert ledger.verify() is None
    make_purpose(covers=COVERS)
    assert ledger.verify() is None
    actions.give(subject_id=history[1], purpose_key="train", path="choices")
    assert ledger.verify() is None


def test_a_withdrawal_while_the_site_was_closed_is_known_from_the_journal(history):
    LedgerState.objects.update(closed_reason="somebody looks into it")
    assert actions.withdraw(subject_id=history[0], purpose_key="train", path="choices").index is None
    LedgerState.objects.update(closed_reason="")
    assert ledger.verify() is None
    actions.give(subject_id=history[0], purpose_key="train", path="choices")
    assert ledger.verify() is None


def test_a_line_of_the_journal_that_was_changed_or_taken_out_is_found(history):
    kept = journal.path().read_bytes()
    lines = kept.splitlines(keepends=True)
    for at, line in enumerate(lines):
        for other in (b"", line.replace(b'"leaf"', b'"left"'), line.replace(b'"digest":"', b'"digest":"0')):
            if other != line:
                journal.path().write_bytes(b"".join([*lines[:at], other, *lines[at + 1 :]]))
                assert ledger.verify(), other
    journal.path().write_bytes(kept)
    assert ledger.verify() is None
