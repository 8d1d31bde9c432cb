"""The ledger in public: anybody can check it, and nobody learns whom it is about."""

from __future__ import annotations

import base64
import logging
import uuid

import pytest
from django.db import connection, transaction
from django.utils import timezone

from consent import actions, checkpoints, ledger, merkle, note
from consent.models import LedgerLeaf
from portal import celery
from portal.audit import tasks, trail
from portal.audit.values import Action, Actor, ActorKind
from portal.vault import keys
from tests.makers import make_purpose

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "keys"])
BOT = Actor(ActorKind.CLIENT, "bot-1", "client")


@pytest.fixture
def heads(client):
    """Five leaves, with a checkpoint after three and after five; their heads."""
    subject_id = uuid.uuid4()
    keys.make_person(subject_id)
    found = []
    for count in (3, 2):
        for _ in range(count):
            trail.access(Action.DECISIONS_READ, actor=BOT, subject_id=subject_id, purpose="incident")
        tasks.sign_checkpoint()
        found.append(head_of(client.get("/api/v1/ledger/checkpoint").content.decode()))
    return found


def head_of(text):
    return note.Head.from_text(note.open_note(text, checkpoints.verifiers()))


def test_before_the_first_leaf_there_is_no_checkpoint(client):
    for path in ("checkpoint", "proof/0", "consistency?from=1&to=1"):
        answer = client.get(f"/api/v1/ledger/{path}")
        assert answer.status_code == 404
        assert answer["Content-Type"] == "application/problem+json"


def test_the_checkpoint_is_a_signed_note_of_the_whole_tree(client, heads):
    answer = client.get("/api/v1/ledger/checkpoint")
    assert answer["Content-Type"].startswith("text/plain")
    assert [head.size for head in heads] == [3, 5]
    leaves = [bytes(each) for each in LedgerLeaf.objects.order_by("idx").values_list("entry", flat=True)]
    assert heads[1].root == merkle.root(map(merkle.leaf_hash, leaves))


def test_every_leaf_can_be_proved_from_the_answer_alone(client, heads):
    for leaf in LedgerLeaf.objects.all():
        text = client.get(f"/api/v1/ledger/proof/{leaf.idx}").content.decode()
        proof, checkpoint = text.split("\n\n", 1)
        form, index, *hashes = proof.split("\n")
        assert (form, index) == ("c2sp.org/tlog-proof@v1", f"index {leaf.idx}")
        head = head_of(checkpoint)
        path = [base64.b64decode(each) for each in hashes]
        assert merkle.verify_inclusion(leaf.idx, head.size, bytes(leaf.leaf_hash), path, head.root)


@pytest.mark.parametrize("index", ["5", "99999999999999999999", "-1", "x"])
def test_a_leaf_that_no_checkpoint_covers_is_not_found(client, heads, index):
    assert client.get(f"/api/v1/ledger/proof/{index}").status_code == 404


def test_a_later_checkpoint_is_proved_to_extend_an_earlier_one(client, heads):
    answer = client.get("/api/v1/ledger/consistency?from=3&to=5").json()
    assert (answer["from"], answer["to"]) == (3, 5)
    proof = [base64.b64decode(each) for each in answer["proof"]]
    assert merkle.verify_consistency(3, 5, proof, heads[0].root, heads[1].root)
    assert client.get("/api/v1/ledger/consistency?from=5&to=5").json()["proof"] == []


@pytest.mark.parametrize(
    "pair", ["from=0&to=5", "from=4&to=3", "from=3&to=6", "from=x&to=5", "to=5", f"from=1&to={2**70}"]
)
def test_a_pair_of_sizes_that_never_was_is_refused(client, heads, pair):
    answer = client.get(f"/api/v1/ledger/consistency?{pair}")
    assert answer.status_code == 422
    assert answer.json()["errors"]


@pytest.fixture
def eleven(client):
    """Eleven leaves under one checkpoint; the hash of each leaf."""
    subject_id = uuid.uuid4()
    keys.make_person(subject_id)
    for _ in range(11):
        trail.access(Action.DECISIONS_READ, actor=BOT, subject_id=subject_id, purpose="incident")
    tasks.sign_checkpoint()
    return [bytes(each) for each in LedgerLeaf.objects.order_by("idx").values_list("leaf_hash", flat=True)]


def test_every_tree_is_proved_to_extend_every_smaller_one_and_no_other(client, eleven):
    roots = [merkle.root(eleven[:size]) for size in range(12)]
    for new in range(1, 12):
        for old in range(1, new + 1):
            answer = client.get(f"/api/v1/ledger/consistency?from={old}&to={new}").json()
            proof = [base64.b64decode(each) for each in answer["proof"]]
            assert merkle.verify_consistency(old, new, proof, roots[old], roots[new])
            assert old == new or not merkle.verify_consistency(old, new, proof, roots[old], roots[new - 1])


def test_a_proof_from_the_api_is_of_its_leaf_alone(client, eleven):
    for idx, hashed in enumerate(eleven):
        text = client.get(f"/api/v1/ledger/proof/{idx}").content.decode()
        path = [base64.b64decode(each) for each in text.split("\n\n")[0].split("\n")[2:]]
        root = merkle.root(eleven)
        assert merkle.verify_inclusion(idx, 11, hashed, path, root)
        assert not merkle.verify_inclusion((idx + 1) % 11, 11, hashed, path, root)


@pytest.mark.parametrize(
    ("path", "kept"),
    [
        ("checkpoint", "public, max-age=5"),
        ("proof/0", "public, max-age=5"),
        ("consistency?from=1&to=2", "public, max-age=31536000, immutable"),
        ("proof/99", "no-store"),
        ("consistency?from=2&to=1", "no-store"),
    ],
)
def test_what_never_changes_may_be_kept_and_what_is_refused_may_not(client, heads, path, kept):
    answer = client.get(f"/api/v1/ledger/{path}")
    assert answer["Cache-Control"] == kept
    assert "Set-Cookie" not in answer


def test_what_is_refused_is_a_problem_and_says_where(client, heads):
    for path in ("proof/99", "proof/-1", "proof/x", f"proof/{2**64}", "consistency?from=3&to=2", "consistency"):
        answer = client.get(f"/api/v1/ledger/{path}")
        assert answer["Content-Type"] == "application/problem+json"
        assert answer.json()["status"] == answer.status_code
    wrong = client.get("/api/v1/ledger/consistency?from=3&to=2").json()["errors"]
    assert [each["pointer"] for each in wrong] == ["/from"]
    assert client.post("/api/v1/ledger/checkpoint").status_code == 405


def test_a_part_of_the_tree_that_is_missing_is_no_server_error(client, heads):
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = 'replica'")
        cursor.execute("DELETE FROM consent_ledgernode")
    for path in ("proof/4", "consistency?from=3&to=5"):
        answer = client.get(f"/api/v1/ledger/{path}")
        assert (answer.status_code, answer.json()["type"]) == (503, "urn:daylight:problem:ledger.damaged")


def test_new_leaves_are_signed_within_a_minute_whatever_they_tell_of(client, ada):
    (signing,) = [each for each in celery.app.conf.beat_schedule.values() if each["task"].endswith("sign_checkpoint")]
    assert signing["schedule"] <= 60
    make_purpose()
    actions.give(subject_id=ada.pk, purpose_key="train", path="choices")
    trail.access(Action.DECISIONS_READ, actor=BOT, subject_id=ada.pk, purpose="incident")
    digest = {"at": "2026-11-21T12:00:00.000Z", "certificate_sha256": "0" * 64, "kind": "all"}
    ledger.append("erasure", ada.pk, digest | {"subject_id": str(ada.pk)})
    before = checkpoints.path().read_bytes()
    tasks.sign_checkpoint()
    assert head_of(client.get("/api/v1/ledger/checkpoint").content.decode()).size == 3
    after = checkpoints.path().read_bytes()
    assert after.startswith(before)
    assert len(after) > len(before)
    tasks.sign_checkpoint()
    assert checkpoints.path().read_bytes() == after


def test_nothing_in_public_names_anybody(client, ada):
    make_purpose()
    actions.give(subject_id=ada.pk, purpose_key="train", path="choices")
    for path in ("checkpoint", "proof/0", "consistency?from=1&to=1"):
        told = client.get(f"/api/v1/ledger/{path}").content.decode()
        assert not any(named in told for named in (str(ada.pk), ada.employee_number, ada.name, "train", "given"))


def test_it_is_described_for_those_who_write_a_verifier(client):
    paths = client.get("/api/v1/openapi.json").json()["paths"]
    assert {path for path in paths if "ledger" in path} == {
        "/api/v1/ledger/checkpoint",
        "/api/v1/ledger/proof/{idx}",
        "/api/v1/ledger/consistency",
    }


def test_each_signed_head_is_logged_where_the_database_cannot_reach_it(heads, caplog):
    caplog.set_level(logging.INFO)
    subject_id = uuid.uuid4()
    keys.make_person(subject_id)
    trail.access(Action.DECISIONS_READ, actor=BOT, subject_id=subject_id, purpose="incident")
    tasks.sign_checkpoint()
    lines = [record.getMessage() for record in caplog.records if record.name == "portal.audit.wiring"]
    assert len(lines) == 1
    assert lines[0].startswith("checkpoint localhost 6 ")
    assert str(subject_id) not in lines[0]


def test_a_head_that_the_database_no_longer_has_closes_the_ledger_and_is_written_down(heads, settings):
    tasks.check_ledger()
    assert ledger.closed() == ""
    folder = checkpoints.folder()
    kept = {path: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    forged = checkpoints.signer().sign(note.Head(settings.LEDGER_ORIGIN, 9, bytes(32)).to_text())
    checkpoints.keep_outside(forged, timezone.now())
    tasks.check_ledger()
    assert ledger.closed()
    for path, data in kept.items():
        path.write_bytes(data)
    tasks.check_ledger()
    assert ledger.closed() == ""
