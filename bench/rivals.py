"""Three usual ways to store a batch, behind the same server, token check and decoding as ours."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.http import HttpRequest, JsonResponse
from django.urls import URLPattern, path
from msgspec import UNSET
from ninja import NinjaAPI

from bench.models import RivalEvent
from portal.events import decode
from portal.events.values import Event
from portal.http import install_problems
from portal.people.subjects import subject_or_404
from portal.people.tokens import Bearer, Token
from portal.urls import urlpatterns as ours

COLUMNS = ("subject_id", "day", "t", "type", "source", "app", "x", "y", "button", "delta_x", "delta_y", "code", "seq")
SENT = ("app", "x", "y", "button", "deltaX", "deltaY", "code", "seq")
NAMES = ", ".join(COLUMNS)
COPY = f"COPY bench_rivalevent ({NAMES}) FROM STDIN"
Row = tuple[Any, ...]
Store = Callable[[list[Row]], None]

api = NinjaAPI(title="Rivals", urls_namespace="rivals", docs_url=None, openapi_url=None)
install_problems(api)


def _row(subject_id: UUID, source: str, event: Event) -> Row:
    day: date = datetime.fromtimestamp(event.t / 1000, UTC).date()
    sent = (getattr(event, name, UNSET) for name in SENT)
    fields = (None if value is UNSET else value for value in sent)
    return (subject_id, day, event.t, event.__struct_config__.tag, source, *fields)


def _bulk_create(rows: list[Row]) -> None:
    RivalEvent.objects.bulk_create([RivalEvent(**dict(zip(COLUMNS, row, strict=True))) for row in rows])


def _insert(rows: list[Row]) -> None:
    for row in rows:
        RivalEvent.objects.create(**dict(zip(COLUMNS, row, strict=True)))


def _copy(rows: list[Row]) -> None:
    with connection.cursor() as cursor, cursor.copy(COPY) as copy:
        for row in rows:
            copy.write_row(row)


STORES: dict[str, Store] = {"bulk_create": _bulk_create, "insert": _insert, "copy": _copy}


@api.put("/{way}/{uuid:batch}", auth=Bearer("events.write"))
def put(request: HttpRequest, way: str, batch: UUID) -> JsonResponse:
    token: Token = request.auth  # type: ignore[attr-defined]
    envelope = decode.read_batch(decode.read_body(request))
    employee = subject_or_404(token, str(envelope.subject))
    rows = [_row(employee.pk, envelope.source, event) for event in envelope.events]
    with transaction.atomic():
        STORES[way](rows)
    return JsonResponse({"stored": len(rows)}, status=201)


urlpatterns: list[URLPattern | Any] = [path("rivals/", api.urls), *ours]
