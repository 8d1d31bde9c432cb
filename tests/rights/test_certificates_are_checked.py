"""Issued certificates are checked again: they hold for years, and one that does not is told of."""

from __future__ import annotations

import base64
from datetime import timedelta

import pytest
import rfc8785
from django.core.management import CommandError, call_command
from django.utils import timezone

from consent import checkpoints
from consent.models import Gate
from portal.audit.models import Act
from portal.outbox.models import Mail
from portal.people.models import Employee
from portal.rights import checking
from portal.rights.models import SubjectRequest
from portal.rights.values import Kind
from portal.vault.models import SubjectKey
from tests.pages.conftest import BACKEND
from tests.rights.conftest import ask, at, carry_out, make_events, store

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "keys"])


@pytest.fixture
def certified(lea, recorded, soon):
    """A certificate, with somebody of legal who would be told; roles are given before the first source goes live."""
    request = carry_out(ask(recorded, Kind.ERASURE))
    assert request.certificate
    return request


def checked(request):
    request.refresh_from_db()
    return request.certificate_checked_at


def test_one_that_holds_is_said_to_and_is_not_checked_again_for_a_week(certified, client):
    assert checking.check_due() == (1, [])
    first = checked(certified)
    assert first
    assert checking.check_due() == (0, [])
    client.force_login(certified_person(certified), BACKEND)
    assert "it holds" in client.get(f"/requests/{certified.pk}/").content.decode()
    SubjectRequest.objects.update(certificate_checked_at=timezone.now() - timedelta(days=8))
    assert checking.check_due() == (1, [])


def certified_person(request):
    return Employee.objects.get(pk=request.subject_id)


def tamper_signature(request):
    document = request.certificate
    document["certificate"]["erased"]["events"] += 1
    SubjectRequest.objects.filter(pk=request.pk).update(sealed_certificate=request.sealed("certificate", document))


def sign_another(request):
    """The company itself signs something else afterwards: the log has no entry of it."""
    document = request.certificate
    document["certificate"]["erased"]["events"] = 0
    signed = rfc8785.dumps(document["certificate"])
    document["signature"] = base64.b64encode(checkpoints.signer().signature(signed)).decode()
    SubjectRequest.objects.filter(pk=request.pk).update(sealed_certificate=request.sealed("certificate", document))


def bring_data_back(request):
    row = Gate.objects.filter(subject_id=request.subject_id)
    fences = row.get().fences
    row.update(fences=[])
    store(certified_person(request), make_events(at(2)))
    row.update(fences=fences)


def bring_key_back(request):
    SubjectKey.objects.filter(subject_id=request.subject_id, kind=SubjectKey.Kind.DATA).update(epoch=1)


@pytest.mark.parametrize(
    ("spoil", "code"),
    [(tamper_signature, "signature"), (sign_another, "leaf"), (bring_data_back, "data"), (bring_key_back, "keys")],
)
def test_one_that_does_not_is_written_down_and_legal_and_the_person_are_told(certified, client, lea, spoil, code):
    spoil(certified)
    holding, [(_request, wrong)] = checking.check_due()
    assert (holding, code in wrong) == (0, True)
    assert checked(certified) is None
    checking.check_due()
    [act] = Act.objects.filter(action="certificate.fails")
    assert code in act.facts["wrong"]
    [mail] = Mail.objects.filter(template="certificate_fails")
    assert (mail.subject_id, mail.facts) == (lea.pk, {"request": str(certified.pk)})
    client.force_login(certified_person(certified), BACKEND)
    assert "did not hold" in client.get(f"/requests/{certified.pk}/").content.decode()


def test_the_command_checks_all_and_exits_with_1(certified, capsys):
    call_command("check_certificates")
    assert "1 certificates hold" in capsys.readouterr().out
    tamper_signature(certified)
    with pytest.raises(CommandError) as refused:
        call_command("check_certificates")
    assert refused.value.returncode == 1
    assert str(certified.pk) in str(refused.value)


def test_data_under_a_later_answer_does_not_fail_it(certified):
    person = certified_person(certified)
    assert store(person, [{"t": at(0, 0), "type": "pointermove", "x": 1, "y": 1}]).stored in {0, 1}
    Gate.objects.filter(subject_id=person.pk).update(fences=[])
    store(person, make_events(at(2)))
    assert checking.check_due() == (1, [])
