"""The pages about connected systems as operators meet them: narrow and wide, dark and light, without a script."""

from __future__ import annotations

import pytest

from portal.outbox import webhooks
from portal.outbox.models import Attempt, Delivery, Endpoint
from portal.outbox.values import Course, Off
from tests.browser.test_pause_and_history import overflow, picture
from tests.browser.walking import follow
from tests.makers import make_employee
from tests.outbox.test_webhooks import make_program

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True, databases=["default", "keys"])]


@pytest.fixture
def endpoints():
    """One that answers now and then, and one that is off."""
    events = ["request.opened", "request.done", "consent.withdrawn"]
    fine = Endpoint.objects.create(
        url="https://hooks.human-resources.example.org/daylight",
        client_id=make_program(name="HR tickets"),
        events=events,
    )
    Endpoint.objects.create(
        url="https://old.example.org/", client_id=make_program(name="Old"), events=events, off=Off.GONE
    )
    for kind in events:
        webhooks.tell(kind, {"request": "x"})
    first, second = Delivery.objects.filter(endpoint=fine)[:2]
    for status, reason, ms in ((500, "", 1240), (None, "timeout", 15000), (200, "", 31)):
        Attempt.objects.create(delivery=first, status=status, reason=reason, ms=ms)
    Delivery.objects.filter(pk=first.pk).update(state=Course.SENT)
    Delivery.objects.filter(pk=second.pk).update(state=Course.FAILED)
    return fine


@pytest.mark.parametrize(("width", "scheme"), [(320, "dark"), (360, "light"), (1280, "light"), (1280, "dark")])
def test_the_pages_fit_and_are_accessible(page, live_server, sign_in, faults, complaints, endpoints, width, scheme):
    sign_in(make_employee("Otto Ohm", roles=["operator"]))
    page.set_viewport_size({"width": width, "height": 800})
    page.emulate_media(color_scheme=scheme)
    for name, path in (("endpoints", "/endpoints/"), ("endpoint", f"/endpoints/{endpoints.pk}/")):
        page.goto(live_server.url + path)
        for each in page.locator("details.opens").all():
            each.locator("summary").click()
        assert overflow(page) <= 0, path
        assert faults() == []
        picture(page, f"{name}-{width}-{scheme}")
    assert complaints == []


def test_what_was_given_up_is_told_again_without_a_script(browser, client, live_server, endpoints):
    context = browser.new_context(java_script_enabled=False)
    client.force_login(
        make_employee("Otto Ohm", roles=["operator"]), "allauth.account.auth_backends.AuthenticationBackend"
    )
    name, morsel = next(iter((each, client.cookies[each]) for each in client.cookies if "csrf" not in each))
    context.add_cookies([{"name": name, "value": morsel.value, "url": live_server.url}])
    page = context.new_page()
    page.goto(f"{live_server.url}/endpoints/{endpoints.pk}/")
    follow(page.get_by_role("button", name="Tell again what was given up"))
    assert "told again" in page.locator(".notes").inner_text()
    assert not Delivery.objects.filter(endpoint=endpoints, state=Course.FAILED).exists()
    context.close()
