"""Somebody who has to prove who they are in between comes back to what they chose, and to nothing wider."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest

from portal.rights.models import SubjectRequest
from tests.makers import sign_in

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "keys"])
CONFIRM = "/requests/erase/confirm/?category=scrolling"


@pytest.mark.parametrize(
    "referer", [{}, {"referer": "http://testserver" + CONFIRM}, {"referer": "https://elsewhere.example/"}]
)
def test_a_confirmation_sent_too_late_leads_back_to_the_same_scope(client, ada, settings, referer):
    sign_in(client, ada)
    settings.ACCOUNT_REAUTHENTICATION_TIMEOUT = 0
    answer = client.post(CONFIRM, {}, headers=referer)
    asked = urlsplit(answer["Location"])
    assert asked.path == "/accounts/reauthenticate/"
    assert parse_qs(asked.query)["next"] == [CONFIRM]
    assert not SubjectRequest.objects.exists()
