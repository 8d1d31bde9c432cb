"""What the agent says of itself: a file beside its queue, and the same in words."""

from __future__ import annotations

import contextlib
import json
import time
from dataclasses import asdict, dataclass, field
from datetime import datetime
from gettext import gettext as _
from typing import Any

from portal.agent.home import Home, write

# Exit codes of `status`, for those who look after many computers.
RECORDS, RESTS, STOPPED, NOT_ENROLLED = 0, 1, 3, 4
NAMES = {
    "pointer_movement": _("Pointer movement"),
    "pointer_clicks": _("Clicks"),
    "scrolling": _("Scrolling"),
    "keystroke_timing": _("Typing rhythm"),
    "keystroke_content": _("Typed text"),
    "app_usage": _("Apps and windows"),
}
REASONS = {
    "not_permitted": _("you have not agreed to it, or it is not collected from you"),
    "before_grant": _("you have not agreed to it yet"),
    "paused": _("you paused it"),
    "restricted": _("you asked for restriction"),
    "erased": _("you asked for erasure"),
    "off_hours": _("it is outside your working hours"),
    "day_off": _("you marked today as a day off"),
    "unlisted_app": _("no app is on the list of those that may be recorded"),
    "blocked_app": _("the app is blocked"),
    "not_agreed": _("a works agreement is missing"),
    "not_acknowledged": _("you have not read the notice yet"),
    "device_paused": _("you paused this device"),
    "device_waiting": _("this device waits for your answer in the portal"),
    "personal_device": _("this is your own device, and you have not agreed to it"),
    "device_ended": _("this device was removed"),
}
DOING = {
    "starting": _("is starting; it records nothing until the portal has said what is allowed"),
    "recording": _("is recording what is allowed below"),
    "resting": _("runs and records nothing: nothing is allowed now"),
    "away": _("cannot reach the portal; it goes on with what was last allowed, for at most an hour"),
    "unasked": _("cannot reach the portal and records nothing"),
    "no_screen": _("runs and records nothing: no screen that it can ask"),
    "stopped": _("does not run"),
    "ended": _("was ended by the portal: it stopped, and deleted its queue and its keys to the portal"),
    "left": _("is not enrolled"),
}


@dataclass
class Status:
    """Everything that the agent knows of what it is doing; no event."""

    state: str = "starting"
    origin: str = ""
    source: str = ""
    whose: str = ""
    allowed: list[str] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)
    paused_until: str = ""
    listeners: list[str] = field(default_factory=list)
    text: bool = False
    queued: int = 0
    queued_bytes: int = 0
    given_up: int = 0
    sent: int = 0
    last_sent: float = 0
    last_asked: float = 0
    trouble: str = ""
    blind: str = ""


def save(home: Home, status: Status) -> None:
    with contextlib.suppress(OSError):  # a full disk is no reason to stop
        write(home.status, json.dumps(asdict(status)).encode(), lasting=False)


def read(home: Home) -> Status:
    """Return what was last said; whether it still runs is known from its lock alone."""
    try:
        found = Status(**json.loads(home.status.read_bytes()))
    except (OSError, ValueError, TypeError):
        found = Status(state="left")
    if not home.credentials.exists():
        found.state = found.state if found.state == "ended" else "left"
    elif not home.runs():
        found.state = "stopped"
    return found


def code(status: Status) -> int:
    if status.state in ("left", "ended"):
        return NOT_ENROLLED
    if status.state == "stopped":
        return STOPPED
    return RECORDS if status.state in ("recording", "away") else RESTS


def as_json(status: Status) -> str:
    return json.dumps({**asdict(status), "exit": code(status)}, indent=1)


def in_words(status: Status) -> str:
    """Say it to the person at this computer."""
    lines = [_("Daylight's agent {doing}.").format(doing=DOING[status.state])]
    if status.state in ("left", "ended"):
        return lines[0]
    if status.origin:
        lines.append(_("Portal: {origin}, source: {source}").format(origin=status.origin, source=status.source))
        lines += [_("For employee number {number}").format(number=status.whose)] if status.whose else []
    if status.state not in ("stopped", "starting"):
        lines += [*_allowed(status), _listening(status)]
    lines.append(_("Waiting to be sent: {queued} events").format(queued=status.queued))
    if status.given_up:
        lines.append(_("Given up unsent, too many or unreadable: {lost} events").format(lost=status.given_up))
    lines += [_("Last sent: {time}").format(time=_clock(status.last_sent))]
    lines += [_("Last asked what is allowed: {time}").format(time=_clock(status.last_asked))]
    if status.blind:
        lines.append(status.blind)
    if status.trouble:
        lines.append(_("Trouble: {what}").format(what=status.trouble))
    return "\n".join(lines)


def _allowed(status: Status) -> list[str]:
    lines = []
    if status.paused_until:
        lines.append(_("Paused until {time}").format(time=status.paused_until))
    for category, name in NAMES.items():
        if category in status.allowed:
            lines.append(_("  {what}: allowed").format(what=name))
        else:
            reason = status.refused.get(category, "")
            lines.append(_("  {what}: off, {why}").format(what=name, why=REASONS.get(reason, reason or _("not asked"))))
    return lines


def _listening(status: Status) -> str:
    heard = {"mouse": _("mouse"), "keyboard": _("keyboard")}
    names = ", ".join(heard[each] for each in status.listeners) or _("nothing")
    text = _("; what is typed in the app in front is recorded as text") if status.text else ""
    return _("Listening to: {names}").format(names=names) + text


def _clock(seconds: float) -> str:
    if not seconds:
        return _("not since it started")
    ago = max(0, round(time.time() - seconds))
    at: Any = datetime.fromtimestamp(seconds).astimezone().strftime("%Y-%m-%d %H:%M:%S")
    return _("{at} ({ago} s ago)").format(at=at, ago=ago)
