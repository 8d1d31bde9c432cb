"""The ledger has no gap, closes when it does not extend what was published, and any change in it is found."""

from __future__ import annotations

import random
import threading
from uuid import UUID, uuid4

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, transaction

from consent import actions, checkpoints, gate, journal, ledger, merkle, outside
from consent.models import Checkpoint, LedgerHead, LedgerLeaf, LedgerState
from consent.note import Head, Signer, open_note
from consent.values import Closed, DecisionKind
from tests.makers import make_purpose

pytestmark = pytest.mark.django_db(transaction=True)
AT = "2026-11-21T12:00:00.000Z"


def give(subject_id):
    return actions.give(subject_id=subject_id, purpose_key="train", path="choices")


def withdraw(subject_id):
    return actions.withdraw(subject_id=subject_id, purpose_key="train", path="choices")


def access_record(subject_id):
    names = ("action", "actor_id", "actor_role", "case", "purpose")
    return dict.fromkeys(names, "") | {"at": AT, "subject_id": str(subject_id)}


@pytest.fixture
def decided(ada):
    make_purpose()
    for _ in range(3):
        give(ada)
        withdraw(ada)
    give(ada)
    return ada


def as_replica(statement, *values):
    """Change history as somebody could who has the database in hand: past every trigger."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = 'replica'")
        cursor.execute(statement, values)
        return cursor.rowcount


def test_eight_at_once_leave_no_gap_and_one_line_of_checkpoints():
    make_purpose()
    people = [uuid4() for _ in range(8)]
    for each in people:
        actions.admit(subject_id=each)
    faults, start = [], threading.Barrier(8)

    def answer(subject_id):
        try:
            start.wait(20)
            for action in (give, withdraw, give):
                recorded = action(subject_id)
                if recorded.pending:
                    faults.append(recorded)
        finally:
            connection.close()

    threads = [threading.Thread(target=answer, args=(each,)) for each in people]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not faults
    assert list(LedgerLeaf.objects.values_list("idx", flat=True)) == list(range(24))
    assert LedgerHead.objects.get().size == LedgerState.objects.get().journalled == 24
    assert [line["idx"] for line in outside.lines(journal.path()) if line["kind"] == "leaf"] == list(range(24))
    sizes = [Head.from_text(line["note"]).size for line in outside.lines(checkpoints.path())]
    assert sizes == sorted(set(sizes)) == list(Checkpoint.objects.values_list("size", flat=True))
    assert ledger.verify() is None


def test_a_transaction_that_is_rolled_back_leaves_no_gap(ada):
    make_purpose()
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        give(ada)
        raise ZeroDivisionError
    assert give(ada).index == 0


def test_a_decision_in_a_larger_transaction_is_pending_until_its_commit(ada):
    make_purpose()
    with transaction.atomic():
        recorded = give(ada)
        assert recorded.pending
    assert not recorded.pending


def test_accesses_and_erasures_are_leaves_that_the_next_checkpoint_covers(ada):
    ledger.append("access", ada, access_record(ada))
    ledger.append("erasure", ada, {"at": AT, "certificate_sha256": "0" * 64, "kind": "all", "subject_id": str(ada)})
    assert not Checkpoint.objects.exists()
    assert ledger.sign().size == 2
    assert ledger.verify() is None


def test_the_checkpoint_is_a_note_that_the_published_key_verifies(decided):
    checkpoint = ledger.sign()
    head = Head.from_text(open_note(checkpoint.note, checkpoints.verifiers()))
    assert (head.origin, head.size) == ("localhost", 7)
    leaves = LedgerLeaf.objects.values_list("leaf_hash", flat=True)
    assert head.root == merkle.root(bytes(each) for each in leaves)


def test_what_is_signed_already_is_not_signed_again(decided):
    first = ledger.sign()
    assert ledger.sign() == first
    assert Checkpoint.objects.filter(size=first.size).count() == 1
    assert len(list(outside.lines(checkpoints.path()))) == Checkpoint.objects.count()


def test_the_empty_log_has_no_checkpoint_and_holds():
    assert ledger.sign() is None
    assert ledger.verify() is None
    assert ledger.check() == ""


@pytest.mark.parametrize(
    "key", ["", "not a key", Signer.make("elsewhere").to_text()], ids=["empty", "garbage", "of another"]
)
def test_without_the_key_a_decision_stands_and_its_receipt_waits(ada, settings, key):
    make_purpose()
    signer = settings.LEDGER_KEY_FILE.read_text()
    settings.LEDGER_KEY_FILE.write_text(key)
    recorded = give(ada)
    assert recorded.pending
    assert gate.read(ada).grants
    settings.LEDGER_KEY_FILE.write_text(signer)
    ledger.sign()
    assert not recorded.pending


def test_making_the_key_twice_keeps_it(settings):
    before = settings.LEDGER_KEY_FILE.read_bytes(), checkpoints.vkey_path().read_bytes()
    call_command("ledger_key", verbosity=0)
    assert (settings.LEDGER_KEY_FILE.read_bytes(), checkpoints.vkey_path().read_bytes()) == before
    assert settings.LEDGER_KEY_FILE.stat().st_mode & 0o777 == 0o600


def rewind(size):
    """Take the database back to an earlier size, as a restore from a backup would."""
    frontier = merkle.Frontier()
    for each in LedgerLeaf.objects.filter(idx__lt=size):
        frontier.append(bytes(each.leaf_hash))
    for table, column in [("ledgerleaf", "idx"), ("decision", "leaf_idx"), ("opening", "leaf_idx")]:
        as_replica(f"DELETE FROM consent_{table} WHERE {column} >= %s", size)
    as_replica("DELETE FROM consent_ledgernode WHERE (idx + 1) << level > %s", size)
    as_replica("DELETE FROM consent_checkpoint WHERE size > %s", size)
    LedgerHead.objects.update(size=size, frontier=frontier.to_bytes())
    LedgerState.objects.update(journalled=size)


def test_a_database_older_than_what_was_published_closes_the_site(decided):
    rewind(3)
    assert "7" in ledger.check()
    assert gate.read(decided).closed
    for closed in (
        lambda: give(decided),
        lambda: actions.refuse(subject_id=decided, purpose_key="train", path="choices"),
        lambda: actions.resume(subject_id=decided),
        lambda: ledger.append("access", decided, access_record(decided)),
    ):
        with pytest.raises(Closed):
            closed()
    assert LedgerHead.objects.get().size == 3
    with pytest.raises(CommandError):
        call_command("check_ledger")


def test_what_was_decided_on_a_restored_database_before_anybody_looked_does_not_count(decided):
    rewind(3)
    recorded = give(decided)
    assert recorded.pending
    assert not gate.read(decided).grants
    assert gate.read(decided).closed


def test_a_journal_that_has_more_than_the_ledger_closes_the_site(decided):
    rewind(6)
    checkpoints.path().write_text("".join(checkpoints.path().read_text().splitlines(keepends=True)[:6]))
    assert "journal" in ledger.check()


def test_while_closed_a_withdrawal_and_a_pause_act_and_are_in_the_journal(decided):
    rewind(3)
    ledger.check()
    recorded = withdraw(decided)
    assert (recorded.index, recorded.pending) == (None, True)
    assert recorded.decision.kind == DecisionKind.WITHDRAWN
    actions.pause(subject_id=decided)
    state = gate.read(decided)
    assert not state.grants
    assert state.pauses
    *_, first, second = outside.lines(journal.path())
    kept = [(line["kind"], UUID(line["subject_id"])) for line in (first, second)]
    assert kept == [("withdrawal", decided), ("pause", decided)]
    assert LedgerHead.objects.get().size == 3


def test_leaves_that_were_never_journalled_twice_do_not_overwrite_the_journal(decided):
    rewind(3)
    before = journal.path().read_bytes()
    ledger.settle()
    assert journal.path().read_bytes() == before


def test_another_history_of_the_same_length_closes_the_site(decided):
    as_replica("UPDATE consent_ledgerleaf SET leaf_hash = %s WHERE idx = 6", b"\x00" * 32)
    assert ledger.check()
    assert ledger.sign() is None


def test_a_site_that_holds_again_opens_again(decided):
    good = checkpoints.path().read_text()
    checkpoints.path().write_text("{}\n")
    assert ledger.check()
    with pytest.raises(Closed):
        give(decided)
    checkpoints.path().write_text(good)
    assert ledger.check() == ""
    assert give(decided).index == 7


@pytest.mark.parametrize("copy", [None, "", "torn", '{"note":"x"}\n', "shorter"])
def test_a_copy_outside_that_is_gone_or_damaged_closes_the_site(decided, copy):
    path = checkpoints.path()
    if copy is None:
        path.unlink()
    else:
        path.write_text(path.read_text().split("\n")[0] + "\n" if copy == "shorter" else copy)
    assert ledger.check()
    assert ledger.sign() is None


def test_closing_in_the_act_is_seen_by_the_decision_that_signs(decided):
    checkpoints.path().write_text("{}\n")
    recorded = give(decided)
    assert recorded.pending
    with pytest.raises(Closed):
        give(decided)


def test_a_checkpoint_whose_signer_was_stopped_before_it_was_stored_is_put_back_as_it_was(decided):
    was = Checkpoint.objects.get(size=7)
    as_replica("DELETE FROM consent_checkpoint WHERE size = 7")
    assert ledger.check() == ""
    assert "checkpoint 7" in ledger.verify()
    again = ledger.sign()
    assert (again.size, again.note, again.signed_at) == (7, was.note, was.signed_at)
    assert ledger.verify() is None


BYTES = {
    "consent_ledgerleaf": ["entry", "leaf_hash"],
    "consent_ledgernode": ["hash"],
    "consent_checkpoint": ["root"],
}
OF_A_DECISION = [
    "UPDATE consent_decision SET path = 'x' || path",
    "UPDATE consent_decision SET purpose_key = 'x' || purpose_key",
    "UPDATE consent_decision SET kind = 'x' || kind",
    "UPDATE consent_decision SET notice_sha256 = 'x' || substr(notice_sha256, 2)",
    "UPDATE consent_decision SET subject_id = gen_random_uuid()",
    "UPDATE consent_decision SET at = at - interval '1 second'",
    "UPDATE consent_decision SET notice_version = notice_version + 1",
    "UPDATE consent_decision SET leaf_idx = leaf_idx + 100",
    "DELETE FROM consent_decision",
    "DELETE FROM consent_opening",
    "UPDATE consent_opening SET subject_id = gen_random_uuid()",
    "UPDATE consent_opening SET sealed = sealed || 'x'::bytea",
]
OF_THE_TREE = [
    "DELETE FROM consent_ledgerleaf WHERE idx = {leaf}",
    "DELETE FROM consent_ledgernode WHERE level = 1 AND idx = {leaf} / 3",
    "INSERT INTO consent_ledgernode (level, idx, hash) VALUES (1, 9 + {leaf}, 'x')",
    "UPDATE consent_checkpoint SET note = replace(note, 'localhost', 'elsewhere') WHERE size = {leaf} + 1",
    "UPDATE consent_checkpoint SET size = size + 100 WHERE size = {leaf} + 1",
    "DELETE FROM consent_checkpoint WHERE size = least({leaf} + 1, 6)",
    "UPDATE consent_ledgerhead SET size = size + 1",
    "UPDATE consent_noticeversion SET text = text || 'x'",
    "UPDATE consent_gate SET grants = jsonb_set(grants, '{{train,covers,agent}}', '[\"scrolling\"]')",
]


def edits(rng):
    """Yield statements that change one thing each."""
    for table, columns in BYTES.items():
        for column in columns:
            row = f"ctid = (SELECT ctid FROM {table} ORDER BY random() LIMIT 1)"
            at = rng.randrange(32)
            yield f"UPDATE {table} SET {column} = set_byte({column}, {at}, 255 - get_byte({column}, {at})) WHERE {row}"
    for statement in OF_A_DECISION:
        yield f"{statement} WHERE leaf_idx = {rng.randrange(7)}"
    for statement in OF_THE_TREE:
        yield statement.format(leaf=rng.randrange(7))


@pytest.mark.parametrize("seed", range(3))
def test_whatever_is_changed_behind_the_triggers_is_found(decided, seed):
    assert ledger.verify() is None
    for statement in edits(random.Random(seed)):
        with transaction.atomic():
            assert as_replica(statement), statement
            assert ledger.verify(), statement
            transaction.set_rollback(True)
    assert ledger.verify() is None


def test_a_grant_that_nobody_gave_is_found(decided):
    withdraw(decided)
    assert ledger.verify() is None
    grant = (
        '{"train": {"basis": "consent", "since_ms": 0, "version": 1, "leaf": 6, "covers": {"agent": ["scrolling"]}}}'
    )
    as_replica("UPDATE consent_gate SET grants = %s", grant)
    assert str(decided) in ledger.verify()


def test_the_command_names_the_first_fault_and_fails(decided, capsys):
    call_command("verify_ledger")
    assert "7 entries" in capsys.readouterr().out
    as_replica("UPDATE consent_decision SET kind = 'refused' WHERE leaf_idx = 2")
    with pytest.raises(CommandError, match="decision 2"):
        call_command("verify_ledger")


@pytest.mark.parametrize("tables", [("opening",), ("opening", "decision")])
def test_an_opening_that_is_gone_is_found_with_and_without_its_decision(decided, tables):
    for table in tables:
        as_replica(f"DELETE FROM consent_{table} WHERE leaf_idx = 4")
    assert "leaf 4" in ledger.verify()


def test_a_changed_copy_outside_is_found(decided):
    lines = checkpoints.path().read_text().splitlines()
    checkpoints.path().write_text("\n".join([lines[0].replace("localhost", "elsewhere"), *lines[1:]]) + "\n")
    assert "checkpoint 1" in ledger.verify()
