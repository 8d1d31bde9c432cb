"""What the commands of this part share: finding people, naming who acts, saying what went wrong."""

from __future__ import annotations

from django.core.management.base import CommandError

from portal.audit.values import Actor, ActorKind
from portal.people import subjects
from portal.people.guards import actor_for
from portal.people.models import Employee
from portal.people.roles import Role


def command_actor(command: str) -> Actor:
    """An act of a command names the command: whoever has the shell is not known to the house."""
    return Actor(ActorKind.COMMAND, command, role="operator", label=f"manage.py {command}")


def employee_of(number: str) -> Employee:
    employee = subjects.find(number)
    if employee is None:
        message = f"There is no employee {number!r}: import them first (manage.py import_employees)."
        raise CommandError(message)
    return employee


def acting(number: str) -> tuple[Employee, Actor]:
    employee = employee_of(number)
    if not employee.is_active:
        message = f"Employee {number!r} is not active."
        raise CommandError(message)
    return employee, actor_for(employee)


def role_of(text: str) -> Role:
    if text not in Role.values:
        message = f"There is no role {text!r}; there are {', '.join(Role.values)}."
        raise CommandError(message)
    return Role(text)
