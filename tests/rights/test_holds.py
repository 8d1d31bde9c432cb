"""Legal holds: nothing they keep is erased, what they do not keep goes, and when they end the rest follows."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from consent import gate
from consent.values import Scope, Withheld
from portal.audit.models import Act
from portal.events import dropping, reading, rewrite
from portal.people.guards import actor_for
from portal.rights import actions, handling, plans, releasing, renewal, runner
from portal.rights.holds import actions as holds
from portal.rights.holds.models import HeldRequest, Hold
from portal.rights.holds.reading import touching
from portal.rights.models import StepRun, SubjectRequest
from portal.rights.values import Kind, NotAllowed
from portal.vault import keys
from tests.makers import make_employee
from tests.rights.conftest import ask, at, carry_out, person, stored

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "keys"])
CLICKS = Scope(categories=frozenset({"pointer_clicks"}))
EVERYTHING = Scope()


@pytest.fixture(autouse=True)
def at_once(soon):
    """Keys are renewed as soon as an erasure waits."""


@pytest.fixture
def lou():
    """A second of legal."""
    return make_employee("Lou Lamb", roles=["legal"])


@pytest.fixture
def boss():
    """Legal as well, and Ada's manager."""
    return make_employee("Bo Boss", roles=["legal"])


@pytest.fixture
def recorded(hana, lea, lou, boss, recorded):
    """Ada with her recordings, and roles that were given while the site was set up."""
    return recorded


def place(subject, by, scope=CLICKS, **over):
    said = {
        "ground": "legal_claims",
        "legal_basis": "GDPR Art. 17(3)(e)",
        "reason": "A claim about March.",
        "until": timezone.now() + timedelta(days=90),
        **over,
    }
    return holds.place(subject_id=subject.pk, scope=scope, by=actor_for(by), **said)


def erase(employee, **how):
    return ask(employee, Kind.ERASURE, **how)


def approve(request, *people):
    for each in people:
        request = handling.approve(request=request, by=actor_for(each))
    return request


def used_for(state, category):
    about = {"purpose": "train", "category": category, "source": "recorder", "t_ms": at(3), "imported": True}
    return gate.allows(state, **about)


def end(hold):
    Hold.objects.filter(pk=hold.pk).update(released_at=timezone.now())


def swept(request):
    releasing.go_on()
    return carry_out(request)


# --- asked while a hold stands


def test_what_a_hold_touches_waits_for_people_and_is_out_of_use_meanwhile(recorded, lea):
    place(recorded, lea)
    request = erase(recorded)
    assert request.state == "in_review"
    assert "legal claims" in request.reason
    assert len(stored(recorded)) == 24
    state = gate.read(recorded.pk)
    verdict = used_for(state, "scrolling")
    assert verdict == Withheld.RESTRICTED


def test_what_no_hold_touches_goes_at_once(recorded, lea):
    place(recorded, lea)
    request = carry_out(erase(recorded, scope=Scope(categories=frozenset({"scrolling"}))))
    assert request.state == "delivered"


def test_two_people_let_the_rest_go_and_the_certificate_says_what_stayed(recorded, lea, hana):
    hold = place(recorded, lea)
    before = stored(recorded)
    request = erase(recorded)
    approve(request, hana)
    assert carry_out(request).state == "in_review"
    assert stored(recorded) == before
    request = carry_out(approve(request, lea))
    assert request.state == "partially_fulfilled"
    assert stored(recorded) == [row for row in before if row["category"] == "pointer_clicks"]
    certificate = request.certificate["certificate"]
    assert certificate["erased"]["events"] == 21
    assert "legal_claims" in [each["why"] for each in certificate["kept"]]
    assert hold.until.strftime("%Y") in str(certificate["kept"])


def test_what_stayed_is_used_for_nothing_else(recorded, lea, hana):
    place(recorded, lea)
    carry_out(approve(erase(recorded), hana, lea))
    state = gate.read(recorded.pk)
    verdict = used_for(state, "pointer_clicks")
    assert verdict == Withheld.ERASED


def test_one_person_cannot_approve_twice(recorded, lea, hana):
    place(recorded, lea)
    request = approve(erase(recorded), hana)
    with pytest.raises(NotAllowed) as refused:
        approve(request, hana)
    assert refused.value.code == "hold.second_person"


def test_a_yes_counts_only_for_the_holds_it_was_said_to(recorded, lea, hana):
    place(recorded, lea)
    request = approve(erase(recorded), hana)
    place(recorded, lea, Scope(categories=frozenset({"scrolling"})))
    assert approve(request, lea).state == "in_review"
    assert approve(request, hana).state == "processing"


def test_a_program_never_approves_what_a_hold_touches(recorded, lea, bot, client):
    place(recorded, lea)
    request = erase(recorded)
    address = f"/api/v1/subject-requests/{request.pk}/approve"
    assert (
        client.post(
            address, {}, content_type="application/json", headers={"authorization": f"Bearer {bot}"}
        ).status_code
        == 403
    )


def test_where_everything_is_held_it_waits_and_then_goes_by_itself(recorded, lea, hana):
    hold = place(recorded, lea, EVERYTHING)
    request = carry_out(approve(erase(recorded), hana, lea))
    assert request.state == "on_hold"
    assert len(stored(recorded)) == 24
    holds.release(hold=hold, by=actor_for(lea))
    request = swept(request)
    assert (request.state, stored(recorded)) == ("delivered", [])


def test_when_the_hold_ends_what_was_kept_goes_by_itself(recorded, lea, hana):
    hold = place(recorded, lea)
    carry_out(approve(erase(recorded), hana, lea))
    assert len(stored(recorded)) == 3
    releasing.go_on()
    assert SubjectRequest.objects.count() == 1
    end(hold)
    [pk] = releasing.go_on()
    follow_up = carry_out(SubjectRequest.objects.get(pk=pk))
    assert (follow_up.state, follow_up.opened_by) == ("delivered", "system")
    assert stored(recorded) == []
    assert releasing.go_on() == []


def test_what_nobody_approved_begins_when_the_hold_ends(recorded, lea):
    hold = place(recorded, lea)
    request = erase(recorded)
    end(hold)
    assert swept(request).state == "delivered"
    assert not any(each.to_ms is None for each in gate.read(recorded.pk).restrictions)


def test_the_dry_run_says_what_a_hold_keeps(recorded, lea):
    place(recorded, lea)
    run = actions.dry_run(subject_id=recorded.pk)
    assert "pointer_clicks" not in run.goes
    assert run.goes["scrolling"] == 3
    assert "legal_claims" in [code for _text, code in run.stays]


# --- placed while an erasure is under way

IRREVERSIBLE = ["rewrite_days", "rewrite_volumes", "delete_bundles", "carry_keys", "destroy_old_key"]
STEPS = [name for name in plans.names(Kind.ERASURE) if not name.endswith("_stores")]


def advance_to(request, name):
    while request.current_step and request.current_step.name != name:
        SubjectRequest.objects.filter(pk=request.pk).update(wake_at=None)
        runner.advance(request.pk)
        renewal.renew_if_due()
        request.refresh_from_db()


@pytest.mark.parametrize("name", STEPS[: STEPS.index("destroy_old_key") + 1])
def test_held_at_any_step_it_stops_before_anything_more_is_lost(recorded, lea, name):
    request = erase(recorded)
    advance_to(request, name)
    before, epochs = stored(recorded), keys.epochs(recorded.pk)
    hold = place(recorded, lea, EVERYTHING)
    request = carry_out(request)
    assert request.state == "on_hold"
    assert "legal claims" in request.reason
    assert request.current_step.name in IRREVERSIBLE
    assert stored(recorded) == before
    assert set(epochs) <= set(keys.epochs(recorded.pk))
    [fence] = gate.read(recorded.pk).fences
    assert fence.scope == EVERYTHING
    assert not request.can_cancel
    end(hold)
    request = swept(request)
    assert (request.state, request.reason) == ("delivered", "")
    assert request.certificate["certificate"]["erased"]["events"] == 24
    assert stored(recorded) == []


@pytest.mark.parametrize("name", STEPS[STEPS.index("destroy_old_key") + 1 :])
def test_once_the_keys_are_gone_a_hold_has_nothing_left_to_keep(recorded, lea, name):
    request = erase(recorded)
    advance_to(request, name)
    place(recorded, lea, EVERYTHING)
    assert carry_out(request).state == "delivered"


def test_what_a_hold_placed_midway_does_not_keep_goes_on_with_two_people(recorded, lea, hana):
    request = erase(recorded)
    advance_to(request, "rewrite_days")
    hold = place(recorded, lea)
    request = carry_out(request)
    assert request.state == "on_hold"
    request = carry_out(approve(request, hana, lea))
    assert request.state == "partially_fulfilled"
    assert {row["category"] for row in stored(recorded)} == {"pointer_clicks"}
    assert request.certificate["certificate"]["erased"]["events"] == 21
    end(hold)
    [pk] = releasing.go_on()
    assert carry_out(SubjectRequest.objects.get(pk=pk)).certificate["certificate"]["erased"]["events"] == 3


def test_what_is_stopped_midway_cannot_be_refused(recorded, lea, hana):
    request = erase(recorded)
    advance_to(request, "rewrite_days")
    place(recorded, lea)
    request = carry_out(request)
    with pytest.raises(NotAllowed) as refused:
        handling.refuse(request=request, by=actor_for(hana), ground="legal_claims")
    assert refused.value.code == "request.irreversible"


@pytest.mark.parametrize(
    ("scope", "module", "name"), [(EVERYTHING, dropping, "_drop_month"), (CLICKS, rewrite, "_claimed")]
)
def test_a_worker_already_at_it_deletes_nothing_after_a_holds_commit(recorded, lea, monkeypatch, scope, module, name):
    """The way round: a worker that has begun its chunk before the hold, and comes to delete after its commit."""
    request = erase(recorded, scope=scope)
    advance_to(request, "rewrite_days")
    asked, placed = threading.Event(), threading.Event()
    deletes = getattr(module, name)

    def slow(*args):
        asked.set()
        placed.wait(10)
        return deletes(*args)

    monkeypatch.setattr(module, name, slow)

    def work():
        runner.advance(request.pk)
        connection.close()

    worker = threading.Thread(target=work)
    worker.start()
    assert asked.wait(10)
    place(recorded, lea, EVERYTHING)
    placed.set()
    worker.join(20)
    request.refresh_from_db()
    assert request.state == "on_hold"
    assert len(stored(recorded)) == 24


# --- what is kept, exactly


@pytest.mark.parametrize(
    "scope",
    [
        Scope(from_ms=at(3), to_ms=at(3) + 1050),
        Scope(categories=frozenset({"pointer_clicks", "scrolling"}), from_ms=at(3, 0), to_ms=at(2, 0)),
        Scope(categories=frozenset({"keystroke_content"})),
        Scope(categories=frozenset({"keystroke_timing"}), sources=frozenset({"recorder"})),
        Scope(apps=frozenset({"editor"}), from_ms=at(2, 0)),
    ],
)
def test_exactly_what_is_held_stays(recorded, lea, hana, scope):
    place(recorded, lea, scope)
    before = stored(recorded)
    carry_out(approve(erase(recorded), hana, lea))
    [hold] = Hold.objects.all()
    left = stored(recorded)
    kept = [
        row for row in before if hold.wanted.covers(row["category"], row["t"], row["source"], row.get("in_app") or "")
    ]
    assert [(row["t"], row["category"]) for row in left] == [(row["t"], row["category"]) for row in kept]
    characters = hold.wanted.categories is None or "keystroke_content" in hold.wanted.categories
    assert [row["key"] for row in left if row.get("key")] == [
        row["key"] for row in kept if row.get("key") and characters
    ]


def test_days_are_counted_as_they_are(recorded, lea, hana):
    place(recorded, lea)
    carry_out(approve(erase(recorded), hana, lea))
    counted = sum(sum(day.events.values()) for day in reading.days(recorded.pk))
    assert counted == len(stored(recorded)) == 3


def test_what_a_restore_brought_back_goes_on_as_well(recorded, lea, hana):
    """Rows of a restore know of no hold but by their state and their scope."""
    hold = place(recorded, lea)
    carry_out(approve(erase(recorded), hana, lea))
    waiting = erase(recorded)
    HeldRequest.objects.all().delete()
    assert releasing.go_on() == []
    end(hold)
    woken = releasing.go_on()
    assert waiting.pk in woken
    assert len(woken) == 2
    assert releasing.go_on() == []


# --- the hold itself


def test_it_holds_from_the_moment_it_is_placed_and_lapses_after_a_week_without_a_second_person(recorded, lea, lou):
    hold = place(recorded, lea)
    assert touching(recorded.pk, EVERYTHING) == [hold]
    Hold.objects.filter(pk=hold.pk).update(placed_at=timezone.now() - timedelta(days=7, minutes=1))
    assert touching(recorded.pk, EVERYTHING) == []
    Hold.objects.filter(pk=hold.pk).update(placed_at=timezone.now() - timedelta(days=6))
    holds.confirm(hold=hold, by=actor_for(lou))
    Hold.objects.filter(pk=hold.pk).update(placed_at=timezone.now() - timedelta(days=60))
    assert touching(recorded.pk, EVERYTHING) == [hold]


def test_nobody_confirms_what_they_placed(recorded, lea):
    hold = place(recorded, lea)
    with pytest.raises(NotAllowed) as refused:
        holds.confirm(hold=hold, by=actor_for(lea))
    assert refused.value.code == "hold.own"


def test_it_ends_on_its_day(recorded, lea, lou):
    hold = place(recorded, lea)
    holds.confirm(hold=hold, by=actor_for(lou))
    Hold.objects.filter(pk=hold.pk).update(
        placed_at=timezone.now() - timedelta(days=9), until=timezone.now() - timedelta(seconds=1)
    )
    assert touching(recorded.pk, EVERYTHING) == []


@pytest.mark.parametrize(
    ("over", "code"),
    [
        ({"until": timezone.now() + timedelta(days=366)}, "hold.end"),
        ({"until": timezone.now() - timedelta(days=1)}, "hold.end"),
        ({"ground": "excessive"}, "ground.unknown"),
        ({"reason": " "}, "reason.missing"),
        ({"legal_basis": ""}, "reason.missing"),
    ],
)
def test_a_hold_has_a_ground_a_reason_and_an_end_within_a_year(recorded, lea, over, code):
    with pytest.raises(NotAllowed) as refused:
        place(recorded, lea, **over)
    assert refused.value.code == code


def test_it_is_for_legal_and_never_about_oneself_or_ones_line(recorded, lea, hana, boss):
    recorded.manager = boss
    recorded.save()
    for by, subject in ((hana, recorded), (lea, lea), (boss, recorded)):
        with pytest.raises(NotAllowed):
            place(subject, by)


def test_renewing_places_the_same_again_for_a_second_person_to_confirm(recorded, lea, lou):
    hold = place(recorded, lea)
    holds.confirm(hold=hold, by=actor_for(lou))
    again = holds.renew(hold=hold, until=timezone.now() + timedelta(days=300), by=actor_for(lou))
    assert (again.scope, again.reason, again.confirmed_at) == (hold.scope, hold.reason, None)


@pytest.mark.parametrize("ended", [{}, {"released_at": timezone.now()}])
def test_one_person_does_not_hold_for_ever_by_placing_the_same_again(recorded, lea, lou, ended):
    hold = place(recorded, lea)
    Hold.objects.filter(pk=hold.pk).update(placed_at=timezone.now() - timedelta(days=6), **ended)
    with pytest.raises(NotAllowed, match="somebody else places it"):
        holds.renew(hold=hold, until=timezone.now() + timedelta(days=300), by=actor_for(lea))
    assert holds.renew(hold=hold, until=timezone.now() + timedelta(days=300), by=actor_for(lou)).is_standing


def test_its_reason_is_kept_sealed_and_no_act_tells_it(recorded, lea):
    hold = place(recorded, lea)
    assert Hold.objects.get().reason == "A claim about March."
    assert b"March" not in bytes(hold.sealed_reason)
    [act] = Act.objects.filter(action="hold.placed")
    assert "March" not in str(act.facts)


def test_a_line_of_the_journal_brings_it_back_as_it_was(recorded, lea, lou):
    hold = holds.confirm(hold=place(recorded, lea), by=actor_for(lou))
    facts = holds.facts_of(hold)
    Hold.objects.all().delete()
    holds.replay(facts)
    holds.replay(facts)
    [back] = touching(recorded.pk, EVERYTHING)
    assert holds.facts_of(back) == facts
    assert StepRun.objects.count() == 0
    assert person(recorded)
