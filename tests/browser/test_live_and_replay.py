"""What arrives, its replay and its raw record in a real browser: within five seconds, by keyboard, nothing inline."""

from __future__ import annotations

import time

import pytest
from django.test import Client
from django.utils import timezone

from tests.makers import make_batch, make_collector, make_permitted, make_token, send

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True, databases=["default", "keys"])]
# How many colours are on the canvas.
INK = """() => {
  const canvas = document.querySelector("canvas");
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  const seen = new Set();
  for (let n = 0; n < data.length; n += 4) seen.add(data.slice(n, n + 3).join());
  return seen.size;
}"""


@pytest.fixture
def laptop(ada):
    make_permitted(ada, title="Desktop agent")
    time.sleep(0.002)
    token = make_collector(ada, device="ThinkPad")

    def call(events):
        answer = send(Client(), token, make_batch(None, events))
        assert answer.status_code == 201, answer.content

    return call


@pytest.fixture
def recorded(ada):
    """Half a minute of movement with a click and a scroll, and again after a pause of ten minutes."""
    make_permitted(ada, source="old", kind="import", title="Earlier recordings", purpose="earlier")
    start = 1_772_445_600_000  # 2 March 2026, 11:00 in Berlin
    screen = {"app": "Figma", "screen": [1920, 1080]}
    events = [
        {"t": start + back + n * 100, "type": "pointermove", "x": n * 6, "y": 300 + n % 40, **screen}
        for back in (0, 600_000)
        for n in range(300)
    ]
    events.append({"t": start + 5_000, "type": "pointerdown", "x": 300, "y": 320, "button": 0, **screen})
    events.append({"t": start + 9_000, "type": "wheel", "deltaX": 0, "deltaY": 40, **screen})
    events.append({"t": start + 30_000, "type": "pointermove", "x": -4_000, "y": 50, **screen})
    events.append({"t": start + 31_000, "type": "keydown", "code": "KeyA", "app": "Figma"})
    token = make_token("events.write", sources=["old"])
    assert send(Client(), token, make_batch(ada, events, source="old")).status_code == 201
    return f"/people/{ada.pk}/data/2026-03-02"


@pytest.mark.parametrize(("width", "scheme"), [(320, "dark"), (1280, "light")])
def test_each_page_is_accessible_fits_and_needs_nothing_inline(
    page, live_server, complaints, faults, sign_in, ada, laptop, recorded, width, scheme
):
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": width, "height": 800})
    laptop([{"t": now(), "type": "pointermove", "x": n, "y": n, "app": "A drawing program"} for n in range(20)])
    sign_in(ada)
    for address in (f"{recorded}/", f"{recorded}/replay/", f"{recorded}/raw/", f"/people/{ada.pk}/live/"):
        page.goto(live_server.url + address)
        for summary in page.locator("main details.more > summary").all():
            summary.click()
        assert (address, faults()) == (address, [])
        assert (address, page.evaluate("document.documentElement.scrollWidth") <= width) == (address, True)
    assert complaints == []


def now():
    return round(timezone.now().timestamp() * 1000)


def test_what_arrives_is_on_the_page_within_five_seconds_until_it_is_held(page, live_server, sign_in, ada, laptop):
    sign_in(ada)
    page.goto(f"{live_server.url}/people/{ada.pk}/live/")
    assert "Nothing arrives at this moment" in page.inner_text("#live-says")
    laptop([{"t": now(), "type": "pointermove", "x": 1, "y": 1}] * 7)
    page.wait_for_selector("#live-says:has-text('Arriving now, from ThinkPad')", timeout=5_000)
    assert page.inner_text("[aria-labelledby=since-title] .num") == "7"
    page.focus("[data-hold]")
    page.keyboard.press("Enter")
    assert page.get_attribute("[data-hold]", "aria-pressed") == "true"
    page.wait_for_timeout(300)
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.wait_for_timeout(2_600)
    assert asked == []
    page.keyboard.press("Enter")
    page.wait_for_timeout(2_600)
    assert asked


def clock(page):
    return page.inner_text("[data-now]").partition(" ")[0]


def test_a_replay_plays_and_scrubs_by_keyboard(page, live_server, complaints, sign_in, ada, recorded):
    page.emulate_media(reduced_motion="no-preference")
    sign_in(ada)
    page.goto(f"{live_server.url}{recorded}/replay/")
    page.wait_for_selector("[data-ready='603']")
    assert clock(page) == "11:00:00"
    page.focus("#scrub")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    assert clock(page) == "11:00:10"
    assert "Figma" in page.inner_text("[data-now]")
    assert page.evaluate(INK) > 4
    page.keyboard.press("ArrowLeft")
    assert clock(page) == "11:00:05"
    page.select_option("#speed", "60")
    page.focus("#scrub")
    page.keyboard.press("Space")
    # Sixty times as fast, and over the stretch without anything: at the end of the hour within seconds.
    page.wait_for_selector("[data-says]:has-text('The end')", timeout=8_000)
    assert clock(page) == "12:00:00"
    page.keyboard.press("Home")
    assert clock(page) == "11:00:00"
    page.keyboard.press("End")
    assert clock(page) == "12:00:00"
    assert complaints == []


def test_with_less_motion_wanted_a_replay_still_plays_in_steps(page, live_server, sign_in, ada, recorded):
    page.emulate_media(reduced_motion="reduce")
    sign_in(ada)
    page.goto(f"{live_server.url}{recorded}/replay/")
    page.wait_for_selector("[data-ready]")
    page.click("[data-toggle]")
    page.wait_for_timeout(400)
    assert clock(page) == "11:00:00"
    page.wait_for_selector("[data-now]:not(:has-text('11:00:00'))", timeout=4_000)
