"""What each field of a record means, in plain words, and whether anything that was typed is in it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.utils.formats import date_format
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from portal.events import words

KEYS = frozenset({"keydown", "keyup"})
# What a collector says of a key instead of which it is.
CLASSES = frozenset({"Letter", "Digit", "Space", "Enter", "Tab", "Delete", "Arrow", "Modifier", "Function"})
CLASSES |= {"Escape", "Mark", "Other", "Unidentified"}
MEANINGS: Mapping[str, str | Promise] = {
    "": gettext_lazy("How many fields follow."),
    "type": gettext_lazy("What happened, by its name in the W3C’s list of events."),
    "x": gettext_lazy("How many pixels from the left edge of the screen."),
    "y": gettext_lazy("How many pixels from the top edge of the screen."),
    "button": gettext_lazy("Which button: 0 is the left one, 1 the middle, 2 the right."),
    "deltaX": gettext_lazy("How far was scrolled to the side."),
    "deltaY": gettext_lazy("How far was scrolled up or down."),
    "key": gettext_lazy("The character that was typed."),
    "app": gettext_lazy("The app that the device named."),
    "in_app": gettext_lazy("The app it belongs to: the one named, or the one in front at the time."),
    "title": gettext_lazy("The title of the window, as it was kept."),
    "private": gettext_lazy("Whether the window was a private one."),
    "url": gettext_lazy("The page’s address, as it was kept."),
    "seq": gettext_lazy("The device’s own count of what it sends; a gap in it shows that something is missing."),
    "screen": gettext_lazy("Width and height of the screen in pixels."),
    "screen_w": gettext_lazy("Width of the screen in pixels."),
    "screen_h": gettext_lazy("Height of the screen in pixels."),
    "category": gettext_lazy("The kind of data, which your answer permits or not."),
    "source": gettext_lazy("The system that sent it."),
    "collector": gettext_lazy("The installation or program that sent it."),
    "purposes": gettext_lazy("What it is kept for: without one of these it would not be here."),
    "key_purposes": gettext_lazy("What the typed character is kept for."),
}


def of(name: str, row: Mapping[str, Any], zone: ZoneInfo) -> str:
    """Return what a field of this event means."""
    if name == "t":
        return _time(row, zone)
    if name == "code":
        return _code(str(row.get("code", "")))
    return str(MEANINGS.get(name, ""))


def _time(row: Mapping[str, Any], zone: ZoneInfo) -> str:
    local = datetime.fromtimestamp(row["t"] / 1000, UTC).astimezone(zone)
    clock = f"{local:%H:%M:%S}.{row['t'] % 1000:03d}"
    said = _("When it happened, in milliseconds since 1 January 1970 (UTC): %(day)s, %(clock)s where you are.")
    text = said % {"day": date_format(local, "j F Y"), "clock": clock}
    if row["type"] in KEYS and not row["t"] % 1000:
        return f"{text} {_('The part below a second was cut off before it was stored.')}"
    return text


def _code(code: str) -> str:
    if code in CLASSES:
        return _("What kind of key it was. Which one is not in it.")
    return _(
        "Which key on the keyboard, by its place. It is not the character; "
        "but who knows the keyboard can tell what it usually types."
    )


def typed(row: Mapping[str, Any]) -> str:
    """Say whether something that was typed is in the record, no more and no less than is so."""
    if row.get("key"):
        return _("A typed character is in this record: “%(key)s”. Your answer permits it for this app.") % {
            "key": row["key"]
        }
    if row["type"] in KEYS and row.get("code") not in CLASSES:
        return _("No typed character is in this record; which key was pressed is.")
    if row["type"] in KEYS:
        return _("No typed character is in this record, and not which key it was: only what kind of key.")
    if row.get("title") or row.get("url"):
        return _("No typed character is in this record. Its title or address is text that the app showed.")
    return _("No typed character is in this record: it has no field for one.")


def value(name: str, row: Mapping[str, Any], given: Any) -> str:
    """Return a value as it is stored, and its name in words where it has one."""
    if name == "category":
        return f"{given} ({words.category(str(given))})"
    if isinstance(given, list):
        return " × ".join(map(str, given))
    return str(given).lower() if isinstance(given, bool) else str(given)
