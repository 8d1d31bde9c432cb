"""Who: employees and their roles."""

from __future__ import annotations

import uuid

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.db import models


class EmployeeManager(BaseUserManager["Employee"]):
    """Finds people by their address, which is how they sign in."""


class Employee(AbstractBaseUser, PermissionsMixin):
    """A person; the key is the subject_id, the only name used outside this part."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    employee_number = models.CharField(max_length=64, unique=True)
    email = models.EmailField(unique=True)
    name = models.CharField(max_length=200)
    department = models.CharField(max_length=200, blank=True)
    manager = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.SET_NULL, related_name="reports"
    )
    jurisdiction = models.CharField(max_length=16, default="DE")
    time_zone = models.CharField(max_length=64, default="UTC")
    working_hours = models.CharField(max_length=200, blank=True)
    sso_issuer = models.CharField(max_length=200, blank=True)
    sso_subject = models.CharField(max_length=200, blank=True)
    language = models.CharField(max_length=8, default="en")
    is_active = models.BooleanField(default=True)

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS = ["employee_number", "name"]
    objects = EmployeeManager()
