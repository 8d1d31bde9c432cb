"""Nobody turns a person's own request down by another name."""

from __future__ import annotations

import pytest

from portal.rights.models import SubjectRequest
from tests.makers import make_token
from tests.rights.conftest import ask

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "keys"])
BASE = "/api/v1/subject-requests"


def cancel(client, token, request_id):
    return client.post(
        f"{BASE}/{request_id}/cancel", content_type="application/json", headers={"authorization": f"Bearer {token}"}
    )


@pytest.mark.parametrize("kind", ["access", "erasure", "restriction"])
def test_a_program_cannot_cancel_what_a_person_asked_for_themselves(client, ada, bot, kind):
    """It would stand as taken back by the person, where a refusal needs two people and says why."""
    request = ask(ada, kind)
    answer = cancel(client, bot, request.pk)
    assert (answer.status_code, answer.json()["type"]) == (403, "urn:daylight:problem:handler.not_permitted")
    assert SubjectRequest.objects.get().state == request.state


def test_a_program_may_cancel_what_another_program_opened(client, ada, bot):
    body = {"kind": "access", "subject": str(ada.pk)}
    opener = make_token("requests.open", name="other")
    opened = client.post(BASE, body, content_type="application/json", headers={"authorization": f"Bearer {opener}"})
    assert cancel(client, bot, opened.json()["id"]).json()["state"] == "withdrawn"
