"""A collector joins with a code that its person confirms, and stands as they say; each way round it is tried."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from allauth.idp.oidc.internal.oauthlib import device_codes
from allauth.idp.oidc.models import Token
from django.core.cache import cache
from django.db import connections, transaction
from django.test import Client
from django.utils import timezone

from portal.audit.models import Act
from portal.events.enrolment import actions, spent
from portal.events.enrolment.models import Collector
from portal.events.enrolment.values import Said
from portal.people import actions as people
from portal.people.guards import actor_for
from portal.register.models import Source
from tests.makers import SETTING_UP, make_employee, make_permitted

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


def test_a_refused_collector_gets_nothing(ada):
    asked = ask().json()
    assert confirm(ada, asked["user_code"], action="deny").status_code == 302
    assert fetch(asked["device_code"]).json()["error"] == "access_denied"
    assert not Collector.objects.exists() and not Token.objects.exists()
    assert Act.objects.filter(action="collector.refused", subject_id=ada.pk).exists()


def test_nobody_confirms_a_code_by_a_form_of_another_site(ada):
    asked = ask().json()
    client = Client(enforce_csrf_checks=True)
    client.force_login(ada, BACKEND)
    assert client.post("/identity/o/device", CHOSEN | {"code": asked["user_code"]}).status_code == 403
    assert fetch(asked["device_code"]).json()["error"] == "authorization_pending"


def test_nobody_confirms_a_code_without_signing_in_or_by_following_a_link(ada):
    asked = ask().json()
    answer = Client().post("/identity/o/device", CHOSEN | {"code": asked["user_code"]})
    assert answer.headers["Location"].startswith("/accounts/login/")
    signed_in(ada).get("/identity/o/device", CHOSEN | {"code": asked["user_code"]})
    assert not Collector.objects.exists()


def test_a_code_that_names_its_person_is_confirmed_by_nobody_else_and_they_see_the_try(ada):
    ben = make_employee("Ben Brink")
    asked = ask(employee=ada.employee_number).json()
    assert confirm(ben, asked["user_code"]).status_code == 404
    assert signed_in(ben).get("/identity/o/device", {"code": asked["user_code"]}).status_code == 404
    assert Act.objects.filter(action="access.refused", subject_id=ada.pk).count() == 2
    assert confirm(ada, asked["user_code"]).status_code == 302


def test_whoever_confirms_is_the_one_it_sends_for_and_the_device_is_told_who_that_is(ada):
    ben = make_employee("Ben Brink")
    asked = ask().json()
    confirm(ben, asked["user_code"])
    given = fetch(asked["device_code"]).json()
    assert given["employee_number"] == ben.employee_number
    headers = {"Authorization": f"Bearer {given['access_token']}"}
    other = Client().get(f"/api/v1/permissions?source=agent&subject={ada.pk}", headers=headers)
    assert other.status_code == 404
    assert permissions(given["access_token"]).json()["subject"] == str(ben.pk)


def test_a_code_is_confirmed_once(ada):
    ben = make_employee("Ben Brink")
    asked = ask().json()
    confirm(ada, asked["user_code"])
    assert "was answered already" in confirm(ben, asked["user_code"]).content.decode()
    assert Collector.objects.get().subject_id == ada.pk


def test_two_who_confirm_at_the_same_moment_make_one_collector(ada):
    people_ = [ada, make_employee("Ben Brink")]
    about = {"source": "agent", "said": Said("LT-4711"), "chosen": actions.Chosen("Mine"), "code": "the code"}
    until = timezone.now() + timedelta(minutes=5)

    def approve(person):
        try:
            return actions.approve(subject_id=person.pk, **about, fetch_until=until, by=actor_for(person, person.pk))
        except actions.NotPossible:
            return None
        finally:
            connections.close_all()

    with ThreadPoolExecutor(2) as pool:
        made = [each for each in pool.map(approve, people_) if each]
    assert len(made) == Collector.objects.count() == 1


def test_a_token_is_fetched_once_also_by_two_at_the_same_moment(ada):
    asked = ask().json()
    confirm(ada, asked["user_code"])

    def get(_):
        try:
            return fetch(asked["device_code"]).status_code
        finally:
            connections.close_all()

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(get, range(2))) == [200, 400]
    assert fetch(asked["device_code"]).json()["error"] == "invalid_grant"
    assert Token.objects.count() == 2


def test_a_code_lost_with_the_cache_is_said_to_be_lost(ada):
    asked = ask().json()
    cache.clear()
    assert "not known" in confirm(ada, asked["user_code"]).content.decode()
    answer = fetch(asked["device_code"]).json()
    assert answer["error"] == "invalid_grant" and "begin again" in answer["error_description"]


def test_an_approval_outlives_the_cache_and_a_poll_that_writes_over_it(ada):
    asked = ask().json()
    before = cache.get(device_codes.cache_device_code_key(asked["device_code"]))
    confirm(ada, asked["user_code"])
    device_codes.update_device_state(asked["device_code"], before)
    assert fetch(asked["device_code"]).status_code == 200
    asked = ask(device_name="Other").json()
    confirm(ada, asked["user_code"])
    cache.clear()
    assert fetch(asked["device_code"]).status_code == 200


def test_an_approval_that_nobody_fetches_runs_out(ada):
    asked = ask().json()
    confirm(ada, asked["user_code"])
    Collector.objects.update(fetch_until=timezone.now())
    cache.clear()
    assert fetch(asked["device_code"]).json()["error"] == "invalid_grant"
    assert "It is not connected" in signed_in(ada).get("/devices/").content.decode()


def test_the_code_of_one_source_gives_no_token_of_another(ada):
    make_permitted(make_employee(), purpose="other", source="second")
    asked = ask().json()
    ask(client_id="collector-second")
    confirm(ada, asked["user_code"])
    assert fetch(asked["device_code"], client_id="collector-second").json()["error"] == "invalid_grant"


@pytest.mark.parametrize(
    "wrong, error",
    [
        ({"client_id": "collector-nothing"}, "invalid_client"),
        ({"client_id": "collector-im"}, "invalid_client"),
        ({"client_id": "nobody"}, "invalid_client"),
        ({"device_name": ""}, "invalid_request"),
        ({"device_name": "x" * 61}, "invalid_request"),
        ({"os_account": "a\nb"}, "invalid_request"),
        ({"ownership": "nobody's"}, "invalid_request"),
        ({"scope": "events.write requests.read"}, "invalid_scope"),
    ],
)
def test_no_code_is_given_for_what_is_not_as_it_has_to_be(ada, wrong, error):
    make_permitted(make_employee(), purpose="other", source="im", kind="import")
    answer = ask(**wrong)
    assert answer.status_code in (400, 401) and answer.json()["error"] == error


def test_a_source_that_was_retired_lets_nobody_join(ada):
    ask()
    Source.objects.update(state="retired")
    assert ask().json()["error"] == "invalid_client"


def test_a_refreshed_token_belongs_to_the_collector_and_what_it_replaced_ends(ada):
    first = joined(ada)
    second = refresh(first["refresh_token"]).json()
    assert second["collector"] == first["collector"]
    assert {token.data["collector"] for token in Token.objects.all()} == {first["collector"]}
    assert permissions(second["access_token"]).status_code == 200
    assert refresh(first["refresh_token"]).json()["error"] == "invalid_grant"
    left = Token.objects.lookup("at", first["access_token"]).expires_at - timezone.now()
    assert left < timedelta(seconds=61)


def test_a_refresh_token_that_was_used_before_ends_the_collector_whoever_holds_the_new_one(ada, monkeypatch):
    first = joined(ada)
    stolen = refresh(first["refresh_token"]).json()
    assert refresh(first["refresh_token"]).status_code == 400
    assert Collector.objects.get().state == "active"
    monkeypatch.setattr(spent, "GRACE_SECONDS", 0)
    assert refresh(first["refresh_token"]).status_code == 400
    assert Collector.objects.get().state == "ended"
    assert not Token.objects.exists()
    assert refresh(stolen["refresh_token"]).status_code == 400
    assert Act.objects.filter(action="collector.ended", subject_id=ada.pk).count() == 1


def test_a_refresh_token_that_nobody_was_given_ends_nothing(ada):
    joined(ada)
    assert refresh("made-up").status_code == refresh("").status_code == 400
    assert Collector.objects.get().state == "active"


def test_a_refresh_widens_no_scope(ada):
    given = joined(ada)
    assert refresh(given["refresh_token"], scope="events.write requests.read").json()["error"] == "invalid_scope"
    assert refresh(given["refresh_token"], client_id="collector-other").status_code in (400, 401)


def test_what_is_removed_is_nobodys_at_once_and_never_comes_back(ada):
    given, other = joined(ada), joined(ada, device_name="Other")
    collector = Collector.objects.get(pk=given["collector"])
    assert signed_in(ada).post(f"/collectors/{collector.pk}/end/").status_code == 302
    assert permissions(given["access_token"]).status_code == 401
    assert refresh(given["refresh_token"]).json()["error"] == "invalid_grant"
    assert permissions(other["access_token"]).status_code == 200
    signed_in(ada).post(f"/collectors/{collector.pk}/resume/")
    collector.refresh_from_db()
    assert collector.state == "ended"


def test_a_refresh_on_its_way_while_the_device_is_removed_leaves_no_token(ada):
    given = joined(ada)
    collector = Collector.objects.get()

    def late():
        try:
            return refresh(given["refresh_token"]).json()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            actions.end(collector=collector, by=actor_for(ada, ada.pk))
            answer = pool.submit(late)
            with pytest.raises(TimeoutError):
                answer.result(timeout=0.3)
        assert answer.result()["error"] == "invalid_grant"
    assert not Token.objects.exists()


def test_a_collector_that_is_taken_off_a_device_leaves_no_token(ada):
    given = joined(ada)
    revoked = call("revoke", {"token": given["refresh_token"], "client_id": "collector-agent"})
    assert revoked.status_code == 200
    assert permissions(given["access_token"]).status_code == 401
    assert Collector.objects.get().state == "ended"


def test_who_leaves_has_no_collector_that_sends(ada):
    given = joined(ada)
    people.deactivate(employee=ada, by=SETTING_UP)
    assert permissions(given["access_token"]).status_code == 401
    assert refresh(given["refresh_token"]).status_code == 400


def test_a_person_has_so_many_tries_at_codes(ada):
    client = signed_in(ada)
    answers = [client.get("/identity/o/device", {"code": f"AAAA-{n:04}"}).status_code for n in range(11)]
    assert answers[-1] == 429 and set(answers[:-1]) == {200}


def test_an_address_has_so_many_codes_a_minute(ada):
    answers = [ask() for _ in range(61)]
    assert answers[-1].status_code == 429 and int(answers[-1].headers["Retry-After"]) > 0
    assert answers[-2].status_code == 200
