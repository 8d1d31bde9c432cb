"""A person with recordings of a few past days, and the ways to carry a request out."""

from __future__ import annotations

import io
import json
import time
import uuid
import zipfile
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from django.utils import timezone

from consent import actions as decisions
from portal.audit.values import Actor, ActorKind
from portal.events import ingest, reading
from portal.events.values import Event
from portal.register.models import Source
from portal.rights import actions, renewal, runner
from portal.rights.models import SubjectRequest
from portal.rights.values import Kind
from tests.makers import make_permitted, make_purpose, make_source

DAY_MS = 24 * 3600 * 1000


def person(employee):
    return Actor(ActorKind.PERSON, str(employee.pk), "employee")


def at(days_ago, hour=12, minute=0):
    """Return milliseconds of a time of day (UTC) some days ago."""
    day = datetime.now(UTC).date() - timedelta(days=days_ago)
    return int(datetime(day.year, day.month, day.day, hour, minute, tzinfo=UTC).timestamp() * 1000)


def make_events(t, n=3):
    """Return events of every category around a time, with fields that are easily lost."""
    base = [
        {"t": t, "type": "focus", "app": "editor", "title": "=SUM(A1)"},
        {"t": t + 10, "type": "pointerdown", "x": -3, "y": 2.5, "button": 0, "screen": [1920, 1080]},
        {"t": t + 20, "type": "wheel", "deltaX": 0, "deltaY": -120.5},
        {"t": t + 1000, "type": "keydown", "code": "KeyA", "key": "=", "seq": 7},
        {"t": t + 1100, "type": "navigate", "url": "https://example.org/?q=1"},
    ]
    return base + [{"t": t + 2000 + i, "type": "pointermove", "x": i, "y": i * 2} for i in range(n)]


def store(employee, events, source="recorder", batch=None):
    """Take events in as an import does."""
    raw = json.dumps(events).encode()
    return ingest.accept(
        writer="import",
        batch_id=batch or uuid.uuid4(),
        source=Source.objects.get(pk=source),
        employee=employee,
        raw=raw,
        events=msgspec.json.decode(raw, type=list[Event]),
        arrived=timezone.now(),
        imported=True,
    )


def stored(employee):
    """Return every event that today's store yields, as it was sent and what it is kept for."""
    return [
        row for day in reading.stored_days(employee.pk) for row in reading.page(employee.pk, day, limit=1_000_000).rows
    ]


@pytest.fixture
def recorded(ada):
    """Ada, with recordings of three days in two months' reach, for two purposes she said yes to."""
    make_permitted(ada, source="recorder", kind="import", earlier_recordings="Earlier recordings are taken in.")
    for days_ago in (40, 3, 2):
        assert store(ada, make_events(at(days_ago))).stored == 8
    return ada


@pytest.fixture
def two_purposes(recorded):
    """The clicks are also kept for a second purpose."""
    source = Source.objects.get(pk="recorder")
    source.flows.create(category="pointer_clicks", purpose_key="support", state="live", why="To help.", off_hours=True)
    make_purpose("support", covers={"recorder": ["pointer_clicks"]})
    decisions.give(subject_id=recorded.pk, purpose_key="support", path="/choices/")
    assert store(recorded, make_events(at(1))).stored == 8
    return recorded


@pytest.fixture
def soon(settings):
    """Keys are renewed at once."""
    settings.KEK_RENEWAL_SECONDS = 0
    settings.REQUEST_LEASE_SECONDS = 5


def ask(employee, kind=Kind.ACCESS, **how):
    return actions.open_request(kind=kind, subject_id=employee.pk, by=person(employee), **how)


def carry_out(request, seconds=30):
    """Go on until the request is closed or nothing is due, with renewals as they come."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        SubjectRequest.objects.filter(pk=request.pk, not_before=None).update(wake_at=None)
        if not runner.advance(request.pk) and not renewal.renew_if_due():
            request.refresh_from_db()
            if request.state != "processing":
                break
    request.refresh_from_db()
    return request


def unzip(request):
    """Return the files of a finished copy."""
    sent = actions.download(request=request, by=Actor(ActorKind.PERSON, str(request.subject_id), "employee"))
    body = b"".join(sent.chunks)
    assert len(body) == sent.size
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        assert archive.testzip() is None
        return {name: archive.read(name) for name in archive.namelist()}


__all__ = ["make_source"]
