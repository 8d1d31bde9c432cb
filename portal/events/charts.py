"""What was kept, what was dropped and where nothing was taken, day by day: as a figure, a table and one sentence."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from html import escape
from typing import Any

import plotly.graph_objects as go
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from portal.events import gap_words, words
from portal.events.values import DayTotal

# The stylesheet's colour tokens: c0 is what was dropped, then one for each category; portal.js fills the colours in.
DROPPED_TOKEN = "c0"  # noqa: S105 (a colour's name)
TOKENS = {key: f"c{place}" for place, key in enumerate(words.CATEGORIES, start=1)}
# A day without collection gets a hatched block this high against the tallest day, so that it is seen as a gap.
GAP_HEIGHT = 0.12
# With more days than this the words on the blocks would lie over each other; hovering and the table still say them.
MOST_LABELS = 14


Days = Sequence[DayTotal]
Gaps = Mapping[date, str]
NO_GAPS: Gaps = {}


def kept(day: DayTotal) -> int:
    return sum(day.events.values())


def dropped(day: DayTotal) -> int:
    return sum(sum(reasons.values()) for reasons in day.withheld.values())


def filled(days: Iterable[DayTotal], first: date, last: date) -> list[DayTotal]:
    """Return every day from first to last, the quiet ones too: a gap that is left out cannot be seen."""
    known = {each.day: each for each in days}
    wanted = (first + timedelta(days=n) for n in range((last - first).days + 1))
    return [known.get(day) or DayTotal(day) for day in wanted]


def categories(days: Days) -> list[str]:
    """Return the categories that occur, in the order of their colours."""
    seen = {key for day in days for key in day.events}
    return [key for key in TOKENS if key in seen]


def _long(day: date) -> str:
    return date_format(day, "l j F")


def _bars(days: Days, key: str) -> go.Bar:
    return go.Bar(
        name=escape(words.category(key)),
        meta=TOKENS[key],
        x=[day.day.isoformat() for day in days],
        y=[day.events.get(key, 0) for day in days],
        hovertext=[escape(f"{_long(day.day)}: {words.events(day.events.get(key, 0))}") for day in days],
        hovertemplate="%{hovertext}<extra>%{fullData.name}</extra>",
    )


def _dropped_bars(days: Days) -> go.Bar:
    return go.Bar(
        name=escape(_("Dropped on arrival")),
        meta=DROPPED_TOKEN,
        x=[day.day.isoformat() for day in days],
        y=[dropped(day) for day in days],
        hovertext=[escape(f"{_long(day.day)}: {words.events(dropped(day))}") for day in days],
        hovertemplate="%{hovertext}<extra>%{fullData.name}</extra>",
    )


def _gap_bars(days: Days, gaps: Gaps) -> go.Bar:
    tallest = max((kept(day) + dropped(day) for day in days), default=0) or 1
    shown = [day.day for day in days if day.day in gaps]
    labels = [escape(gap_words.name(gaps[day])) for day in shown] if len(days) <= MOST_LABELS else None
    return go.Bar(
        name=escape(_("Nothing taken")),
        meta=DROPPED_TOKEN,
        marker={"pattern": {"shape": "/", "size": 5, "solidity": 0.15}},
        x=[day.isoformat() for day in shown],
        y=[tallest * GAP_HEIGHT for _day in shown],
        text=labels,
        textposition="outside",
        hovertext=[escape(f"{_long(day)}: {gap_words.reason(gaps[day])}") for day in shown],
        hovertemplate="%{hovertext}<extra></extra>",
    )


def _tick(day: date, few: bool) -> str:
    # Two lines, so that seven days fit on a telephone.
    return f"{date_format(day, 'D')}<br>{day.day}" if few else date_format(day, "j M")


def _key(days: Days, gaps: Gaps) -> list[tuple[str, str]]:
    """Return (name, colour token) of what the figure shows, for the key under it; the stylesheet hatches `gap`."""
    shown = [(words.category(key), TOKENS[key]) for key in categories(days)]
    if any(dropped(day) for day in days):
        shown.append((_("Dropped on arrival"), DROPPED_TOKEN))
    if any(day.day in gaps for day in days):
        shown.append((_("Time without collection"), "gap"))
    return shown


def volume_figure(days: Days, gaps: Gaps = NO_GAPS) -> go.Figure:
    """Return events a day, stacked by category; dropped ones on top, days without collection hatched."""
    bars = [_bars(days, key) for key in categories(days)]
    if any(dropped(day) for day in days):
        bars.append(_dropped_bars(days))
    if any(day.day in gaps for day in days):
        bars.append(_gap_bars(days, gaps))
    few = len(days) <= MOST_LABELS
    ticks = [day.day for day in days] if few else [day.day for day in days if day.day.weekday() == 0]
    figure = go.Figure(bars)
    figure.update_layout(
        template=None,
        barmode="stack",
        showlegend=False,
        xaxis={
            "type": "category",
            "categoryorder": "array",
            "categoryarray": [day.day.isoformat() for day in days],
            "tickvals": [day.isoformat() for day in ticks],
            "ticktext": [_tick(day, few) for day in ticks],
            "tickangle": 0,
        },
        yaxis={"rangemode": "tozero", "tickformat": "~s", "nticks": 5},
    )
    return figure


def volume_table(days: Days, gaps: Gaps = NO_GAPS) -> dict[str, Any]:
    """Return the same figures as rows, newest day first."""
    shown = categories(days)
    head = [_("Day"), *(words.category(key) for key in shown), _("Kept"), _("Dropped"), _("Nothing taken because")]
    rows = [
        [
            date_format(day.day, "D j M Y"),
            *(f"{day.events.get(key, 0):,}" for key in shown),
            f"{kept(day):,}",
            f"{dropped(day):,}",
            gap_words.reason(gaps.get(day.day, "")),
        ]
        for day in reversed(days)
    ]
    return {"caption": _("Events a day, by category"), "head": head, "rows": rows}


def _gap_sentence(days: Days, gaps: Gaps) -> str:
    paused = [date_format(day.day, "j F") for day in days if gaps.get(day.day) == "paused"]
    if not paused:
        return ""
    return _("You had paused on %(days)s: what was sent meanwhile was dropped.") % {"days": ", ".join(paused)}


def volume_sentence(days: Days, gaps: Gaps = NO_GAPS) -> str:
    """Say in words what the figure shows."""
    total, lost = sum(map(kept, days)), sum(map(dropped, days))
    if not days or not (total or lost):
        return _("Nothing was kept in these days, and nothing was sent.")
    busiest = max(days, key=kept)
    said = _("%(kept)s kept in %(days)d days, most on %(busiest)s (%(most)s).") % {
        "kept": words.events(total),
        "days": len(days),
        "busiest": _long(busiest.day),
        "most": f"{kept(busiest):,}",
    }
    if not total:
        said = _("Nothing was kept in these days.")
    more = _("%(lost)s more were sent and dropped on arrival.") % {"lost": words.events(lost)} if lost else ""
    return " ".join(part for part in (said, more, _gap_sentence(days, gaps)) if part)


def volume_note(days: Days, gaps: Gaps = NO_GAPS) -> str:
    """Say what the totals beside the figure do not: the fullest day, and the pauses."""
    busiest = max(days, key=kept)
    said = _("Most was kept on %(day)s: %(events)s.") % {
        "day": _long(busiest.day),
        "events": words.events(kept(busiest)),
    }
    return " ".join(part for part in (said if kept(busiest) else "", _gap_sentence(days, gaps)) if part)


def volume_chart(days: Days, gaps: Gaps = NO_GAPS, *, name: str = "volume", tall: bool = False) -> dict[str, Any]:
    """Return all that `_chart.html` shows."""
    return {
        "id": name,
        "figure": volume_figure(days, gaps).to_dict(),
        "label": volume_sentence(days, gaps),
        "sentence": volume_sentence(days, gaps),
        "key": _key(days, gaps),
        "table": volume_table(days, gaps),
        "tall": tall,
    }
