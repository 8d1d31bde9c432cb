"""A small deletion costs few statements: each of its steps reads once what it needs."""

from __future__ import annotations

from collections import Counter
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta

import pytest
from django.core.management import call_command
from django.db import connections

from portal.rights import plans
from portal.rights.values import Kind
from tests.makers import make_permitted
from tests.rights.conftest import ask, at, carry_out, make_events, store

pytestmark = [
    pytest.mark.usefixtures("soon"),
    pytest.mark.django_db(transaction=True, databases=["default", "keys"]),
]
# What each step costs where two sealed days of one month go, without BEGIN and COMMIT; nobody is asked twice.
MOST = {
    "fence": 21,
    "count": 9,
    "tell_recipients": 3,
    "rewrite_days": 9,
    "rewrite_volumes": 8,
    "delete_bundles": 1,
    "carry_keys": 6,
    "destroy_old_key": 7,
    "read_again": 8,
    "write_journal": 6,
    "await_renewal": 1,
    "certify": 11,
}


@pytest.fixture
def statements(monkeypatch):
    """Count what each step sends to either database, by its name."""
    counted, real = Counter(), plans.step

    def step(plan, name):
        def count(execute, *args):
            counted[name] += 1
            return execute(*args)

        def call(request, cursor):
            with ExitStack() as both:
                for alias in ("default", "keys"):
                    both.enter_context(connections[alias].execute_wrapper(count))
                return real(plan, name)(request, cursor)

        return call

    monkeypatch.setattr(plans, "step", step)
    return counted


def two_days_of_one_month():
    """Return how many days ago they were."""
    today = datetime.now(UTC).date()
    months = [(today - timedelta(days=ago)).month for ago in range(9)]
    return next((ago + 1, ago) for ago in range(3, 8) if months[ago] == months[ago + 1])


def dearer(statements, names):
    return {name: statements[name] for name in names if statements[name] > MOST[name]}


def test_the_steps_of_a_small_erasure_cost_no_more_statements_than_they_need(ada, statements):
    make_permitted(ada, source="recorder", kind="import", earlier_recordings="Earlier recordings are taken in.")
    for ago in two_days_of_one_month():
        store(ada, make_events(at(ago)))
    call_command("seal_segments", verbosity=0)
    request = carry_out(ask(ada, Kind.ERASURE))
    assert request.state == "delivered"
    assert request.certificate["certificate"]["erased"]["events"] == 16
    assert dearer(statements, MOST) == {}


def test_the_keys_of_many_months_cost_no_more_than_those_of_one(ada, statements):
    make_permitted(ada, source="recorder", kind="import", earlier_recordings="Earlier recordings are taken in.")
    for ago in (5, 45, 75, 105):
        store(ada, make_events(at(ago)))
    call_command("seal_segments", verbosity=0)
    request = carry_out(ask(ada, Kind.ERASURE))
    assert request.state == "delivered"
    assert dearer(statements, MOST.keys() - {"rewrite_days", "rewrite_volumes"}) == {}
