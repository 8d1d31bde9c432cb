"""Who: employees, the roles they hold, and the programs that act for the company."""

from __future__ import annotations

import uuid
from datetime import datetime
from functools import cached_property

from allauth.idp.oidc.models import Client
from allauth.mfa.models import Authenticator
from django.conf import settings
from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Lower
from django.utils import timezone

from portal.people.roles import Role, permissions_of


class EmployeeQuerySet(models.QuerySet["Employee"]):
    """Reads over people."""

    def active(self) -> EmployeeQuerySet:
        return self.filter(is_active=True)


EmployeeManager = BaseUserManager.from_queryset(EmployeeQuerySet)


class Employee(AbstractBaseUser):
    """A person; the key is the subject_id, the only name used outside this part.

    There is no superuser: what somebody may do comes from their roles in force and from nothing else.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    employee_number = models.CharField(max_length=64, unique=True)
    email = models.EmailField(unique=True)
    name = models.CharField(max_length=200)
    department = models.CharField(max_length=200, blank=True)
    manager = models.ForeignKey("self", null=True, blank=True, on_delete=models.SET_NULL, related_name="reports")
    jurisdiction = models.CharField(max_length=16, default="DE")
    time_zone = models.CharField(max_length=64, default="UTC")
    working_hours = models.CharField(max_length=200, blank=True)
    sso_issuer = models.CharField(max_length=200, blank=True)
    sso_subject = models.CharField(max_length=200, blank=True)
    language = models.CharField(max_length=8, default="en")
    is_active = models.BooleanField(default=True)
    # The last day of somebody who leaves, once the company has said it.
    leaves_on = models.DateField(null=True, blank=True)

    is_superuser = is_staff = False
    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS = ["employee_number", "name"]
    objects = EmployeeManager()

    class Meta:
        constraints = [
            models.UniqueConstraint(Lower("email"), name="one_person_an_address"),
            models.UniqueConstraint(
                fields=["sso_issuer", "sso_subject"], condition=~Q(sso_subject=""), name="one_person_a_subject"
            ),
            models.CheckConstraint(
                condition=Q(manager__isnull=True) | ~Q(manager=F("id")), name="nobody_manages_themselves"
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def get_full_name(self) -> str:
        return self.name

    @cached_property
    def roles(self) -> frozenset[str]:
        """Roles in force, read once for each request (the user object lives as long)."""
        if not self.is_active:
            return frozenset()
        return frozenset(RoleGrant.objects.in_force().filter(employee=self).values_list("role", flat=True))

    @cached_property
    def has_second_factor(self) -> bool:
        """Recovery codes alone are none: they only stand in for a factor that was lost."""
        factors = Authenticator.objects.filter(user=self)
        return factors.exclude(type=Authenticator.Type.RECOVERY_CODES).exists()

    @property
    def lacks_second_factor(self) -> bool:
        return bool(settings.STAFF_SECOND_FACTOR and self.roles and not self.has_second_factor)

    @cached_property
    def permissions(self) -> frozenset[str]:
        """What the roles allow; nothing until the second factor is there, whatever page asks."""
        return frozenset() if self.lacks_second_factor else permissions_of(self.roles)

    def has_perm(self, perm: str, obj: models.Model | None = None) -> bool:
        return self.is_active and perm in self.permissions

    def has_perms(self, perm_list: list[str], obj: models.Model | None = None) -> bool:
        return all(self.has_perm(perm, obj) for perm in perm_list)

    def has_module_perms(self, app_label: str) -> bool:
        return any(perm.startswith(f"{app_label}.") for perm in self.permissions)


class RoleGrantQuerySet(models.QuerySet["RoleGrant"]):
    """Reads over grants of roles."""

    def open(self) -> RoleGrantQuerySet:
        return self.filter(ended_at__isnull=True, ends__gt=timezone.now())

    def in_force(self) -> RoleGrantQuerySet:
        return self.open().filter(confirmed_at__isnull=False)

    def unconfirmed(self) -> RoleGrantQuerySet:
        return self.open().filter(confirmed_at__isnull=True)


class RoleGrant(models.Model):
    """A role given by one person and confirmed by another; during set-up by the command alone, with nobody named."""

    employee = models.ForeignKey(Employee, on_delete=models.CASCADE, related_name="role_grants")
    role = models.CharField(max_length=16, choices=Role.choices)
    granted_by = models.UUIDField(null=True)
    confirmed_by = models.UUIDField(null=True)
    at = models.DateTimeField(default=timezone.now)
    confirmed_at = models.DateTimeField(null=True)
    ends = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)

    objects = RoleGrantQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(confirmed_by__isnull=True) | ~Q(confirmed_by=F("granted_by")),
                name="two_people_give_a_role",
            ),
            models.CheckConstraint(
                condition=~Q(granted_by=F("employee")) & ~Q(confirmed_by=F("employee")),
                name="nobody_gives_themselves_a_role",
            ),
            models.UniqueConstraint(
                fields=["employee", "role"], condition=Q(ended_at__isnull=True), name="one_open_grant_a_role"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.role} of {self.employee_id}"

    def is_in_force(self, now: datetime) -> bool:
        return self.ended_at is None and self.confirmed_at is not None and self.ends > now


class ApiClient(models.Model):
    """What the house knows of a program beyond OAuth: the sources it is bound to, and whether it may read decisions."""

    client = models.OneToOneField(Client, on_delete=models.CASCADE, related_name="api_client")
    sources = models.JSONField(default=list)
    may_read_decisions = models.BooleanField(default=False)
    created_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return self.client_id
