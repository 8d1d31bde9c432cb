"""The gate withholds for the first reason that applies, and a person's no is never overtaken."""

from __future__ import annotations

import threading
import time
from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import connection, transaction
from django.utils import timezone

from consent import actions, gate, journal, outside
from consent.models import Gate
from consent.values import FOREVER_MS, LAST_DAY_MS, NotAllowed, Scope, Withheld
from tests.makers import make_purpose

pytestmark = pytest.mark.django_db(transaction=True)
DAY_MS = 24 * 3600 * 1000


def now_ms():
    return int(timezone.now().timestamp() * 1000)


def why_not(subject_id, t_ms=None, **over):
    about = {"purpose": "train", "category": "pointer_movement", "source": "agent", "t_ms": t_ms or now_ms()}
    return gate.allows(gate.read(subject_id), **(about | over))


@pytest.fixture
def given(ada):
    make_purpose()
    actions.give(subject_id=ada, purpose_key="train", path="choices")
    return ada


def test_nothing_is_permitted_to_whom_nobody_admitted():
    assert gate.read(uuid4()) is None
    assert gate.allows(None, purpose="train", category="scrolling", source="agent", t_ms=0) == Withheld.NOT_PERMITTED


def test_one_read_asks_the_database_once(given, django_assert_num_queries):
    with django_assert_num_queries(1):
        gate.read(given)
    with transaction.atomic(), django_assert_num_queries(1):
        gate.hold(given)


@pytest.mark.parametrize("over", [{"source": "browser"}, {"category": "scrolling"}, {"purpose": "other"}])
def test_only_what_the_notice_covered_is_permitted(given, over):
    assert why_not(given) is None
    assert why_not(given, **over) == Withheld.NOT_PERMITTED


def test_what_is_older_than_the_yes_is_withheld_but_for_imports(given):
    assert why_not(given, now_ms() - DAY_MS) == Withheld.BEFORE_GRANT
    assert why_not(given, now_ms() - DAY_MS, imported=True) is None


def test_a_leaver_who_returns_has_no_grant_until_they_answer_anew(given):
    actions.deactivate(subject_id=given)
    assert why_not(given) == Withheld.NOT_PERMITTED
    actions.admit(subject_id=given)
    assert why_not(given) == Withheld.NOT_PERMITTED
    actions.give(subject_id=given, purpose_key="train", path="/choices/")
    assert why_not(given, now_ms() + 1000) is None


def test_a_pause_withholds_what_was_observed_in_it_for_imports_too(given):
    actions.pause(subject_id=given, until=timezone.now() + timedelta(hours=1))
    t = now_ms() + 60_000
    assert why_not(given, t) == why_not(given, t, imported=True) == Withheld.PAUSED
    assert why_not(given, t + 2 * 3600 * 1000) is None
    assert gate.read(given).paused_until(t) is not None


def test_after_a_pause_what_was_observed_in_it_stays_out(given):
    actions.pause(subject_id=given)
    inside = now_ms()
    assert gate.read(given).paused_until(inside) == LAST_DAY_MS
    time.sleep(0.005)
    actions.resume(subject_id=given)
    assert gate.read(given).paused_until(now_ms()) is None
    assert why_not(given, inside) == Withheld.PAUSED
    assert why_not(given, now_ms() + 1) is None


def test_a_pause_that_is_over_before_it_begins_is_refused(given):
    with pytest.raises(NotAllowed):
        actions.pause(subject_id=given, until=timezone.now())


def test_a_restriction_stops_everything_in_its_scope_until_lifted(given):
    key = actions.restrict(subject_id=given, scope=Scope(categories=frozenset({"pointer_movement"})))
    assert why_not(given) == why_not(given, now_ms() - DAY_MS, imported=True) == Withheld.RESTRICTED
    assert why_not(given, category="pointer_clicks") is None
    inside = now_ms()
    time.sleep(0.005)
    actions.lift(subject_id=given, key=key)
    assert why_not(given, inside) == Withheld.RESTRICTED
    assert why_not(given, now_ms() + 1) is None
    with pytest.raises(NotAllowed):
        actions.lift(subject_id=given, key=key)


def fence(subject_id, scope, **over):
    asked = {"key": "e1", "asked_ms": now_ms() + 1000, "key_epoch": 2}
    actions.fence(**({"subject_id": subject_id, "scope": scope} | asked | over))


def test_a_fence_keeps_out_what_is_older_and_switches_the_epoch(given):
    fence(given, Scope(sources=frozenset({"agent"})))
    assert why_not(given) == Withheld.ERASED
    assert why_not(given, now_ms() + 2000) is None
    assert gate.read(given).key_epoch == 2


@pytest.mark.parametrize(
    "scope",
    [
        Scope(categories=frozenset({"scrolling"})),
        Scope(sources=frozenset({"browser"})),
        Scope(apps=frozenset({"mail"})),
        Scope(purposes=frozenset({"other"})),
        Scope(to_ms=1),
        Scope(from_ms=FOREVER_MS),
    ],
)
def test_a_fence_keeps_out_nothing_else(given, scope):
    fence(given, scope)
    assert why_not(given) is None


def test_a_fence_put_up_twice_is_one(given):
    asked = now_ms()
    for _ in range(2):
        fence(given, Scope(), asked_ms=asked)
    row = Gate.objects.get(pk=given)
    assert (len(row.fences), row.key_epoch) == (1, 2)
    assert sum(line["kind"] == "fence" for line in outside.lines(journal.path())) == 1


def test_a_fence_of_an_older_epoch_does_not_turn_the_key_back(given):
    fence(given, Scope(), key="e1", key_epoch=3)
    fence(given, Scope(), key="e2", key_epoch=2)
    assert gate.read(given).key_epoch == 3


def test_after_a_month_only_what_may_still_arrive_is_kept(given):
    old = now_ms() - 32 * DAY_MS
    fence(given, Scope(), key="devices", asked_ms=old, lasting=False)
    fence(given, Scope(), key="imports", asked_ms=old)
    ended = {"key": "p", "from_ms": old - 1000, "to_ms": old}
    Gate.objects.filter(pk=given).update(pauses=[ended], restrictions=[ended | {"scope": {}}])
    actions.pause(subject_id=given)
    state = gate.read(given)
    assert [each.key for each in state.fences] == ["imports"]
    assert len(state.pauses) == 1
    assert not state.restrictions


def test_the_first_reason_in_order_is_given(given):
    fence(given, Scope())
    assert why_not(given) == Withheld.ERASED
    actions.restrict(subject_id=given, scope=Scope())
    assert why_not(given) == Withheld.RESTRICTED
    actions.pause(subject_id=given)
    time.sleep(0.002)
    assert why_not(given) == Withheld.PAUSED
    assert why_not(given, now_ms() - DAY_MS) == Withheld.BEFORE_GRANT
    actions.withdraw(subject_id=given, purpose_key="train", path="choices")
    assert why_not(given) == Withheld.NOT_PERMITTED


def test_every_change_makes_a_new_version_of_the_row(given):
    versions = [gate.read(given).version]
    for change in (
        lambda: actions.pause(subject_id=given),
        lambda: actions.resume(subject_id=given),
        lambda: actions.restrict(subject_id=given, scope=Scope()),
        lambda: fence(given, Scope()),
        lambda: actions.withdraw(subject_id=given, purpose_key="train", path="choices"),
        lambda: actions.deactivate(subject_id=given),
    ):
        change()
        versions.append(gate.read(given).version)
    assert versions == sorted(set(versions))


def test_every_no_is_in_the_journal_and_nothing_waits(given):
    key = actions.restrict(subject_id=given, scope=Scope())
    actions.lift(subject_id=given, key=key)
    actions.pause(subject_id=given)
    actions.resume(subject_id=given)
    kinds = [line["kind"] for line in outside.lines(journal.path())]
    assert kinds == ["notice", "leaf", "restriction", "lift", "pause", "resume"]
    assert not journal.JournalLine.objects.exists()


def test_scopes_go_through_json_and_back():
    full = Scope(frozenset({"scrolling"}), 1, 2, frozenset({"agent"}), frozenset({"mail"}), frozenset({"train"}))
    assert Scope.from_json(full.to_json()) == full
    assert Scope.from_json({}) == Scope()
    assert Scope().to_json() == {}


def in_thread(work):
    def run():
        try:
            work()
        finally:
            connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    return thread


def test_a_withdrawal_waits_for_a_batch_that_was_let_in_before_it(given):
    withdrawn = threading.Event()

    def withdraw():
        actions.withdraw(subject_id=given, purpose_key="train", path="choices")
        withdrawn.set()

    with transaction.atomic():
        assert gate.hold(given).grants
        thread = in_thread(withdraw)
        assert not withdrawn.wait(0.3)
    thread.join(10)
    assert withdrawn.is_set()
    assert not gate.read(given).grants


def test_a_batch_that_waited_for_a_withdrawal_sees_it(given):
    seen = []

    def ingest():
        with transaction.atomic():
            seen.append(gate.hold(given).grants)

    with transaction.atomic():
        actions.withdraw(subject_id=given, purpose_key="train", path="choices")
        thread = in_thread(ingest)
        time.sleep(0.3)
        assert not seen
    thread.join(10)
    assert seen == [{}]


def test_two_batches_do_not_wait_for_each_other(given):
    done = threading.Event()

    def ingest():
        with transaction.atomic():
            gate.hold(given)
            done.set()

    with transaction.atomic():
        gate.hold(given)
        thread = in_thread(ingest)
        assert done.wait(10)
    thread.join(10)
