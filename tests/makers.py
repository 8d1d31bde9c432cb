"""Short ways to what a test needs, through the actions that the product uses."""

from __future__ import annotations

import itertools
import json
import secrets
import uuid

from allauth.idp.oidc.models import Client, Token
from django.utils import timezone

from consent import actions
from consent.models import NoticeVersion, Purpose
from consent.values import CATEGORIES
from portal.audit.values import Actor, ActorKind
from portal.events.enrolment import joining
from portal.events.enrolment.values import Said
from portal.people import granting
from portal.people.actions import Profile, admit_employee, set_password
from portal.people.models import ApiClient, Employee
from portal.people.roles import Role
from portal.register.models import Flow, Source

COVERS = {"agent": ["pointer_movement", "pointer_clicks"]}


def make_notice(purpose_key="train", covers=None, text="What we do, and why.", language="en", **over) -> NoticeVersion:
    covers = COVERS if covers is None else covers
    return actions.publish_notice(purpose_key=purpose_key, language=language, text=text, covers=covers, **over)


def make_purpose(key="train", basis="consent", covers=None, **over) -> Purpose:
    """Make a live purpose whose published notice covers {source: [category]}."""
    covers = COVERS if covers is None else covers
    if basis == "consent":
        over = {"refusal_consequence": "Nothing happens.", "alternative": "We do without.", **over}
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


def make_collector(employee, source="agent", device="ThinkPad", account="ada", state="active", **over) -> str:
    """Return the token of a collector on one of the person's devices, as if they had confirmed its code.

    `over` is what the device is: ownership, agreed, country.
    """
    found = Source.objects.get(key=getattr(source, "key", source))
    system = over.pop("system", "Debian 13")
    said = Said(device, account, system, over.pop("ownership", "company"))
    collector = joining.join(subject_id=employee.pk, source=found.key, said=said, state=state)
    for name, value in over.items():
        setattr(collector.device, name, value)
    collector.device.save()
    token = Token(type=Token.Type.ACCESS_TOKEN, client=joining.client_of(found), user=employee)
    value = secrets.token_urlsafe(24)
    token.set_value(value)
    token.set_scopes(["events.write"])
    token.data = {"collector": str(collector.pk)}
    token.save()
    return value


def sign_in(client, employee, password=PASSWORD):
    """Sign in through the page, as a person does; return its answer."""
    return client.post("/accounts/login/", {"login": employee.email, "password": password})


def make_source(key="agent", kind="agent", blocked_apps=(), flows=(), **over) -> Source:
    """Make a live source with its flows, each {category, purpose_key, ...} or (category, purpose_key)."""
    over = {"title": key.title(), "description": "Records.", "owner": "IT", "live_since": timezone.now(), **over}
    source = Source.objects.create(key=key, kind=kind, state="live", blocked_apps=list(blocked_apps), **over)
    for flow in flows:
        make_flow(source, **(flow if isinstance(flow, dict) else {"category": flow[0], "purpose_key": flow[1]}))
    return source


def make_flow(source, category="pointer_movement", purpose_key="train", **over) -> Flow:
    over = {"why": "To learn.", "off_hours": True, **over}
    return Flow.objects.create(source=source, category=category, purpose_key=purpose_key, state="live", **over)


def make_permitted(employee, categories=CATEGORIES, purpose="train", source="agent", kind="agent", **over) -> Source:
    """Make source, flows, purpose and notice, and have the person say yes to it; events from now on may be kept.

    Every category is permitted off hours; typed text comes from the app `editor` alone.
    """
    flow = {"exact_timing": over.pop("exact_timing", False), "off_hours": over.pop("off_hours", True)}
    flows = [
        {"category": each, "purpose_key": purpose, "content_apps": ["editor"] * (each == "keystroke_content"), **flow}
        for each in categories
    ]
    found = make_source(source, kind, flows=flows, **over)
    make_purpose(purpose, covers={source: list(categories)})
    actions.give(subject_id=employee.pk, purpose_key=purpose, path="/choices/")
    return found


def make_batch(employee, events, source="agent", **over) -> dict:
    """Return a batch's body as a service client sends it."""
    subject = {"subject": str(employee.pk)} if employee else {}
    return {"source": source, "sent_at": timezone.now().isoformat(), "events": events, **subject, **over}


def send(client, token, body, batch=None, **headers):
    """PUT a batch, as an object or as raw bytes; return the answer."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    headers = {"authorization": f"Bearer {token}", **headers}
    address = f"/api/v1/batches/{batch or uuid.uuid4()}"
    return client.put(address, raw, content_type=headers.pop("content_type", "application/json"), headers=headers)
