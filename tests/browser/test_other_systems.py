"""The pages about other systems hold on a telephone in the dark and on a desk in the light, for everybody."""

from __future__ import annotations

import os

import pytest

from portal.register.document import load
from portal.register.policy import apply
from portal.rights.connectors import actions as connectors
from portal.rights.connectors.models import StoreTask
from portal.rights.values import Kind
from tests.connectors.conftest import go_on, make_manual, make_store
from tests.makers import make_employee
from tests.rights.conftest import ask, person, recorded, soon  # noqa: F401

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True, databases=["default", "keys"])]
SHOTS = os.environ.get("SHOTS", "")
LOOKS = [({"width": 1280, "height": 900}, "light"), ({"width": 360, "height": 780}, "dark")]
DRAFT = """
version: 1
stores:
  - key: crm
    title: Customer relations
    holds: Your calls with customers.
    owner: Sales IT
    sql:
      dsn: STORE_CRM_DSN
      access: select number, called_at, note from calls where employee = :employee_number order by called_at desc
      erasure: update calls set employee = null, note = null where employee = :employee_number
"""


@pytest.fixture
def company(hana, lea, recorded, soon, settings):  # noqa: F811
    """A copy that waits for people, and an erasure that waits for a system that does not answer."""
    settings.STORE_TRIES = 1
    make_manual(title="Personnel files on paper")
    make_manual("safe", title="The safe")
    copy = go_on(ask(recorded))
    connectors.answer(task=StoreTask.objects.get(store_key="safe"), outcome="nothing", by=person(hana), note="Looked.")
    make_store("sql", {"dsn": "STORE_NOWHERE_DSN", "seconds": 5, "rows": 5, "access": "", "erasure": ""})
    stuck = go_on(ask(recorded, Kind.ERASURE))
    assert stuck.state == "needs_attention"
    return copy, stuck


def pages(company):
    copy, stuck = company
    yield "hana", "list", "/queue/systems/"
    yield "hana", "look", f"/queue/{copy.pk}/systems/paper/"
    yield "hana", "answered", f"/queue/{copy.pk}/systems/safe/"
    yield "hana", "unanswered", f"/queue/{stuck.pk}/systems/crm/"
    yield "hana", "case", f"/queue/{stuck.pk}/"
    yield "ada", "copy", f"/requests/{copy.pk}/"
    yield "ada", "stuck", f"/requests/{stuck.pk}/"


@pytest.mark.parametrize(("size", "scheme"), LOOKS, ids=["wide and light", "narrow and dark"])
def test_each_page_holds_wide_and_light_narrow_and_dark(
    page,
    live_server,
    sign_in,
    complaints,
    faults,
    company,
    hana,
    recorded,  # noqa: F811
    size,
    scheme,
):
    page.set_viewport_size(size)
    page.emulate_media(color_scheme=scheme)
    wrong = []
    for who, name, path in pages(company):
        sign_in({"hana": hana, "ada": recorded}[who])
        page.goto(f"{live_server.url}{path}")
        if SHOTS:
            page.screenshot(path=f"{SHOTS}/{name}-{size['width']}.png", full_page=True)
        wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        wrong += [(name, each) for each in faults()] + ([(name, f"{wide} px too wide")] if wide > 0 else [])
    assert (wrong, complaints) == ([], [])


def test_who_approves_reads_what_will_be_run(page, live_server, sign_in, complaints, faults, lea):
    drafter = make_employee("Otto")
    apply(load(DRAFT), by=person(drafter))
    sign_in(lea)
    page.set_viewport_size(LOOKS[1][0])
    page.goto(f"{live_server.url}/oversight/drafts/")
    page.locator("details", has_text="Customer relations").locator("summary").click()
    assert "update calls set employee = null" in page.inner_text("main")
    if SHOTS:
        page.screenshot(path=f"{SHOTS}/drafts-360.png", full_page=True)
    wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert (wide, faults(), complaints) == (0, [], [])
