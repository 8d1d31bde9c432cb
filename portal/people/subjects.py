"""Finding a person by what others call them, and who stands in whose line."""

from __future__ import annotations

from uuid import UUID

from django.db import connection
from django.http import Http404

from portal.audit import trail
from portal.people.models import Employee
from portal.people.tokens import Token
from portal.planned import planned

# As the columns of a person follow each other.
KNOWN = ("id", "jurisdiction", "time_zone", "working_hours")
NAMED = """
SELECT id, jurisdiction, time_zone, working_hours
  FROM people_employee, (SELECT %s AS by_id, %s AS by_number) given
 WHERE id = by_id OR employee_number = by_number ORDER BY id = by_id DESC NULLS LAST LIMIT 1
"""
ABOVE = """
WITH RECURSIVE line(id) AS (
    SELECT manager_id FROM people_employee WHERE id = %s
    UNION
    SELECT e.manager_id FROM people_employee e JOIN line ON e.id = line.id
)
SELECT id FROM line WHERE id IS NOT NULL
"""


BELOW = """
WITH RECURSIVE line(id) AS (
    SELECT id FROM people_employee WHERE manager_id = %s
    UNION
    SELECT e.id FROM people_employee e JOIN line ON e.manager_id = line.id
)
SELECT id FROM line
"""


def find(id_or_number: UUID | str) -> Employee | None:
    """Return the person of this subject_id or employee number, employed or not."""
    if isinstance(id_or_number, UUID):
        return Employee.objects.filter(pk=id_or_number).first()
    known = _found(id_or_number)
    return known and find(known.pk)


def subject_or_404(token: Token, id_or_number: UUID | str) -> Employee:
    """Return the person whom the token may name: anybody for a program of the company, only themselves for a person.

    Asking for another person answers as if there were none, and is shown to that person.
    """
    employee = _found(str(id_or_number))
    if employee is None:
        raise Http404
    if token.user_id and token.user_id != employee.pk:
        trail.refused(actor=token.actor, subject_id=employee.pk, path=token.path)
        raise Http404
    return employee


def _found(named: str) -> Employee | None:
    """Return what calls ask about a person; all else of them is read where it is used."""
    try:
        subject_id = UUID(named)
    except ValueError:
        subject_id = None
    if "\0" in named:
        return None
    rows = planned("daylight_subject", ("uuid", "text"), NAMED, [subject_id, named])
    return Employee.from_db("default", KNOWN, rows[0]) if rows else None


def above(employee_id: UUID) -> set[UUID]:
    """Everybody in the line of managers over this person."""
    return _line(ABOVE, employee_id)


def _line(query: str, employee_id: UUID) -> set[UUID]:
    with connection.cursor() as cursor:
        cursor.execute(query, [employee_id])
        return {row[0] for row in cursor.fetchall()}


def line_of(employee_id: UUID) -> set[UUID]:
    """Everybody above and below this person: whose cases they do not handle, and who does not handle theirs."""
    return above(employee_id) | _line(BELOW, employee_id)


def in_line(one: UUID, other: UUID) -> bool:
    """Whether they are the same person, or one manages the other however far: then neither handles the case."""
    return one == other or other in above(one) or one in above(other)
