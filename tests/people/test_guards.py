"""A page of one person is for that person alone, and whoever tries is seen."""

from __future__ import annotations

import re
import time
import uuid

import pytest
from django.http import HttpResponse
from django.test import Client
from django.urls import include, path

from portal import urls as site
from portal.audit.models import Act
from portal.audit.values import ActorKind
from portal.http import rule
from portal.people import actions, subjects
from portal.people.guards import actor_for, own_page, recent_sign_in
from portal.people.models import Employee
from tests.makers import PASSWORD, SETTING_UP, make_employee, sign_in

pytestmark = [
    pytest.mark.django_db(databases=["default", "keys"]),
    pytest.mark.urls("tests.people.test_guards"),
]


@own_page
def own(request, subject_id):
    return HttpResponse("mine")


@own_page
@recent_sign_in
def fetch(request, subject_id):
    return HttpResponse("the copy")


@rule("perm:requests.handle")
def staff(request):
    return HttpResponse("the queue")


urlpatterns = [
    path("own/<uuid:subject_id>/", own),
    path("fetch/<uuid:subject_id>/", fetch),
    path("staff/", staff),
    path("", include(site)),
]


def refusals(employee):
    return list(Act.objects.filter(action="access.refused", subject_id=employee.pk))


def test_the_person_sees_their_own_page(client, ada):
    sign_in(client, ada)
    assert client.get(f"/own/{ada.pk}/").content == b"mine"
    assert not refusals(ada)


def test_a_stranger_is_asked_to_sign_in(client, ada):
    assert client.get(f"/own/{ada.pk}/").url == f"/accounts/login/?next=/own/{ada.pk}/"


@pytest.mark.parametrize("role", [None, "hr", "legal", "council", "engineer", "operator", "auditor"])
def test_anybody_else_gets_404_and_is_shown_to_the_person(client, ada, role):
    other = make_employee("Other", roles=[role] if role else [])
    sign_in(client, other)
    assert client.get(f"/own/{ada.pk}/").status_code == 404
    [act] = refusals(ada)
    assert act.actor_id == str(other.pk)
    assert act.actor_label == ("Other" if role else "")
    assert act.facts == {"path": f"/own/{ada.pk}/"}


def test_her_manager_too(client, ada):
    boss = make_employee("Boss")
    Employee.objects.filter(pk=ada.pk).update(manager=boss)
    sign_in(client, boss)
    assert client.get(f"/own/{ada.pk}/").status_code == 404
    assert refusals(ada)


def without_token(answer):
    """Return the page without what each has of its own: its token, and its own address to come back to."""
    page = answer.content.replace(answer.wsgi_request.path.encode(), b"")
    return re.sub(rb'(csrfmiddlewaretoken" value|X-CSRFToken": ?)="?[^"]+"', b"", page)


def test_a_page_of_nobody_looks_the_same(client, ada, ben):
    sign_in(client, ben)
    client.get("/")  # shows, once, that the sign-in worked
    nobody = client.get(f"/own/{uuid.uuid4()}/")
    somebody = client.get(f"/own/{ada.pk}/")
    assert nobody.status_code == somebody.status_code == 404
    assert without_token(nobody) == without_token(somebody)
    assert Act.objects.filter(action="access.refused").count() == 1


def test_a_post_is_refused_as_well(client, ada, ben):
    sign_in(client, ben)
    assert client.post(f"/own/{ada.pk}/").status_code == 404
    assert refusals(ada)


def test_the_rule_is_named():
    assert own.rule == fetch.rule == "self"


def age_sign_in(client, seconds):
    session = client.session
    for record in session["account_authentication_methods"]:
        record["at"] = time.time() - seconds
    session.save()


def test_a_recent_sign_in_is_enough(client, ada):
    sign_in(client, ada)
    age_sign_in(client, 290)
    assert client.get(f"/fetch/{ada.pk}/").content == b"the copy"


def test_an_old_one_leads_to_signing_in_again_and_back(client, ada):
    sign_in(client, ada)
    age_sign_in(client, 301)
    answer = client.get(f"/fetch/{ada.pk}/")
    assert answer.url == f"/accounts/reauthenticate/?next=%2Ffetch%2F{ada.pk}%2F"
    again = client.post(answer.url, {"password": PASSWORD, "next": f"/fetch/{ada.pk}/"})
    assert again.url == f"/fetch/{ada.pk}/"
    assert client.get(again.url).content == b"the copy"


def test_a_wrong_password_does_not_count_as_signing_in_again(client, ada):
    sign_in(client, ada)
    age_sign_in(client, 301)
    client.post("/accounts/reauthenticate/", {"password": "not the password"})
    assert client.get(f"/fetch/{ada.pk}/").status_code == 302


def test_a_form_sent_too_late_is_not_replayed(client, ada):
    sign_in(client, ada)
    age_sign_in(client, 301)
    answer = client.post(f"/fetch/{ada.pk}/", headers={"referer": "http://testserver/requests/"})
    assert answer.url == "/accounts/reauthenticate/?next=%2Frequests%2F"


def test_a_session_without_a_sign_in_of_ours_is_not_recent(client, ada):
    client.force_login(ada, backend="allauth.account.auth_backends.AuthenticationBackend")
    assert client.get(f"/fetch/{ada.pk}/").status_code == 302


def test_staff_pages_are_for_who_holds_the_permission(client, ada, hana):
    assert client.get("/staff/").url.startswith("/accounts/login/")
    sign_in(client, ada)
    assert client.get("/staff/").status_code == 403
    browser = Client()
    sign_in(browser, hana)
    assert browser.get("/staff/").content == b"the queue"


def test_staff_are_led_to_a_second_factor_first(client, hana, settings):
    settings.STAFF_SECOND_FACTOR = True
    sign_in(client, hana)
    assert client.get("/staff/").url == "/accounts/2fa/totp/activate/"
    assert client.get(f"/own/{hana.pk}/").content == b"mine"


def test_a_role_that_ended_is_gone_at_the_next_request(client, hana):
    sign_in(client, hana)
    assert client.get("/staff/").status_code == 200
    hana.role_grants.update(ended_at="2026-01-01T00:00Z")
    assert client.get("/staff/").status_code == 403


def test_roles_are_read_once_a_request(hana, django_assert_num_queries):
    fresh = Employee.objects.get(pk=hana.pk)
    with django_assert_num_queries(1):
        assert fresh.has_perm("requests.handle")
        assert not fresh.has_perm("audit.read")
        assert fresh.has_module_perms("requests")


def test_a_closed_account_may_nothing(hana):
    actions.deactivate(employee=hana, by=SETTING_UP)
    assert not Employee.objects.get(pk=hana.pk).has_perm("requests.handle")


def test_staff_keep_a_name_in_the_trail_except_about_themselves(ada, hana):
    assert actor_for(hana).label == "Hana Horn"
    assert actor_for(hana).role == "hr"
    assert actor_for(hana, about=hana.pk).label == ""
    assert actor_for(ada).label == ""
    assert actor_for(ada).kind is ActorKind.PERSON


def test_the_line_reaches_up_and_down_and_not_sideways():
    top = make_employee("Top")
    left, right = make_employee("Left", manager=top), make_employee("Right", manager=top)
    below = make_employee("Below", manager=left)
    assert subjects.in_line(top.pk, below.pk)
    assert subjects.in_line(below.pk, top.pk)
    assert subjects.in_line(left.pk, left.pk)
    assert not subjects.in_line(left.pk, right.pk)
    assert not subjects.in_line(below.pk, right.pk)


def test_a_circle_made_behind_our_back_does_not_hang():
    one, other = make_employee("One"), make_employee("Other")
    Employee.objects.filter(pk=one.pk).update(manager=other)
    Employee.objects.filter(pk=other.pk).update(manager=one)
    assert subjects.in_line(one.pk, other.pk)


def test_managers_are_not_set_in_a_circle():
    one, other = make_employee("One"), make_employee("Other")
    left_out = actions.set_managers(wanted={one.pk: other.pk, other.pk: one.pk}, by=SETTING_UP)
    assert left_out == {one.pk, other.pk}
    assert not Employee.objects.filter(manager__isnull=False).exists()
