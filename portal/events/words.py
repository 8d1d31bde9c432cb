"""What pages call categories, withholding reasons and event types; keys never reach a person."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

Words = Mapping[str, str | Promise]

CATEGORIES: Words = {
    "pointer_movement": gettext_lazy("Pointer movement"),
    "pointer_clicks": gettext_lazy("Clicks"),
    "scrolling": gettext_lazy("Scrolling"),
    "keystroke_timing": gettext_lazy("Typing rhythm"),
    "keystroke_content": gettext_lazy("Typed characters"),
    "app_usage": gettext_lazy("Apps used"),
    "web_navigation": gettext_lazy("Pages visited"),
}

DROPPED: Words = {
    "not_permitted": gettext_lazy("nothing permits it"),
    "before_grant": gettext_lazy("it was from before you were told or said yes"),
    "paused": gettext_lazy("you had paused"),
    "restricted": gettext_lazy("you had restricted it"),
    "erased": gettext_lazy("it belongs to what you deleted, or is older than it may be kept"),
    "blocked_app": gettext_lazy("the app is blocked or private"),
    "unlisted_app": gettext_lazy("the app is not on the list of those that may be recorded"),
    "off_hours": gettext_lazy("it was outside your working hours"),
    "day_off": gettext_lazy("it was on a day that you marked"),
    "device_paused": gettext_lazy("you had paused the device"),
    "device_waiting": gettext_lazy("you had not answered for the device yet"),
    "device_ended": gettext_lazy("the device had been removed"),
    "personal_device": gettext_lazy("the device is your own and you had not said yes to it"),
    "not_agreed": gettext_lazy("your representatives have not agreed to it"),
    "not_acknowledged": gettext_lazy("you had not confirmed yet that you were told"),
}


def category(key: str) -> str:
    return str(CATEGORIES.get(key, key))


def dropped(reason: str) -> str:
    return str(DROPPED.get(reason, reason))


def place(row: Mapping[str, Any]) -> str:
    """Return `at 512, 300`, or nothing for an event that was sent without a place."""
    if row.get("x") is None or row.get("y") is None:
        return ""
    return _("at %(x)g, %(y)g") % {"x": row["x"], "y": row["y"]}


def _press(row: Mapping[str, Any], what: str) -> str:
    buttons = {0: _("left button"), 1: _("middle button"), 2: _("right button")}
    number = row.get("button")
    button = buttons.get(number, _("button %(number)s") % {"number": number}) if number is not None else ""
    return " ".join(part for part in (what, button, place(row)) if part)


def _key(row: Mapping[str, Any], what: str) -> str:
    if row.get("key"):
        return _("%(what)s, the character “%(key)s”") % {"what": what, "key": row["key"]}
    return _("%(what)s, the key at %(code)s") % {"what": what, "code": row["code"]} if row.get("code") else what


def _wheel(row: Mapping[str, Any]) -> str:
    far = row.get("deltaY") or row.get("deltaX") or 0
    how = _("Scrolled") if not far else _("Scrolled by %(far)g") % {"far": far}
    return f"{how} {place(row)}".strip()


def _focus(row: Mapping[str, Any], what: str) -> str:
    return f"{what}: {row['title']}" if row.get("title") else what


def event(row: Mapping[str, Any]) -> str:
    """Return one sentence that says what an event was, from nothing but its own fields."""
    sentences = {
        "pointermove": lambda: _("Pointer moved") + (f" {place(row)}" if place(row) else ""),
        "pointerdown": lambda: _press(row, _("Pressed")),
        "pointerup": lambda: _press(row, _("Released")),
        "wheel": lambda: _wheel(row),
        "keydown": lambda: _key(row, _("Key pressed")),
        "keyup": lambda: _key(row, _("Key released")),
        "focus": lambda: _focus(row, _("App came to the front")),
        "blur": lambda: _focus(row, _("App left the front")),
        "navigate": lambda: _("Page visited: %(url)s") % {"url": row.get("url") or "?"},
    }
    return sentences[row["type"]]() if row["type"] in sentences else str(row["type"])


def events(count: int) -> str:
    return ngettext("%(count)s event", "%(count)s events", count) % {"count": f"{count:,}"}


def size(count: int) -> str:
    """Return bytes as people read them: 162 kB, 1.4 MB."""
    if count < 1000:
        return ngettext("%(count)d byte", "%(count)d bytes", count) % {"count": count}
    for unit, one in (("kB", 1e3), ("MB", 1e6), ("GB", 1e9)):
        if count < one * 1000 or unit == "GB":
            figure = count / one
            return f"{figure:.1f} {unit}" if figure < 10 else f"{figure:,.0f} {unit}"
    return str(count)
