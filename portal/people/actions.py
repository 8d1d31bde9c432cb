"""Verbs that change who is who: each is one transaction on `default` and one act."""

from __future__ import annotations

import uuid
from dataclasses import asdict, dataclass, fields
from datetime import date
from typing import TypeVar
from uuid import UUID

from allauth.account.models import EmailAddress
from allauth.idp.oidc.models import Token as OAuthToken
from allauth.usersessions.models import UserSession
from django.contrib.sessions.models import Session
from django.db import connection, transaction
from django.utils import timezone

from consent import actions as decisions
from portal.audit import trail
from portal.audit.values import Action, Actor, Facts
from portal.people.models import Employee, RoleGrant
from portal.vault import keys

MANAGERS_LOCK = 0x6D616E61  # one writer of lines of management at a time
Key = TypeVar("Key", UUID, str)


@dataclass(frozen=True, kw_only=True)
class Profile:
    """What the directory says of a person, apart from their number and manager."""

    email: str
    name: str
    department: str = ""
    jurisdiction: str = "DE"
    time_zone: str = "UTC"
    working_hours: str = ""
    sso_issuer: str = ""
    sso_subject: str = ""
    language: str = "en"


PROFILE_FIELDS = tuple(field.name for field in fields(Profile))


def admit_employee(*, employee_number: str, profile: Profile, by: Actor) -> Employee:
    """Make the person's keys, then the person and their gate row; keys without a person harm nobody."""
    subject_id = uuid.uuid4()
    keys.make_person(subject_id)
    with transaction.atomic():
        employee = Employee(id=subject_id, employee_number=employee_number, **asdict(profile))
        employee.set_unusable_password()
        employee.save(force_insert=True)
        _confirm_address(employee)
        decisions.admit(subject_id=subject_id)
        trail.record(Action.EMPLOYEE_IMPORTED, actor=by, subject_id=subject_id)
    return employee


def change_employee(*, employee: Employee, profile: Profile, by: Actor) -> bool:
    """Take over what the directory says, and open a closed account again; return whether anything was new."""
    changed = [name for name in PROFILE_FIELDS if getattr(employee, name) != getattr(profile, name)]
    returns = not employee.is_active
    if not changed and not returns:
        return False
    for name in changed:
        setattr(employee, name, getattr(profile, name))
    employee.is_active, employee.leaves_on = True, None if returns else employee.leaves_on
    with transaction.atomic():
        employee.save(update_fields=[*changed, "is_active", "leaves_on"])
        if "email" in changed:
            _confirm_address(employee)
        if returns:
            decisions.admit(subject_id=employee.pk)
        facts: Facts = {"fields": changed, "returned": returns}
        trail.record(Action.EMPLOYEE_CHANGED, actor=by, subject_id=employee.pk, facts=facts)
    return True


def set_managers(*, wanted: dict[UUID, UUID | None], by: Actor) -> set[UUID]:
    """Set who manages whom, all at once; leave out, and return, those who would stand in a circle."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [MANAGERS_LOCK])
        now = dict(Employee.objects.values_list("pk", "manager_id"))
        left_out: set[UUID] = set()
        while circle := in_circles({**now, **_without(wanted, left_out)}) & (wanted.keys() - left_out):
            left_out |= circle
        moved = {pk: boss for pk, boss in _without(wanted, left_out).items() if now[pk] != boss}
        Employee.objects.bulk_update([Employee(pk=pk, manager_id=boss) for pk, boss in moved.items()], ["manager"])
        for pk in moved:
            trail.record(Action.EMPLOYEE_CHANGED, actor=by, subject_id=pk, facts={"fields": ["manager"]})
    return left_out


def _without(wanted: dict[UUID, UUID | None], left_out: set[UUID]) -> dict[UUID, UUID | None]:
    return {pk: boss for pk, boss in wanted.items() if pk not in left_out}


def in_circles(managers: dict[Key, Key | None]) -> set[Key]:
    """Everybody who would come back to themselves by going up."""
    settled: set[Key] = set()
    circles: set[Key] = set()
    for start in managers:
        path: list[Key] = []
        here: Key | None = start
        while here is not None and here not in settled and here not in path:
            path.append(here)
            here = managers.get(here)
        if here in path:
            circles |= set(path[path.index(here) :])
        settled |= set(path)
    return circles


def deactivate(*, employee: Employee, by: Actor) -> None:
    """Close the account: collection stops, sessions, tokens and roles end, all at one commit."""
    with transaction.atomic():
        Employee.objects.filter(pk=employee.pk).update(is_active=False)
        ended = end_sessions(employee)
        OAuthToken.objects.filter(user=employee).delete()
        RoleGrant.objects.filter(employee=employee, ended_at=None).update(ended_at=timezone.now())
        decisions.deactivate(subject_id=employee.pk)
        facts: Facts = {"sessions": ended}
        trail.record(Action.EMPLOYEE_DEACTIVATED, actor=by, subject_id=employee.pk, facts=facts)
    employee.is_active = False


def set_last_day(*, employee: Employee, leaves_on: date | None, by: Actor) -> None:
    """Note somebody's last day, or that they stay after all; a day that is over closes the account at once."""
    if employee.leaves_on != leaves_on:
        with transaction.atomic():
            Employee.objects.filter(pk=employee.pk).update(leaves_on=leaves_on)
            facts: Facts = {"fields": ["leaves_on"]}
            trail.record(Action.EMPLOYEE_CHANGED, actor=by, subject_id=employee.pk, facts=facts)
        employee.leaves_on = leaves_on
    if employee.is_active and is_over(leaves_on):
        deactivate(employee=employee, by=by)


def is_over(last_day: date | None) -> bool:
    return last_day is not None and last_day < timezone.localdate()


def end_sessions(employee: Employee) -> int:
    """Forget every session of the person; the next request of each is signed out."""
    sessions = UserSession.objects.filter(user=employee)
    Session.objects.filter(session_key__in=sessions.values_list("session_key", flat=True)).delete()
    return sessions.delete()[0]


def set_password(*, employee: Employee, password: str, by: Actor) -> None:
    """Set the password that somebody begins with, and end what was open under another one."""
    employee.set_password(password)
    with transaction.atomic():
        employee.save(update_fields=["password"])
        _confirm_address(employee)
        end_sessions(employee)
        trail.record(Action.PERSON_PASSWORD_SET, actor=by, subject_id=employee.pk)


def _confirm_address(employee: Employee) -> None:
    """The directory vouches for the address, so that nobody has to prove it by mail before they can sign in."""
    EmailAddress.objects.filter(user=employee).exclude(email__iexact=employee.email).delete()
    EmailAddress.objects.update_or_create(
        user=employee, email=employee.email.lower(), defaults={"verified": True, "primary": True}
    )
