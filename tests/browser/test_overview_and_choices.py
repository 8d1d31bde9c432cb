"""Overview and choices as a person meets them: dark, on a telephone, by keyboard, without JavaScript."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.utils import timezone

from consent import actions, gate
from consent.models import Decision
from portal.audit import trail
from portal.audit.values import Actor, ActorKind
from portal.rights import actions as rights
from tests.browser.walking import enter, follow
from tests.makers import make_batch, make_purpose, make_token, send
from tests.pages.conftest import POINTER, make_flows, make_source

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True, databases=["default", "keys"])]
EARLIER = ["pointer_movement", "pointer_clicks"]


@pytest.fixture
def week(client, ada, hana):
    """Ada has said yes, no and nothing; some days are full, some empty, some dropped; somebody was refused."""
    agent, earlier = make_source(), make_source("recordings", "Earlier recordings", "import")
    make_flows(agent, "train", POINTER)
    make_flows(earlier, "train", EARLIER)
    make_flows(agent, "protect", ["app_usage"])
    make_purpose(
        "train",
        title="Train AI to use a computer",
        covers={"agent": POINTER, "recordings": EARLIER},
        description="A model learns from how people move through programs: where they point and click.",
        refusal_consequence="Saying no has no consequence for pay, rating or tasks.",
    )
    make_purpose("tools", title="Improve internal tools", covers={"agent": ["scrolling"]})
    make_purpose("study", title="Ergonomics study", covers={"agent": ["scrolling"]})
    make_purpose("protect", title="Protect our systems", basis="legitimate_interest", covers={"agent": ["app_usage"]})
    actions.give(subject_id=ada.pk, purpose_key="train", path="test")
    actions.refuse(subject_id=ada.pk, purpose_key="tools", path="test")
    actions.acknowledge(subject_id=ada.pk, purpose_key="protect", path="test")
    token = make_token("events.write", sources=["recordings"])
    for ago, count in ((1, 300), (2, 190), (4, 260), (5, 220)):
        send(client, token, make_batch(ada, list(moments(ago, count)), source="recordings"))
    own = Actor(ActorKind.PERSON, str(ada.pk), "employee")
    rights.open_request(kind="access", subject_id=ada.pk, by=own)
    staff = Actor(ActorKind.PERSON, str(hana.pk), "hr", "Hana Horn")
    trail.refused(actor=staff, subject_id=ada.pk, path="/people/somebody/data/")
    return ada


def moments(ago, count):
    start = int((timezone.now() - timedelta(days=ago)).timestamp() * 1000)
    for n in range(count):
        kind = ("pointermove", "pointermove", "pointermove", "pointerdown", "wheel")[n % 5]
        more = {"pointerdown": {"button": 0}, "wheel": {"deltaX": 0, "deltaY": 1}}.get(kind, {})
        yield {"t": start + n * 40, "type": kind, "x": n, "y": n, **more}


@pytest.mark.parametrize(("width", "scheme"), [(320, "dark"), (1280, "light")])
@pytest.mark.parametrize("address", ["/", "/choices/", "/choices/train/notice/1/"])
def test_a_page_is_accessible_needs_nothing_inline_and_fits(
    page, live_server, sign_in, week, complaints, faults, address, width, scheme
):
    sign_in(week)
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    page.set_viewport_size({"width": width, "height": 800})
    page.goto(live_server.url + address)
    if address == "/":
        page.wait_for_selector("html[data-drawn]")
    for more in page.locator("details.more > summary").all():
        more.click()
    assert faults() == []
    assert complaints == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_the_chart_is_drawn_in_the_colours_of_the_theme(page, live_server, sign_in, week, complaints):
    sign_in(week)
    seen = []
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        page.goto(live_server.url)
        page.wait_for_selector("html[data-drawn]")
        bar = page.locator(".plot .trace.bars path").first
        token = page.evaluate("getComputedStyle(document.documentElement).getPropertyValue('--c1').trim()")
        seen.append((page.evaluate("e => getComputedStyle(e).fill", bar.element_handle()), token))
    assert seen[0] != seen[1]
    for fill, token in seen:
        assert [int(part) for part in re.findall(r"\d+", fill)[:3]] == list(bytes.fromhex(token[1:]))
    assert complaints == []


def test_what_lies_under_the_chart_can_be_pressed(page, live_server, sign_in, week):
    sign_in(week)
    page.goto(live_server.url)
    page.wait_for_selector("html[data-drawn]")
    page.click("text=The same as a table")
    assert page.locator(".chart table").is_visible()


def test_a_yes_can_be_given_by_keyboard_alone(page, live_server, sign_in, week):
    sign_in(week)
    page.goto(f"{live_server.url}/choices/")
    give = "form[data-action=give][data-purpose=study] button"
    for _step in range(60):
        page.keyboard.press("Tab")
        if page.evaluate(f"document.activeElement === document.querySelector('{give}')"):
            break
    enter(page)
    page.wait_for_selector("text=of the log. The log was not rewritten since checkpoint")
    assert "study" in gate.read(week.pk).grants


def test_everything_can_be_answered_without_javascript(browser, client, live_server, sign_in, week, page):
    sign_in(week)
    with browser.new_context(java_script_enabled=False, storage_state=page.context.storage_state()) as context:
        plain = context.new_page()
        plain.goto(f"{live_server.url}/choices/")
        for action, purpose in (("give", "study"), ("withdraw", "train"), ("object", "protect")):
            follow(plain.locator(f"form[data-action={action}][data-purpose={purpose}] button"))
        plain.goto(live_server.url)
        plain.click("text=The same as a table")
        assert plain.locator(".chart table").is_visible()
    kinds = dict(Decision.objects.for_subject(week.pk).latest_by_purpose().values_list("purpose_key", "kind"))
    assert kinds == {"study": "given", "train": "withdrawn", "protect": "objected", "tools": "refused"}


def test_the_menu_of_the_account_opens_and_closes_by_keyboard(page, live_server, sign_in, week):
    sign_in(week)
    page.goto(live_server.url)
    page.focus("details.account summary")
    page.keyboard.press("Enter")
    assert page.locator("details.account .menu").is_visible()
    page.keyboard.press("Escape")
    assert not page.locator("details.account .menu").is_visible()


def test_the_overview_answers_on_one_laptop_screen(page, live_server, sign_in, week):
    sign_in(week)
    page.set_viewport_size({"width": 1440, "height": 900})
    page.goto(live_server.url)
    page.goto(live_server.url)
    for heading in ("kept", "why", "who", "due"):
        box = page.locator(f"#{heading}").bounding_box()
        assert box["y"] + box["height"] <= 900, heading
