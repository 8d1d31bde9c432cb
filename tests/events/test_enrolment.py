"""A collector joins with a code that its person confirms, and stands as they say; each way round it is tried."""

from __future__ import annotations

import json
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from allauth.idp.oidc.models import Client as OAuthClient
from allauth.idp.oidc.models import Token
from django.core.cache import cache
from django.test import Client

from portal.audit.models import Act
from portal.events.enrolment.models import Collector, Device
from portal.people import actions as people
from tests.makers import (
    SETTING_UP,
    make_batch,
    make_collector,
    make_employee,
    make_permitted,
    send,
)

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "keys"])
BACKEND = "allauth.account.auth_backends.AuthenticationBackend"
FORM = "application/x-www-form-urlencoded"
GRANT = "urn:ietf:params:oauth:grant-type:device_code"
SAID = {"client_id": "collector-agent", "scope": "events.write", "device_name": "LT-4711", "os_account": "ada"}
CHOSEN = {"action": "confirm", "name": "My ThinkPad", "ownership": "company", "country": ""}


@pytest.fixture
def ada():
    cache.clear()
    person = make_employee("Ada Abel")
    make_permitted(person)
    return person


def signed_in(person) -> Client:
    client = Client(enforce_csrf_checks=False)
    client.force_login(person, BACKEND)
    return client


def call(address, given):
    return Client().post(f"/identity/o/api/{address}", urlencode(given), FORM)


def ask(**over):
    return call("device/code", SAID | over)


def confirm(person, code, **over):
    return signed_in(person).post("/identity/o/device", CHOSEN | {"code": code} | over)


def fetch(code, **over):
    given = {"grant_type": GRANT, "device_code": code, "client_id": "collector-agent"}
    return call("token", given | over)


def refresh(token, **over):
    given = {"grant_type": "refresh_token", "refresh_token": token, "client_id": "collector-agent"}
    return call("token", given | over)


def joined(person, **over) -> dict:
    asked = ask(**over).json()
    assert confirm(person, asked["user_code"]).status_code == 302
    return fetch(asked["device_code"]).json()


def permissions(token):
    headers = {"Authorization": f"Bearer {token}"}
    return Client().get("/api/v1/permissions?source=agent", headers=headers)


def test_a_collector_joins_by_a_code_that_its_person_confirms(ada):
    asked = ask().json()
    assert fetch(asked["device_code"]).json()["error"] == "authorization_pending"
    address = asked["verification_uri_complete"]
    assert parse_qs(urlsplit(address).query)["code"] == [asked["user_code"]]
    page = signed_in(ada).get(urlsplit(address).path, {"code": asked["user_code"]}).content.decode()
    for said in ("LT-4711", "ada", "Train", "Read the notice, version 1", "To learn.", "where the pointer moves"):
        assert said in page
    assert confirm(ada, asked["user_code"]).headers["Location"] == "/devices/"
    given = fetch(asked["device_code"]).json()
    collector = Collector.objects.get()
    assert given["collector"] == str(collector.pk) and given["employee_number"] == ada.employee_number
    assert given["scope"] == "events.write"
    assert permissions(given["access_token"]).json()["categories"]["pointer_movement"]["allowed"]
    assert collector.device.opened().name == "My ThinkPad"
    assert collector.account() == "ada"
