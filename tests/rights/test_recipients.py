"""Whoever received somebody's data is told what became of it, confirms it, and the person sees who did."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.core import mail
from django.utils import timezone

from consent.values import Scope
from portal.audit.models import Act
from portal.audit.values import Action
from portal.outbox import runner as outbox
from portal.outbox.models import Mail
from portal.register.models import Controller, PurposeRecord, Recipient
from portal.rights import actions, handling, recipients
from portal.rights.models import SubjectRequest
from portal.rights.redress import contacts, rectifying, restricting
from portal.rights.redress.models import Told
from portal.rights.values import Kind
from tests.makers import make_purpose
from tests.pages.test_requests import press, text
from tests.rights.conftest import ask, at, carry_out, person

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "keys"])


@pytest.fixture
def received(hana, recorded):
    """Ada's recordings go to a team with an address of mail and to one that is reached by letter."""
    Controller.objects.create(
        name="Aldermere", address="A", contact="privacy@example.org", dpo_name="D", dpo_contact="d@example.org",
        authority="the Commissioner", agreement_required=False,
    )  # fmt: skip
    for key, contact in (("team", "ml@example.org"), ("archive", "Room 12, by letter"), ("other", "o@example.org")):
        Recipient.objects.create(key=key, name=key.title(), receives="actions", contact=contact, country="DE")
    PurposeRecord.objects.create(purpose_key="train", recipients=["team", "archive"])
    # A purpose that Ada never permitted: its recipients cannot have anything of hers.
    make_purpose("never", covers={"recorder": ["scrolling"]})
    PurposeRecord.objects.create(purpose_key="never", recipients=["other"])
    return recorded


def told():
    return {each.recipient_key: each for each in Told.objects.all()}


def sent_link():
    outbox.deliver_due()
    (message,) = mail.outbox
    return re.search(r"http://\S+(/told/\S+)", message.body)[1], message


def test_a_deletion_tells_those_who_may_have_it_and_nobody_else(received, soon):
    request = carry_out(ask(received, Kind.ERASURE))
    assert request.state == "delivered"
    assert set(told()) == {"team", "archive"}
    assert {each.what for each in told().values()} == {"erasure"}
    assert (told()["team"].told_at is None, told()["archive"].told_at is None) == (False, True)


def test_the_mail_goes_to_the_address_of_the_register_and_names_nobody(received, soon):
    carry_out(ask(received, Kind.ERASURE))
    _link, message = sent_link()
    assert message.to == ["ml@example.org"]
    said = message.subject + message.body
    for private in ("Ada", "Abel", received.email, str(received.pk), received.employee_number):
        assert private not in said
    assert told()["team"].reference in said
    assert contacts.mark("team", received.pk) in said
    assert "All records under this mark are meant." in said


def test_of_a_part_the_numbers_come_on_the_agreed_way_and_the_mail_does_not_say_which(received, soon):
    carry_out(ask(received, Kind.ERASURE, scope=Scope(from_ms=at(3), to_ms=at(2), categories=frozenset({"scrolling"}))))
    _link, message = sent_link()
    assert "You get their numbers" in message.body
    assert "privacy@example.org" in message.body
    assert "scroll" not in message.body


def test_nothing_of_the_address_the_link_or_the_mark_is_written_down(received, soon):
    carry_out(ask(received, Kind.ERASURE))
    row = Mail.objects.get(template="recipient_told")
    secret = (contacts.token(told()["team"]), contacts.mark("team", received.pk), "ml@example.org")
    assert row.subject_id is None
    assert not any(each in f"{row.facts}{row.about}{row.once}{row.recipient}" for each in secret)


def test_two_recipients_hold_one_person_under_different_marks(ada, ben):
    marks = {contacts.mark(key, who.pk) for key in ("team", "archive") for who in (ada, ben)}
    assert len(marks) == 4


def test_opening_the_link_confirms_nothing_and_the_button_does_once(client, received, soon):
    request = carry_out(ask(received, Kind.ERASURE))
    link, _message = sent_link()
    page = text(client.get(link))
    assert "It is done" in page
    assert "Ada" not in page
    assert told()["team"].confirmed_at is None
    assert "Thank you" in text(client.post(link))
    first = told()["team"].confirmed_at
    assert "was confirmed on" in text(client.post(link))
    assert told()["team"].confirmed_at == first
    acts = Act.objects.filter(action=Action.RECIPIENT_CONFIRMED, subject_id=received.pk)
    assert [act.case for act in acts] == [str(request.pk)]


def test_a_link_that_somebody_made_up_or_took_from_another_confirms_nothing(client, received, soon):
    carry_out(ask(received, Kind.ERASURE))
    team, archive = told()["team"], told()["archive"]
    for link in (f"/told/{team.pk}/{contacts.token(archive)}/", f"/told/{team.pk}/aaaa/", f"/told/{received.pk}/aaaa/"):
        assert client.get(link).status_code == 410
        assert client.post(link).status_code == 410
    assert not Told.objects.exclude(confirmed_at=None).exists()


def test_the_person_sees_who_was_told_when_and_who_confirmed(client, received, soon):
    request = carry_out(ask(received, Kind.ERASURE))
    client.post(sent_link()[0])
    client.force_login(received, "allauth.account.auth_backends.AuthenticationBackend")
    page = text(client.get(f"/requests/{request.pk}/"))
    assert "Team" in page
    assert "confirmed " in page
    assert "to be told by hand" in page


def test_the_certificate_says_who_was_told(received, soon):
    request = carry_out(ask(received, Kind.ERASURE))
    rows = request.certificate["certificate"]["told"]
    assert [(row["recipient"], bool(row["told"])) for row in rows] == [("Archive", False), ("Team", True)]


def test_a_deletion_of_what_no_recipient_gets_tells_nobody(received, soon):
    PurposeRecord.objects.update(recipients=[])
    carry_out(ask(received, Kind.ERASURE))
    assert not Told.objects.exists()


def test_a_step_that_runs_twice_tells_once(received, soon):
    request = carry_out(ask(received, Kind.ERASURE))
    recipients.tell(request)
    assert Told.objects.count() == 2
    assert Mail.objects.filter(template="recipient_told").count() == 1


def test_a_restriction_and_its_end_and_a_correction_are_told_as_well(received, hana):
    scope = Scope(categories=frozenset({"scrolling"}))
    request = restricting.ask(subject_id=received.pk, by=person(received), scope=scope, ground="legal_claims")
    handling.approve(request=request, by=person(hana))
    restricting.end_own(request=request, by=person(received))
    assert {each.what for each in Told.objects.filter(request=request)} == {"restriction", "lifted"}
    stretch = Scope(from_ms=at(3), to_ms=at(2))
    dispute = rectifying.ask_events(subject_id=received.pk, by=person(received), scope=stretch, wrong="not_me")
    handling.approve(request=dispute, by=person(hana))
    assert {each.what for each in Told.objects.filter(request=dispute)} == {"restriction", "rectification"}


def test_who_has_not_confirmed_is_written_to_once_more(received, soon):
    carry_out(ask(received, Kind.ERASURE))
    assert recipients.remind() == 0
    Told.objects.filter(by_mail=True).update(told_at=timezone.now() - timedelta(days=15))
    assert recipients.remind() == 1
    assert recipients.remind() == 0
    assert Mail.objects.filter(template="recipient_told").count() == 2


# --- by hand


def as_(client, employee):
    client.force_login(employee, "allauth.account.auth_backends.AuthenticationBackend")
    return client


def test_a_handler_tells_by_hand_and_writes_down_who_confirmed(client, hana, received, soon):
    carry_out(ask(received, Kind.ERASURE))
    page = "/queue/follow-up/"
    assert f'href="{page}"' in as_(client, hana).get("/queue/").content.decode()
    assert "Archive" in text(as_(client, hana).get(page))
    press(client, page, "told")
    assert told()["archive"].told_at is not None
    for _both in range(2):
        press(client, page, "confirmed")
    assert Told.objects.filter(confirmed_by=f"person:{hana.pk}").count() == 2
    assert "Everybody who was told has confirmed" in text(client.get(page))


def test_nobody_confirms_for_a_recipient_that_was_not_told(client, hana, received, soon):
    carry_out(ask(received, Kind.ERASURE))
    as_(client, hana).post(f"/queue/follow-up/{told()['archive'].pk}/confirmed/")
    assert told()["archive"].confirmed_at is None


def test_a_handler_sees_and_follows_up_nothing_of_their_own_line(client, hana, received, soon):
    received.manager = hana
    received.save(update_fields=["manager"])
    carry_out(ask(received, Kind.ERASURE))
    assert "Archive" not in text(as_(client, hana).get("/queue/follow-up/"))
    as_(client, hana).post(f"/queue/follow-up/{told()['archive'].pk}/told/")
    assert told()["archive"].told_at is None


def test_who_handles_no_requests_follows_up_nothing(client, ben, received, soon):
    carry_out(ask(received, Kind.ERASURE))
    assert as_(client, ben).get("/queue/follow-up/").status_code == 403
    assert client.post(f"/queue/follow-up/{told()['archive'].pk}/told/").status_code == 403


def test_the_end_of_a_restriction_is_announced_from_the_same_page(client, hana, received):
    scope = Scope(categories=frozenset({"scrolling"}))
    request = restricting.ask(subject_id=received.pk, by=person(received), scope=scope, ground="legal_claims")
    page = "/queue/follow-up/"
    assert 'data-action="announce"' not in text(as_(client, hana).get(page))
    handling.approve(request=request, by=person(hana))
    press(client, page, "announce", reason="ground_over")
    assert "the person was told" in text(client.get(page))
    told_person = text(as_(client, received).get(f"/requests/{request.pk}/"))
    assert "It ends on" in told_person


def test_a_recipient_that_left_the_register_gets_no_mail(received, soon):
    carry_out(ask(received, Kind.ERASURE))
    Recipient.objects.filter(pk="team").delete()
    outbox.deliver_due()
    assert mail.outbox == []
    assert Mail.objects.get(template="recipient_told").state == "nobody"


def test_who_follows_up_a_withdrawal_learns_neither_whose_it_is_nor_where_it_stands(client, hana, received, soon):
    actions.withdraw(subject_id=received.pk, purpose_key="train", by=person(received), path="/choices/")
    carry_out(SubjectRequest.objects.get(kind=Kind.ERASURE))
    page = text(as_(client, hana).get("/queue/follow-up/"))
    assert "Archive" in page
    assert str(told()["archive"].request_id) not in page
    assert "Ada" not in page
