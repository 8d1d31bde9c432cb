"""Those who watch, each signed in on a client of their own."""

from __future__ import annotations

import pytest
from django.test import Client

from tests.makers import make_employee, sign_in


@pytest.fixture
def as_role():
    """Return a function that gives a client on which somebody new of this role is signed in."""

    def become(role, **over):
        browser = Client()
        browser.person = make_employee(f"{role.title()} Holder", roles=[role] if role else [], **over)
        assert sign_in(browser, browser.person).status_code == 302
        return browser

    return become
