"""The pages about leaving, in a real browser: before it, with a code, and those of human resources."""

from __future__ import annotations

import os
import re

import pytest
from django.core import mail

from consent.values import Scope
from portal.people import actions as people
from portal.rights.leaving import actions, delivery, schedule
from portal.rights.models import SubjectRequest
from portal.rights.redress import restricting
from portal.rights.values import Kind
from tests.browser.walking import follow
from tests.makers import SETTING_UP, make_employee
from tests.rights.conftest import ask, carry_out, person, recorded, soon  # noqa: F401

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True, databases=["default", "keys"])]
CODE = re.compile(r"(?:[A-Z2-7]{4}-){7}[A-Z2-7]{4}")
LOOKS = [(360, "dark"), (1280, "light"), (360, "light"), (1280, "dark")]
# Where somebody wants to see the pages.
SHOTS = os.environ.get("SHOTS", "")


@pytest.fixture
def look(page, complaints, faults):
    """Return a function that tries the page as it is in both widths and colours."""

    def tried(name):
        for width, scheme in LOOKS:
            page.emulate_media(color_scheme=scheme)
            page.set_viewport_size({"width": width, "height": 900})
            if SHOTS:
                page.screenshot(path=f"{SHOTS}/{name}-{width}-{scheme}.png", full_page=True)
            assert page.evaluate("document.documentElement.scrollWidth") <= width, name
            if (width, scheme) in LOOKS[:2]:
                assert faults() == [], name
        assert complaints == []

    return tried


def test_an_employee_chooses_where_the_code_goes(page, live_server, ada, sign_in, look):
    sign_in(ada)
    page.goto(f"{live_server.url}/leaving/")
    look("leaving")
    page.get_by_label("by e-mail").check()
    page.locator("[name=where]").fill("ada@private.example")
    follow(page.locator("form[data-action=choose] button"))
    assert page.locator(".written").inner_text() == "ada@private.example"
    look("leaving-chosen")


def test_with_a_code_somebody_who_left_reaches_what_is_theirs(hana, page, live_server, recorded, soon, look):  # noqa: F811
    carry_out(ask(recorded))
    actions.choose_channel(subject_id=recorded.pk, way="email", where="ada@private.example", by=person(recorded))
    people.deactivate(employee=recorded, by=SETTING_UP)
    schedule.sweep()
    delivery.send_due()
    page.goto(f"{live_server.url}/leavers/")
    look("enter")
    page.get_by_label("Your access code").fill(CODE.search(mail.outbox[-1].body).group())
    follow(page.locator("form[data-action=enter] button"))
    look("next-code")
    following = CODE.search(page.content()).group()
    follow(page.locator("text=Go on"))
    look("mine")
    follow(page.locator("text=See what would be deleted"))
    look("erase")
    follow(page.locator("form[data-action=confirm-account] button"))
    look("request")
    carry_out(SubjectRequest.objects.get(kind=Kind.ERASURE))
    page.goto(f"{live_server.url}/leavers/")
    page.get_by_label("Your access code").fill(following)
    follow(page.locator("form[data-action=enter] button"))
    look("kept")
    with page.expect_download() as fetched:
        page.locator("form[data-action=fetch] button").first.click()
    assert fetched.value.suggested_filename in ("receipts.zip", "certificate.json")


def test_with_a_code_one_reads_that_what_is_out_of_use_stays(page, live_server, recorded, look):  # noqa: F811
    actions.choose_channel(subject_id=recorded.pk, way="email", where="ada@private.example", by=person(recorded))
    restricting.ask(subject_id=recorded.pk, by=person(recorded), scope=Scope(), ground="legal_claims")
    people.deactivate(employee=recorded, by=SETTING_UP)
    schedule.sweep()
    delivery.send_due()
    page.goto(f"{live_server.url}/leavers/")
    page.get_by_label("Your access code").fill(CODE.search(mail.outbox[-1].body).group())
    follow(page.locator("form[data-action=enter] button"))
    follow(page.locator("text=Go on"))
    assert page.get_by_text("nothing is deleted by itself").count() == 1
    look("mine-restricted")


def test_human_resources_see_who_left_and_no_address(hana, page, live_server, sign_in, look):
    ada = make_employee("Ada Abel")
    actions.choose_channel(subject_id=ada.pk, way="email", where="ada@private.example", by=person(ada))
    bea = make_employee("Bea Bauer")
    restricting.ask(subject_id=bea.pk, by=person(bea), scope=Scope(), ground="legal_claims")
    for each in (ada, bea):
        people.deactivate(employee=each, by=SETTING_UP)
    schedule.sweep()
    delivery.send_due()
    sign_in(hana)
    page.goto(f"{live_server.url}/queue/leavers/")
    assert "private.example" not in page.content()
    assert page.get_by_text("nothing is deleted by itself").count() == 1
    look("leavers")
