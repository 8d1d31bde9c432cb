"""A no is as easy as a yes: the same weight, the same number of steps, by hand and by keyboard, and nothing ticked."""

from __future__ import annotations

import re

import pytest

from consent import actions, gate
from consent.models import Decision
from tests.browser.walking import enter, follow
from tests.makers import make_purpose
from tests.pages.conftest import POINTER, make_flows, make_source

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True, databases=["default", "keys"])]
LOOK = """e => { const s = getComputedStyle(e), r = e.getBoundingClientRect(); return {
  font: s.font, colour: s.color, ground: s.backgroundColor, border: s.border, padding: s.padding,
  radius: s.borderRadius, shadow: s.boxShadow, decoration: s.textDecoration, opacity: s.opacity,
  width: Math.round(r.width), height: Math.round(r.height), top: Math.round(r.top) } }"""


@pytest.fixture
def asked(ada):
    """Two purposes, one on each basis."""
    agent = make_source()
    make_flows(agent, "train", POINTER)
    make_flows(agent, "protect", ["pointer_clicks"])
    make_purpose("train", title="Train AI to use a computer", refusal_consequence="Saying no has no consequence.")
    make_purpose(
        "protect", title="Protect our systems", basis="legitimate_interest", covers={"agent": ["pointer_clicks"]}
    )
    return ada


def button(page, action, purpose="train"):
    return page.locator(f"form[data-action={action}][data-purpose={purpose}] button")


@pytest.mark.parametrize(("width", "scheme"), [(360, "dark"), (1280, "light")])
@pytest.mark.parametrize("address", ["/choices/", "/welcome/train/"])
def test_yes_and_no_look_the_same(page, live_server, sign_in, asked, address, width, scheme):
    sign_in(asked)
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    page.set_viewport_size({"width": width, "height": 900})
    page.goto(live_server.url + address)
    for one, other in (("give", "refuse"), ("acknowledge", "object")):
        purpose = "train" if one == "give" else "protect"
        if address == "/welcome/train/" and purpose != "train":
            page.goto(f"{live_server.url}/welcome/protect/")
        looks = [page.evaluate(LOOK, button(page, each, purpose).element_handle()) for each in (one, other)]
        if width == 360:
            # One stands under the other, each as wide as the page.
            for look in looks:
                look.pop("top")
        assert looks[0] == looks[1]


@pytest.mark.parametrize("address", ["/choices/", "/welcome/train/"])
def test_nothing_that_says_yes_is_ticked_or_focused_beforehand(page, live_server, sign_in, asked, address):
    sign_in(asked)
    page.goto(live_server.url + address)
    assert page.locator("main input:checked").count() == 0
    assert page.evaluate("document.activeElement.tagName") == "BODY"


class Steps:
    """Counts what a person does and how many pages they wait for, from the overview on."""

    def __init__(self, page, live_server):
        self.page, self.server, self.clicks, self.loads = page, live_server, 0, 0
        page.goto(live_server.url)
        page.on("load", self._loaded)

    def _loaded(self, _page):
        self.loads += 1

    def click(self, where):
        self.clicks += 1
        follow(where)

    def key(self, where):
        """Press Enter on what has the focus after as many tabs as it takes."""
        where.focus()
        self.clicks += 1
        enter(self.page)

    @property
    def taken(self):
        return self.clicks, self.loads


def way(steps, act, action, purpose):
    """Go from the overview to a recorded answer, and return how far it was."""
    act(steps.page.locator("nav a[href='/choices/']"))
    act(button(steps.page, action, purpose))
    steps.page.wait_for_selector("text=Recorded for")
    return steps.taken


@pytest.mark.parametrize("how", ["click", "key"])
@pytest.mark.parametrize(
    ("purpose", "yes", "no"), [("train", "give", "withdraw"), ("protect", "acknowledge", "object")]
)
def test_out_takes_as_many_steps_as_in(page, live_server, sign_in, asked, how, purpose, yes, no):
    sign_in(asked)
    taken = {}
    for action, kind in ((yes, yes), (no, no)):
        steps = Steps(page, live_server)
        taken[kind] = way(steps, getattr(steps, how), action, purpose)
        page.remove_listener("load", steps._loaded)
    assert taken[yes] == taken[no] == (2, 2)
    assert gate.read(asked.pk).grants == {}
    kinds = [each.kind for each in Decision.objects.for_subject(asked.pk).order_by("leaf_idx")]
    assert kinds == (["given", "withdrawn"] if purpose == "train" else ["acknowledged", "objected"])


def tabs_to(page, wanted):
    for pressed in range(1, 80):
        page.keyboard.press("Tab")
        if page.evaluate("e => document.activeElement === e", wanted.element_handle()):
            return pressed
    return None


def test_by_keyboard_the_no_lies_beside_the_yes(page, live_server, sign_in, asked):
    sign_in(asked)
    page.goto(f"{live_server.url}/choices/")
    yes = tabs_to(page, button(page, "give"))
    assert yes is not None
    assert tabs_to(page, button(page, "refuse")) == 1


def test_the_withdrawal_says_what_it_does_before_the_click_and_offers_a_copy_after(page, live_server, sign_in, asked):
    actions.give(subject_id=asked.pk, purpose_key="train", path="test")
    sign_in(asked)
    page.goto(f"{live_server.url}/choices/")
    form = page.locator("form[data-action=withdraw]")
    for words in ("What stops", "What is erased", "What goes on"):
        assert form.get_by_text(words, exact=True).is_visible()
    assert form.locator("input[value=now]").is_checked()
    form.locator("input[value='72h']").check()
    follow(form.locator("button"))
    follow(page.locator("form[data-action=copy] button"))
    assert re.search(r"/requests/[^/]+/$", page.url)


def test_the_first_sign_in_can_be_gone_through_by_keyboard_without_javascript(browser, live_server, asked):
    with browser.new_context(java_script_enabled=False) as context:
        page = context.new_page()
        page.goto(f"{live_server.url}/")
        page.fill("[name=login]", asked.email)
        page.fill("[name=password]", "correct horse battery staple")
        page.keyboard.press("Enter")
        page.wait_for_url("**/welcome/")
        for press in ("main a.btn", "form[data-action=give] button", "form[data-action=acknowledge] button"):
            page.focus(press)
            enter(page)
        page.wait_for_url("**/welcome/done/")
        assert page.locator("main .tag").all_inner_texts() == ["Yes", "Applies"]
    assert set(gate.read(asked.pk).grants) == {"train", "protect"}


@pytest.mark.parametrize(
    ("address", "width", "scheme"),
    [
        ("/welcome/", 320, "dark"),
        ("/welcome/train/", 1280, "light"),
        ("/welcome/done/", 320, "light"),
        ("/choices/", 320, "dark"),
        ("/choices/", 1280, "light"),
        ("/choices/train/notices/2/?since=1", 320, "dark"),
    ],
)
def test_a_page_on_the_way_is_accessible_needs_nothing_inline_and_fits(
    page, live_server, sign_in, asked, complaints, faults, address, width, scheme
):
    actions.give(subject_id=asked.pk, purpose_key="train", path="test")
    actions.publish_notice(
        purpose_key="train",
        language="en",
        text="# Train AI\n\nWhat we do, and why we do it.\n\n## What is collected\n\n- Clicks\n- Scrolling",
        covers={"agent": [*POINTER, "scrolling"]},
    )
    sign_in(asked)
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    page.set_viewport_size({"width": width, "height": 800})
    page.goto(live_server.url + address)
    for more in page.locator("details.more > summary").all():
        more.click()
    assert faults() == []
    assert complaints == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
