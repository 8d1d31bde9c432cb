"""Giving roles: two people and an end, or during set-up the command alone."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.db.models import F
from django.utils import timezone
from django.utils.translation import gettext as _

from portal.audit import trail
from portal.audit.values import Action, Actor, Facts
from portal.people.models import Employee, RoleGrant
from portal.people.roles import LONGEST, Role, clash
from portal.register.models import Source


class NotGranted(Exception):
    """The role cannot be given so; the text says why."""


def in_set_up() -> bool:
    """Set-up lasts until the first source went live, and never comes back."""
    return not Source.objects.ever_live().exists()


def grant_in_set_up(*, employee: Employee, role: Role, by: Actor) -> RoleGrant:
    if not in_set_up():
        raise NotGranted(_("Set-up is over: a role now needs two people (`manage.py role grant` and `confirm`)."))
    with transaction.atomic():
        _require_free(employee, role)
        now = timezone.now()
        grant = RoleGrant.objects.create(employee=employee, role=role, at=now, confirmed_at=now, ends=now + LONGEST)
        _record(Action.ROLE_GRANTED, grant, by)
    return grant


def grant_role(*, employee: Employee, role: Role, granter: Employee, ends: datetime | None, by: Actor) -> RoleGrant:
    """Propose a role; it is in force once another person has confirmed it."""
    with transaction.atomic():
        _require_fit(granter, employee)
        _require_free(employee, role)
        latest = timezone.now() + LONGEST
        if ends and not timezone.now() < ends <= latest:
            raise NotGranted(_("A role ends within a year, and not in the past."))
        grant = RoleGrant.objects.create(employee=employee, role=role, granted_by=granter.pk, ends=ends or latest)
        _record(Action.ROLE_GRANTED, grant, by)
    return grant


def confirm_role(*, employee: Employee, role: Role, confirmer: Employee, by: Actor) -> RoleGrant:
    with transaction.atomic():
        _require_fit(confirmer, employee)
        _locked(employee.pk)
        grant = RoleGrant.objects.unconfirmed().filter(employee=employee, role=role).first()
        if grant is None:
            raise NotGranted(_("Nobody has granted this person that role, or it is confirmed already."))
        if grant.granted_by == confirmer.pk:
            raise NotGranted(_("Whoever grants a role cannot confirm it: another person has to."))
        _require_apart(employee, role)
        grant.confirmed_by, grant.confirmed_at = confirmer.pk, timezone.now()
        grant.save(update_fields=["confirmed_by", "confirmed_at"])
        _record(Action.ROLE_CONFIRMED, grant, by)
    return grant


def end_role(*, employee: Employee, role: Role, by: Actor) -> None:
    """Taking a role away needs one person only, and works at the next request."""
    with transaction.atomic():
        grant = RoleGrant.objects.open().filter(employee=employee, role=role).first()
        if grant is None:
            raise NotGranted(_("This person does not hold that role."))
        RoleGrant.objects.filter(pk=grant.pk).update(ended_at=timezone.now())
        _record(Action.ROLE_ENDED, grant, by)


def _locked(employee_id: UUID) -> None:
    """Two grants to one person at once would each see the other's role missing."""
    Employee.objects.select_for_update(no_key=True).get(pk=employee_id)


def _require_free(employee: Employee, role: Role) -> None:
    if not employee.is_active:
        raise NotGranted(_("This person is not active."))
    _locked(employee.pk)
    RoleGrant.objects.filter(employee=employee, role=role, ended_at=None, ends__lte=timezone.now()).update(
        ended_at=F("ends")
    )
    if RoleGrant.objects.open().filter(employee=employee, role=role).exists():
        raise NotGranted(_("This person has been granted that role already."))
    _require_apart(employee, role)


def _require_apart(employee: Employee, role: Role) -> None:
    others = RoleGrant.objects.open().filter(employee=employee).exclude(role=role)
    held = clash(frozenset(others.values_list("role", flat=True)), role)
    if held:
        raise NotGranted(
            _("Nobody holds two of operator, legal and council: this person is %(held)s.") % {"held": held}
        )


def _require_fit(giver: Employee, receiver: Employee) -> None:
    if giver.pk == receiver.pk:
        raise NotGranted(_("Nobody gives themselves a role."))
    if not (giver.is_active and giver.roles):
        raise NotGranted(_("Only somebody who holds a role may give one."))


def _record(action: Action, grant: RoleGrant, by: Actor) -> None:
    facts: Facts = {"role": str(grant.role), "ends": grant.ends.date().isoformat()}
    trail.record(action, actor=by, subject_id=grant.employee_id, facts=facts)
