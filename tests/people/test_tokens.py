"""Programs and collectors show a token at each call."""

from __future__ import annotations

import base64
from datetime import timedelta

import pytest
from allauth.idp.oidc.models import Client as OAuthClient
from allauth.idp.oidc.models import Token
from django.http import Http404, HttpRequest
from django.test import RequestFactory
from django.utils import timezone

from portal.audit.models import Act
from portal.http import Problem
from portal.people import actions, programs
from portal.people.models import ApiClient
from portal.people.subjects import subject_or_404
from portal.people.tokens import SCOPES, Bearer
from tests.makers import SETTING_UP, make_token

pytestmark = pytest.mark.django_db(databases=["default", "keys"])


def call(token: str | None, scope="events.write"):
    headers = {"HTTP_AUTHORIZATION": f"Bearer {token}"} if token is not None else {}
    request: HttpRequest = RequestFactory().get("/api/v1/permissions", **headers)
    return Bearer(scope)(request)


def refused(token, scope="events.write") -> Problem:
    with pytest.raises(Problem) as problem:
        call(token, scope)
    return problem.value


def test_a_token_with_the_scope_is_known_by_one_query(django_assert_num_queries):
    value = make_token("events.write consent.read", sources=["desktop"], may_read_decisions=True, name="agent")
    call(value)  # a connection plans its statements once
    with django_assert_num_queries(1):
        token = call(value)
    assert token.client_name == "agent"
    assert token.user_id is None
    assert token.scopes == {"events.write", "consent.read"}
    assert token.sources == {"desktop"}
    assert token.may_read_decisions
    assert token.actor.label == "agent"


def test_a_missing_scope_is_403_and_names_it():
    problem = refused(make_token("consent.read"))
    assert (problem.status, problem.code) == (403, "insufficient_scope")
    assert 'scope="events.write"' in problem.headers["WWW-Authenticate"]


@pytest.mark.parametrize("value", ["", "no-such-token", "x" * 10_000, "Zürich", "' OR 1=1 --"])
def test_an_unknown_token_is_401(value):
    problem = refused(value)
    assert problem.status == 401
    assert problem.headers["WWW-Authenticate"].startswith("Bearer")


def test_no_token_at_all_is_401_with_a_challenge(client):
    assert call(None) is None


def test_an_expired_token_is_401():
    value = make_token("events.write")
    Token.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert refused(value).status == 401


def test_a_refresh_token_is_no_access_token():
    value = make_token("events.write")
    Token.objects.update(type=Token.Type.REFRESH_TOKEN)
    assert refused(value).status == 401


def test_a_revoked_token_is_out_at_the_next_call():
    value = make_token("events.write")
    call(value)
    Token.objects.all().delete()
    assert refused(value).status == 401


def test_an_ended_client_is_out_at_the_next_call():
    value = make_token("events.write")
    call(value)
    assert programs.end_client(client_id=OAuthClient.objects.get().pk, by=SETTING_UP)
    assert refused(value).status == 401


def test_a_scope_taken_from_the_client_is_gone_from_its_tokens():
    value = make_token("events.write consent.read")
    OAuthClient.objects.update(scopes="consent.read")
    assert refused(value).status == 403


def test_a_source_taken_from_the_client_is_gone_at_once():
    value = make_token("events.write", sources=["desktop", "browser"])
    ApiClient.objects.update(sources=["browser"])
    token = call(value)
    token.require_source("browser")
    with pytest.raises(Problem, match="source_not_bound"):
        token.require_source("desktop")


def test_the_token_of_a_closed_account_is_401(ada):
    value = make_token("events.write", employee=ada)
    assert call(value).user_id == ada.pk
    type(ada).objects.filter(pk=ada.pk).update(is_active=False)
    assert refused(value).status == 401


def test_closing_an_account_ends_its_tokens(ada):
    value = make_token("events.write", employee=ada)
    actions.deactivate(employee=ada, by=SETTING_UP)
    assert not Token.objects.exists()
    assert refused(value).status == 401


def test_a_program_names_anybody_by_id_or_number(ada):
    token = call(make_token("events.write"))
    assert subject_or_404(token, ada.employee_number) == ada
    assert subject_or_404(token, str(ada.pk)) == ada


@pytest.mark.parametrize("name", ["", "nobody", "\x00", "x" * 5000, "00000000-0000-0000-0000-000000000000"])
def test_an_unknown_person_is_404(name):
    with pytest.raises(Http404):
        subject_or_404(call(make_token("events.write")), name)


def test_a_collector_names_only_its_own_person_and_the_other_sees_the_attempt(ada, ben):
    token = call(make_token("events.write", employee=ada))
    assert subject_or_404(token, ada.pk) == ada
    with pytest.raises(Http404):
        subject_or_404(token, ben.employee_number)
    act = Act.objects.get(action="access.refused")
    assert (act.subject_id, act.actor_id) == (ben.pk, str(ada.pk))


def test_an_unknown_scope_cannot_guard_anything():
    with pytest.raises(ValueError, match="no such scope"):
        Bearer("events.read")


def test_a_client_gets_a_token_by_its_secret_and_all_its_scopes_when_it_names_none(client):
    made = programs.create_client(
        name="dsar", scopes=["requests.open", "requests.read"], sources=[], may_read_decisions=False, by=SETTING_UP
    )
    basic = base64.b64encode(f"{made.client_id}:{made.client_secret}".encode()).decode()
    headers = {"HTTP_AUTHORIZATION": f"Basic {basic}"}
    answer = client.post("/identity/o/api/token", {"grant_type": "client_credentials"}, **headers)
    assert answer.status_code == 200, answer.content
    assert set(answer.json()["scope"].split()) == {"requests.open", "requests.read"}
    assert call(answer.json()["access_token"], "requests.read").client_name == "dsar"
    more = client.post(
        "/identity/o/api/token", {"grant_type": "client_credentials", "scope": "events.write"}, **headers
    )
    assert more.json() == {"error": "invalid_scope"}


def test_the_secret_is_kept_as_a_hash_only():
    made = programs.create_client(
        name="x", scopes=["events.write"], sources=[], may_read_decisions=False, by=SETTING_UP
    )
    assert made.client_secret not in str(OAuthClient.objects.values())
    assert made.client_secret not in str(Act.objects.values())


def test_discovery_lists_our_scopes(client):
    answer = client.get("/.well-known/openid-configuration").json()
    assert set(SCOPES) <= set(answer["scopes_supported"])
