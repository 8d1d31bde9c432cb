"""The same asked again is answered once: the second request is kept, with its own date, and ends with the first."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from consent.values import Scope
from portal.audit.models import Act
from portal.audit.values import Action, Actor, ActorKind
from portal.rights import actions, handling, runner
from portal.rights.models import StepRun, SubjectRequest
from portal.rights.values import Format, Kind, NotAllowed, State
from tests.makers import make_token
from tests.rights.conftest import ask, carry_out, person, stored, unzip

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "keys"])
BOT, OTHER = (Actor(ActorKind.CLIENT, name, label=name) for name in ("bot", "other"))
CLICKS = Scope(categories=frozenset({"pointer_clicks"}))
POINTER = Scope(categories=frozenset({"pointer_clicks", "pointer_movement"}))


def by_client(employee, kind=Kind.ERASURE, by=BOT, **how):
    return actions.open_request(kind=kind, subject_id=employee.pk, by=by, opened_by="client", **how)


def later(request):
    """Let the ten seconds pass in which a second click is the first."""
    SubjectRequest.objects.filter(pk=request.pk).update(opened_at=timezone.now() - timedelta(minutes=5))
    return request


def fresh(*requests):
    return [SubjectRequest.objects.get(pk=each.pk) for each in requests]


def test_a_double_click_makes_one_and_a_second_wish_is_joined_to_the_first(recorded):
    first = ask(recorded)
    assert ask(recorded).pk == first.pk
    later(first)
    second = ask(recorded)
    assert second.joined_to == first
    assert (second.state, second.steps.count()) == (State.PROCESSING, 0)
    assert Act.objects.get(action=Action.REQUEST_JOINED).facts == {"to": str(first.pk)}


def test_both_show_the_same_progress_and_end_together(recorded):
    first = later(ask(recorded))
    second = ask(recorded)
    assert not runner.advance(second.pk)
    runner.advance(first.pk)
    assert second.progress == fresh(first)[0].progress != (0, 0)
    carry_out(first)
    assert {each.state for each in fresh(first, second)} == {State.READY}
    assert fresh(second)[0].closed_at
    ended = Act.objects.filter(action=Action.REQUEST_READY).values_list("case", flat=True)
    assert set(ended) == {str(first.pk), str(second.pk)}
    first, second = fresh(first, second)
    assert unzip(second).keys() == unzip(first).keys()
    assert {each.state for each in fresh(first, second)} == {State.DELIVERED}


def test_the_due_date_of_each_counts_from_its_own_receipt(recorded):
    first = later(ask(recorded))
    second = ask(recorded, received_at=timezone.now() - timedelta(days=20))
    assert second.joined_to == first
    assert second.due < first.due


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"scope": CLICKS}, {"scope": POINTER}),
        ({"format": Format.CSV}, {"format": Format.JSONL}),
        ({"kind": Kind.ACCESS}, {"kind": Kind.PORTABILITY}),
        ({"scope": Scope(purposes=frozenset({"train"}))}, {"scope": Scope(purposes=frozenset({"support"}))}),
        ({}, {"scope": Scope(purposes=frozenset({"train"}))}),
    ],
)
def test_what_asks_for_more_or_for_something_else_stands_alone(recorded, first, second):
    later(ask(recorded, **first))
    assert ask(recorded, **second).joined_to is None


def test_complaints_and_corrections_are_each_answered_for_themselves(recorded):
    for kind in (Kind.COMPLAINT, Kind.RECTIFICATION):
        later(ask(recorded, kind=kind))
        assert ask(recorded, kind=kind).joined_to is None


def test_an_erasure_that_waits_for_leave_takes_the_same_asked_again_and_all_that_came_in_until_then(recorded, soon):
    first = later(by_client(recorded))
    SubjectRequest.objects.filter(pk=first.pk).update(opened_at=timezone.now() - timedelta(days=20))
    second = by_client(recorded, by=OTHER)
    assert second.joined_to == first
    for by in (BOT, OTHER):
        with pytest.raises(NotAllowed):
            handling.approve(request=fresh(first)[0], by=by)
    handling.approve(request=fresh(first)[0], by=Actor(ActorKind.CLIENT, "third"))
    carry_out(first)
    assert stored(recorded) == []
    assert {each.state for each in fresh(first, second)} == {State.DELIVERED}
    assert fresh(second)[0].certificate == fresh(first)[0].certificate is not None


def test_a_narrower_erasure_does_not_widen_the_time_of_the_first(recorded):
    by_client(recorded)
    assert by_client(recorded, by=OTHER, scope=CLICKS).joined_to is None
    past = Scope(to_ms=1_700_000_000_000)
    assert by_client(recorded, by=OTHER, scope=past).joined_to is not None


def test_the_person_waits_for_nobodys_leave(recorded):
    by_client(recorded)
    own = ask(recorded, kind=Kind.ERASURE)
    assert (own.joined_to, own.state) == (None, State.PROCESSING)


def test_nothing_is_joined_to_an_erasure_that_has_put_its_fence_up(recorded):
    first = later(ask(recorded, kind=Kind.ERASURE))
    StepRun.objects.filter(request=first, name="fence").update(state="done")
    assert ask(recorded, kind=Kind.ERASURE).joined_to is None


def test_a_program_does_not_get_a_wider_copy_nor_another_programs(recorded):
    ask(recorded)
    assert by_client(recorded, Kind.ACCESS).joined_to is None
    first = by_client(recorded, Kind.ACCESS, by=OTHER)
    assert by_client(recorded, Kind.ACCESS, by=OTHER, scope=CLICKS).joined_to is None
    assert by_client(recorded, Kind.ACCESS, by=OTHER).joined_to == first


def test_a_refusal_of_the_first_refuses_both_and_nobody_decides_on_the_second_alone(hana, lea, recorded):
    first = by_client(recorded)
    second = by_client(recorded, by=OTHER)
    with pytest.raises(NotAllowed, match="joined"):
        handling.approve(request=second, by=person(hana))
    for by in (hana, lea):
        handling.refuse(request=first, by=person(by), ground="legal_claims", note="A court case.")
    assert {(each.state, each.reason) for each in fresh(first, second)} == {(State.REFUSED, "A court case.")}


def test_whoever_takes_theirs_back_does_not_take_back_anothers(recorded):
    first, second, third = (by_client(recorded, by=Actor(ActorKind.CLIENT, name)) for name in "abc")
    assert {second.joined_to, third.joined_to} == {first}
    handling.cancel(request=first, by=Actor(ActorKind.CLIENT, "a"))
    first, second, third = fresh(first, second, third)
    assert (first.state, second.state, third.state) == (State.WITHDRAWN, State.IN_REVIEW, State.IN_REVIEW)
    assert (second.joined_to, third.joined_to) == (None, second)
    handling.approve(request=second, by=Actor(ActorKind.CLIENT, "d"))
    assert fresh(third)[0].state == State.PROCESSING


def test_one_that_was_joined_can_be_taken_back_alone(recorded):
    first = later(ask(recorded))
    second = handling.cancel(request=ask(recorded), by=person(recorded))
    carry_out(first)
    assert [each.state for each in fresh(first, second)] == [State.READY, State.WITHDRAWN]


def test_a_copy_begins_anew_when_the_one_it_was_joined_to_is_taken_back(recorded):
    first = later(ask(recorded))
    second = ask(recorded)
    handling.cancel(request=first, by=person(recorded))
    second = carry_out(second)
    assert second.state == State.READY
    assert "manifest.json" in unzip(second)


def test_programs_see_the_state_of_what_was_joined(client, recorded):
    token = make_token("requests.open requests.read", name="bot")
    how = {"headers": {"authorization": f"Bearer {token}"}, "content_type": "application/json"}
    body = {"kind": "access", "subject": str(recorded.pk)}
    first, second = (client.post("/api/v1/subject-requests", body, **how).json() for _each in range(2))
    assert first["id"] != second["id"]
    carry_out(SubjectRequest.objects.get(pk=first["id"]))
    shown = client.get(f"/api/v1/subject-requests/{second['id']}", **how).json()
    assert (shown["state"], shown["progress"]) == ("ready", shown["progress"])
    assert shown["progress"]["done"] == shown["progress"]["total"] > 0
    steps = client.get(f"/api/v1/subject-requests/{second['id']}/steps", **how).json()["items"]
    assert {each["state"] for each in steps} == {"done"}
