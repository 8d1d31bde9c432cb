"""Dates, questions and holds as people meet them: narrow and wide, dark and light, without a script."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone

from consent.values import Scope
from portal.people.guards import actor_for
from portal.rights import handling
from portal.rights.clocks import actions as clocks
from portal.rights.holds import actions as holds
from portal.rights.models import SubjectRequest
from portal.rights.values import Kind
from tests.makers import make_employee
from tests.rights.conftest import ask

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True, databases=["default", "keys"])]
SHOTS = os.environ.get("DAYLIGHT_SHOTS")
REQUESTS = ("asked", "late", "answered", "held")
LOOKS = [(1280, "light"), (360, "dark"), (360, "light"), (1280, "dark")]


@pytest.fixture
def cases(hana, lea):
    """Uma has a request with a question, one that is late, one answered late, a deletion that waits, and a hold."""
    uma = make_employee("Uma Underhill", jurisdiction="US-CA", time_zone="America/Los_Angeles")
    hold = holds.place(
        subject_id=uma.pk,
        scope=Scope(categories=frozenset({"pointer_clicks", "app_usage"})),
        ground="legal_claims",
        legal_basis="GDPR Art. 17(3)(e)",
        reason="A claim about overtime in March, which is before the labour court.",
        until=timezone.now() + timedelta(days=120),
        by=actor_for(lea),
        matter="2026-7",
    )
    asked = ask(uma, Kind.RECTIFICATION)
    clocks.ask(request=asked, by=actor_for(hana), code="scope", text="Which days do you mean, and which device?")
    handling.extend(request=asked, by=actor_for(hana), reason="complexity")
    late = ask(uma, Kind.COMPLAINT)
    SubjectRequest.objects.filter(pk=late.pk).update(due=timezone.localdate() - timedelta(days=3))
    answered = ask(uma, Kind.COMPLAINT)
    handling.approve(request=answered, by=actor_for(hana))
    SubjectRequest.objects.filter(pk=answered.pk).update(due=timezone.localdate() - timedelta(days=2))
    held = ask(uma, Kind.ERASURE)
    handling.approve(request=held, by=actor_for(hana))
    found = {"asked": asked, "late": late, "answered": answered, "held": held}
    return {"uma": uma, "hana": hana, "lea": lea, "hold": hold} | found


def pages(cases):
    return {
        "uma": [
            "/",
            "/requests/holds/",
            *(f"/requests/{cases[each].pk}/" for each in ("asked", "late", "answered", "held")),
        ],
        "lea": [
            "/queue/",
            "/holds/",
            f"/holds/{cases['hold'].pk}/",
            *(f"/queue/{cases[each].pk}/" for each in ("asked", "answered", "held")),
        ],
    }


@pytest.mark.parametrize(("width", "scheme"), LOOKS)
def test_each_page_fits_and_is_accessible(page, live_server, sign_in, faults, complaints, cases, width, scheme):
    page.set_viewport_size({"width": width, "height": 900})
    page.emulate_media(color_scheme=scheme)
    for who, paths in pages(cases).items():
        sign_in(cases[who])
        for number, path in enumerate(paths):
            page.goto(live_server.url + path)
            assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 0, (
                path
            )
            if SHOTS:
                page.screenshot(path=Path(SHOTS) / f"clocks-{who}-{number}-{width}-{scheme}.png", full_page=True)
            if (width, scheme) in LOOKS[:2]:
                assert faults() == [], path
    assert complaints == []
