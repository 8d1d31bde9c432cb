"""How long things are kept, as people meet it: narrow and wide, dark and light, without a script."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from django.core.management import call_command

from consent import actions as decisions
from portal.register.models import Source
from portal.rights.retention import actions
from tests.makers import make_employee, make_permitted, make_purpose
from tests.rights.conftest import at, make_events, person, store
from tests.rights.test_retention import keep

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True, databases=["default", "keys"])]
SHOTS = os.environ.get("DAYLIGHT_SHOTS")
LOOKS = [(1280, "light"), (360, "dark"), (360, "light"), (1280, "dark")]


@pytest.fixture
def uma(lea):
    """Somebody with recordings for two purposes, of which some went last night and something was shortened."""
    uma = make_employee("Uma Underhill")
    make_permitted(uma, source="recorder", kind="import", earlier_recordings="Earlier recordings are taken in.")
    keep(30)
    make_purpose("support", title="Help when a program fails", covers={"recorder": ["pointer_clicks"]})
    keep(90, "support", ["pointer_clicks"])
    source = Source.objects.get(pk="recorder")
    source.flows.create(category="pointer_clicks", purpose_key="support", state="live", why="To help.", off_hours=True)
    decisions.give(subject_id=uma.pk, purpose_key="support", path="/choices/")
    for days_ago in (40, 20, 3, 2):
        store(uma, make_events(at(days_ago)))
    actions.shorten(employee=uma, category="keystroke_timing", days=7, by=person(uma))
    actions.shorten(employee=uma, category="scrolling", days=10, by=person(uma))
    actions.take_back(employee=uma, category="scrolling", by=person(uma))
    call_command("retention", verbosity=0)
    return uma


def test_each_page_fits_reads_well_and_complains_of_nothing(page, live_server, sign_in, faults, complaints, uma, lea):
    for who, address in ((uma, "/retention/"), (lea, "/oversight/retention/")):
        sign_in(who)
        for width, scheme in LOOKS:
            page.set_viewport_size({"width": width, "height": 900})
            page.emulate_media(color_scheme=scheme)
            page.goto(live_server.url + address)
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), (address, width)
            assert faults() == [], (address, width, scheme)
            if SHOTS:
                name = f"retention{address.replace('/', '-')}{width}-{scheme}.png"
                page.screenshot(path=str(Path(SHOTS) / name), full_page=True)
    assert complaints == []


def test_somebody_shortens_and_takes_it_back_with_the_keyboard(page, live_server, sign_in, uma):
    sign_in(uma)
    page.goto(f"{live_server.url}/retention/")
    page.get_by_label("Delete sooner, after how many days").first.fill("5")
    page.keyboard.press("Enter")
    page.get_by_text("5 days, as you chose").wait_for()
    page.locator("[data-action=take-back]").first.get_by_role("button").press("Enter")
    page.get_by_text("Taken back.").wait_for()
