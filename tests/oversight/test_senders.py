"""What still sends after a stop: operators see which installation, never whose."""

from __future__ import annotations

import pytest
from django.core import mail
from django.utils import timezone

from portal.events.devices import installation
from portal.events.models import StillSending
from portal.outbox import actions as outbox
from portal.outbox.models import Mail
from portal.outbox.tasks import sweep
from portal.people.guards import actor_for
from portal.rights import actions
from tests.makers import make_batch, make_permitted, make_token, send

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "keys"])
PAGE = "/oversight/senders/"


def event(t):
    return {"t": t, "type": "pointermove", "x": 1, "y": 2}


def test_an_installation_that_sends_after_a_no_is_named_and_its_person_is_not(ada, client, as_role):
    operator = as_role("operator")
    make_permitted(ada, categories=["pointer_movement"])
    token = make_token("events.write", ["agent"], employee=ada)
    now = int(timezone.now().timestamp() * 1000)
    send(client, token, make_batch(None, [event(now)]))
    assert "All quiet" in operator.get(PAGE).content.decode()
    actions.withdraw(subject_id=ada.pk, purpose_key="train", by=actor_for(ada, ada.pk), path="/choices/")
    send(client, token, make_batch(None, [event(now + 5)]))
    page = operator.get(PAGE).content.decode()
    named = StillSending.objects.get().collector
    assert f"<code>{named}</code>" in page
    for private in (str(ada.pk), ada.name, ada.employee_number, ada.email):
        assert private not in page and private not in named
    assert installation(f"x/{ada.pk}") == installation(f"x/{ada.pk}") != f"x/{ada.pk}"


def test_only_operators_see_which_installations_send(as_role):
    assert as_role("operator").get(PAGE).status_code == 200
    for role in ("", "hr", "legal", "council", "engineer", "auditor"):
        assert as_role(role).get(PAGE).status_code == 403


def test_mail_that_was_given_up_is_tried_again_and_its_people_are_not_named(ada, as_role):
    operator = as_role("operator")
    outbox.post("draft_waits", to=ada.pk, facts={"draft": 1})
    Mail.objects.update(state="needs_attention", attempts=5)
    page = operator.get(PAGE).content.decode()
    assert "1 mail was given up" in page and ada.email not in page and str(ada.pk) not in page
    operator.post("/oversight/senders/mail")
    sweep()
    assert [each.to for each in mail.outbox] == [[ada.email]]
    assert "given up after" not in operator.get(PAGE).content.decode()
