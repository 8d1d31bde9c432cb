"""What a collector says of where it runs, read from what it sends: short, printable, or refused."""

from __future__ import annotations

from collections.abc import Mapping

from portal.events.enrolment.values import LONGEST_NAME, Ownership, Said


class Unreadable(Exception):
    """A field is missing or not as it has to be; the text says which, for whoever writes collectors."""


def read(sent: Mapping[str, object]) -> Said:
    """Return what was said; raises Unreadable."""
    ownership = _text(sent, "ownership") or Ownership.COMPANY
    if ownership not in Ownership.values:
        raise Unreadable(f"ownership is one of {', '.join(Ownership.values)}")
    device = _text(sent, "device_name")
    if not device:
        raise Unreadable("device_name is missing: say what the device is called")
    return Said(device, _text(sent, "os_account"), _text(sent, "os"), ownership)


def _text(sent: Mapping[str, object], name: str) -> str:
    value = sent.get(name, "")
    if not isinstance(value, str):
        raise Unreadable(f"{name} is no text")
    value = value.strip()
    if len(value) > LONGEST_NAME or not value.isprintable():
        raise Unreadable(f"{name} has at most {LONGEST_NAME} printable characters")
    return value
