"""An access is committed, as an act and as a leaf of the ledger, before anything is sent."""

from __future__ import annotations

import json
import uuid

import pytest
from django.db import DatabaseError, connection, transaction

from consent import ledger
from consent.leaf import opening_aad
from consent.models import LedgerLeaf, Opening
from consent.ports import CannotOpen, installed
from portal.audit import trail
from portal.audit.models import Act
from portal.audit.values import Action, Actor, ActorKind
from portal.vault import keys

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "keys"])
BOT = Actor(ActorKind.CLIENT, "bot-1", "client", "Request automation")


@pytest.fixture
def subject_id():
    made = uuid.uuid4()
    keys.make_person(made)
    return made


def read(subject_id, **over):
    given = {"actor": BOT, "subject_id": subject_id, "purpose": "subject_request", "case": "request-7"} | over
    return trail.access(Action.BUNDLE_DOWNLOADED, **given)


def test_an_access_is_an_act_and_a_leaf(subject_id):
    act = read(subject_id)
    stored = Act.objects.for_subject(subject_id).looks().get()
    assert (stored.pk, stored.leaf_idx, stored.purpose, stored.case) == (act.pk, 0, "subject_request", "request-7")
    leaf = LedgerLeaf.objects.get()
    assert bytes(leaf.entry).startswith(b"daylight/v1\naccess\n" + f"{act.at:%Y-%m-%d}".encode() + b"\n")
    assert ledger.verify() is None


def test_its_leaf_opens_for_the_person_to_exactly_what_was_done(subject_id):
    act = read(subject_id)
    opening = Opening.objects.get()
    raw = installed.sealer.open(subject_id, bytes(opening.sealed), opening_aad(subject_id, opening.leaf_idx))
    assert json.loads(raw)["record"] == {
        "action": "bundle.downloaded",
        "actor_id": "bot-1",
        "actor_role": "client",
        "at": act.at.strftime("%Y-%m-%dT%H:%M:%S.") + f"{act.at.microsecond // 1000:03}Z",
        "case": "request-7",
        "purpose": "subject_request",
        "subject_id": str(subject_id),
    }


def test_the_leaf_itself_names_nobody(subject_id):
    read(subject_id)
    entry = bytes(LedgerLeaf.objects.get().entry)
    for secret in (subject_id.bytes, str(subject_id).encode(), b"bot-1", b"bundle"):
        assert secret not in entry


def test_its_opening_goes_when_the_persons_keys_go(subject_id):
    read(subject_id)
    opening = Opening.objects.get()
    keys.destroy_person(subject_id)
    with pytest.raises(CannotOpen):
        installed.sealer.open(subject_id, bytes(opening.sealed), opening_aad(subject_id, opening.leaf_idx))


def test_it_is_in_the_journal_when_it_returns(subject_id):
    read(subject_id)
    assert ledger.settle() in (0, 1)
    with connection.cursor() as cursor:
        cursor.execute("SELECT journalled FROM consent_ledgerstate")
        assert cursor.fetchone() == (1,)


@pytest.fixture
def broken_table():
    """The insert of an act fails, as with a full disk."""
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE FUNCTION broken() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN RAISE EXCEPTION 'no space left' USING ERRCODE = 'disk_full'; END $$"
        )
        cursor.execute("CREATE TRIGGER broken BEFORE INSERT ON audit_act FOR EACH ROW EXECUTE FUNCTION broken()")
        yield
        cursor.execute("DROP TRIGGER broken ON audit_act; DROP FUNCTION broken()")


def test_where_the_act_cannot_be_written_the_caller_hears_of_it_and_no_leaf_stays(subject_id, broken_table):
    with pytest.raises(DatabaseError, match="no space left"):
        read(subject_id)
    assert not Act.objects.exists()
    assert ledger.size() == 0
    assert not LedgerLeaf.objects.exists()


def test_where_the_persons_keys_are_gone_nothing_is_written(subject_id):
    keys.destroy_person(subject_id)
    with pytest.raises(keys.KeyGone):
        read(subject_id)
    assert not Act.objects.exists()
    assert ledger.size() == 0


def test_it_refuses_to_run_where_it_could_be_taken_back(subject_id):
    with pytest.raises(RuntimeError), transaction.atomic():
        read(subject_id)
    assert not Act.objects.exists()


def test_an_access_needs_a_purpose(subject_id):
    with pytest.raises(ValueError, match="no access"):
        read(subject_id, purpose="")


def test_an_access_cannot_be_written_as_an_ordinary_act_nor_the_other_way_round(subject_id):
    with pytest.raises(ValueError, match="use access"):
        trail.record(Action.DATA_READ, actor=BOT, subject_id=subject_id)
    with pytest.raises(ValueError, match="no access"):
        trail.access(Action.DATA_VIEWED, actor=BOT, subject_id=subject_id, purpose="incident")
    assert not Act.objects.exists()
