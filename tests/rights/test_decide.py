"""Who may put a request in and who may decide on it: not the person, nor their line, nor who opened it."""

from __future__ import annotations

import threading
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.db import connections
from django.utils import timezone

from consent import actions as decisions
from consent import gate
from consent.values import NotAllowed as ConsentRefused
from consent.values import Scope
from portal.audit.models import Act
from portal.audit.values import Actor, ActorKind
from portal.rights import actions, handling
from portal.rights.models import SubjectRequest
from portal.rights.values import Kind, NotAllowed
from tests.makers import make_employee, make_permitted, make_purpose
from tests.rights.conftest import ask, carry_out, person, stored

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "keys"])

BOT = Actor(ActorKind.CLIENT, "bot", "client", "Bot")


@pytest.fixture
def asked(ada):
    """An erasure that a program opened about Ada."""
    return actions.open_request(kind=Kind.ERASURE, subject_id=ada.pk, by=BOT, opened_by="client")


def refused(call, **named):
    with pytest.raises(NotAllowed) as error:
        call(**named)
    return error.value.code


def test_a_colleague_who_handles_requests_approves(asked, hana):
    assert handling.approve(request=asked, by=person(hana)).state == "processing"
    assert asked.steps.count() == 12
    assert Act.objects.filter(action="request.approved", case=str(asked.pk)).count() == 1


def test_nobody_decides_on_what_concerns_them_or_their_line(ada, asked):
    chief = make_employee("Chief", roles=["hr"])
    type(ada).objects.filter(pk=ada.pk).update(manager=chief)
    report = make_employee("Report", roles=["hr"], manager=ada)
    for each in (chief, report):
        assert refused(handling.approve, request=asked, by=person(each)) == "handler.concerned"
        assert refused(handling.refuse, request=asked, by=person(each), ground="archival") == "handler.concerned"
    assert refused(handling.approve, request=asked, by=person(ada)) == "handler.not_permitted"


def test_nobody_decides_on_what_they_opened(ada, hana):
    request = actions.open_request(kind=Kind.ERASURE, subject_id=ada.pk, by=person(hana), opened_by="staff")
    assert refused(handling.approve, request=request, by=person(hana)) == "handler.opened_it"


def test_a_command_and_the_system_decide_nothing(asked):
    for kind in (ActorKind.COMMAND, ActorKind.SYSTEM):
        assert refused(handling.approve, request=asked, by=Actor(kind, "x")) == "handler.not_permitted"


def test_a_refusal_needs_a_listed_ground_and_a_second_person(asked, hana, lea):
    assert refused(handling.refuse, request=asked, by=person(hana), ground="no time") == "ground.unknown"
    assert handling.refuse(request=asked, by=person(hana), ground="legal_claims").state == "in_review"
    assert handling.refuse(request=asked, by=person(lea), ground="archival").state == "in_review"
    found = handling.refuse(request=asked, by=person(hana), ground="archival")
    assert (found.state, found.reason_code) == ("refused", "archival")
    assert refused(handling.approve, request=asked, by=person(lea)) == "request.decided"


def test_a_program_never_completes_a_refusal(asked, hana):
    other = Actor(ActorKind.CLIENT, "other", "client")
    handling.refuse(request=asked, by=person(hana), ground="archival")
    assert handling.refuse(request=asked, by=other, ground="archival").state == "in_review"
    assert handling.refuse(request=asked, by=person(hana), ground="archival").state == "in_review"


def test_an_approval_clears_a_refusal_that_was_proposed(asked, hana, lea):
    handling.refuse(request=asked, by=person(hana), ground="archival")
    found = handling.approve(request=asked, by=person(lea))
    assert (found.state, found.proposed_refusal, found.reason) == ("processing", "", "")


def test_what_a_person_asks_for_themselves_starts_at_once(ada):
    assert ask(ada, Kind.ERASURE).state == "processing"
    assert ask(ada).state == "processing"
    assert ask(ada, Kind.RECTIFICATION).state == "in_review"


def test_the_date_follows_where_the_person_works(ben):
    cara = make_employee("Cara", jurisdiction="US-CA", time_zone="America/Los_Angeles")
    received = datetime(2026, 6, 7, 12, tzinfo=ZoneInfo("America/Los_Angeles"))
    found = ask(cara, received_at=received)
    assert (found.due, found.rule) == (date(2026, 7, 22), "ccpa")
    assert "45 calendar days" in found.explanation
    assert ask(ben, received_at=datetime(2026, 1, 31, 12, tzinfo=ZoneInfo("UTC"))).due == date(2026, 3, 2)


def test_the_day_of_receipt_is_the_persons_day():
    kiri = make_employee("Kiri", jurisdiction="DE", time_zone="Pacific/Auckland")
    late = datetime(2026, 1, 30, 23, tzinfo=ZoneInfo("UTC"))
    assert ask(kiri, received_at=late).explanation.startswith("received Sat 31 Jan 2026")


def test_an_extension_counts_from_the_receipt_and_moves_no_refusal(asked, hana):
    SubjectRequest.objects.filter(pk=asked.pk).update(received=datetime(2026, 1, 31, 12, tzinfo=ZoneInfo("UTC")))
    found = handling.extend(request=asked, by=person(hana), reason="complexity")
    assert found.due == date(2026, 4, 30)
    assert found.first_due == asked.first_due
    assert refused(handling.extend, request=asked, by=person(hana), reason="complexity") == "extension.not_possible"


def test_no_extension_after_the_first_month(asked, hana):
    SubjectRequest.objects.update(first_due=date(2026, 1, 1), due=date(2026, 1, 1))
    assert refused(handling.extend, request=asked, by=person(hana), reason="complexity") == "extension.not_possible"


def test_a_double_click_makes_one_request_and_later_ones_another(ada):
    made = []

    def click():
        made.append(ask(ada).pk)
        connections.close_all()

    threads = [threading.Thread(target=click) for _each in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(made)) == 1
    assert ask(ada, format="jsonl").pk not in made
    SubjectRequest.objects.update(opened_at=timezone.now() - timedelta(minutes=1))
    assert ask(ada).pk not in made


def test_an_objection_stops_collection_and_is_erased_once_upheld(ada, lea, soon):
    make_permitted(ada, categories=("scrolling",))
    make_objectionable(ada)
    assert "safety" in gate.read(ada.pk).grants
    _recorded, request = actions.object_to(subject_id=ada.pk, purpose_key="safety", by=person(ada), path="/choices/")
    assert (request.kind, request.state) == ("objection", "in_review")
    assert "safety" not in gate.read(ada.pk).grants
    handling.approve(request=request, by=person(lea))
    erasure = SubjectRequest.objects.get(kind="erasure")
    assert erasure.wanted.purposes == {"safety"}
    assert carry_out(erasure).state == "delivered"
    request.refresh_from_db()
    assert request.state == "delivered"


def make_objectionable(employee):
    make_purpose("safety", basis="legitimate_interest", covers={"agent": ["scrolling"]})
    decisions.acknowledge(subject_id=employee.pk, purpose_key="safety", path="/choices/")


def test_a_restriction_holds_once_it_is_granted(ada, hana):
    request = ask(ada, Kind.RESTRICTION, scope=Scope(categories=frozenset({"scrolling"})))
    assert gate.read(ada.pk).restrictions == ()
    handling.approve(request=request, by=person(hana))
    assert len(gate.read(ada.pk).restrictions) == 1


def test_a_withdrawal_and_its_erasure_are_one_commit(recorded, monkeypatch):
    def broken(*args, **named):
        raise ConsentRefused("broken")

    monkeypatch.setattr(actions, "put_in", broken)
    with pytest.raises(ConsentRefused):
        actions.withdraw(subject_id=recorded.pk, purpose_key="train", by=person(recorded), path="/choices/")
    assert "train" in gate.read(recorded.pk).grants
    assert len(stored(recorded)) == 24


def test_only_the_person_can_pause(ada, ben):
    until = timezone.now() + timedelta(hours=1)
    assert refused(actions.pause, subject_id=ada.pk, until=until, by=person(ben)) == "pause.not_yours"
    actions.pause(subject_id=ada.pk, until=until, by=person(ada))
    assert len(gate.read(ada.pk).pauses) == 1
    actions.resume(subject_id=ada.pk, by=person(ada))


def test_another_persons_request_is_not_visible(ada, ben, hana):
    request = ask(ada)
    assert list(SubjectRequest.objects.visible_to(ben)) == []
    assert list(SubjectRequest.objects.visible_to(ada)) == [request]
    assert list(SubjectRequest.objects.visible_to(hana)) == [request]
