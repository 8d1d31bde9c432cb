"""The trail: acts are added and read, and nobody, by whatever way, changes or removes one."""

from __future__ import annotations

import uuid

import psycopg
import pytest
from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from consent.guards import OnlyGrows
from portal import grants
from portal.audit import trail
from portal.audit.models import Act
from portal.audit.values import ACCESSES, LOOKS, SENTENCES, SYSTEM, Action, Actor, ActorKind, may_read_for
from tests.makers import make_employee

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "keys"])
HANA = Actor(ActorKind.PERSON, "hana", "hr", "Hana Horn")


@pytest.fixture
def act():
    return trail.record(Action.REQUEST_OPENED, actor=HANA, subject_id=uuid.uuid4(), facts={"kind": "access"})


def test_every_action_has_its_sentence():
    assert set(SENTENCES) == set(Action)
    assert len({str(each) for each in SENTENCES.values()}) == len(Action)


def test_an_act_says_who_did_what_to_whom(act):
    stored = Act.objects.get()
    assert (stored.action, stored.actor_id, stored.actor_role, stored.actor_label) == (
        "request.opened",
        "hana",
        "hr",
        "Hana Horn",
    )
    assert stored.facts == {"kind": "access"}
    assert stored.sentence == "opened a request"


def test_an_action_that_is_not_on_the_list_cannot_be_written():
    with pytest.raises(ValueError, match="is not a valid Action"):
        trail.record("request.invented", actor=HANA)
    assert not Act.objects.exists()


def test_nobodys_name_is_copied_beside_their_own_data():
    ada = uuid.uuid4()
    own = Actor(ActorKind.PERSON, str(ada), "hr", "Ada Abel")
    trail.record(Action.DATA_VIEWED, actor=own, subject_id=ada)
    assert Act.objects.get().actor_label == ""


@pytest.mark.parametrize(
    "change",
    [
        lambda act: Act.objects.update(actor_id="nobody"),
        lambda act: Act.objects.filter(pk=act.pk).delete(),
        lambda act: Act.objects.bulk_update([act], ["actor_id"]),
        lambda act: act.save(),
        lambda act: act.delete(),
        lambda act: Act.objects.filter(pk=act.pk)._raw_delete("default"),
    ],
)
def test_the_models_refuse_to_change_an_act(act, change):
    before = Act.objects.values().get()
    with pytest.raises(OnlyGrows):
        change(act)
    assert Act.objects.values().get() == before


WAYS_ROUND = [
    "UPDATE audit_act SET actor_id = 'nobody'",
    "DELETE FROM audit_act",
    "TRUNCATE audit_act",
    "INSERT INTO audit_act SELECT * FROM audit_act ON CONFLICT (id) DO UPDATE SET actor_id = 'nobody'",
]


@pytest.mark.parametrize("statement", WAYS_ROUND)
def test_the_database_refuses_it_even_to_its_owner(act, statement):
    before = Act.objects.values().get()
    with pytest.raises(DatabaseError, match="only grows"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)
    assert Act.objects.values().get() == before


@pytest.mark.parametrize("statement", [*WAYS_ROUND, "ALTER TABLE audit_act DISABLE TRIGGER ALL"])
def test_the_application_has_not_even_the_right(act, statement, application):
    before = Act.objects.values().get()
    assert application.execute("SELECT count(*) FROM audit_act").fetchone() == (1,)
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        application.execute(statement)
    assert Act.objects.values().get() == before


@pytest.fixture
def application():
    """A second connection, as the role that web and workers use."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [grants.ROLE])
        if not cursor.fetchone():
            cursor.execute(f"CREATE ROLE {grants.ROLE} LOGIN")
        cursor.execute(f"ALTER ROLE {grants.ROLE} PASSWORD 'tests'")
    grants.grant()
    place = connection.get_connection_params() | {"user": grants.ROLE, "password": "tests"}
    wanted = {name: place[name] for name in ("dbname", "user", "password", "host", "port")}
    with psycopg.connect(**wanted, autocommit=True) as opened:
        yield opened


def test_an_act_goes_with_the_transaction_that_it_tells_of():
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        trail.record(Action.REQUEST_OPENED, actor=HANA)
        raise ZeroDivisionError
    assert not Act.objects.exists()


def test_of_several_views_in_one_hour_one_is_written():
    ada = uuid.uuid4()
    own = Actor(ActorKind.PERSON, str(ada), "employee")
    views = [
        trail.record(Action.DATA_VIEWED, actor=own, subject_id=ada, once=trail.hourly("data.viewed", ada, "2026-11-20"))
        for _ in range(3)
    ]
    assert views[0].pk
    assert views[1:] == [None, None]
    trail.record(Action.DATA_VIEWED, actor=own, subject_id=ada, once=trail.hourly("data.viewed", ada, "2026-11-21"))
    assert Act.objects.for_subject(ada).count() == 2


def test_a_repeated_view_does_not_spoil_the_transaction_around_it():
    with transaction.atomic():
        for _ in range(2):
            trail.record(Action.DATA_VIEWED, actor=HANA, subject_id=uuid.uuid4(), once="the same")
        trail.record(Action.REQUEST_OPENED, actor=HANA)
    assert Act.objects.count() == 2


def test_who_looked_lists_looks_and_not_what_else_was_done():
    ada = uuid.uuid4()
    own = Actor(ActorKind.PERSON, str(ada), "employee")
    for action in set(Action) - ACCESSES:
        trail.record(action, actor=own, subject_id=ada)
    listed = set(Act.objects.for_subject(ada).looks().values_list("action", flat=True))
    assert listed == {"data.viewed", "access.refused"}
    assert listed == LOOKS - ACCESSES


def test_a_refused_read_is_kept_for_the_person_to_see():
    ada = uuid.uuid4()
    trail.refused(actor=HANA, subject_id=ada, path=f"/people/{ada}/data/")
    shown = Act.objects.for_subject(ada).looks().get()
    assert (shown.action, shown.actor_label, shown.facts) == (
        "access.refused",
        "Hana Horn",
        {"path": f"/people/{ada}/data/"},
    )


def test_the_newest_act_comes_first():
    for _ in range(3):
        trail.record(Action.REQUEST_OPENED, actor=SYSTEM)
    newest = Act.objects.newest_first()
    assert [act.pk for act in newest] == sorted((act.pk for act in newest), reverse=True)
    assert newest[0].at <= timezone.now()


def test_an_act_outlives_whom_it_names():
    ada = make_employee("Ada Abel", password="")
    Act.objects.for_subject(ada.pk).newest_first()
    trail.record(Action.DATA_VIEWED, actor=HANA, subject_id=ada.pk)
    subject_id = ada.pk
    ada.delete()
    assert Act.objects.for_subject(subject_id).filter(action="data.viewed").exists()


def test_data_is_read_for_a_named_purpose_or_one_that_is_bound_to_it():
    assert may_read_for("legal_claim", [])
    assert may_read_for("train", ["train"])
    assert not may_read_for("train", ["support"])
    assert not may_read_for("", ["train"])
    assert not may_read_for("performance", ["train"])
