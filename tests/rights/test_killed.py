"""A worker killed with -9 after the effect of any step and before its record: the work ends, once."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import pytest
from django.conf import settings as django_settings
from django.db import connection, connections, transaction

from consent.models import LedgerLeaf
from portal.audit.models import Act
from portal.events import rewrite
from portal.rights import plans
from portal.rights.connectors.steps import NAMES
from portal.rights.models import Bundle, BundlePart, StepRun, SubjectRequest
from portal.rights.values import Kind
from portal.vault import keys, objects
from tests.rights.conftest import ask, unzip

pytestmark = [pytest.mark.drill, pytest.mark.django_db(transaction=True, databases=["default", "keys"])]

ROOT = Path(__file__).resolve().parents[2]
LEASE = 2


def _url(alias):
    found = connections[alias].settings_dict
    address = f"{found['HOST']}:{found['PORT']}/{found['NAME']}"
    return f"postgresql://{found['USER']}:{quote(found['PASSWORD'])}@{address}"


@contextmanager
def worker():
    """A process of its own that sweeps, on this test's databases, keys and vault."""
    var = Path(django_settings.VAR)
    if not (var / "keys" / "oidc.pem").exists():
        shutil.copy(Path(os.environ["DAYLIGHT_VAR"]) / "keys" / "oidc.pem", var / "keys" / "oidc.pem")
    env = os.environ | {
        "DAYLIGHT_VAR": str(var),
        "DATABASE_URL": _url("default"),
        "KEYS_DATABASE_URL": _url("keys"),
        "REQUEST_LEASE_SECONDS": str(LEASE),
        "KEK_RENEWAL_SECONDS": "0",
        "SWEEP_SECONDS": "1",
    }
    process = subprocess.Popen([sys.executable, "manage.py", "sweep"], cwd=ROOT, env=env, stderr=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()


def wait_for(happened, seconds=60):
    end = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.05)


def somebody_waits_for_a_row():
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
        return cursor.fetchone()[0] > 0


def kill_before_the_record_of(request, name):
    """Hold the row of the step, so that a worker does the step and cannot write that it has; then kill the worker."""
    with transaction.atomic():
        StepRun.objects.select_for_update().get(request=request, name=name)
        with worker():
            wait_for(somebody_waits_for_a_row)
        # The server would end the statement of a worker that is gone as soon as the row is free.
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(pid, 5000) FROM pg_locks WHERE NOT granted")


def closed(request):
    request.refresh_from_db()
    return not request.is_open


@pytest.mark.parametrize(
    ("kind", "name"),
    [(kind, name) for kind in (Kind.ACCESS, Kind.ERASURE) for name in plans.names(kind) if name not in NAMES],
)
def test_killed_at_any_step_it_ends_once(recorded, kind, name):
    request = ask(recorded, kind)
    kill_before_the_record_of(request, name)
    run = request.steps.get(name=name)
    assert run.state != "done"
    with worker():
        wait_for(lambda: closed(request))
    assert request.reason == ""
    if kind == Kind.ACCESS:
        one_archive(request)
    else:
        one_certificate(request)


def one_archive(request):
    assert request.state == "ready"
    assert Bundle.objects.count() == 1
    assert BundlePart.objects.count() == len(list(objects.names("bundles/")))
    files = unzip(request)
    assert sum(len(body.splitlines()) - 1 for path, body in files.items() if path.startswith("data/")) == 24
    assert Act.objects.filter(action="request.ready").count() == 1


def one_certificate(request):
    assert request.state == "delivered"
    assert request.certificate["certificate"]["erased"]["events"] == 24
    assert rewrite.residue(request.subject_id, request.wanted, request.asked_ms) == 0
    assert keys.epochs(request.subject_id) == [2]
    leaves = [bytes(leaf.entry).split(b"\n")[1] for leaf in LedgerLeaf.objects.all()]
    assert leaves.count(b"erasure") == 1
    for action in ("erasure.certified", "erasure.started", "request.done"):
        assert Act.objects.filter(action=action).count() == 1


def test_a_worker_that_slept_through_two_leases_writes_nothing_more(recorded):
    """SIGSTOP instead of SIGKILL: it wakes up after another has finished its work."""
    request = ask(recorded)
    with transaction.atomic():
        StepRun.objects.select_for_update().get(request=request, name="write_days")
        sleeper = worker()
        process = sleeper.__enter__()
        wait_for(somebody_waits_for_a_row)
        process.send_signal(signal.SIGSTOP)
    with sleeper_asleep(process, sleeper), worker():
        wait_for(lambda: closed(request), 90)
    one_archive(request)
    assert SubjectRequest.objects.get().state in {"ready", "delivered"}


@contextmanager
def sleeper_asleep(process, sleeper):
    try:
        yield
        process.send_signal(signal.SIGCONT)
        time.sleep(3)
    finally:
        sleeper.__exit__(None, None, None)
