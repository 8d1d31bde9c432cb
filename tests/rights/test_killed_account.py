"""A worker killed at any step of the erasure of an account: the work ends, once, and nobody is half forgotten."""

from __future__ import annotations

import pytest
from django.conf import settings

from consent import ledger
from consent.models import Gate, LedgerLeaf
from portal.people import actions as people
from portal.people.models import Employee
from portal.rights import leases, plans, runner
from portal.rights.leaving import actions, forget, keepsakes
from portal.rights.models import SubjectRequest
from portal.rights.values import ACCOUNT
from portal.vault.models import SubjectKey
from tests.makers import SETTING_UP
from tests.rights.conftest import carry_out, person
from tests.rights.test_killed import closed, kill_before_the_record_of, wait_for, worker

pytestmark = [pytest.mark.drill, pytest.mark.django_db(transaction=True, databases=["default", "keys"])]


def asked(employee):
    people.deactivate(employee=employee, by=SETTING_UP)
    return actions.end_account(subject_id=employee.pk, by=person(employee))


def once(request):
    request.refresh_from_db()
    assert (request.state, request.reason) == ("delivered", "")
    assert not Employee.objects.filter(pk=request.subject_id).exists()
    assert not Gate.objects.filter(pk=request.subject_id).exists()
    assert not SubjectKey.objects.filter(subject_id=request.subject_id).exists()
    assert keepsakes.has_certificate(request)
    leaves = [bytes(leaf.entry).split(b"\n")[1] for leaf in LedgerLeaf.objects.all()]
    assert leaves.count(b"erasure") == 2, "one of the forgetting, one of the certificate"
    assert ledger.verify() is None


# The steps that ask other systems are not planned where there are none.
STEPS = [name for name in plans.names(ACCOUNT) if not name.endswith("_stores")]


@pytest.mark.parametrize("name", STEPS)
def test_killed_at_any_step_it_ends_once(recorded, name):
    request = asked(recorded)
    kill_before_the_record_of(request, name)
    assert request.steps.get(name=name).state != "done"
    with worker():
        wait_for(lambda: closed(request))
    once(request)


def test_killed_between_the_commit_and_the_keys_it_goes_on(recorded, soon):
    request = asked(recorded)
    before = request.steps.get(name="forget").position
    while request.steps.filter(state="done").count() < before:
        carry_one(request)
    request = leases.claim(request.pk, settings.REQUEST_LEASE_SECONDS)
    forget._remove(request)
    assert SubjectKey.objects.filter(subject_id=recorded.pk).exists()
    SubjectRequest.objects.filter(pk=request.pk).update(lease_until=None)
    carry_out(request)
    once(request)


def carry_one(request):
    SubjectRequest.objects.filter(pk=request.pk).update(wake_at=None)
    runner.advance(request.pk)
