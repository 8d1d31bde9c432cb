"""One's own data, requests and who looked in a real browser: accessible, nothing inline, usable without a mouse."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from portal.people.guards import actor_for
from portal.rights import actions, runner
from portal.rights.models import SubjectRequest
from tests.browser.walking import enter, follow
from tests.makers import make_batch, make_permitted, make_token, send

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True, databases=["default", "keys"])]


@pytest.fixture
def recorded(client, ada):
    """Three days of four categories."""
    make_permitted(ada, source="old", kind="import", title="Earlier recordings")
    token = make_token("events.write", sources=["old"])
    for back in (1, 2, 4):
        start = int((timezone.now() - timedelta(days=back)).timestamp() * 1000)
        events = [{"t": start, "type": "focus", "app": "Figma", "title": "A drawing"}]
        events += [{"t": start + n, "type": "pointermove", "x": n, "y": n} for n in range(120 * back)]
        events += [{"t": start + n, "type": "wheel", "deltaX": 0, "deltaY": 3} for n in range(30)]
        assert send(client, token, make_batch(ada, events, source="old")).status_code == 201
    return (timezone.now() - timedelta(days=1)).date()


@pytest.fixture
def addresses(ada, lea, recorded):
    copy = actions.open_request(kind="access", subject_id=ada.pk, by=actor_for(ada, ada.pk))
    base = f"/people/{ada.pk}"
    return {
        "data": f"{base}/data/",
        "day": f"{base}/data/{recorded}/",
        "chart": f"{base}/chart/",
        "requests": "/requests/",
        "request": f"/requests/{copy.pk}/",
        "confirm": "/requests/erase/confirm/",
        "who": "/who-looked/",
        "queue": "/queue/",
        "case": f"/queue/{copy.pk}/",
    }


def visit(page, live_server, address):
    page.goto(live_server.url + address)
    if page.locator("[data-figure]").count():
        page.wait_for_selector(".plot svg")


@pytest.mark.parametrize(("width", "scheme"), [(320, "dark"), (1280, "light")])
def test_each_page_is_accessible_fits_and_needs_nothing_inline(
    page, live_server, complaints, faults, sign_in, ada, lea, addresses, width, scheme
):
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": width, "height": 800})
    for name, address in addresses.items():
        sign_in(lea if name in {"queue", "case"} else ada)
        visit(page, live_server, address)
        assert (name, faults()) == (name, [])
        assert (name, page.evaluate("document.documentElement.scrollWidth") <= width) == (name, True)
    assert complaints == []


def test_the_progress_of_a_copy_moves_by_itself(page, live_server, sign_in, ada, recorded):
    sign_in(ada)
    visit(page, live_server, "/requests/")
    follow(page.get_by_role("button", name="Get a copy"))
    page.wait_for_selector(".steplist")
    request = SubjectRequest.objects.get()
    while runner.advance(request.pk):
        pass
    page.wait_for_selector(f'a[href="/requests/{request.pk}/download"]', timeout=15_000)
    assert page.locator("[hx-trigger]").count() == 0


def test_a_deletion_is_asked_for_by_keyboard_alone(page, live_server, sign_in, ada, recorded):
    sign_in(ada)
    visit(page, live_server, "/requests/")
    page.focus("form[data-action=erase] summary")
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.press("ArrowDown")
    assert page.is_visible("#erase_categories_0")
    page.focus("#erase_categories_0")
    page.keyboard.press("Space")
    page.focus("form[data-action=erase] button")
    enter(page)
    page.wait_for_selector("form[data-action=confirm]")
    assert "pointer movement" in page.inner_text(".lede")
    assert SubjectRequest.objects.count() == 0


def test_an_event_opens_by_keyboard_to_every_field_it_was_sent_with(page, live_server, sign_in, ada, recorded):
    sign_in(ada)
    visit(page, live_server, f"/people/{ada.pk}/data/{recorded}/")
    line = page.locator(".log li").first
    line.locator("summary").focus()
    page.keyboard.press("Enter")
    assert "A drawing" in line.locator(".inside").inner_text()


def test_without_scripts_the_pages_say_the_same(browser, live_server, client, ada, recorded):
    context = browser.new_context(java_script_enabled=False)
    client.force_login(ada, "allauth.account.auth_backends.AuthenticationBackend")
    cookie = next(iter(client.cookies.values()))
    context.add_cookies([{"name": cookie.key, "value": cookie.value, "url": live_server.url}])
    page = context.new_page()
    page.goto(f"{live_server.url}/people/{ada.pk}/chart/")
    assert page.locator("table.figures tbody tr").count() == 30
    page.goto(f"{live_server.url}/requests/")
    follow(page.get_by_role("button", name="Get a copy"))
    page.wait_for_selector(".steplist")
    request = SubjectRequest.objects.get()
    while runner.advance(request.pk):
        pass
    page.wait_for_selector(f'a[href="/requests/{request.pk}/download"]', timeout=15_000)  # the page loads itself again
    context.close()
