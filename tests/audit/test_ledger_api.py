"""The ledger in public: anybody can check it, and nobody learns whom it is about."""

from __future__ import annotations

import base64
import logging
import uuid

import pytest
from django.utils import timezone

from consent import checkpoints, ledger, merkle, note
from consent.models import LedgerLeaf
from portal.audit import tasks, trail
from portal.audit.values import Action, Actor, ActorKind
from portal.vault import keys

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
