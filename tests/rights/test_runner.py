"""The row is the queue: one worker at a time, a zombie writes nothing, failures are said, every step may repeat."""

from __future__ import annotations

import errno
import threading
import time
from datetime import timedelta

import pytest
from django.core.management import call_command
from django.db import connections
from django.utils import timezone

from consent.models import LedgerState
from portal.audit.models import Act
from portal.events import rewrite
from portal.rights import bundle, handling, leases, plans, progress, renewal, runner, tasks
from portal.rights.connectors.steps import NAMES
from portal.rights.models import Bundle, BundlePart, StepRun, SubjectRequest
from portal.rights.values import ACCOUNT, Fenced, Kind, NotAllowed, Wait
from portal.vault import objects
from tests.rights.conftest import ask, carry_out, person, stored, unzip

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "keys"])


def until(request, name):
    while request.current_step.name != name:
        assert runner.advance(request.pk)


def claimed(request):
    """Return the row as a worker has it that has just claimed it."""
    found = leases.claim(request.pk, 60)
    assert found.attempt == SubjectRequest.objects.get(pk=request.pk).attempt
    return found


def let_go(request):
    SubjectRequest.objects.filter(pk=request.pk).update(lease_until=None, wake_at=None)


# The erasure of an account ends its person: test_forgotten_account repeats those steps.
EACH_STEP = [(kind, name) for kind in plans.PLANS if kind != ACCOUNT for name in plans.names(kind) if name not in NAMES]


@pytest.mark.parametrize(("kind", "name"), EACH_STEP)
def test_every_step_may_run_twice(recorded, soon, kind, name):
    request = ask(recorded, kind, format="parquet" if name == "join_tables" else "jsonl")
    until(request, name) if name != "certify" else _until_certify(request)
    step = plans.step(kind, name)
    found = claimed(request)
    cursor = found.current_step.cursor
    for _time in range(2):
        _to_the_end(step, found, cursor)
    let_go(request)
    done = carry_out(request)
    assert (done.state, done.reason) == ("ready" if done.is_copy else "delivered", "")
    _has_come_out_right(done)


def _until_certify(request):
    while request.current_step.name != "certify":
        if not runner.advance(request.pk):
            renewal.renew_if_due()
            SubjectRequest.objects.update(wake_at=None)


def _to_the_end(step, request, cursor):
    while cursor is not None:
        try:
            cursor = step(request, cursor)
        except Wait:
            renewal.renew_if_due()
        request.refresh_from_db()
        if step.__name__ == "fence" and cursor is not None:
            StepRun.objects.filter(request=request, name="fence").update(cursor=cursor)


def _has_come_out_right(request):
    person_id = request.subject_id
    if request.is_copy:
        files = unzip(request)
        assert sum(
            len(body.splitlines()) for name, body in files.items() if name.endswith(".jsonl") and "data/" in name
        ) in (0, 24)
        assert Bundle.objects.count() == 1
        assert BundlePart.objects.count() == len(list(objects.names("bundles/")))
    else:
        assert rewrite.residue(person_id, request.wanted, request.asked_ms) == 0
        assert request.certificate["certificate"]["erased"]["events"] == 24
    for action in ("request.ready", "request.done", "erasure.certified", "erasure.started"):
        assert Act.objects.filter(action=action).count() <= 1


def test_only_one_of_many_workers_gets_a_claim(recorded):
    request = ask(recorded)
    tokens = []

    def work():
        found = leases.claim(request.pk, 60)
        tokens.append(found and found.attempt)
        connections.close_all()

    threads = [threading.Thread(target=work) for _each in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(tokens, key=str) == [1, *[None] * 7]


def test_many_workers_at_once_make_one_archive(recorded):
    request = ask(recorded)

    def work():
        for _each in range(40):
            runner.advance(request.pk)
            time.sleep(0.01)
        connections.close_all()

    threads = [threading.Thread(target=work) for _each in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert carry_out(request).state == "ready"
    assert Bundle.objects.count() == 1
    assert Act.objects.filter(action="request.ready").count() == 1
    assert len(unzip(request)) > 5


def test_a_lease_ends_by_the_databases_clock(recorded):
    request = ask(recorded)
    assert leases.claim(request.pk, 1).attempt == 1
    assert leases.claim(request.pk, 1) is None
    time.sleep(1.1)
    assert leases.claim(request.pk, 1).attempt == 2


@pytest.mark.parametrize("kind", [Kind.ACCESS, Kind.ERASURE])
def test_a_worker_that_was_overtaken_can_write_nothing(recorded, kind):
    request = ask(recorded, kind)
    zombie = claimed(request)
    SubjectRequest.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    newer = claimed(request)
    run = zombie.current_step
    with pytest.raises(Fenced):
        runner.record(zombie, run, None)
    with pytest.raises(Fenced), zombie.fenced():
        pass
    progress.give_up(zombie, "no")
    progress.try_later(zombie, 60, "no")
    progress.wait(zombie, 60)
    newer.refresh_from_db()
    assert (newer.state, newer.reason, newer.wake_at) == ("processing", "", None)
    assert newer.current_step.name == run.name
    assert newer.lease_until is not None


def test_an_overtaken_worker_leaves_no_piece_in_the_vault(recorded):
    request = ask(recorded)
    runner.advance(request.pk)
    zombie = claimed(request)
    SubjectRequest.objects.update(lease_until=None)
    claimed(request)
    with pytest.raises(Fenced):
        bundle.put_part(zombie, "data/scrolling.csv", 1, b"late", 1)
    assert list(objects.names("bundles/")) == []


def test_a_cancelled_request_takes_no_more_writes(recorded):
    request = ask(recorded)
    worker = claimed(request)
    handling.cancel(request=request, by=person(recorded))
    with pytest.raises(Fenced), worker.fenced():
        pass
    assert not runner.advance(request.pk)


def full(monkeypatch):
    """Let the disk be full under copies, as the file system would say it."""

    def refuse(name, data):
        if name.startswith("bundles/"):
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(name, data)

    real = objects.put
    monkeypatch.setattr(objects, "put", refuse)


def test_a_full_disk_is_said_and_the_copy_is_made_once_there_is_room(hana, recorded, monkeypatch):
    request = ask(recorded)
    with monkeypatch.context() as patched:
        full(patched)
        for _time in range(runner.MOST_ATTEMPTS + 2):
            while runner.advance(request.pk):
                pass
            SubjectRequest.objects.update(wake_at=None)
    request.refresh_from_db()
    assert request.state == "needs_attention"
    assert "no space" in request.reason
    assert list(objects.names("bundles/")) == []
    assert Act.objects.filter(action="request.stuck").count() == 1
    handling.retry(request=request, by=person(hana))
    assert carry_out(request).state == "ready"


def test_a_failure_is_tried_again_later_and_says_why(recorded, monkeypatch):
    request = ask(recorded)
    with monkeypatch.context() as patched:
        full(patched)
        while runner.advance(request.pk):
            pass
    request.refresh_from_db()
    assert (request.state, request.failures) == ("processing", 1)
    assert "no space" in request.reason
    assert request.wake_at > timezone.now()
    assert carry_out(request).state == "ready"
    assert SubjectRequest.objects.get().reason == ""


def test_a_request_that_kills_its_worker_each_time_is_given_up_and_hinders_no_other(recorded, ben):
    poisoned, good = ask(recorded), ask(ben)
    for _time in range(runner.MOST_ATTEMPTS):
        assert leases.claim(poisoned.pk, 60)
        SubjectRequest.objects.filter(pk=poisoned.pk).update(lease_until=None)
    assert not runner.advance(poisoned.pk)
    poisoned.refresh_from_db()
    assert poisoned.state == "needs_attention"
    assert "5 times" in poisoned.reason
    assert carry_out(good).state == "ready"


def test_a_site_that_closes_within_a_turn_is_worked_at_no_more_from_the_next_chunk_on(recorded, soon, monkeypatch):
    request, ran, real = ask(recorded, Kind.ERASURE), [], plans.step

    def closing(plan, name):
        ran.append(name)
        LedgerState.objects.update(closed_reason="older than its copy")
        return real(plan, name)

    with monkeypatch.context() as patched:
        patched.setattr(plans, "step", closing)
        for _turn in range(2):
            assert not runner.go_on(request.pk)
            let_go(request)
    request.refresh_from_db()
    assert (ran, request.state, request.failures) == (["fence"], "processing", 0)
    LedgerState.objects.update(closed_reason="")
    assert carry_out(request).state == "delivered"


def test_a_mistake_of_ours_is_recorded_and_raised(recorded, monkeypatch):
    request = ask(recorded)

    def broken(request, cursor):
        raise ZeroDivisionError

    broken.__name__ = "gather"
    plan = plans.PLANS[Kind.ACCESS]
    monkeypatch.setitem(plans.PLANS, Kind.ACCESS, plans.Plan((broken, *plan.steps[1:]), plan.ends, plan.act))
    with pytest.raises(ZeroDivisionError):
        runner.advance(request.pk)
    request.refresh_from_db()
    assert "ZeroDivisionError" in request.reason
    assert request.lease_until is None


def test_the_command_does_all_that_is_due_without_a_broker(recorded, ben, soon):
    ask(recorded), ask(ben, Kind.ERASURE)
    ask(ben, Kind.ERASURE, not_before=timezone.now() + timedelta(hours=72))
    end = time.monotonic() + 30
    while time.monotonic() < end and SubjectRequest.objects.filter(state="delivered").count() < 1:
        call_command("sweep", "--once")
    assert sorted(SubjectRequest.objects.values_list("state", flat=True)) == ["delivered", "processing", "ready"]


def test_a_nudge_without_a_broker_is_swallowed_and_quick(recorded, settings, monkeypatch):
    request = ask(recorded)
    monkeypatch.setattr(tasks.advance.app.conf, "broker_url", "redis://127.0.0.1:1/0")
    began = time.monotonic()
    tasks.nudge(request.pk)
    assert time.monotonic() - began < 3
    assert stored(recorded)


def test_a_hand_cannot_retry_what_it_may_not_handle(recorded, ben):
    request = ask(recorded)
    with pytest.raises(NotAllowed):
        handling.retry(request=request, by=person(ben))
