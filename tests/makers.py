"""Short ways to what a test needs, through the actions that the product uses."""

from __future__ import annotations

import itertools
import secrets

from allauth.idp.oidc.models import Client, Token

from consent import actions
from consent.models import NoticeVersion, Purpose
from portal.audit.values import Actor, ActorKind
from portal.people import granting
from portal.people.actions import Profile, admit_employee, set_password
from portal.people.models import ApiClient, Employee
from portal.people.roles import Role

COVERS = {"agent": ["pointer_movement", "pointer_clicks"]}


def make_notice(purpose_key="train", covers=None, text="What we do, and why.", language="en", **over) -> NoticeVersion:
    covers = COVERS if covers is None else covers
    return actions.publish_notice(purpose_key=purpose_key, language=language, text=text, covers=covers, **over)


def make_purpose(key="train", basis="consent", covers=None, **over) -> Purpose:
    """Make a live purpose whose published notice covers {source: [category]}."""
    covers = COVERS if covers is None else covers
    categories = over.pop("categories", sorted({each for named in covers.values() for each in named}))
    purpose = actions.define_purpose(
        key=key, title=over.pop("title", key.title()), basis=basis, categories=categories, **over
    )
    make_notice(key, covers)
    return purpose


PASSWORD = "correct horse battery staple"
SETTING_UP = Actor(ActorKind.COMMAND, "tests", role="operator", label="the tests")
_numbers = itertools.count(1000)


def make_employee(name="Somebody", roles=(), password=PASSWORD, manager=None, **over) -> Employee:
    """Admit a person as the directory does; roles are those of set-up."""
    number = str(over.pop("employee_number", next(_numbers)))
    over.setdefault("email", f"{name.split()[0].lower()}.{number}@example.org")
    employee = admit_employee(employee_number=number, profile=Profile(name=name, **over), by=SETTING_UP)
    if password:
        set_password(employee=employee, password=password, by=SETTING_UP)
    if manager:
        Employee.objects.filter(pk=employee.pk).update(manager=manager)
    for role in roles:
        granting.grant_in_set_up(employee=employee, role=Role(role), by=SETTING_UP)
    return Employee.objects.get(pk=employee.pk)


def make_token(scopes, sources=(), employee=None, may_read_decisions=False, name="bot") -> str:
    """Return a bearer token: a program's, or with an employee that of a collector on their behalf."""
    scopes = scopes.split() if isinstance(scopes, str) else list(scopes)
    client = Client(name=name, grant_types=Client.GrantType.CLIENT_CREDENTIALS)
    client.set_scopes(scopes)
    client.save()
    ApiClient.objects.create(client=client, sources=list(sources), may_read_decisions=may_read_decisions)
    value = secrets.token_urlsafe(24)
    token = Token(type=Token.Type.ACCESS_TOKEN, client=client, user=employee)
    token.set_value(value)
    token.set_scopes(scopes)
    token.save()
    return value


def sign_in(client, employee, password=PASSWORD):
    """Sign in through the page, as a person does; return its answer."""
    return client.post("/accounts/login/", {"login": employee.email, "password": password})
