"""Days off in a real browser: accessible, fits, and marked with the keyboard alone."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from consent import gate, marking
from tests.browser.walking import enter

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True, databases=["default", "keys"])]


@pytest.mark.parametrize(("width", "scheme"), [(320, "dark"), (1280, "light")])
def test_a_day_is_marked_on_a_page_that_fits(page, live_server, complaints, faults, sign_in, ada, width, scheme):
    today = timezone.localdate()
    marking.mark(subject_id=ada.pk, days=[today, *(today + timedelta(days=n) for n in range(3, 9))], today=today)
    sign_in(ada)
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": width, "height": 900})
    page.goto(f"{live_server.url}/days-off/")
    page.locator("#id_first").fill(str(today + timedelta(days=20)))
    enter(page)
    assert page.locator(".messages, [role=status]").count()
    assert today + timedelta(days=20) in gate.read(ada.pk).days_off
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert not faults()
    assert not complaints
