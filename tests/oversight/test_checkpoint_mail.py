"""The ledger's head reaches those who watch it, in full, where nobody inside can take it back."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.core import mail

from consent import actions, ledger
from consent.checkpoints import verifiers
from consent.models import Checkpoint
from consent.note import Head, open_note
from portal.outbox.models import Mail
from portal.outbox.tasks import sweep
from portal.oversight.tasks import mail_checkpoint
from tests.makers import make_employee, make_purpose

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "keys"])


@pytest.fixture
def council():
    return make_employee("Cora Cole", roles=["council"])


def decide(person, purpose="train"):
    actions.give(subject_id=person.pk, purpose_key=purpose, path="/choices/")
    ledger.sign()


def a_day_passes():
    for each in Mail.objects.all():
        Mail.objects.filter(pk=each.pk).update(posted_at=each.posted_at - timedelta(days=1))


def sent_to(person):
    mail_checkpoint()
    sweep()
    return [each for each in mail.outbox if each.to == [person.email]]


def note_in(message):
    return re.search(r"----- from here -----\n(.*)----- to here -----", message.body, re.S).group(1)


def test_council_and_legal_each_hold_the_newest_head_and_its_signature_holds(ada, lea, council, hana):
    make_purpose()
    decide(ada)
    newest = Checkpoint.objects.order_by("-size").first()
    for keeper in (lea, council):
        (message,) = sent_to(keeper)
        assert note_in(message) == newest.note
        assert Head.from_text(open_note(note_in(message), verifiers())).size == newest.size
    assert {address for each in mail.outbox for address in each.to} == {lea.email, council.email}


def test_the_mail_names_nobody(ada, lea):
    make_purpose()
    decide(ada)
    (message,) = sent_to(lea)
    for private in (ada.name, str(ada.pk), ada.employee_number, "train", lea.name):
        assert private not in message.body + message.subject


def test_one_mail_a_day_and_none_when_nothing_is_new(ada, ben, lea):
    make_purpose()
    assert sent_to(lea) == [], "no checkpoint yet"
    decide(ada)
    assert len(sent_to(lea)) == 1
    decide(ben)
    assert len(sent_to(lea)) == 1, "the same day"
    a_day_passes()
    assert len(sent_to(lea)) == 2
    a_day_passes()
    assert len(sent_to(lea)) == 2, "nothing new"


def test_who_gets_the_role_later_gets_the_newest_head_and_who_lost_it_none(ada, lea):
    make_purpose()
    decide(ada)
    sent_to(lea)
    late = make_employee("Lars Late", roles=["council"])
    assert len(sent_to(late)) == 1
    late.role_grants.update(ends=late.role_grants.get().at)
    a_day_passes()
    make_purpose("other")
    decide(ada, "other")
    assert len(sent_to(late)) == 1
    assert len(sent_to(lea)) == 2
