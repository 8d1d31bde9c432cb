"""What was decided cannot be changed: not by the ORM, not by SQL, not over another connection."""

from __future__ import annotations

from uuid import uuid4

import psycopg
import pytest
from django.db import DatabaseError, connection, transaction

from consent import actions
from consent.guards import OnlyGrows
from consent.models import Checkpoint, Decision, LedgerLeaf, LedgerNode, NoticeVersion, Opening
from tests.makers import make_purpose

pytestmark = pytest.mark.django_db(transaction=True)
MODELS = [LedgerLeaf, LedgerNode, Decision, Checkpoint, NoticeVersion]
TABLES = [model._meta.db_table for model in MODELS]
TOUCH = {
    "consent_ledgerleaf": "entry = ''",
    "consent_ledgernode": "hash = ''",
    "consent_decision": "kind = 'given'",
    "consent_checkpoint": "note = ''",
    "consent_noticeversion": "text = ''",
}


@pytest.fixture
def decided(ada):
    make_purpose()
    actions.give(subject_id=ada, purpose_key="train", path="choices")
    actions.withdraw(subject_id=ada, purpose_key="train", path="choices")
    return ada


@pytest.mark.parametrize("model", MODELS, ids=TABLES)
def test_the_orm_changes_nothing(decided, model):
    row = model.objects.first()
    field = TOUCH[model._meta.db_table].split(" ")[0]
    for attempt in (
        row.save,
        row.delete,
        model.objects.all().delete,
        lambda: model.objects.update(**{field: b""}),
        lambda: model.objects.bulk_update([row], [field]),
        lambda: model._base_manager.filter(pk=row.pk)._raw_delete("default"),
    ):
        with pytest.raises((OnlyGrows, DatabaseError)):
            attempt()
    assert model.objects.filter(pk=row.pk).exists()


@pytest.mark.parametrize("table", TABLES)
def test_sql_changes_nothing(decided, table):
    for statement in (f"UPDATE {table} SET {TOUCH[table]}", f"DELETE FROM {table}", f"TRUNCATE {table} CASCADE"):
        with pytest.raises(DatabaseError, match="only grows"), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement)


@pytest.mark.parametrize("table", TABLES)
def test_another_connection_changes_nothing_either(decided, table):
    facts = connection.get_connection_params()
    names = ("dbname", "user", "password", "host", "port")
    with psycopg.connect(**{name: facts[name] for name in names if facts.get(name)}, autocommit=True) as other:
        for statement in (f"UPDATE {table} SET {TOUCH[table]}", f"DELETE FROM {table}", f"TRUNCATE {table} CASCADE"):
            with pytest.raises(psycopg.errors.RestrictViolation):
                other.execute(statement)
        upsert = f"INSERT INTO {table} SELECT * FROM {table} ON CONFLICT DO NOTHING"
        other.execute(upsert)


def test_the_notice_goes_down_with_no_cascade(decided):
    notice = NoticeVersion.objects.get().notice
    with pytest.raises((OnlyGrows, DatabaseError)):
        notice.delete()
    assert NoticeVersion.objects.exists()


def test_an_opening_may_go_with_its_account_but_never_change(decided):
    for attempt in (lambda: Opening.objects.update(sealed=b""), Opening.objects.filter(subject_id=decided).delete):
        with pytest.raises(DatabaseError, match="only grows"), transaction.atomic():
            attempt()
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT set_config('daylight.forgetting', %s, true)", [str(decided)])
        with pytest.raises(DatabaseError, match="only grows"), transaction.atomic():
            Opening.objects.update(sealed=b"")
        Opening.objects.filter(subject_id=decided).delete()
    assert not Opening.objects.exists()


def test_while_one_person_is_forgotten_nothing_of_another_goes(decided):
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT set_config('daylight.forgetting', %s, true)", [str(uuid4())])
        for table in ("consent_opening", "consent_decision"):
            with pytest.raises(DatabaseError, match="only grows"), transaction.atomic():
                cursor.execute(f"DELETE FROM {table}")
