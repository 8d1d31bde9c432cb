"""A worker killed with -9 after another system did what it was asked and before that was recorded: done once."""

from __future__ import annotations

import os
import signal

import pytest

from portal.rights.connectors.models import StoreTask
from portal.rights.values import Kind
from tests.rights.conftest import ask
from tests.rights.test_killed import closed, wait_for, worker

pytestmark = [pytest.mark.drill, pytest.mark.django_db(transaction=True, databases=["default", "keys"])]


def test_the_other_system_is_asked_again_under_the_same_number_and_does_it_once(recorded, crm, settings, monkeypatch):
    monkeypatch.setenv("EGRESS_PORTS", str(crm.receiver.port))
    monkeypatch.setenv("EGRESS_INTERNAL_HOSTS", "localhost")
    monkeypatch.setenv("EGRESS_CA_FILE", str(settings.EGRESS_CA_FILE))
    killed, at_work = [], []

    def kill_after_the_effect(call, status, said):
        if status == 201 and not killed:
            killed.append(call)
            os.kill(at_work[0].pid, signal.SIGKILL)
        return status, said

    crm.spoil = kill_after_the_effect
    request = ask(recorded, Kind.ERASURE)
    with worker() as process:
        at_work.append(process)
        wait_for(lambda: killed)
        process.wait()
    assert StoreTask.objects.get().state == "unknown"
    with worker():
        wait_for(lambda: closed(request), 120)
    assert (request.state, StoreTask.objects.get().state) == ("delivered", "done")
    assert crm.done == ["erasure"] and len(crm.calls("POST")) == 1
