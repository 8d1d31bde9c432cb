"""The pages before sign-in, in a real browser."""

from __future__ import annotations

import pytest

from tests.browser.walking import follow
from tests.makers import PASSWORD

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True, databases=["default", "keys"])]


@pytest.mark.parametrize(("width", "scheme"), [(320, "dark"), (1280, "light")])
@pytest.mark.parametrize("address", ["/accounts/login/", "/accounts/password/reset/", "/nowhere/"])
def test_a_page_before_sign_in_is_accessible_and_needs_nothing_inline(
    page, live_server, complaints, faults, address, width, scheme
):
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": width, "height": 800})
    page.goto(live_server.url + address)
    assert faults() == []
    assert [line for line in complaints if "404" not in line] == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_the_first_tab_leads_past_the_menu_to_the_content(page, live_server):
    page.goto(f"{live_server.url}/accounts/login/")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.getAttribute('href')") == "#main"


ACCOUNT = (
    "/accounts/sessions/",
    "/accounts/2fa/",
    "/accounts/2fa/totp/activate/",
    "/accounts/password/change/",
    "/accounts/reauthenticate/",
    "/accounts/logout/",
)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_pages_of_an_account_wear_our_skin_and_are_accessible(page, live_server, ada, complaints, faults, scheme):
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": 320, "height": 800})
    page.goto(f"{live_server.url}/accounts/login/")
    page.fill("[name=login]", ada.email)
    page.fill("[name=password]", PASSWORD)
    follow(page.locator("main button[type=submit]"))
    page.wait_for_selector("h1:has-text('Ada')")
    for address in ACCOUNT:
        page.goto(live_server.url + address)
        assert page.locator("header.side nav").count() == 1, address
        assert faults() == [], address
        assert page.evaluate("document.documentElement.scrollWidth") <= 320, address
    assert complaints == []


def test_a_wrong_password_is_answered_beside_the_form(page, live_server, ada, faults):
    page.goto(f"{live_server.url}/accounts/login/")
    page.fill("[name=login]", ada.email)
    page.fill("[name=password]", "wrong")
    follow(page.locator("main button[type=submit]"))
    page.wait_for_selector(".errorlist")
    assert faults() == []
