"""Connecting a collector and the devices page in a real browser: what is read before the answer, and both answers."""

from __future__ import annotations

import os
from datetime import timedelta
from urllib.parse import urlencode

import pytest
from django.core.cache import cache
from django.test import Client

from portal.events.enrolment import files
from portal.events.enrolment.models import Collector
from tests.browser.walking import follow
from tests.makers import SETTING_UP, make_collector, make_employee, make_permitted

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True, databases=["default", "keys"])]
FORM = "application/x-www-form-urlencoded"
SHOTS = os.environ.get("SHOTS")


@pytest.fixture
def ada():
    cache.clear()
    make_employee("Oda", roles=["operator"], employee_number="oda")
    person = make_employee("Ada Abel")
    make_permitted(person, title="Desktop agent", description="Records how the computer is used.")
    return person


def asked() -> dict:
    said = {"client_id": "collector-agent", "scope": "events.write", "device_name": "LT-4711", "os_account": "ada"}
    said["os"] = "Debian 13"
    return Client().post("/identity/o/api/device/code", urlencode(said), FORM).json()


def installed(ada) -> None:
    file = files.make(employee=ada, source_key="agent", uses=1, lasts=timedelta(days=1), by=SETTING_UP)
    body = {"file": file, "device_name": "DESK-12", "os": "Windows 11"}
    assert Client().post("/identity/o/api/enrol", body, content_type="application/json").status_code == 200


def overflows(page) -> bool:
    return page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth")


def shoot(page, name) -> None:
    for width in (1280, 360, 320):
        for scheme in ("light", "dark"):
            page.set_viewport_size({"width": width, "height": 900})
            page.emulate_media(color_scheme=scheme)
            if SHOTS:
                page.screenshot(path=f"{SHOTS}/{name}-{width}-{scheme}.png", full_page=True)
            assert not overflows(page), f"{name} at {width}"


def test_a_code_is_confirmed_with_two_buttons_of_the_same_size(page, live_server, sign_in, ada, complaints, faults):
    sign_in(ada)
    page.goto(f"{live_server.url}/identity/o/device?code={asked()['user_code']}")
    yes, no = (page.locator(f"[data-action={name}]").bounding_box() for name in ("confirm", "refuse"))
    assert abs(yes["height"] - no["height"]) < 1 and abs(yes["width"] - no["width"]) < 2
    assert faults() == []
    shoot(page, "confirm")
    page.set_viewport_size({"width": 1280, "height": 900})
    page.fill("[name=name]", "My ThinkPad")
    follow(page.locator("[data-action=confirm]"))
    assert page.locator("h2", has_text="My ThinkPad").count() == 1
    assert Collector.objects.get().state == "active" and complaints == []


def test_devices_are_paused_resumed_named_and_removed(page, live_server, sign_in, ada, complaints, faults):
    make_collector(ada, device="LT-4711", account="ada")
    make_collector(ada, device="Private Mac", ownership="personal")
    installed(ada)
    sign_in(ada)
    page.goto(f"{live_server.url}/devices/")
    assert faults() == []
    shoot(page, "devices")
    page.set_viewport_size({"width": 1280, "height": 900})
    card = page.locator("article", has_text="LT-4711")
    follow(card.locator("[data-action=pause]"))
    assert "paused by you" in card.inner_text()
    follow(card.locator("[data-action=resume]"))
    card.locator("summary").click()
    card.locator("[name=name]").last.fill("Kitchen table")
    follow(card.locator("[data-action=describe]"))
    card = page.locator("article", has_text="Kitchen table")
    follow(card.locator("[data-action=end]"))
    assert "1 collector was removed" in page.locator("article", has_text="Kitchen table").inner_text()
    assert complaints == []


def test_what_operators_see_names_nobody(page, live_server, sign_in, ada, complaints, faults):
    make_collector(ada, device="LT-4711")
    sign_in(ada.__class__.objects.get(employee_number="oda"))
    page.goto(f"{live_server.url}/collectors/")
    shown = page.locator("main").inner_text()
    assert str(Collector.objects.get().pk) in shown
    assert not any(word in shown for word in ("LT-4711", "Ada", str(ada.pk)))
    assert faults() == [] and complaints == []
    shoot(page, "collectors")
