"""Signing in, through allauth's pages."""

from __future__ import annotations

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value, yield_hotp_counters_from_time
from django.contrib.sessions.models import Session
from django.core.cache import cache
from django.test import Client

from portal.people import actions
from tests.makers import PASSWORD, SETTING_UP, make_employee, sign_in

pytestmark = pytest.mark.django_db(databases=["default", "keys"])


def signed_in(client) -> bool:
    return client.get("/accounts/password/change/").status_code == 200


def test_it_lets_in_with_address_and_password(client, ada):
    assert sign_in(client, ada).status_code == 302
    assert "_auth_user_id" in client.session


def test_the_address_is_the_same_in_capitals(client, ada):
    response = client.post("/accounts/login/", {"login": ada.email.upper(), "password": PASSWORD})
    assert response.status_code == 302
    assert "_auth_user_id" in client.session


def test_a_wrong_password_and_an_unknown_address_look_the_same(client, ada):
    wrong = client.post("/accounts/login/", {"login": ada.email, "password": "not the password"})
    unknown = client.post("/accounts/login/", {"login": "no.body@example.org", "password": "not the password"})
    assert wrong.status_code == unknown.status_code == 200
    assert wrong.context["form"].errors == unknown.context["form"].errors
    assert "_auth_user_id" not in client.session


def test_a_closed_account_looks_like_an_unknown_one_to_strangers(client, ada):
    unknown = client.post("/accounts/login/", {"login": "no.body@example.org", "password": "a guess, no more"})
    actions.deactivate(employee=ada, by=SETTING_UP)
    closed = client.post("/accounts/login/", {"login": ada.email, "password": "a guess, no more"})
    assert closed.status_code == unknown.status_code == 200
    assert closed.context["form"].errors == unknown.context["form"].errors


def test_a_closed_account_does_not_sign_in_with_its_password(client, ada):
    actions.deactivate(employee=ada, by=SETTING_UP)
    assert sign_in(client, ada).url == "/accounts/inactive/"
    assert "_auth_user_id" not in client.session


def test_resetting_a_password_does_not_tell_who_is_here(client, ada):
    known = client.post("/accounts/password/reset/", {"email": ada.email})
    unknown = client.post("/accounts/password/reset/", {"email": "no.body@example.org"})
    assert (known.status_code, known.url) == (unknown.status_code, unknown.url)


def test_nobody_signs_up(client, ada):
    client.post("/accounts/signup/", {"email": "new@example.org", "password1": PASSWORD})
    assert type(ada).objects.count() == 1


def test_a_closed_account_is_out_at_its_next_request(client, ada):
    sign_in(client, ada)
    assert signed_in(client)
    actions.deactivate(employee=ada, by=SETTING_UP)
    assert not signed_in(client)
    assert not Session.objects.exists()


def test_a_session_that_was_missed_is_out_too(client, ada):
    sign_in(client, ada)
    type(ada).objects.filter(pk=ada.pk).update(is_active=False)
    assert not signed_in(client)


def test_too_many_wrong_passwords_are_slowed_down(client, ada):
    for _ in range(5):
        client.post("/accounts/login/", {"login": ada.email, "password": "not the password"})
    late = Client()
    sign_in(late, ada)
    assert "_auth_user_id" not in late.session


def activate_totp(client, employee) -> str:
    """Set the second factor up through the pages; return its secret."""
    client.post("/accounts/reauthenticate/", {"password": PASSWORD})
    page = client.get("/accounts/2fa/totp/activate/")
    secret = page.context["form"].secret
    answer = client.post("/accounts/2fa/totp/activate/", {"code": code(secret)})
    assert answer.status_code == 302, answer.context["form"].errors
    return secret


def code(secret: str) -> str:
    counter = next(iter(yield_hotp_counters_from_time()))
    return format_hotp_value(hotp_value(secret, counter))


def test_a_second_factor_is_asked_for_at_the_next_sign_in(client, ada):
    sign_in(client, ada)
    secret = activate_totp(client, ada)
    again = Client()
    answer = sign_in(again, ada)
    assert answer.url.startswith("/accounts/2fa/authenticate/")
    assert "_auth_user_id" not in again.session
    again.post("/accounts/2fa/authenticate/", {"code": code(secret)})
    assert again.session["_auth_user_id"] == str(ada.pk)


def test_a_code_signs_in_once_also_when_the_cache_was_lost_in_between(client, ada):
    sign_in(client, ada)
    sent = code(activate_totp(client, ada))
    for attempt, works in ((Client(), True), (Client(), False)):
        sign_in(attempt, ada)
        cache.clear()
        answer = attempt.post("/accounts/2fa/authenticate/", {"code": sent})
        assert ("_auth_user_id" in attempt.session) is works
    assert "Incorrect code" in answer.content.decode()


def test_secrets_of_the_second_factor_lie_sealed(client, ada):
    sign_in(client, ada)
    secret = activate_totp(client, ada)
    client.post("/accounts/2fa/recovery-codes/generate/", {})
    kept = {each.type: each.data for each in Authenticator.objects.filter(user=ada)}
    assert {"totp", "recovery_codes"} <= kept.keys()
    assert secret not in str(kept)
    codes = Authenticator.objects.get(user=ada, type="recovery_codes").wrap().get_unused_codes()
    assert not any(each in str(kept) for each in codes)


def test_a_recovery_code_signs_in_once(client, ada):
    sign_in(client, ada)
    activate_totp(client, ada)
    recovery = Authenticator.objects.get(user=ada, type="recovery_codes").wrap().get_unused_codes()[0]
    for attempt, works in ((Client(), True), (Client(), False)):
        sign_in(attempt, ada)
        attempt.post("/accounts/2fa/authenticate/", {"code": recovery})
        assert ("_auth_user_id" in attempt.session) is works


def test_staff_are_led_to_a_second_factor_before_any_staff_page(client, hana, rf, settings):
    settings.STAFF_SECOND_FACTOR = True
    sign_in(client, hana)
    answer = client.get("/queue/")
    assert (answer.status_code, answer.url) == (302, "/accounts/2fa/totp/activate/")


def test_without_a_second_factor_a_role_permits_nothing_anywhere(hana, settings):
    assert hana.has_perm("requests.handle")
    settings.STAFF_SECOND_FACTOR = True
    fresh = type(hana).objects.get(pk=hana.pk)
    assert not fresh.has_perm("requests.handle")


def test_with_a_second_factor_staff_act(client, hana, settings):
    settings.STAFF_SECOND_FACTOR = True
    sign_in(client, hana)
    activate_totp(client, hana)
    assert client.get("/queue/").status_code == 200


def test_recovery_codes_alone_are_no_second_factor(hana, settings):
    settings.STAFF_SECOND_FACTOR = True
    Authenticator.objects.create(user=hana, type="recovery_codes", data={})
    assert not type(hana).objects.get(pk=hana.pk).has_second_factor


def test_an_employee_needs_no_second_factor(client, ada, settings):
    settings.STAFF_SECOND_FACTOR = True
    sign_in(client, ada)
    assert signed_in(client)


def test_there_is_no_superuser():
    with pytest.raises(TypeError):
        make_employee("Root", is_superuser=True)


def test_nobody_puts_an_address_of_their_own_beside_the_directorys(client, ada):
    sign_in(client, ada)
    client.post("/accounts/reauthenticate/", {"password": PASSWORD})
    client.post("/accounts/email/", {"action_add": "", "email": "ada@private.example"})
    client.post("/accounts/email/", {"action_remove": "", "email": ada.email})
    assert list(ada.emailaddress_set.values_list("email", flat=True)) == [ada.email]


def test_changing_the_password_ends_the_other_sessions(client, ada):
    sign_in(client, ada)
    elsewhere = Client()
    sign_in(elsewhere, ada)
    new = "another battery, another horse"
    client.post("/accounts/password/change/", {"oldpassword": PASSWORD, "password1": new, "password2": new})
    assert not signed_in(elsewhere)


def test_a_person_ends_another_session_of_theirs(client, ada):
    sign_in(client, ada)
    elsewhere = Client()
    sign_in(elsewhere, ada)
    assert signed_in(elsewhere)
    client.post("/accounts/sessions/", {})
    assert signed_in(client)
    assert not signed_in(elsewhere)
