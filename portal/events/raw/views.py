"""One raw record of one's own: its bytes and what they mean, field by field, and what it is sealed with."""

from __future__ import annotations

from datetime import date
from typing import Any
from urllib.parse import urlencode
from uuid import UUID
from zoneinfo import ZoneInfo

from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render
from django.views.decorators.http import require_safe

from portal.events import words
from portal.events.called import called
from portal.events.openday import OpenDay, open_day
from portal.events.raw import meanings, records
from portal.events.raw.records import Field, Record
from portal.events.replay.points import Cursor
from portal.events.seen import note
from portal.people.guards import own_page
from portal.people.models import Employee


@require_safe
@own_page
def raw(request: HttpRequest, *, subject_id: UUID, day: date) -> HttpResponse:
    """The event that the address names, else the first of the day; the look is written down before it is opened."""
    note(request, subject_id, day, "raw")
    opened = open_day(subject_id, day)
    count = len(opened.index)
    shown: dict[str, Any] = {"day": day, "count": count}
    if count:
        position = _position(request.GET, opened)
        shown |= _shown(records.read(opened, position), request.user)
        shown |= {
            "position": position + 1,
            "before": _query(opened, position - 1) if position else "",
            "after": _query(opened, position + 1) if position + 1 < count else "",
        }
    return render(request, "events/raw.html", shown)


def _position(asked: QueryDict, opened: OpenDay) -> int:
    """Return which event is asked for; 404 for one that is not there, or not any more."""
    if "t" not in asked:
        return 0
    named = Cursor.read(f"{asked['t']}-{asked.get('rank') or 0}")
    position = opened.position(named.t, named.had) if named else -1
    if named is None or position >= len(opened.index) or opened.index["t"][position].as_py() != named.t:
        raise Http404
    return position


def _query(opened: OpenDay, position: int) -> str:
    return urlencode({"t": opened.index["t"][position].as_py(), "rank": opened.rank(position)})


def _shown(record: Record, owner: Employee) -> dict[str, Any]:
    zone, sender = ZoneInfo(owner.time_zone), record.row["collector"]
    return {
        "device": called(owner.pk, [sender])[sender],
        "says": words.event(record.row),
        "typed": meanings.typed(record.row),
        "has_key": bool(record.row.get("key")),
        "fields": [_field(each, record, zone) for each in record.fields],
        "beside": [_field(each, record, zone) for each in record.beside],
        "sealed": record.sealed,
        "bytes": sum(len(each.written) for each in record.fields),
        "whole": " ".join(each.hex for each in record.fields),
        "token": record.row["category"],
    }


def _field(each: Field, record: Record, zone: ZoneInfo) -> dict[str, str]:
    return {
        "name": each.name,
        "value": meanings.value(each.name, record.row, each.value),
        "means": meanings.of(each.name, record.row, zone),
        "hex": each.hex,
    }
