"""Reads the company's directory, a CSV file, line by line: what cannot be read is named and left aside."""

from __future__ import annotations

import csv
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from functools import cache
from zoneinfo import available_timezones

from django.core.exceptions import ValidationError
from django.core.validators import validate_email

from portal.people import hours

REQUIRED = (
    "employee_number",
    "email",
    "name",
    "department",
    "manager_number",
    "jurisdiction",
    "time_zone",
)
OPTIONAL = ("working_hours", "sso_issuer", "sso_subject", "language", "leaves_on")
FILLED = ("employee_number", "email", "name", "jurisdiction", "time_zone")
LONGEST = {"employee_number": 64, "email": 254, "name": 200, "department": 200, "working_hours": 200}
JURISDICTION = re.compile(r"[A-Z]{2}(-[A-Z0-9]{1,3})?")
BOM = b"\xef\xbb\xbf"


class BadFile(ValueError):
    """The file as a whole cannot be read; the text says what to do."""


@dataclass(frozen=True)
class Line:
    """One line: its values, or what is wrong with it. `number` is empty where it cannot be read either."""

    place: int
    number: str
    values: dict[str, str]
    error: str = ""


def read(raw: bytes) -> Iterator[Line]:
    """Yield every line that is not blank; each stands alone, so that an open quote cannot swallow the rest.

    Raises BadFile when the first line does not name the columns.
    """
    head, *rest = raw.removeprefix(BOM).splitlines() or [b""]
    delimiter = ";" if head.count(b";") > head.count(b",") else ","
    columns = _columns(head, delimiter)
    for place, line in enumerate(rest, start=2):
        if line.strip():
            yield _line(place, line.decode("utf-8", "surrogateescape"), columns, delimiter)


def _columns(head: bytes, delimiter: str) -> list[str]:
    text = head.decode("utf-8", "replace")
    columns = [name.strip().lower() for name in next(csv.reader([text], delimiter=delimiter), [])]
    missing = [name for name in REQUIRED if name not in columns]
    if missing:
        message = f"the first line must name the columns; missing: {', '.join(missing)}"
        raise BadFile(message)
    twice = {name for name in columns if columns.count(name) > 1 and name in REQUIRED + OPTIONAL}
    if twice:
        message = f"a column is named twice: {', '.join(sorted(twice))}"
        raise BadFile(message)
    return columns


def _line(place: int, text: str, columns: list[str], delimiter: str) -> Line:
    fault = ""
    try:
        cells = next(csv.reader([text], delimiter=delimiter, strict=True))
    except csv.Error:
        fault = "a quotation mark is not closed on its line"
        cells = text.split(delimiter)
    number = _number(cells, columns)
    if not fault and len(cells) != len(columns):
        fault = f"has {len(cells)} fields where the first line names {len(columns)}"
    if fault:
        return Line(place, number, {}, fault)
    wanted = {*REQUIRED, *OPTIONAL}
    values = {name: cell.strip() for name, cell in zip(columns, cells, strict=True) if name in wanted}
    return Line(place, number, values, _fault(values))


def _number(cells: list[str], columns: list[str]) -> str:
    """Even a bad line says whose it is, if that much can be read."""
    at = columns.index("employee_number")
    number = cells[at].strip().strip('"') if at < len(cells) else ""
    return "" if _unreadable(number) or len(number) > LONGEST["employee_number"] else number


def _unreadable(text: str) -> str:
    for sign in text:
        if unicodedata.category(sign) == "Cs":
            return "is not UTF-8"
        if unicodedata.category(sign) == "Cc":
            return "has a control character in it"
    return ""


def _fault(values: dict[str, str]) -> str:
    """Return the first thing wrong with the values, or an empty text."""
    for name, text in values.items():
        if why := _unreadable(text):
            return f"{name} {why}"
        if not text and name in FILLED:
            return f"{name} is empty"
        if len(text) > LONGEST.get(name, 200):
            return f"{name} is longer than {LONGEST.get(name, 200)} characters"
    return _meaning(values)


def _meaning(values: dict[str, str]) -> str:
    if not _is_address(values["email"]):
        return "email is no address"
    if not JURISDICTION.fullmatch(values["jurisdiction"]):
        return "jurisdiction is not like DE, GB or US-NY"
    if values["time_zone"] not in _zones():
        return "time_zone is unknown; it is like Europe/Berlin"
    if values["manager_number"] == values["employee_number"]:
        return "manager_number is the person's own"
    try:
        hours.parse(values.get("working_hours", ""))
    except hours.BadHours as error:
        return f"working_hours: {error}"
    return "" if _is_day(values.get("leaves_on", "")) else "leaves_on is no day like 2026-12-31"


def _is_day(text: str) -> bool:
    try:
        return not text or date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def _is_address(text: str) -> bool:
    """The same test as the sign-in form's: an address that it refuses could never sign in."""
    try:
        validate_email(text)
    except ValidationError:
        return False
    return True


@cache
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())
