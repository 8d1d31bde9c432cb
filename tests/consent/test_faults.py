"""Each way in which a ledger can be wrong is named, also by somebody who made the rest fit."""

from __future__ import annotations

import hashlib
import json
import threading
from uuid import uuid4

import pytest
from django.core.management import call_command
from django.db import connection, transaction
from django.utils import timezone

from consent import actions, checkpoints, journal, leaf, ledger, merkle, outside
from consent.models import LedgerLeaf
from consent.note import Head, Signer, open_note
from tests.makers import make_notice, make_purpose

pytestmark = pytest.mark.django_db(transaction=True)
AT = "2026-11-21T12:00:00.000Z"


@pytest.fixture
def decided(ada):
    make_purpose()
    for action in (actions.give, actions.withdraw, actions.give):
        action(subject_id=ada, purpose_key="train", path="choices")
    return ada


def as_replica(statement, *values):
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = 'replica'")
        cursor.execute(statement, values)


def rewrite(idx, entry):
    """Put another leaf in the place of one, and make hashes, nodes and head fit it."""
    as_replica(
        "UPDATE consent_ledgerleaf SET entry = %s, leaf_hash = %s WHERE idx = %s", entry, merkle.leaf_hash(entry), idx
    )
    frontier = merkle.Frontier()
    for each in LedgerLeaf.objects.all():
        for level, at, value in frontier.append(bytes(each.leaf_hash)):
            as_replica("UPDATE consent_ledgernode SET hash = %s WHERE level = %s AND idx = %s", value, level, at)
    as_replica("UPDATE consent_ledgerhead SET frontier = %s", frontier.to_bytes())


def append_unsigned(subject_id):
    names = ("action", "actor_id", "actor_role", "case", "purpose")
    ledger.append("access", subject_id, dict.fromkeys(names, "") | {"at": AT, "subject_id": str(subject_id)})


def reopen(idx, **changed):
    """Return leaf and sealed opening of a decision that says something else, both made as they should be."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT subject_id, sealed FROM consent_opening WHERE leaf_idx = %s", [idx])
        ((subject_id, sealed),) = cursor.fetchall()
    found = leaf.Opened.from_bytes(bytes(sealed)[32:])
    other = leaf.Opened({**found.record, **changed}, leaf.new_salt())
    entry = leaf.make_entry("decision", other.record, other.salt)
    return entry, bytes(sealed)[:32] + other.to_bytes(), subject_id


def test_a_decision_that_was_turned_into_another_with_all_that_belongs_to_it_is_found(decided):
    entry, sealed, _ = reopen(1, kind="refused")
    as_replica("UPDATE consent_opening SET sealed = %s WHERE leaf_idx = 1", sealed)
    as_replica("UPDATE consent_decision SET kind = 'refused' WHERE leaf_idx = 1")
    rewrite(1, entry)
    assert ledger.check()
    assert "leaf 1" in ledger.verify()


def test_so_is_one_that_no_checkpoint_covers_yet(decided):
    append_unsigned(decided)
    entry = leaf.make_entry("erasure", {"at": AT, "certificate_sha256": "", "kind": "", "subject_id": ""}, b"")
    rewrite(3, entry)
    assert ledger.check() == ""
    assert "leaf 3" in ledger.verify()


def test_a_leaf_in_no_format_is_named(decided):
    rewrite(2, b"\xff" * 80)
    assert "leaf 2 is not in the format" in ledger.verify()


def test_the_whole_ledger_emptied_is_found(decided):
    for table in ("leaf", "node"):
        as_replica(f"DELETE FROM consent_ledger{table}")
    for table in ("opening", "decision", "checkpoint"):
        as_replica(f"DELETE FROM consent_{table}")
    as_replica("UPDATE consent_ledgerhead SET size = 0, frontier = ''")
    as_replica("UPDATE consent_gate SET grants = '{}'")
    assert "leaf 0 is missing" in ledger.verify()
    assert ledger.check()


def test_a_text_that_was_rewritten_with_its_hash_is_found(decided):
    text = "We do much more."
    sha = hashlib.sha256(text.encode()).hexdigest()
    make_notice(text="A second one, that nobody answered.")
    as_replica("UPDATE consent_noticeversion SET text = %s, sha256 = %s WHERE version = 2", text, sha)
    assert "version 2 of the notice for train" in ledger.verify()


def test_a_repeated_yes_to_another_wording_keeps_since_when_it_holds(decided):
    make_notice(text="The same in other words.")
    actions.give(subject_id=decided, purpose_key="train", path="choices")
    assert ledger.verify() is None


@pytest.mark.parametrize("grants", ["[]", "1", '"x"', '{"train": []}', '{"train": {"since_ms": []}}'])
def test_grants_of_any_other_form_are_found(decided, grants):
    as_replica("UPDATE consent_gate SET grants = %s", grants)
    assert "the gate" in ledger.verify()


@pytest.mark.parametrize(
    "terms", ['{"sources": 1}', '{"sources": {"agent": 1}}', '{"sources": {}}', '{"x": 1e999}', "[1]"]
)
def test_terms_of_any_other_form_are_found(decided, terms):
    as_replica("UPDATE consent_noticeversion SET terms = %s", terms)
    assert "version 1 of the notice for train" in ledger.verify()


def test_a_last_checkpoint_of_another_log_closes_the_site(decided, settings):
    note = Signer.make("elsewhere").sign(Head("elsewhere", 3, bytes(32)).to_text())
    checkpoints.path().write_text("")
    checkpoints.keep_outside(note, timezone.now())
    assert "another log" in ledger.check()
    assert ledger.sign() is None


def test_a_checkpoint_of_this_log_under_another_name_is_named(decided, settings):
    signer = Signer(settings.LEDGER_ORIGIN, checkpoints.signer().seed)
    root = merkle.root(bytes(each.leaf_hash) for each in LedgerLeaf.objects.all()[:2])
    lines = list(outside.lines(checkpoints.path()))
    note = signer.sign(Head("elsewhere", 2, root).to_text())
    lines[1]["note"] = note
    checkpoints.path().write_bytes(b"".join(outside.spelled(line) + b"\n" for line in lines))
    as_replica("UPDATE consent_checkpoint SET note = %s WHERE size = 2", note)
    assert "checkpoint 2 is that of another log" in ledger.verify()


def test_a_checkpoint_signed_by_the_key_over_another_tree_is_named(decided):
    lines = list(outside.lines(checkpoints.path()))
    note = checkpoints.signer().sign(Head("localhost", 2, bytes(32)).to_text())
    lines[1]["note"] = note
    checkpoints.path().write_bytes(b"".join(outside.spelled(line) + b"\n" for line in lines))
    as_replica("UPDATE consent_checkpoint SET note = %s, root = %s WHERE size = 2", note, bytes(32))
    assert "checkpoint 2 does not hold" in ledger.verify()


@pytest.mark.parametrize("line", [b'{"note":"x","signed_at":"y"}', b'{"left":1}'])
def test_a_line_outside_that_is_no_checkpoint_is_named(decided, line):
    with checkpoints.path().open("ab") as file:
        file.write(line + b"\n")
    assert "after checkpoint 3" in ledger.verify()
    assert ledger.check()


def test_what_a_crash_tore_off_outside_is_no_fault_and_signing_goes_on(decided):
    with checkpoints.path().open("ab") as file:
        file.write(b'{"note":"localh')
    assert ledger.verify() is None
    actions.withdraw(subject_id=decided, purpose_key="train", path="choices")
    assert ledger.verify() is None
    assert ledger.check() == ""


@pytest.mark.parametrize("text", [None, "not a key\n"])
def test_verifier_keys_that_cannot_be_read_are_named(decided, text):
    checkpoints.vkey_path().unlink()
    if text:
        checkpoints.vkey_path().write_text(text)
    assert "ledger.vkey" in ledger.verify()


def test_a_copy_outside_that_cannot_be_opened_closes_the_site(decided):
    checkpoints.path().unlink()
    checkpoints.path().mkdir()
    assert "cannot be read" in ledger.check()


def test_a_withdrawal_in_the_journal_that_nobody_can_open_any_more_is_passed_over(decided):
    line = {"leaves": 3, "kind": "withdrawal", "key": 1, "subject_id": str(uuid4()), "sealed": "AAAA"}
    outside.append(journal.path(), [line, {**line, "subject_id": 7}])
    assert ledger.verify() is None


def test_a_last_line_longer_than_what_is_read_at_once_is_found(tmp_path):
    long = {"note": "x" * (outside.TAIL * 5)}
    outside.append(tmp_path / "lines", [{"note": "first"}, long])
    assert outside.last(tmp_path / "lines") == long
    (tmp_path / "lines").write_bytes(b"[1]\n" * outside.TAIL)
    assert outside.last(tmp_path / "lines") is None


def test_a_ledger_that_holds_says_so(decided, capsys):
    call_command("check_ledger")
    assert "extends" in capsys.readouterr().out


@pytest.mark.parametrize("raw", ["[]", "{}", '{"record": 1, "salt": ""}', '{"record": {}, "salt": "?"}', "no json"])
def test_what_is_no_opening_is_refused(raw):
    with pytest.raises(ValueError):
        leaf.Opened.from_bytes(raw.encode())


@pytest.mark.parametrize("changed", [{"kind": 1}, {"notice_version": "1"}, {"notice_version": True}, {"at": "today"}])
def test_a_record_with_a_value_of_another_type_makes_no_leaf(decided, changed):
    with pytest.raises(ValueError):
        reopen(0, **changed)
    opened = leaf.Opened({"kind": "given", **changed}, b"")
    assert not opened.fits(bytes(LedgerLeaf.objects.first().entry))


@pytest.mark.parametrize("skey", ["", "x", "PRIVATE+KEY+a", "PRIVATE+KEY+a+00000000+AAAA"])
def test_what_is_no_private_key_is_refused(skey):
    with pytest.raises(ValueError):
        Signer.from_text(skey)


def test_a_private_key_under_another_id_is_refused():
    name, _, body = Signer.make("localhost").to_text().removeprefix("PRIVATE+KEY+").split("+", 2)
    with pytest.raises(ValueError, match="key id"):
        Signer.from_text(f"PRIVATE+KEY+{name}+00000000+{body}")


def test_a_note_with_a_short_signature_or_too_many_is_refused():
    signer = Signer.make("localhost")
    note = signer.sign("text\n")
    with pytest.raises(ValueError, match="too short"):
        open_note(note + "\u2014 other AAAA\n", [signer.verifier()])
    with pytest.raises(ValueError, match="a hundred"):
        open_note(note + note.split("\n\n")[1] * 100, [signer.verifier()])


def test_a_second_spelling_of_a_signature_is_refused():
    signer = Signer.make("localhost")
    note = signer.sign("text\n")
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    last = note[-3]
    other = note[:-3] + letters[letters.index(last) + 1] + note[-2:]
    with pytest.raises(ValueError, match="as it is written"):
        open_note(other, [signer.verifier()])


def test_journal_lines_are_json_that_names_its_kind(decided):
    kinds = [json.loads(line)["kind"] for line in outside.raw_lines(journal.path())]
    assert kinds == ["notice", "leaf", "leaf", "leaf"]
    published = next(outside.lines(journal.path()))["notice"]
    assert (published["purpose"], published["version"]) == ("train", 1)


def test_the_ledger_holds_also_while_others_decide(decided):
    faults, done = [], threading.Event()

    def look():
        try:
            while not done.is_set():
                faults.append(ledger.verify())
        finally:
            connection.close()

    thread = threading.Thread(target=look)
    thread.start()
    try:
        for number in range(15):
            make_notice(text=f"In other words: {number}.")
            actions.give(subject_id=decided, purpose_key="train", path="choices")
    finally:
        done.set()
        thread.join(60)
    assert len(faults) > 1
    assert set(faults) == {None}


def test_a_permission_from_before_the_end_of_its_purpose_cannot_be_brought_back(decided):
    with connection.cursor() as cursor:
        cursor.execute("SELECT grants::text FROM consent_gate WHERE subject_id = %s", [decided])
        ((grants,),) = cursor.fetchall()
    actions.retire_purpose(key="train")
    assert ledger.verify() is None
    as_replica("UPDATE consent_gate SET grants = %s::jsonb WHERE subject_id = %s", grants, decided)
    assert "without a decision that says so" in ledger.verify()
    for earlier in ("NULL", "retired_at - interval '1 day'"):
        with transaction.atomic():
            as_replica(f"UPDATE consent_purpose SET state = 'live', retired_at = {earlier}")
            assert "the purpose train" in ledger.verify()
            transaction.set_rollback(True)


def test_nor_can_a_yes_be_taken_away_by_an_end_that_never_was(decided):
    as_replica("UPDATE consent_gate SET grants = '{}'")
    as_replica("UPDATE consent_purpose SET retired_at = now()")
    assert "did not end when its row says" in ledger.verify()


def test_an_end_that_the_journal_does_not_have_yet_is_no_fault(decided):
    with transaction.atomic():
        actions.retire_purpose(key="train")
        assert ledger.verify() is None
