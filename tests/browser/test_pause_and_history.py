"""The pause in the menu and the page of past moments, as people meet them: narrow, dark, without a script."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone

from consent import actions, gate
from portal.rights import actions as rights
from tests.browser.conftest import BACKEND, site
from tests.browser.test_overview_and_choices import week
from tests.browser.walking import follow
from tests.rights.conftest import person

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True, databases=["default", "keys"])]
__all__ = ["week"]
SHOTS = os.environ.get("DAYLIGHT_SHOTS")
PAGES = ("/", "/choices/history/", "/requests/", "/choices/", "/receipts/", "/who-looked/")


def picture(page, name):
    if SHOTS:
        page.screenshot(path=Path(SHOTS) / f"{name}.png", full_page=True)


def overflow(page):
    return page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")


@pytest.mark.parametrize(("width", "scheme"), [(320, "dark"), (1280, "light")])
def test_the_menu_fits_and_is_accessible_paused_or_not(
    page, live_server, sign_in, faults, complaints, week, width, scheme
):
    sign_in(week)
    page.set_viewport_size({"width": width, "height": 800})
    page.emulate_media(color_scheme=scheme)
    for path in PAGES[:2] if width == 320 else PAGES:
        page.goto(live_server.url + path)
        assert overflow(page) <= 0, path
        picture(page, f"{path.strip('/').replace('/', '-') or 'home'}-{width}-{scheme}")
    page.goto(live_server.url + "/choices/history/")
    assert faults() == []
    follow(page.get_by_role("button", name="Pause", exact=True))
    assert page.url.endswith("/choices/history/")
    assert overflow(page) <= 0
    assert page.locator(".hold").inner_text().startswith("Paused until")
    assert faults() == []
    picture(page, f"paused-{width}-{scheme}")
    assert complaints == []


@pytest.mark.parametrize("path", PAGES[:3])
def test_one_click_on_each_page_and_one_to_end_it(page, live_server, sign_in, week, path):
    sign_in(week)
    page.goto(live_server.url + path)
    follow(page.locator(".hold").get_by_role("button", name="Pause"))
    assert page.url == live_server.url + path
    assert gate.read(week.pk).paused_until(int(timezone.now().timestamp() * 1000))
    follow(page.locator(".hold").get_by_role("button", name="End"))
    assert page.url == live_server.url + path
    assert gate.read(week.pk).paused_until(int(timezone.now().timestamp() * 1000)) is None


def test_the_length_is_chosen_beside_the_button_without_a_script(browser, client, live_server, week):
    client.force_login(week, BACKEND)
    context = browser.new_context(java_script_enabled=False)
    cookie = client.cookies[site.SESSION_COOKIE_NAME].value
    context.add_cookies([{"name": site.SESSION_COOKIE_NAME, "value": cookie, "url": live_server.url}])
    page = context.new_page()
    page.goto(live_server.url + "/requests/")
    page.get_by_label("For how long").select_option("120")
    follow(page.locator(".hold").get_by_role("button", name="Pause"))
    [pause] = gate.read(week.pk).pauses
    assert round((pause.to_ms - pause.from_ms) / 60_000) == 120
    context.close()


def test_the_pages_of_an_objection_fit(page, live_server, sign_in, faults, week, hana):
    request = rights.object_to(subject_id=week.pk, purpose_key="protect", by=person(week), path="test")[1]
    actions.pause(subject_id=week.pk, until=timezone.now() + timedelta(minutes=30))
    for who, path in ((week, f"/requests/{request.pk}/"), (hana, f"/queue/{request.pk}/")):
        sign_in(who)
        for width in (1280, 360):
            page.set_viewport_size({"width": width, "height": 800})
            page.goto(live_server.url + path)
            assert overflow(page) <= 0
            assert faults() == []
            picture(page, f"objection-{'own' if who == week else 'staff'}-{width}")
