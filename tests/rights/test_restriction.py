"""Restricting the use of data: at once, where the person means it, until they say so or were told before."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from consent import gate
from consent.values import Scope
from portal.audit.models import Act
from portal.audit.values import Action, Actor, ActorKind
from portal.events import reading, restricting
from portal.outbox.models import Mail
from portal.rights import actions, handling
from portal.rights.redress import restricting as verbs
from portal.rights.redress.models import Lifting
from portal.rights.values import Kind, NotAllowed
from tests.makers import make_employee
from tests.rights.conftest import ask, at, carry_out, make_events, person, store, stored

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "keys"])
SCROLLING = Scope(categories=frozenset({"scrolling"}))


def restrict(employee, scope=SCROLLING, ground="accuracy_contested", note=""):
    return verbs.ask(subject_id=employee.pk, by=person(employee), scope=scope, ground=ground, note=note)


def code_of(action, **named):
    with pytest.raises(NotAllowed) as caught:
        action(**named)
    return caught.value.code


def keys_of(employee):
    return [each.key for each in restricting.standing(employee.pk)]


@pytest.fixture
def second():
    return make_employee("Hugo Hart", roles=["hr"])


def test_what_a_person_restricts_is_out_of_use_before_anybody_decides(recorded):
    request = restrict(recorded)
    assert request.state == "in_review"
    assert keys_of(recorded) == [str(request.pk)]
    assert store(recorded, make_events(at(1))).withheld == {"scrolling": 1}


def test_two_clicks_restrict_once(recorded):
    assert restrict(recorded).pk == restrict(recorded).pk
    assert len(keys_of(recorded)) == 1


def test_a_restriction_needs_one_of_the_grounds_of_the_law(recorded):
    assert code_of(restrict, employee=recorded, ground="because") == "ground.unknown"
    assert keys_of(recorded) == []


def test_an_approval_leaves_it_standing_and_writes_no_second_one(hana, recorded):
    request = handling.approve(request=restrict(recorded), by=person(hana))
    assert request.state == "delivered"
    assert keys_of(recorded) == [str(request.pk)]


def test_a_restriction_that_a_program_asks_for_waits_for_an_approval(hana, recorded):
    request = ask(recorded, Kind.RESTRICTION, scope=SCROLLING, opened_by="client")
    assert keys_of(recorded) == []
    handling.approve(request=request, by=person(hana))
    assert keys_of(recorded) == [str(request.pk)]


def test_nobody_else_is_handed_what_is_restricted_and_the_person_keeps_it(recorded):
    restrict(recorded)
    table = reading.stored(recorded.pk, reading.stored_days(recorded.pk)[0])
    left = restricting.usable(table, gate.read(recorded.pk))
    assert set(table["category"].to_pylist()) - set(left["category"].to_pylist()) == {"scrolling"}
    assert sum(row["category"] == "scrolling" for row in stored(recorded)) == 3


def test_an_event_restricted_for_one_purpose_is_usable_for_the_other_alone(two_purposes):
    restrict(two_purposes, Scope(purposes=frozenset({"train"})))
    table = reading.stored(two_purposes.pk, reading.stored_days(two_purposes.pk)[-1])
    left = restricting.usable(table, gate.read(two_purposes.pk))
    assert left["purposes"].to_pylist() == ["support"]
    assert left["category"].to_pylist() == ["pointer_clicks"]


def test_once_ended_it_is_usable_again(recorded):
    request = restrict(recorded)
    verbs.end_own(request=request, by=person(recorded))
    table = reading.stored(recorded.pk, reading.stored_days(recorded.pk)[0])
    assert restricting.usable(table, gate.read(recorded.pk)).equals(table)


def test_the_person_ends_their_own_at_once_and_nobody_else_does(hana, recorded):
    request = restrict(recorded)
    assert code_of(verbs.end_own, request=request, by=person(hana)) == "restriction.not_yours"
    verbs.end_own(request=request, by=person(recorded))
    assert keys_of(recorded) == []
    assert code_of(verbs.end_own, request=request, by=person(recorded)) == "restriction.over"


def test_taking_the_request_back_ends_the_restriction(recorded):
    request = restrict(recorded)
    handling.cancel(request=request, by=person(recorded))
    assert keys_of(recorded) == []


def test_it_ends_only_after_the_person_was_told_and_a_week_has_passed(hana, recorded):
    request = handling.approve(request=restrict(recorded), by=person(hana))
    made = verbs.announce(request=request, by=person(hana), reason="ground_over")
    assert (made.lifts_at - made.announced_at) >= timedelta(days=7) - timedelta(seconds=5)
    assert Mail.objects.get(template="restriction_ends").subject_id == recorded.pk
    assert Act.objects.filter(action=Action.RESTRICTION_ENDING, subject_id=recorded.pk).count() == 1
    verbs.lift_due()
    assert keys_of(recorded) == [str(request.pk)]
    Lifting.objects.update(lifts_at=timezone.now() - timedelta(seconds=1))
    verbs.lift_due()
    assert keys_of(recorded) == []
    assert Lifting.objects.get().lifted_at is not None


def test_a_second_announcement_changes_neither_day_nor_reason(hana, recorded):
    request = handling.approve(request=restrict(recorded), by=person(hana))
    first = verbs.announce(request=request, by=person(hana), reason="ground_over")
    again = verbs.announce(request=request, by=person(hana), reason="accuracy_verified")
    assert (again.lifts_at, again.reason) == (first.lifts_at, "ground_over")


def test_nobody_announces_the_end_of_an_own_or_an_undecided_restriction(hana, recorded):
    request = restrict(recorded)
    assert code_of(verbs.announce, request=request, by=person(hana), reason="ground_over") == "request.undecided"
    handling.approve(request=request, by=person(hana))
    request.refresh_from_db()
    own = {"request": request, "by": person(recorded), "reason": "ground_over"}
    assert code_of(verbs.announce, **own) == "handler.concerned"
    assert keys_of(recorded) == [str(request.pk)]


def test_a_refusal_that_stands_ends_it_a_week_later_and_not_before(hana, second, recorded):
    request = restrict(recorded)
    handling.refuse(request=request, by=person(hana), ground="manifestly_unfounded")
    assert not Lifting.objects.exists()
    handling.refuse(request=request, by=person(second), ground="manifestly_unfounded")
    assert keys_of(recorded) == [str(request.pk)]
    assert Lifting.objects.get().lifts_at > timezone.now() + timedelta(days=6)
    assert Mail.objects.filter(template="restriction_ends").count() == 1


def test_the_note_is_sealed_and_stands_nowhere_in_clear(recorded):
    request = restrict(recorded, note="My colleague sat there.")
    request.refresh_from_db()
    assert request.details == {"text": "My colleague sat there."}
    assert b"colleague" not in bytes(request.sealed_details)
    assert request.note == ""


def test_a_program_is_not_handed_a_copy_that_holds_what_was_restricted_since(recorded):
    bot = Actor(ActorKind.CLIENT, "bot", label="HR automation")
    asked = {"kind": Kind.ACCESS, "subject_id": recorded.pk, "by": bot, "opened_by": "client"}
    before, own = carry_out(actions.open_request(**asked)), carry_out(ask(recorded))
    restrict(recorded)
    assert code_of(actions.download, request=before, by=bot) == "bundle.gone"
    assert actions.download(request=own, by=person(recorded)).size
    after = carry_out(actions.open_request(**asked))
    assert after.pk != before.pk and actions.download(request=after, by=bot).size
