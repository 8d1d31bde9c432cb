"""One person who said yes to everything, and the program that sends about them."""

from __future__ import annotations

import io
import time
from datetime import UTC, datetime

import pytest
from django.core.management import call_command

from portal.people.models import Employee
from tests.makers import make_batch, make_permitted, make_token, send


def now_ms():
    return time.time_ns() // 1_000_000


@pytest.fixture
def ada(ada):
    """Where it is about noon: what a test sends within seconds lies on one day."""
    east = 12 - datetime.now(UTC).hour
    Employee.objects.filter(pk=ada.pk).update(time_zone=f"Etc/GMT{-east:+d}" if east else "UTC")
    ada.refresh_from_db()
    return ada


@pytest.fixture
def agent(ada):
    """A live source of all categories, and Ada's yes to it."""
    source = make_permitted(ada)
    # What is observed from here on lies after her yes.
    time.sleep(0.002)
    return source


@pytest.fixture
def token(agent):
    return make_token("events.write", sources=[agent.key])


@pytest.fixture
def put(client, token, ada):
    """Send events about Ada; return the answer."""

    def call(events, **over):
        headers = {name: over.pop(name) for name in ("batch", "content_type", "content_encoding") if name in over}
        return send(client, token, make_batch(ada, events, **over), **headers)

    return call


def move(t=None, x=1, y=2, **over):
    return {"t": now_ms() if t is None else t, "type": "pointermove", "x": x, "y": y, **over}


def key(t=None, code="KeyA", **over):
    return {"t": now_ms() if t is None else t, "type": "keydown", "code": code, **over}


def focus(app, t=None, **over):
    return {"t": now_ms() if t is None else t, "type": "focus", "app": app, **over}


@pytest.fixture
def seal():
    """Seal whatever waits."""
    return lambda: call_command("seal_segments", stdout=io.StringIO())
