"""The n-th commit fails, for every n: an answer, a copy and a deletion are whole in the end, and there once."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
from itertools import count

import pytest
from django.core.management import call_command
from django.db import OperationalError
from django.utils import timezone

from consent import actions as decisions
from consent import gate, ledger
from consent.models import Decision, LedgerLeaf
from portal.audit.models import Act
from portal.events import rewrite
from portal.rights import actions, vault_check
from portal.rights.models import Bundle, SubjectRequest
from portal.rights.values import Kind
from portal.rights.vault_check import Check
from portal.vault import keys
from tests.failing import COMMITS, MOMENTS, commit_failed, failing
from tests.makers import make_employee, make_permitted
from tests.rights.conftest import ask, at, carry_out, make_events, person, store, stored, unzip

pytestmark = [
    pytest.mark.usefixtures("soon"),
    pytest.mark.django_db(transaction=True, databases=["default", "keys"]),
]
EVENTS = 16


@pytest.fixture
def recorder(ada):
    return make_permitted(ada, source="recorder", kind="import", earlier_recordings="Earlier recordings are taken in.")


def somebody():
    """Return another person with two days of data, one of them sealed."""
    found = make_employee(password="")
    decisions.give(subject_id=found.pk, purpose_key="train", path="/choices/")
    store(found, make_events(at(3)))
    call_command("seal_segments", verbosity=0)
    store(found, make_events(at(2)))
    return found


def each_commit_fails(moment, begin, act, check):
    """Do it again and again, each time with a later commit that fails, until none is left; return how many."""
    for n in count(1):
        begun = begin()
        with failing(COMMITS, n, moment, commit_failed) as point, suppress(OperationalError):
            act(begun)
        act(begun)
        check(begun)
        if not point.happened:
            return n - 1
    raise AssertionError


def nothing_is_loose():
    """Every object that a row names is there and opens; what nobody names can be found and removed."""
    found = vault_check.check(Check(grace=timedelta(seconds=-5), removes_orphans=True))
    assert (found.missing, found.shut) == ([], [])
    assert ledger.verify() is None


@pytest.mark.parametrize("moment", MOMENTS)
def test_of_a_yes_and_of_a_no(recorder, moment):
    def decide(found):
        decisions.give(subject_id=found.pk, purpose_key="train", path="/choices/")
        actions.withdraw(subject_id=found.pk, purpose_key="train", by=person(found), path="/choices/")

    def check(found):
        assert gate.read(found.pk).grants == {}
        assert Decision.objects.filter(subject_id=found.pk).order_by("leaf_idx").last().kind == "withdrawn"
        assert Decision.objects.count() == LedgerLeaf.objects.count()
        assert ledger.verify() is None
        assert ledger.check() == ""
        assert timezone.now()

    assert each_commit_fails(moment, lambda: make_employee(password=""), decide, check) >= 2


@pytest.mark.drill
@pytest.mark.parametrize("moment", MOMENTS)
def test_of_a_copy(recorder, moment):
    def begin():
        return ask(somebody())

    def check(request):
        assert carry_out(request).state == "ready"
        assert Bundle.objects.filter(request=request).count() == 1
        files = unzip(request)
        assert sum(len(body.splitlines()) - 1 for path, body in files.items() if path.startswith("data/")) == EVENTS
        assert Act.objects.filter(action="request.ready", case=str(request.pk)).count() == 1
        nothing_is_loose()

    assert each_commit_fails(moment, begin, carry_out, check) > 5


@pytest.mark.drill
@pytest.mark.parametrize("moment", MOMENTS)
def test_of_a_deletion(recorder, moment):
    def begin():
        return ask(somebody(), Kind.ERASURE)

    def check(request):
        done = carry_out(request)
        assert (done.state, done.reason) == ("delivered", "")
        assert done.certificate["certificate"]["erased"]["events"] == EVENTS
        assert rewrite.residue(request.subject_id, request.wanted, request.asked_ms) == 0
        assert stored(make_like(request)) == []
        assert keys.epochs(request.subject_id) == [2]
        for action in ("erasure.certified", "erasure.started", "request.done"):
            assert Act.objects.filter(action=action, case=str(request.pk)).count() == 1
        nothing_is_loose()
        mine = SubjectRequest.objects.filter(subject_id=request.subject_id)
        leaves = [bytes(leaf.entry).split(b"\n")[1] for leaf in LedgerLeaf.objects.all()]
        assert leaves.count(b"erasure") == SubjectRequest.objects.filter(state="delivered").count()
        assert mine.count() == 1

    assert each_commit_fails(moment, begin, carry_out, check) > 10


def make_like(request):
    """Return what `stored` asks of a person."""
    return type("Person", (), {"pk": request.subject_id})
