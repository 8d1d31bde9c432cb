"""An account that was erased names nobody any more: no table, no store, no key; and nothing else may be taken so."""

from __future__ import annotations

import io
import json
import uuid
import zipfile
from contextlib import contextmanager

import psycopg
import pytest
from django.core.management import call_command
from django.db import DatabaseError, connection, connections, transaction
from django.utils import timezone

from consent import actions as decisions
from consent import ledger
from consent.models import Decision, Gate, LedgerLeaf, Opening
from portal import grants
from portal.audit.models import Act
from portal.people import actions as people
from portal.people.models import Employee
from portal.register.models import Approval, PolicyDraft
from portal.rights import actions, codes, handling
from portal.rights.leaving import box, keepsakes, restoring
from portal.rights.leaving.models import AccessCode, Keepsake
from portal.rights.leaving.values import account_ends, code_ends
from portal.rights.models import StepRun, SubjectRequest
from portal.rights.values import Kind, OpenedBy
from portal.vault import keys, objects
from portal.vault.cipher import WrongKey
from portal.vault.models import KeyList, SubjectKey
from tests.makers import SETTING_UP, make_employee, sign_in
from tests.rights.conftest import ask, carry_out, person

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "keys"])


def close(employee):
    people.deactivate(employee=employee, by=SETTING_UP)


def end_account(employee, by=None, **how):
    return actions.open_request(
        kind=Kind.ERASURE, subject_id=employee.pk, by=by or person(employee), account=True, **how
    )


def give_code(employee):
    code = codes.new()
    public, wrapped = box.make(code)
    ends = code_ends(account_ends(timezone.localdate()))
    AccessCode.objects.create(
        subject_id=employee.pk, digest=codes.digest(code), public=public, wrapped=wrapped, ends_on=ends, wanted=False
    )
    return code


def naming(*markers):
    """Return (table, row) of every row of both databases that has one of these texts in it, keys in bytes included."""
    found = []
    for alias in ("default", "keys"):
        with connections[alias].cursor() as cursor:
            for table in connections[alias].introspection.table_names():
                cursor.execute(f"SELECT t::text FROM {connections[alias].ops.quote_name(table)} AS t")
                for (row,) in cursor.fetchall():
                    plain = row + _bytes_of(row)
                    found += [(table, row[:200]) for marker in markers if marker.lower() in plain.lower()]
    return found


def _bytes_of(row):
    """Return what is written in the hexadecimal columns of a row, where it is text."""
    parts = [part for part in row.replace('"', ",").split(",") if part.startswith("\\\\x") or part.startswith("\\x")]
    return "".join(bytes.fromhex(part.lstrip("\\x")).decode("latin-1") for part in parts if len(part) % 2 == 0 and part)


@pytest.fixture
def leaver(hana, lea, recorded, soon):
    """Ada, with recordings, answers, accesses, requests and a role she once had, who has left."""
    ben = make_employee("Ben Boer", manager=recorded)
    ask(ben, Kind.COMPLAINT)
    copy = carry_out(ask(recorded, note="Marker note of hers"))
    assert copy.state == "ready"
    carry_out(ask(recorded, Kind.ERASURE))
    close(recorded)
    return recorded


def test_nothing_names_a_person_whose_account_was_erased(leaver):
    code = give_code(leaver)
    before = LedgerLeaf.objects.count()
    assert len(naming(leaver.name, leaver.email)) > 1
    request = carry_out(end_account(leaver))
    assert (request.state, request.reason) == ("delivered", "")
    markers = [leaver.name, leaver.email, leaver.employee_number.join('""'), "Marker note", code]
    assert naming(*markers) == []
    assert {table for table, _ in naming(str(leaver.pk))} == {"rights_subjectrequest"}
    assert not SubjectKey.objects.filter(subject_id=leaver.pk).exists()
    assert not KeyList.objects.filter(subject_id=leaver.pk).exists()
    assert [name for name in objects.names() if str(leaver.pk) in name] == []
    assert not Employee.objects.filter(pk=leaver.pk).exists()
    assert LedgerLeaf.objects.count() > before
    assert ledger.verify() is None


def test_what_the_person_keeps_opens_with_their_code_alone(leaver):
    code = give_code(leaver)
    said = set(Decision.objects.for_subject(leaver.pk).values_list("leaf_idx", flat=True))
    request = carry_out(end_account(leaver))
    kept = {each.name: each for each in Keepsake.objects.filter(request=request)}
    assert set(kept) == {"receipts.zip", "certificate.json"}
    with zipfile.ZipFile(io.BytesIO(keepsakes.opened(kept["receipts.zip"], code))) as packed:
        names = set(packed.namelist())
    assert {f"receipts/{idx}.jsonld" for idx in said} <= names
    assert {f"receipts/{idx}.tlog-proof" for idx in said} <= names
    document = json.loads(keepsakes.opened(kept["certificate.json"], code))
    assert document["certificate"]["kind"] == "account"
    assert document["entry"]["record"]["certificate_sha256"]
    with pytest.raises(WrongKey):
        keepsakes.opened(kept["receipts.zip"], codes.new())


def test_without_a_code_the_certificate_can_be_handed_over(leaver, hana, client):
    request = carry_out(end_account(leaver))
    assert json.loads(keepsakes.for_handing_over(request.pk))["certificate"]["kind"] == "account"
    sign_in(client, hana)
    where = f"/queue/leavers/certificates/{request.pk}/"
    assert where in client.get("/queue/leavers/").content.decode()
    assert client.get(where).json()["certificate"]["request"] == str(request.pk)


def test_others_acts_stay_without_the_copy_of_the_name(leaver, hana, ben):
    close(hana)
    Act(
        action="case.viewed", actor_kind="person", actor_id=str(hana.pk), actor_label=hana.name, subject_id=ben.pk
    ).save()
    draft = PolicyDraft.objects.create(document={}, drafted_by=hana.pk, drafted_by_label=hana.name)
    Approval.objects.create(draft=draft, role="legal", by=hana.pk, by_label=hana.name)
    assert carry_out(end_account(hana)).state == "delivered"
    left = Act.objects.get(action="case.viewed", subject_id=ben.pk)
    assert (left.actor_id, left.actor_label) == (str(hana.pk), "")
    assert naming(hana.name) == []


def test_whom_a_restore_brought_back_is_forgotten_again(leaver):
    """The journal of a later life says that somebody was forgotten whom the restored database still knows."""
    request = end_account(leaver)
    ledger.append_forgotten(leaver.pk)
    for _time in range(2):
        restoring.forget_again({"subject_id": str(leaver.pk)})
    assert naming(leaver.name, leaver.email, "Marker note") == []
    assert {table for table, _ in naming(str(leaver.pk))} == {"rights_subjectrequest"}
    assert not SubjectKey.objects.filter(subject_id=leaver.pk).exists()
    request.refresh_from_db()
    assert request.state == "delivered"
    assert ledger.verify() is None


def test_the_queue_shows_that_there_was_a_request_and_of_nobody(leaver, hana, client):
    still_open = ask(leaver, Kind.COMPLAINT)
    request = carry_out(end_account(leaver))
    sign_in(client, hana)
    for page in (
        "/queue/",
        "/queue/?state=delivered",
        f"/queue/{request.pk}/",
        f"/queue/{still_open.pk}/",
        "/queue/leavers/",
    ):
        answer = client.get(page)
        assert answer.status_code in (200, 404), page
        assert leaver.name not in answer.content.decode()
    still_open.refresh_from_db()
    assert not still_open.is_open


# --- the ways round it, as the role of web and workers


@contextmanager
def as_the_application():
    """Connect as the role that web and workers have."""
    facts = connection.get_connection_params()
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM pg_roles WHERE rolname = 'daylight_app'")
        if not cursor.fetchone():
            cursor.execute("CREATE ROLE daylight_app LOGIN PASSWORD 'app'")
    grants.grant("default")
    address = {"dbname": facts["dbname"], "host": facts["host"], "port": facts["port"]}
    with psycopg.connect(**address, user="daylight_app", password="app", autocommit=True) as other:
        yield other


def forget_as_the_application(whom):
    with as_the_application() as other:
        other.execute("SELECT forget_account(%s)", [whom])


def at_the_step(request):
    """Bring a request to where its next step is `forget`."""
    request.steps.filter(position__lt=request.steps.get(name="forget").position).update(state="done")


@pytest.fixture
def asked(leaver):
    request = end_account(leaver)
    at_the_step(request)
    return request


def is_there(employee):
    return [model.objects.filter(subject_id=employee.pk).exists() for model in (Gate, Decision, Opening, Act)] == [
        True
    ] * 4


def test_at_its_step_the_application_may(asked, leaver):
    forget_as_the_application(leaver.pk)
    assert not is_there(leaver)


def test_it_takes_nothing_of_anybody_else(asked, leaver, ben):
    decisions.give(subject_id=ben.pk, purpose_key="train", path="/choices/")
    forget_as_the_application(leaver.pk)
    assert is_there(ben)


WRONG = {
    "no request": lambda request: request.delete(),
    "another state": lambda request: SubjectRequest.objects.filter(pk=request.pk).update(state="in_review"),
    "another kind": lambda request: SubjectRequest.objects.filter(pk=request.pk).update(kind="access"),
    "not of the account": lambda request: SubjectRequest.objects.filter(pk=request.pk).update(account=False),
    "another person": lambda request: SubjectRequest.objects.filter(pk=request.pk).update(subject_id=uuid.uuid4()),
    "not approved": lambda request: SubjectRequest.objects.filter(pk=request.pk).update(
        opener_id="person:somebody", opened_by="staff"
    ),
    "approved by who asked": lambda request: SubjectRequest.objects.filter(pk=request.pk).update(
        opener_id="person:somebody", opened_by="staff", decided_by="person:somebody"
    ),
    "an earlier step": lambda request: request.steps.filter(name="destroy_old_key").update(state="pending"),
    "a later step": lambda request: request.steps.filter(name="forget").update(state="done"),
    "somebody employed": lambda request: Employee.objects.filter(pk=request.subject_id).update(is_active=True),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_it_refuses_everything_else(asked, leaver, wrong):
    WRONG[wrong](asked)
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        forget_as_the_application(leaver.pk)
    assert is_there(leaver)


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM consent_decision",
        "DELETE FROM consent_opening",
        "DELETE FROM consent_gate",
        "DELETE FROM audit_act",
        "UPDATE audit_act SET actor_label = ''",
        "SELECT daylight_forget_rows('{whom}')",
        "ALTER FUNCTION forget_account(uuid) OWNER TO daylight_app",
        "CREATE OR REPLACE FUNCTION forget_account(whom uuid) RETURNS void LANGUAGE sql AS 'SELECT'",
        "ALTER TABLE audit_act DISABLE TRIGGER ALL",
    ],
)
def test_the_application_has_no_other_way(asked, leaver, statement):
    with as_the_application() as other:
        other.execute("SELECT set_config('daylight.forgetting', %s, false)", [str(leaver.pk)])
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            other.execute(statement.format(whom=leaver.pk))
    assert is_there(leaver)


def test_a_table_of_the_same_name_elsewhere_does_not_deceive_it(asked, leaver):
    SubjectRequest.objects.filter(pk=asked.pk).update(state="in_review")
    with as_the_application() as other:
        other.execute("CREATE TEMP TABLE rights_subjectrequest AS SELECT * FROM public.rights_subjectrequest")
        other.execute("UPDATE pg_temp.rights_subjectrequest SET state = 'processing'")
        other.execute("SET search_path = pg_temp, public")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            other.execute("SELECT public.forget_account(%s)", [leaver.pk])
    assert is_there(leaver)


# --- who asks


def test_what_hr_asks_for_waits_for_somebody_else(leaver, hana, lea):
    request = end_account(leaver, by=person(hana), opened_by=OpenedBy.STAFF)
    assert request.state == "in_review"
    with pytest.raises(handling.NotAllowed):
        handling.approve(request=request, by=person(hana))
    handling.approve(request=request, by=person(lea))
    assert carry_out(request).state == "delivered"


def test_who_came_back_meanwhile_is_not_forgotten(asked, leaver):
    Employee.objects.filter(pk=leaver.pk).update(is_active=True)
    StepRun.objects.filter(request=asked, name="forget").update(state="pending")
    carry_out(asked, seconds=3)
    assert is_there(leaver)
    assert keys.epochs(leaver.pk)


def test_verify_ledger_holds_while_others_go_on(leaver, ben):
    carry_out(end_account(leaver))
    decisions.give(subject_id=ben.pk, purpose_key="train", path="/choices/")
    ledger.settle_and_sign()
    call_command("verify_ledger")
    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("DELETE FROM consent_opening WHERE subject_id = %s", [ben.pk])
