"""Receipts over HTTP: for the person and for programs that may, each read an access, page by page."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.test import Client

from consent import actions, checkpoints, ledger
from consent.models import LedgerState
from consent.verify_receipt import Shown, verify
from portal.audit.models import Act
from tests.makers import make_purpose, make_token

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "keys"])


def get(token, subject, **query):
    headers = {"authorization": f"Bearer {token}"} if token else {}
    return Client().get(f"/api/v1/subjects/{subject}/receipts", query, headers=headers)


@pytest.fixture
def answered(ada):
    make_purpose()
    for _ in range(2):
        actions.give(subject_id=ada.pk, purpose_key="train", path="tests")
        actions.withdraw(subject_id=ada.pk, purpose_key="train", path="tests")
    return ada


@pytest.fixture
def reader():
    return make_token("consent.read", may_read_decisions=True)


def vkeys():
    return [each.to_text() for each in checkpoints.verifiers()]


def test_a_person_and_a_program_with_leave_read_receipts_that_verify(answered, reader):
    own = make_token("consent.read", employee=answered)
    for token, subject in ((own, answered.pk), (reader, answered.pk), (reader, answered.employee_number)):
        items = get(token, subject).json()["items"]
        assert [each["ledger_index"] for each in items] == [0, 1, 2, 3]
        for each in items:
            assert set(each) == {"ledger_index", "purpose", "kind", "at", "receipt", "pending"}
            found = verify(each["receipt"], vkeys())
            assert isinstance(found, Shown) and found.record["kind"] == each["kind"] and not each["pending"]


def test_each_read_is_an_access_with_its_purpose_and_each_refusal_is_shown(answered, reader, ben):
    assert get(None, answered.pk).status_code == 401
    assert get(make_token("events.write"), answered.pk).status_code == 403
    assert get(make_token("consent.read"), answered.pk).status_code == 403
    assert get(reader, answered.pk, purpose="curiosity").status_code == 403
    assert get(make_token("consent.read", employee=ben), answered.pk).status_code == 404
    assert get(reader, "nobody").status_code == 404
    before = ledger.size()
    assert get(reader, answered.pk, purpose="incident", case="7").status_code == 200
    looks = Act.objects.for_subject(answered.pk).looks()
    assert sorted(looks.values_list("action", flat=True)) == ["access.refused"] * 3 + ["receipts.read"]
    read = looks.get(action="receipts.read")
    assert (read.purpose, read.case, read.leaf_idx) == ("incident", "7", before)


def test_they_come_page_by_page(answered, reader):
    first = get(reader, answered.pk, limit=3).json()
    second = get(reader, answered.pk, limit=3, cursor=first["next"]).json()
    assert [each["ledger_index"] for each in first["items"] + second["items"]] == [0, 1, 2, 3]
    assert second["next"] is None
    assert get(reader, answered.pk, cursor="%%").status_code == 422


def test_a_pending_receipt_is_null_and_says_so(answered, reader, settings):
    Path(settings.LEDGER_KEY_FILE).unlink()
    actions.give(subject_id=answered.pk, purpose_key="train", path="tests")
    last = get(reader, answered.pk).json()["items"][-1]
    assert (last["receipt"], last["pending"]) == (None, True)


def test_nothing_is_read_where_the_access_cannot_be_written_down(answered, reader):
    LedgerState.objects.update_or_create(pk=1, defaults={"closed_reason": "older than its copy"})
    answer = get(reader, answered.pk)
    assert answer.status_code == 503
    assert "receipt" not in answer.json()
