"""What the fields of a copy's sections are called, and how their values read. Pure."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.utils.formats import date_format
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

HEADS: dict[str, str | Promise] = {
    "purpose": gettext_lazy("Purpose"),
    "why": gettext_lazy("Why"),
    "basis": gettext_lazy("Legal basis"),
    "legitimate_interest": gettext_lazy("Interest of the company"),
    "law": gettext_lazy("Law"),
    "if_you_say_no": gettext_lazy("If you say no"),
    "category": gettext_lazy("Kind of data"),
    "source": gettext_lazy("Collected by"),
    "kind": gettext_lazy("Kind"),
    "name": gettext_lazy("Name"),
    "as": gettext_lazy("As"),
    "receives": gettext_lazy("Receives or sees"),
    "country": gettext_lazy("Country"),
    "contact": gettext_lazy("Contact"),
    "days": gettext_lazy("Days"),
    "right": gettext_lazy("Right"),
    "you_may": gettext_lazy("You may"),
    "article": gettext_lazy("Law"),
    "authority": gettext_lazy("Supervisory authority"),
    "in_the_portal": gettext_lazy("In Daylight"),
    "what": gettext_lazy("What"),
    "automated_decisions": gettext_lazy("Decided by programs"),
    "safeguard": gettext_lazy("Safeguard"),
    "subject_id": gettext_lazy("Your number in Daylight"),
    "employee_number": gettext_lazy("Employee number"),
    "email": gettext_lazy("Work address"),
    "addresses": gettext_lazy("Addresses for sign-in"),
    "department": gettext_lazy("Department"),
    "jurisdiction": gettext_lazy("Country or state whose law applies"),
    "time_zone": gettext_lazy("Time zone"),
    "working_hours": gettext_lazy("Working hours"),
    "language": gettext_lazy("Language"),
    "manager": gettext_lazy("Manager"),
    "company_sign_in": gettext_lazy("Name at the company’s sign-in"),
    "last_signed_in": gettext_lazy("Last signed in"),
    "role": gettext_lazy("Role"),
    "since": gettext_lazy("Since"),
    "until": gettext_lazy("Until"),
    "signed_in": gettext_lazy("Signed in"),
    "from": gettext_lazy("From"),
    "with": gettext_lazy("With"),
    "device": gettext_lazy("Device"),
    "ended_at": gettext_lazy("Ended"),
    "last_event": gettext_lazy("Last event"),
    "system": gettext_lazy("System"),
    "account": gettext_lazy("Account on the device"),
    "collector": gettext_lazy("Number of the collector"),
    "joined_by": gettext_lazy("How it joined"),
    "ownership": gettext_lazy("Whose device it is"),
    "agreed_to_own_device": gettext_lazy("Your yes to your own device"),
    "joined": gettext_lazy("Connected on"),
    "removed": gettext_lazy("Removed on"),
    "asked_after": gettext_lazy("Asked afterwards"),
    "sent_unpermitted_on": gettext_lazy("Sent without permission on"),
    "id": gettext_lazy("Number"),
    "state": gettext_lazy("State"),
    "received": gettext_lazy("Received"),
    "recorded": gettext_lazy("Recorded"),
    "due": gettext_lazy("Due"),
    "explanation": gettext_lazy("Why then"),
    "scope": gettext_lazy("What is meant"),
    "note": gettext_lazy("Note"),
    "details": gettext_lazy("What you wrote"),
    "reason": gettext_lazy("Reason"),
    "request": gettext_lazy("Request"),
    "at": gettext_lazy("When"),
    "by": gettext_lazy("By"),
    "text": gettext_lazy("Text"),
    "files": gettext_lazy("Files"),
    "channel": gettext_lazy("Came by"),
    "identity": gettext_lazy("How it was made sure who asked"),
    "delivery": gettext_lazy("Handed over"),
    "wrong": gettext_lazy("What is wrong"),
    "ground": gettext_lazy("Ground"),
    "legal_basis": gettext_lazy("Legal basis"),
    "ended": gettext_lazy("Ended"),
    "address": gettext_lazy("Address"),
    "representative": gettext_lazy("Representative"),
    "dpo_name": gettext_lazy("Data protection officer"),
    "dpo_contact": gettext_lazy("How to reach them"),
    "recipient": gettext_lazy("Recipient"),
    "reference": gettext_lazy("Reference"),
}


def head(name: str) -> str:
    return str(HEADS.get(name, name.replace("_", " ").capitalize()))


def value(found: Any) -> str:
    """Return a value as a person reads it: times in words, lists with commas, what is empty as nothing."""
    if isinstance(found, bool):
        return _("yes") if found else _("no")
    if isinstance(found, dict):
        return "; ".join(f"{head(str(name))}: {value(each)}" for name, each in found.items() if value(each))
    if isinstance(found, list | tuple):
        return ", ".join(value(each) for each in found)
    return _time(found) if isinstance(found, str) else "" if found is None else str(found)


def _time(text: str) -> str:
    if len(text) < 20 or text[10:11] != "T":
        return text
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return text
    return f"{date_format(at, 'j F Y')}, {at:%H:%M} UTC" if at.utcoffset() is not None else text
