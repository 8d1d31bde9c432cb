"""What still sends after a stop: operators see which installation, never whose."""

from __future__ import annotations

import pytest
from django.utils import timezone

from portal.events.devices import installation
from portal.events.models import StillSending
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
