"""Who may call what: every page for every role, every API operation for every scope, from the URL conf itself."""

from __future__ import annotations

import re
import time
from datetime import date, timedelta
from uuid import UUID, uuid4

import pytest
from django.conf import settings
from django.test import Client
from django.urls import get_resolver, reverse
from django.utils import timezone

from consent import actions as consent
from portal.audit.models import Act
from portal.events.enrolment.models import Called, Collector, Device
from portal.outbox.models import Endpoint
from portal.people import actions as people
from portal.people.roles import ROLES, Role
from portal.people.tokens import Bearer
from portal.rights import actions
from portal.rights.cases.actions import put
from portal.rights.cases.models import Entry, File, Intake
from portal.rights.cases.values import Upload
from portal.rights.holds.models import Hold
from portal.rights.leaving import schedule
from portal.rights.leaving.models import AccessCode
from portal.rights.redress.models import Told
from portal.rights.values import Kind
from portal.urls import api
from tests.makers import SETTING_UP, make_employee, make_purpose, make_token
from tests.opendsr.conftest import issuer, spoken  # noqa: F401
from tests.test_house import PUBLIC_OPERATIONS, patterns

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "keys"])
EVERYBODY = ["anonymous", "owner", "colleague", "leaver", *Role.values]
PARAMETERS = {
    "store": "crm",
    "day": date(2026, 11, 2),
    "purpose_key": "train",
    "version": 1,
    "index": 0,
    "endpoint_id": UUID(int=1),
}
PARAMETERS |= {"hold_id": UUID(int=2), "told": UUID(int=6), "token": "aaaa"}
PARAMETERS |= {"collector": UUID(int=7), "device": UUID(int=8)}
PARAMETERS |= {"half": "first", "intake_pk": UUID(int=3), "file_pk": UUID(int=4), "scan_pk": UUID(int=5)}
RULED = [(where, entry) for where, entry in patterns(get_resolver()) if hasattr(entry.callback, "rule")]
# A part's addresses may stand under one that names the person.
NAMED = {entry.name: re.findall(r"<(?:\w+:)?(\w+)>", where) for where, entry in RULED}
# Addresses that programs call: no session opens them, a token or a signature does.
CALLED = {"token", "signature", "client"}
PAGES = [(where, entry) for where, entry in RULED if entry.callback.rule not in CALLED]


@pytest.fixture
def owned(spoken):  # noqa: F811
    """Ada, one request of hers, and one entry of the log about her."""
    make_purpose()
    ada = make_employee("Ada Abel")
    consent.refuse(subject_id=ada.pk, purpose_key="train", path="tests")
    asked = actions.open_request(kind=Kind.ACCESS, subject_id=ada.pk, by=SETTING_UP)
    until = timezone.now() + timedelta(days=9)
    hold = Hold(pk=PARAMETERS["hold_id"], subject_id=ada.pk, ground="legal_claims", placed_by=uuid4(), until=until)
    hold.seal("Because.")
    hold.save(force_insert=True)
    Endpoint.objects.create(pk=PARAMETERS["endpoint_id"], url="https://example.org/", client_id="program")
    attached(asked)
    installed(ada)
    said = {"recipient_key": "team", "recipient_name": "Team", "what": "erasure", "reference": "R-1", "by_mail": False}
    Told.objects.create(pk=PARAMETERS["told"], request=asked, subject_id=ada.pk, **said)
    return ada, asked


def installed(ada):
    """A device with a collector."""
    device = Device(pk=PARAMETERS["device"], subject_id=ada.pk)
    device.seal(Called("ThinkPad", "LT-4711"))
    device.save(force_insert=True)
    collector = Collector(pk=PARAMETERS["collector"], subject_id=ada.pk, source="agent", device=device)
    collector.seal("ada")
    collector.save(force_insert=True)


def attached(asked):
    """A message with a file about the request, and a letter with a scan of somebody unknown."""
    message = Entry(request=asked, kind="message", author_id="tests")
    message.seal(asked.subject_id, "Hello.")
    message.save(force_insert=True)
    letter = Intake(pk=PARAMETERS["intake_pk"], kind=Kind.ACCESS, channel="letter", recorded_by="tests")
    letter.received, letter.due = timezone.now(), timezone.localdate()
    letter.seal({"text": "Hello."})
    letter.save(force_insert=True)
    for name, beside in (("file_pk", {"entry": message}), ("scan_pk", {"intake": letter})):
        put(File(pk=PARAMETERS[name], **beside), Upload("letter.txt", b"Hello.")).save(force_insert=True)


def address(entry, owned) -> str:
    ada, asked = owned
    known = PARAMETERS | {"subject_id": ada.pk, "pk": asked.pk}
    return reverse(entry.name, kwargs={name: known[name] for name in NAMED[entry.name]})


class ByCode(Client):
    """Comes with the session that a code opens, whatever the page before did to it."""

    opened: dict

    def request(self, **environ):
        self.cookies.pop(settings.SESSION_COOKIE_NAME, None)
        session = self.session
        session["leaver"] = self.opened
        session.save()
        return super().request(**environ)


def leaver(ada) -> Client:
    """Ada, who has left, and came in by her code."""
    people.deactivate(employee=ada, by=SETTING_UP)
    ends = schedule.depart(ada).erase_on
    code = AccessCode.objects.create(subject_id=ada.pk, digest="ab" * 32, ends_on=ends, wanted=False)
    client = ByCode(raise_request_exception=False)
    client.opened = {"code": str(code.pk), "digest": code.digest, "began": time.time()}
    return client


def visitor(who, ada) -> Client:
    if who == "leaver":
        return leaver(ada)
    client = Client(raise_request_exception=False)
    if who != "anonymous":
        roles = [who] if who in Role.values else []
        client.force_login(ada if who == "owner" else make_employee(who.title(), roles=roles), BACKEND)
    return client


BACKEND = "allauth.account.auth_backends.AuthenticationBackend"


def outcome(response) -> str:
    if response.status_code == 302 and response["Location"].startswith("/accounts/login/"):
        return "sign in"
    if response.status_code == 302 and response["Location"] == "/leavers/":
        return "sign in"
    if response.status_code >= 500:
        return "failed"
    return {403: "forbidden", 404: "hidden", 405: "no such method"}.get(response.status_code, "answered")


def expected(rule, who) -> str:
    if rule == "public":
        return "answered"
    if rule in {"leaver", "leaver_owner"}:
        return "answered" if who == "leaver" else "sign in"
    if who in {"anonymous", "leaver"}:
        return "sign in"
    if rule in {"self", "owner"}:
        return "answered" if who == "owner" else "hidden"
    if rule.startswith("perm:"):
        allowed = who in ROLES and rule.removeprefix("perm:") in ROLES[who]
        return "answered" if allowed else "forbidden"
    assert rule == "signed_in"
    return "answered"


@pytest.mark.parametrize("who", EVERYBODY)
def test_each_page_answers_exactly_those_whom_its_rule_names(owned, who):
    client = visitor(who, owned[0])
    wrong = {}
    for where, entry in PAGES:
        rule = entry.callback.rule
        got = {method: outcome(getattr(client, method)(address(entry, owned))) for method in ("get", "post")}
        answers = set(got.values()) - {"no such method"}
        if answers != {expected(rule, who)}:
            wrong[where] = (rule, got)
    assert wrong == {}


@pytest.mark.parametrize("who", ["colleague", Role.HR, Role.LEGAL])
def test_each_try_at_anothers_page_is_shown_to_that_person(owned, who):
    ada, _ = owned
    client = visitor(who, ada)
    for _where, entry in PAGES:
        if entry.callback.rule not in {"self", "owner"}:
            continue
        before = Act.objects.filter(action="access.refused", subject_id=ada.pk).count()
        answers = {method: getattr(client, method)(address(entry, owned)).status_code for method in ("get", "post")}
        refused = sum(1 for status in answers.values() if status == 404)
        assert Act.objects.filter(action="access.refused", subject_id=ada.pk).count() == before + refused


def test_every_form_needs_its_token(owned):
    ada, _ = owned
    client = Client(enforce_csrf_checks=True)
    client.force_login(ada, BACKEND)
    taken = [where for where, entry in PAGES if client.post(address(entry, owned)).status_code not in (403, 405)]
    assert taken == []


def test_no_change_is_made_by_following_a_link(owned):
    """Every page that only takes forms refuses GET; every other one must not write acts of change on GET."""
    ada, _ = owned
    client = visitor("owner", ada)
    before = set(Act.objects.values_list("pk", flat=True))
    for _where, entry in PAGES:
        client.get(address(entry, owned))
    made = set(Act.objects.filter(actor_id=str(ada.pk)).exclude(pk__in=before).values_list("action", flat=True))
    assert made <= {"data.viewed", "certificate.downloaded", "bundle.downloaded", "file.read"}


def operations():
    for prefix, router in api._routers:
        for path, view in router.path_operations.items():
            for operation in view.operations:
                for method in operation.methods:
                    yield f"{prefix}{path}", method, operation


OPERATIONS = [each for each in operations() if each[0] not in PUBLIC_OPERATIONS]


def call(path, method, token=None):
    filled = re.sub(r"\{[^}]*\}", str(uuid4()), path)
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return Client().generic(method, f"/api/v1{filled}", b"{}", content_type="application/json", headers=headers)


@pytest.mark.parametrize("path, method, operation", OPERATIONS)
def test_each_operation_refuses_no_token_a_wrong_one_and_every_other_scope(path, method, operation):
    (auth,) = operation.auth_callbacks
    assert isinstance(auth, Bearer)
    others = SCOPES - set(auth.scope.split())
    assert call(path, method).status_code == 401
    assert call(path, method, "not-a-token").status_code == 401
    refused = call(path, method, make_token(" ".join(sorted(others))))
    assert refused.status_code == 403
    assert refused.json()["type"].endswith("insufficient_scope")
    assert call(path, method, make_token(auth.scope)).status_code not in (401, 500)


TOKENED = [
    (entry, method, scope)
    for _where, entry in RULED
    if entry.callback.rule == "token"
    for method, scope in entry.callback.scopes.items()
]


@pytest.mark.parametrize("entry, method, scope", TOKENED, ids=lambda each: getattr(each, "name", each))
def test_each_address_of_opendsr_refuses_no_token_a_wrong_one_a_persons_and_every_other_scope(
    spoken,  # noqa: F811
    entry,
    method,
    scope,
):
    where = reverse(entry.name, kwargs={name: str(uuid4()) for name in entry.pattern.converters})

    def answer(token):
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return Client().generic(method, where, b"{}", content_type="application/json", headers=headers).status_code

    assert answer("") == answer("not-a-token") == 401
    assert answer(make_token(" ".join(sorted(SCOPES - {scope})))) == 403
    assert answer(make_token(scope, employee=make_employee())) == 403
    assert answer(make_token(scope)) in (400, 404)


SCOPES = {
    "events.write",
    "consent.read",
    "requests.open",
    "requests.read",
    "requests.handle",
    "bundles.read",
    "releases.read",
}
