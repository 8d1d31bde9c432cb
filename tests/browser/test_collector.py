"""The collector of web applications in a real browser, on another origin than the portal."""

from __future__ import annotations

import json
import re
import threading
import time
from datetime import timedelta

import pytest
from allauth.idp.oidc.models import Token
from django.utils import timezone

from consent import actions
from portal.events import reading
from portal.events.enrolment.models import Collector
from portal.events.models import BatchReceipt, Sender
from tests.browser.hosting import hosted
from tests.browser.test_pause_and_history import overflow, picture
from tests.browser.walking import follow
from tests.makers import make_collector, make_permitted

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True, databases=["default", "keys"])]
KINDS = ["pointer_movement", "pointer_clicks", "scrolling", "keystroke_timing", "app_usage", "web_navigation"]
HELD = "daylight:desk:"
BATCHES = "**/api/v1/batches/*"


@pytest.fixture(autouse=True)
def settled(own_files):
    """Let no question of a page that is closed already be answered in the next test."""
    yield
    until_quiet = time.monotonic() + 5
    while any("process_request" in each.name for each in threading.enumerate()) and time.monotonic() < until_quiet:
        time.sleep(0.02)


@pytest.fixture
def application(live_server):
    with hosted(live_server.url) as origin:
        yield origin


def permit(person, origin, categories=KINDS):
    """Have the person say yes to a source that lists the application; return the token of their collector in it."""
    make_permitted(person, categories, source="desk", kind="browser", origins=[origin])
    return make_collector(person, "desk", device="Chromium on Linux", account="")


def hold(page, token, name=HELD):
    """As if this browser had joined: the token lies where the collector keeps it."""
    kept = {"access": token, "refresh": "", "until": (time.time() + 3600) * 1000}
    put = f"localStorage.setItem('{name}', {json.dumps(json.dumps(kept))})"
    page.add_init_script(
        f"if (location.protocol === 'http:' && !sessionStorage.begun) {{ sessionStorage.begun = 1; {put} }}"
    )


def held(page):
    return json.loads(page.evaluate(f"localStorage.getItem('{HELD}')"))


def badge(page, word, seconds=20):
    page.locator("summary b").get_by_text(word, exact=True).wait_for(timeout=seconds * 1000)


def stored(person, day=None):
    return reading.stored(person.pk, day or timezone.localdate()).sort_by("seq").to_pylist()


def until(page, holds, seconds=20):
    """Wait; the browser's own calls are answered meanwhile."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it did not happen in time"
        page.wait_for_timeout(50)


def within(place, box):
    across, down = place[0] - box["x"], place[1] - box["y"]
    return 0 < across < box["width"] and 0 < down < box["height"]


def move(page, steps, x=300, y=300):
    """Move the mouse over what is not private, far enough that each step is another place."""
    page.mouse.move(10, y + 100)
    page.mouse.move(x, y, steps=steps)


def use(page):
    """Do what is recorded and what is not, in one go."""
    page.mouse.move(400, 400, steps=5)
    page.locator("h1").click()
    page.mouse.wheel(0, 120)
    page.locator("#reply").press_sequentially("Hi 4")
    page.locator("#password").click()
    page.locator("#password").press_sequentially("qqq")
    page.evaluate("document.getElementById('password').type = 'text'")
    page.locator("#password").press_sequentially("qqq")
    page.locator("#card").press_sequentially("999")
    page.locator("#customer").press_sequentially("zzz")
    page.locator("#call").click()
    for closed in ("x-vault", "#vault"):
        page.locator(closed).click(position={"x": 20, "y": 10})
        page.keyboard.type("77")
    page.mouse.move(200, 5)
    page.mouse.move(200, 500, steps=40)
    page.evaluate("history.pushState({}, '', '/tickets/8?customer=Kim#note')")
    page.evaluate("document.getElementById('reply').dispatchEvent(new KeyboardEvent('keydown', {code: 'KeyX'}))")


def test_what_is_allowed_arrives_and_what_is_private_never_does(page, live_server, application, ada, complaints):
    # Typed text is permitted of another application only.
    hold(page, permit(ada, application, [*KINDS, "keystroke_content"]))
    page.goto(f"{application}/tickets/7?token=secret#part")
    badge(page, "recording")
    boxes = [page.locator(each).bounding_box() for each in ("#password", "#card", "#customer", "#call", "x-vault")]
    use(page)
    page.goto("about:blank")
    until(page, BatchReceipt.objects.exists)
    rows = stored(ada)
    assert {row["type"] for row in rows} - {"blur"} == {
        "focus", "navigate", "pointermove", "pointerdown", "pointerup", "wheel", "keydown", "keyup",
    }  # fmt: skip
    assert {row["app"] for row in rows} == {"Ticket desk"}
    assert [row["url"] for row in rows if row["url"]] == [f"{application}/tickets/7", f"{application}/tickets/8"]
    assert [row["title"] for row in rows if row["type"] == "focus"] == ["Ticket 7"]
    pressed = [row["code"] for row in rows if row["type"] == "keydown"]
    assert [code for code in pressed if code != "Modifier"] == ["Letter", "Letter", "Space", "Digit"]
    assert all(row.get("key") is None for row in rows)
    places = [(row["x"], row["y"]) for row in rows if row["x"] is not None]
    assert [place for place in places for box in boxes if within(place, box)] == []
    assert [row["seq"] for row in rows] == list(range(len(rows)))
    assert complaints == []


def test_a_pause_and_a_withdrawal_stop_it_within_five_seconds_and_what_waited_is_gone(page, application, ada):
    hold(page, permit(ada, application))
    page.goto(application)
    badge(page, "recording")
    page.locator("h1").click()
    calls = []
    page.on("request", lambda request: calls.append((request.method, "permissions" in request.url)))
    actions.pause(subject_id=ada.pk, until=timezone.now() + timedelta(hours=1))
    badge(page, "paused", 5)
    # Once to learn of it, once more to say that it has stopped.
    until(page, lambda: calls.count(("GET", True)) >= 2, 3)
    use(page)
    actions.resume(subject_id=ada.pk)
    badge(page, "recording")
    page.locator("h1").click()
    actions.withdraw(subject_id=ada.pk, purpose_key="train", path="/choices/")
    badge(page, "off", 5)
    use(page)
    page.goto("about:blank")
    assert "PUT" not in {method for method, _asked in calls}
    assert not BatchReceipt.objects.exists()


def test_only_kinds_that_are_allowed_are_taken_and_text_only_of_its_application(page, live_server, ada):
    with hosted(live_server.url, app="editor") as origin:
        hold(page, permit(ada, origin, ["scrolling", "keystroke_timing", "keystroke_content"]))
        page.goto(origin)
        badge(page, "recording")
        use(page)
        page.goto("about:blank")
        until(page, BatchReceipt.objects.exists)
    rows = stored(ada)
    assert {row["type"] for row in rows} == {"wheel", "keydown", "keyup"}
    pressed = [(row["code"], row["key"]) for row in rows if row["type"] == "keydown" and row["key"] != "Shift"]
    assert pressed == [("KeyH", "H"), ("KeyI", "i"), ("Space", " "), ("Digit4", "4")]
    [day] = reading.days(ada.pk)
    assert not day.withheld


def test_offline_and_back_loses_nothing_and_a_batch_sent_twice_is_kept_once(page, application, ada):
    hold(page, permit(ada, application, ["pointer_movement"]))
    page.goto(application)
    badge(page, "recording")
    lost = []

    def lose_the_answer(route):
        if lost:
            return route.continue_()
        lost.append(route.fetch().status)
        return route.abort()

    page.context.set_offline(True)
    move(page, 260)
    badge(page, "offline")
    move(page, 260, x=500)
    page.route(BATCHES, lose_the_answer)
    page.context.set_offline(False)
    until(page, BatchReceipt.objects.exists)
    badge(page, "recording")
    page.unroute(BATCHES)
    page.goto("about:blank")
    until(page, lambda: len(stored(ada)) >= 520)
    assert [row["seq"] for row in stored(ada)] == list(range(len(stored(ada))))
    assert lost == [201]


def test_what_is_too_much_to_keep_is_thrown_away_and_said(page, live_server, ada):
    with hosted(live_server.url, most_kept=300) as origin:
        hold(page, permit(ada, origin, ["pointer_movement"]))
        page.goto(origin)
        badge(page, "recording")
        page.context.set_offline(True)
        move(page, 520)
        badge(page, "offline")
        page.locator("summary").click()
        said = page.get_by_text(re.compile(r"^Not sent and thrown away: \d+ events\.$"))
        said.wait_for()
        page.context.set_offline(False)
        badge(page, "recording")
        # Whole batches go, and how much is in one depends on how fast the pointer was.
        gone = int(re.search(r"\d+", said.inner_text()).group())
        assert 520 - 300 <= gone <= 520
        page.goto("about:blank")
        until(page, BatchReceipt.objects.exists)
        assert stored(ada)[0]["seq"] == gone


def test_a_page_of_an_origin_that_no_source_lists_gets_nothing(page, live_server, application, ada):
    token = permit(ada, "https://elsewhere.example.org")
    hold(page, token)
    page.goto(application)
    badge(page, "offline")
    page.locator("h1").click()
    heard = page.evaluate(
        "async ([portal, token]) => { try { return (await fetch(`${portal}/api/v1/permissions?source=desk`, "
        "{headers: {Authorization: `Bearer ${token}`}})).status } catch (error) { return error.name } }",
        [live_server.url, token],
    )
    assert heard == "TypeError"
    assert not BatchReceipt.objects.exists()


def test_a_lost_token_ends_it_at_once(page, application, ada):
    hold(page, permit(ada, application))
    page.goto(application)
    badge(page, "recording")
    Token.objects.all().delete()
    badge(page, "off", 5)
    assert page.evaluate(f"localStorage.getItem('{HELD}')") is None
    use(page)
    page.goto("about:blank")
    assert not BatchReceipt.objects.exists()
    assert not Sender.objects.exists()


def test_it_joins_by_a_code_that_its_person_confirms_and_offers_no_choice(page, application, ada, sign_in, faults):
    make_permitted(ada, KINDS, source="desk", kind="browser", origins=[application])
    sign_in(ada)
    page.goto(application)
    badge(page, "off")
    assert page.evaluate("performance.getEntriesByType('resource').filter(each => /api/.test(each.name)).length") == 0
    page.locator("summary").click()
    code = page.locator("details strong").inner_text()
    said = page.locator("details").inner_text().lower()
    assert page.locator("details button, details input, details form, details [data-action]").count() == 0
    assert not re.search(r"train|allow all|agree|accept|\byes\b|\bno\b", said)
    assert faults() == []
    with page.context.expect_page() as opened:
        page.get_by_role("link", name="Open Daylight with this code").click()
    assert code in opened.value.locator("main").inner_text()
    follow(opened.value.get_by_role("button", name="Connect it"))
    opened.value.close()
    badge(page, "recording")
    assert page.get_by_text(f"employee {ada.employee_number}").is_visible()
    assert Collector.objects.get().source == "desk"
    first = held(page)
    page.evaluate(
        f"localStorage.setItem('{HELD}', JSON.stringify({{...JSON.parse(localStorage['{HELD}']), until: 0}}))"
    )
    until(page, lambda: held(page)["access"] != first["access"])
    assert held(page)["refresh"] != first["refresh"]
    page.reload()
    badge(page, "recording")


def test_the_application_of_the_demo_runs_it_and_is_nowhere_else(
    page, live_server, settings, client, ada, faults, complaints
):
    assert client.get("/demo/tickets/").status_code == 404
    settings.ROOT_URLCONF, settings.ORIGIN = "tests.browser.demo_urls", live_server.url
    make_permitted(ada, KINDS, source="ticket-desk-web", kind="browser")
    hold(page, make_collector(ada, "ticket-desk-web"), "daylight:ticket-desk-web:")
    for width, scheme in ((360, "dark"), (1280, "light")):
        page.set_viewport_size({"width": width, "height": 800})
        page.emulate_media(color_scheme=scheme)
        page.goto(live_server.url + "/demo/tickets/")
        badge(page, "recording")
        page.locator("summary").click()
        assert overflow(page) <= 0
        assert faults() == []
        picture(page, f"demo-application-{width}-{scheme}")
    assert complaints == []
