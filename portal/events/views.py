"""A person's own data: the calendar, one day to the single event, and the chart."""

from __future__ import annotations

from datetime import date, timedelta
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

from portal.events import charts, forms, gaps, pages, reading
from portal.events.openday import open_day
from portal.events.seen import note
from portal.people.guards import own_page

SPANS = (7, 30, 90)


@own_page
def data(request: HttpRequest, *, subject_id: UUID) -> HttpResponse:
    """A month of days, each opening to its events."""
    today = timezone.localdate()
    first = forms.first_of_month(request.GET.get("month", ""), today)
    last = forms.month_after(first) - timedelta(days=1)
    days = charts.filled(reading.days(subject_id, f"{first:%Y-%m}"), first, last)
    shown = pages.month(request.user, days, gaps.read(request.user), today, request.GET)
    return render(request, "events/data.html", shown)


@own_page
def day(request: HttpRequest, *, subject_id: UUID, day: date) -> HttpResponse:
    """One day's events, a page at a time; the look is written down, once an hour, before anything is opened."""
    month = reading.days(subject_id, f"{day:%Y-%m}")
    shown = pages.day(request.user, charts.filled(month, day, day)[0], request.GET)
    note(request, subject_id, day)
    opened = open_day(subject_id, day)
    return render(request, "events/day.html", shown | pages.events(request.user, shown, opened))


@own_page
def chart(request: HttpRequest, *, subject_id: UUID) -> HttpResponse:
    """How much a day, for a week, a month or three."""
    today = timezone.localdate()
    span = next((span for span in SPANS if str(span) == request.GET.get("days")), 30)
    first = today - timedelta(days=span - 1)
    days = charts.filled(pages.days_since(subject_id, first, today), first, today)
    return render(request, "events/chart.html", pages.volume(request.user, days, gaps.gaps(request.user, days), SPANS))
