"""Takes the directory over: everybody who can be read is admitted or brought up to date, nobody's bad line stops it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

from django.db import IntegrityError

from portal.audit.values import Actor
from portal.people import actions
from portal.people.actions import PROFILE_FIELDS, Profile
from portal.people.directory import Line
from portal.people.models import Employee

TOO_MANY_SHARE = 0.05
TOO_MANY_PEOPLE = 10


class TooManyAbsent(Exception):
    """So many people are missing from the file that it looks cut off; nobody was deactivated."""


@dataclass
class Entry:
    """One line on its way through."""

    line: Line
    error: str = ""
    employee: Employee | None = None
    created: bool = False

    @property
    def number(self) -> str:
        return self.line.number

    @property
    def manager(self) -> str:
        return self.line.values["manager_number"]

    @property
    def profile(self) -> Profile:
        known = {name: self.line.values[name] for name in PROFILE_FIELDS if name in self.line.values}
        return Profile(**known | {"email": known["email"].lower(), "language": known.get("language") or "en"})

    @property
    def last_day(self) -> date | None:
        return date.fromisoformat(self.line.values["leaves_on"]) if self.line.values.get("leaves_on") else None

    @property
    def has_left(self) -> bool:
        """Return whether the line speaks of somebody whose account is closed and whose last day is over."""
        return bool(self.employee and not self.employee.is_active and actions.is_over(self.last_day))

    def answer(self) -> dict[str, Any]:
        told = {
            "employee_number": self.number or None,
            "subject_id": str(self.employee.pk) if self.employee else None,
        }
        if self.error:
            return {**told, "error": f"line {self.line.place}: {self.error}"}
        return {**told, "created" if self.created else "updated": True}


class Roster:
    """The people there are, and the lines that speak of them."""

    def __init__(self, lines: list[Line], by: Actor) -> None:
        self.by = by
        self.people = {each.employee_number: each for each in Employee.objects.all()}
        self.active = [each for each in self.people.values() if each.is_active]
        self.entries = [Entry(line, line.error, self.people.get(line.number)) for line in lines]

    def good(self) -> list[Entry]:
        return [entry for entry in self.entries if not entry.error]

    def take_over(self) -> None:
        self._refuse_repeats()
        self._refuse_unknown_managers()
        self._refuse_circles()
        self._write_people()
        self._write_managers()

    def _refuse_repeats(self) -> None:
        numbers: dict[str, int] = {}
        addresses: dict[str, int] = {}
        for entry in self.good():
            for seen, key, what in (
                (numbers, entry.number, "employee_number"),
                (addresses, entry.profile.email, "email"),
            ):
                first = seen.setdefault(key, entry.line.place)
                if first != entry.line.place and not entry.error:
                    entry.error = f"{what} stands on line {first} already"

    def _refuse_unknown_managers(self) -> None:
        """A line that is refused may itself be somebody's manager, so this goes on until nothing changes."""
        while True:
            known = self.people.keys() | {entry.number for entry in self.good()}
            lost = [entry for entry in self.good() if entry.manager and entry.manager not in known]
            for entry in lost:
                entry.error = f"manager_number {entry.manager!r} is nobody"
            if not lost:
                return

    def _refuse_circles(self) -> None:
        numbers = {each.pk: number for number, each in self.people.items()}
        now: dict[str, str | None] = {
            number: numbers.get(each.manager_id) if each.manager_id else None for number, each in self.people.items()
        }
        while True:
            wanted = {entry.number: entry.manager or None for entry in self.good()}
            circle = actions.in_circles(now | wanted)
            standing = [entry for entry in self.good() if entry.number in circle]
            for entry in standing:
                entry.error = "manager_number leads back to the person in a circle"
            if not standing:
                return

    def _write_people(self) -> None:
        """Addresses may move from one person to another within a file: who must wait for one comes again."""
        waiting = self.good()
        while waiting:
            refused = [entry for entry in waiting if not self._write(entry)]
            if len(refused) == len(waiting):
                for entry in refused:
                    entry.error = "email or sso_subject belongs to somebody else"
                return
            waiting = refused

    def _write(self, entry: Entry) -> bool:
        if entry.has_left:
            return True
        try:
            if entry.employee:
                actions.change_employee(employee=entry.employee, profile=entry.profile, by=self.by)
            else:
                entry.employee = actions.admit_employee(employee_number=entry.number, profile=entry.profile, by=self.by)
                entry.created = True
        except IntegrityError:
            return False
        if "leaves_on" in entry.line.values:
            actions.set_last_day(employee=entry.employee, leaves_on=entry.last_day, by=self.by)
        return True

    def _write_managers(self) -> None:
        ids = {number: each.pk for number, each in self.people.items()}
        ids |= {entry.number: entry.employee.pk for entry in self.good() if entry.employee}
        wanted = {}
        for entry in self.good():
            if entry.manager and entry.manager not in ids:
                entry.error = f"manager_number {entry.manager!r} could not be taken in"
            else:
                wanted[ids[entry.number]] = ids[entry.manager] if entry.manager else None
        left_out = actions.set_managers(wanted=wanted, by=self.by)
        for entry in self.good():
            if ids[entry.number] in left_out:
                entry.error = "manager_number leads back to the person in a circle"

    def deactivate_absent(self, allowed: int | None) -> list[Employee]:
        """Close the accounts of active people whom no line names; raises TooManyAbsent instead of closing too many."""
        named = {entry.number for entry in self.entries}
        absent = [each for each in self.active if each.employee_number not in named]
        many = len(absent) >= TOO_MANY_PEOPLE and len(absent) > TOO_MANY_SHARE * len(self.active)
        if len(absent) > allowed if allowed is not None else many:
            message = (
                f"{len(absent)} of {len(self.active)} active people are not in the file: nobody was deactivated. "
                f"If that is right, say --allow-deactivate {len(absent)}."
            )
            raise TooManyAbsent(message)
        for employee in absent:
            actions.deactivate(employee=employee, by=self.by)
        return absent
