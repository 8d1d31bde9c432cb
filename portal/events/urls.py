"""Addresses of a person's own data."""

from __future__ import annotations

from datetime import date, datetime

from django.urls import include, path, register_converter

from portal.events import views
from portal.events.forms import YEARS


class DayConverter:
    """A calendar day that exists and may have been recorded, as `2026-11-21`."""

    regex = r"\d{4}-\d{2}-\d{2}"

    def to_python(self, value: str) -> date:
        day = datetime.strptime(value, "%Y-%m-%d").date()  # noqa: DTZ007 (a day has no zone)
        if day.year not in YEARS:
            raise ValueError
        return day

    def to_url(self, value: date) -> str:
        return value.isoformat()


register_converter(DayConverter, "day")

urlpatterns = [
    path("people/<uuid:subject_id>/data/", views.data, name="data"),
    path("people/<uuid:subject_id>/data/<day:day>/", views.day, name="day"),
    path("people/<uuid:subject_id>/chart/", views.chart, name="chart"),
    path("people/<uuid:subject_id>/live/", include("portal.events.live.urls")),
    path("people/<uuid:subject_id>/data/<day:day>/replay/", include("portal.events.replay.urls")),
    path("people/<uuid:subject_id>/data/<day:day>/raw/", include("portal.events.raw.urls")),
]
