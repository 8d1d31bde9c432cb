"""The ledger's key is handed over with an overlap, and nothing signed before stops verifying."""

from __future__ import annotations

import pytest
from django.core.management import CommandError, call_command

from consent import actions, checkpoints, gate, ledger
from consent.models import Checkpoint
from consent.note import Head, Signer, Verifier, open_note
from tests.makers import make_purpose

pytestmark = pytest.mark.django_db(transaction=True)


def decide(subject_id, *kinds):
    for kind in kinds:
        recorded = kind(subject_id=subject_id, purpose_key="train", path="choices")
    return recorded


def hand_over(*options):
    call_command("ledger_key", *options, verbosity=0)
    return checkpoints.verifiers()


def newest_note():
    return Checkpoint.objects.order_by("-size").first().note


def names_of(note):
    """Return the ids of the keys that signed a note."""
    return [line.split(" ")[2][:5] for line in note.split("\n\n")[1].splitlines()]


def test_before_during_and_after_the_overlap_every_checkpoint_verifies(ada, settings):
    make_purpose()
    decide(ada, actions.give)
    (old,) = checkpoints.verifiers()
    _, new = hand_over("--rotate")
    decide(ada, actions.withdraw)
    for known in ([old], [new], [old, new]):
        assert Head.from_text(open_note(newest_note(), known)).size == 2
    assert checkpoints.signer().verifier() == new
    assert hand_over("--retire") == [old, new]
    decide(ada, actions.give)
    assert [len(names_of(each.note)) for each in Checkpoint.objects.all()] == [1, 2, 1]
    assert Head.from_text(open_note(newest_note(), [new])).size == 3
    with pytest.raises(ValueError, match="no known key"):
        open_note(newest_note(), [old])
    assert len(settings.LEDGER_KEY_FILE.read_text().splitlines()) == 1
    assert ledger.verify() is None


def test_a_third_key_may_join_and_the_oldest_goes_first(ada):
    make_purpose()
    hand_over("--rotate")
    first, second, third = hand_over("--rotate")
    decide(ada, actions.give)
    assert all(open_note(newest_note(), [each]) for each in (first, second, third))
    hand_over("--retire")
    decide(ada, actions.withdraw)
    assert all(open_note(newest_note(), [each]) for each in (second, third))
    with pytest.raises(ValueError, match="no known key"):
        open_note(newest_note(), [first])


def test_a_wrong_line_of_one_of_two_keys_is_refused(ada):
    make_purpose()
    decide(ada, actions.give)
    before = newest_note()
    old, new = hand_over("--rotate")
    decide(ada, actions.withdraw)
    text, lines = newest_note().split("\n\n")
    wrong = text + "\n\n" + before.split("\n\n")[1] + lines.splitlines(keepends=True)[1]
    with pytest.raises(ValueError, match="wrong"):
        open_note(wrong, [old, new])
    assert open_note(wrong, [new])


def test_the_only_key_is_not_retired(settings):
    before = settings.LEDGER_KEY_FILE.read_bytes()
    with pytest.raises(CommandError, match="only one key"):
        call_command("ledger_key", "--retire")
    assert settings.LEDGER_KEY_FILE.read_bytes() == before


@pytest.mark.parametrize(
    "wrong", ["", "not a key\n", Signer.make("elsewhere").to_text() + "\n"], ids=["empty", "no key", "another log's"]
)
@pytest.mark.parametrize("option", ["--rotate", "--retire"])
def test_keys_that_cannot_be_read_are_not_written_over(settings, wrong, option):
    published = checkpoints.vkey_path().read_bytes()
    settings.LEDGER_KEY_FILE.write_text(wrong)
    with pytest.raises(CommandError, match="cannot be read"):
        call_command("ledger_key", option)
    assert settings.LEDGER_KEY_FILE.read_text() == wrong
    assert checkpoints.vkey_path().read_bytes() == published


def test_one_wrong_line_among_the_keys_keeps_all_of_them_from_signing(ada, settings, caplog):
    make_purpose()
    good = settings.LEDGER_KEY_FILE.read_text()
    settings.LEDGER_KEY_FILE.write_text(good + Signer.make("elsewhere").to_text() + "\n")
    recorded = decide(ada, actions.give)
    assert recorded.pending
    assert gate.read(ada).grants
    assert "cannot be read" in caplog.text
    settings.LEDGER_KEY_FILE.write_text(good)
    ledger.sign()
    assert not recorded.pending


def test_a_key_file_that_is_gone_leaves_the_receipt_pending_and_is_logged(ada, settings, caplog):
    make_purpose()
    settings.LEDGER_KEY_FILE.unlink()
    assert decide(ada, actions.give).pending
    assert gate.read(ada).grants
    assert "cannot be read" in caplog.text


def test_a_key_that_was_lost_is_made_anew_and_the_old_one_stays_published(ada, settings):
    make_purpose()
    decide(ada, actions.give)
    (lost,) = checkpoints.verifiers()
    settings.LEDGER_KEY_FILE.unlink()
    assert hand_over()[0] == lost
    decide(ada, actions.withdraw)
    assert len(checkpoints.verifiers()) == 2
    assert ledger.verify() is None


def test_a_published_key_that_never_came_to_sign_does_no_harm(ada):
    make_purpose()
    stopped = Signer.make("localhost").verifier().to_text()
    checkpoints.vkey_path().write_text(checkpoints.vkey_path().read_text() + stopped + "\n")
    decide(ada, actions.give)
    assert ledger.verify() is None
    assert hand_over("--rotate")[1] == Verifier.from_text(stopped)


def test_a_verifier_key_that_is_gone_is_missed(ada):
    make_purpose()
    decide(ada, actions.give)
    hand_over("--rotate")
    hand_over("--retire")
    checkpoints.vkey_path().write_text(checkpoints.vkey_path().read_text().splitlines()[1] + "\n")
    assert "checkpoint 1" in ledger.verify()


def test_only_the_owner_reads_the_keys_and_nothing_half_written_stays(settings):
    hand_over("--rotate")
    folder = settings.LEDGER_KEY_FILE.parent
    assert settings.LEDGER_KEY_FILE.stat().st_mode & 0o777 == 0o600
    assert not [each for each in folder.iterdir() if each.suffix == ".new"]


def test_what_a_rotation_that_was_killed_left_is_replaced(settings):
    beside = settings.LEDGER_KEY_FILE.with_name("ledger.key.new")
    beside.write_text("half")
    assert len(hand_over("--rotate")) == 2
    assert len(checkpoints.signers()) == 2


def test_the_command_says_which_key_came_and_which_went(capsys):
    (old,) = checkpoints.verifiers()
    call_command("ledger_key", "--rotate")
    assert checkpoints.verifiers()[1].to_text() in capsys.readouterr().out
    call_command("ledger_key", "--retire")
    assert old.to_text() in capsys.readouterr().out
