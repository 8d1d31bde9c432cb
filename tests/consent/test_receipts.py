"""A receipt proves its decision to whoever holds a key, alone and offline; whatever was changed does not verify."""

from __future__ import annotations

import base64
import json
import random
import subprocess
import sys
import time
from pathlib import Path
from uuid import uuid4

import pytest
from django.db import connection

from consent import actions, checkpoints, keyfile, leaf, ledger, merkle, receipts, verify_receipt
from consent.models import Checkpoint, LedgerState, Opening
from consent.note import Signer
from consent.verify_receipt import REASONS, Refused, Shown, verify
from tests.makers import make_purpose

pytestmark = pytest.mark.django_db(transaction=True)
SCRIPT = Path(verify_receipt.__file__)
VECTORS = Path(__file__).parent / "vectors"
SIGNER = Signer.make("example.org/log")
VKEY = SIGNER.verifier().to_text()
RECORD = {
    "at": "2026-11-21T23:59:59.999Z",
    "kind": "given",
    "notice_sha256": "ab" * 32,
    "notice_version": 3,
    "path": "page:choices",
    "purpose": "train",
    "subject_id": "6f9619ff-8b86-4011-b42d-00c04fc964ff",
}
SALT = bytes(range(32))


def b64(raw):
    return base64.b64encode(raw).decode()


def made(index=5, size=13, signer=SIGNER, head=None, extra=None, entry=None, record=RECORD, salt=SALT, **over):
    """Return a receipt made by hand, as somebody else's system would write it."""
    entry = leaf.make_entry("decision", RECORD, SALT) if entry is None else entry
    hashes = [merkle.leaf_hash(bytes([n])) for n in range(size)]
    hashes[index] = merkle.leaf_hash(entry)
    proof = [merkle.root(hashes[first:end]) for first, end in merkle.inclusion_spans(index, size)]
    extra = {"entry": b64(entry), "record": record, "salt": b64(salt)} if extra is None else extra
    packed = extra if isinstance(extra, bytes) else json.dumps(extra).encode()
    head = head or f"{signer.name}\n{size}\n{b64(merkle.root(hashes))}\n"
    lines = ["c2sp.org/tlog-proof@v1", f"extra {b64(packed)}", f"index {index}", *map(b64, over.get("proof", proof))]
    return "\n".join([*lines, "", over.get("note") or signer.sign(head)])


def code(text, *keys):
    found = verify(text, keys or [VKEY])
    return found.code if isinstance(found, Refused) else "shown"


# --- what is issued


def give(subject_id):
    return actions.give(subject_id=subject_id, purpose_key="train", path="choices")


def vkeys():
    return [each.to_text() for each in checkpoints.verifiers()]


@pytest.fixture
def decided(ada):
    make_purpose()
    for _ in range(4):
        give(ada)
        actions.withdraw(subject_id=ada, purpose_key="train", path="choices")
    return ada


def test_every_decision_has_a_receipt_at_once_that_verifies(decided):
    for idx in range(8):
        receipt = receipts.issue(idx)
        found = verify(receipt.text, vkeys())
        assert isinstance(found, Shown)
        assert (found.index, found.size, found.record) == (idx, 8, receipt.record)
        assert found.record["subject_id"] == str(decided)
        assert found.record["kind"] == ("withdrawn" if idx % 2 else "given")


def test_looks_and_deletions_have_receipts_too(decided):
    at = "2026-11-21T12:00:00.000Z"
    names = ("action", "actor_id", "actor_role", "case", "purpose")
    looked = ledger.append("access", decided, dict.fromkeys(names, "") | {"at": at, "subject_id": str(decided)})
    erased = {"at": at, "certificate_sha256": "ab" * 32, "kind": "everything", "subject_id": str(decided)}
    gone = ledger.append("erasure", decided, erased)
    assert receipts.issue(looked) is None is receipts.issue(gone)
    ledger.settle_and_sign()
    kinds = [verify(receipts.issue(idx).text, vkeys()).kind for idx in (looked, gone)]
    assert kinds == ["access", "erasure"]


def test_a_receipt_keeps_verifying_while_the_log_grows_and_a_later_one_says_more(decided):
    before = receipts.issue(2)
    for _ in range(5):
        give(decided)
    after = receipts.issue(2)
    assert (before.size, after.size) == (8, 13)
    assert code(before.text, *vkeys()) == code(after.text, *vkeys()) == "shown"


def test_a_receipt_waits_while_no_key_signs_and_comes_later(ada, settings):
    make_purpose()
    key = Path(settings.LEDGER_KEY_FILE)
    kept = key.read_text()
    key.unlink()
    recorded = give(ada)
    assert recorded.pending
    assert receipts.issue(recorded.index) is None
    key.write_text(kept)
    ledger.sign()
    assert code(receipts.issue(recorded.index).text, *vkeys()) == "shown"


def test_there_is_no_receipt_of_what_nothing_opens(decided):
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = 'replica'")
        Opening.objects.filter(leaf_idx=3).delete()
        cursor.execute("SET session_replication_role = 'origin'")
    with pytest.raises(LookupError):
        receipts.issue(3)
    assert sorted(receipts.issue_many(range(8))) == [0, 1, 2, 4, 5, 6, 7]


def test_many_receipts_cost_a_handful_of_queries(decided, django_assert_max_num_queries):
    with django_assert_max_num_queries(5):
        assert len(receipts.issue_many(range(8))) == 8


def test_receipts_verify_across_a_change_of_keys(decided):
    old, *_ = vkeys()
    before = receipts.issue(0).text
    keyfile.rotate()
    give(decided)
    between = receipts.issue(0).text
    keyfile.retire()
    give(decided)
    after = receipts.issue(0).text
    (new,) = set(vkeys()) - {old}
    assert [code(text, *vkeys()) for text in (before, between, after)] == ["shown"] * 3
    assert [code(text, old) for text in (before, between, after)] == ["shown", "shown", "key"]
    assert [code(text, new) for text in (before, between, after)] == ["key", "shown", "shown"]


# --- what is judged


def test_a_receipt_made_by_hand_verifies_and_says_what_it_shows_and_what_not():
    found = verify(made(), [VKEY])
    assert found.origin == "example.org/log"
    assert "entry 5" in found.shown()[0] and "checkpoint 13" in found.shown()[0]
    said = " ".join(found.not_shown())
    assert all(each in said for each in ("later decision", "kept or erased", "clock", "same log"))


def test_a_checkpoint_may_carry_signatures_that_nobody_here_knows():
    witness = Signer.make("witness.example")
    text = made()
    note = text.partition("\n\n")[2]
    line = witness.sign(note.rpartition("\n\n")[0] + "\n").rpartition("\n\n")[2]
    assert code(text + line) == code(text + line, VKEY, witness.verifier().to_text()) == "shown"
    assert code(text + line, witness.verifier().to_text()) == "origin"


def test_each_part_that_is_wrong_is_named():
    entry = leaf.make_entry("decision", RECORD, SALT)
    yesterday = entry.replace(b"2026-11-21", b"2026-11-20")
    other = Signer.make("example.org/log")
    wrong_known = f"{SIGNER.verifier().name} {b64(SIGNER.verifier().key_id + b'x' * 64)}"
    whole = {"entry": b64(entry), "record": RECORD, "salt": b64(SALT)}
    cases = {
        "size": made() + "x" * 70_000,
        "text": made().replace("\n", "\r\n"),
        "header": made().replace("@v1", "@v2"),
        "extra": made(extra=b"[]"),
        "index": made().replace("index 5", "index 05"),
        "proof": made(proof=[b"x" * 31]),
        "note": made().partition("\n\n")[0],
        "key": made(signer=other),
        "signature": made() + f"\u2014 {wrong_known}\n",
        "origin": made(head=f"another.example\n13\n{b64(b'x' * 32)}\n"),
        "leaf": made(entry=b"daylight/v2\n" + entry[12:]),
        "record": made(record=RECORD | {"note": "more"}),
        "day": made(entry=yesterday),
        "commitment": made(record=RECORD | {"kind": "refused"}),
        "inclusion": made().replace("index 5", "index 4"),
    }
    assert {name: code(text) for name, text in cases.items()} == {name: name for name in cases}
    assert code(made(), "not a key") == "given_keys"
    assert code(made(extra=json.dumps(whole)[:-1].encode() + b',"salt":"' + b64(SALT).encode() + b'"}')) == "extra"
    assert set(REASONS) == {*cases, "given_keys", "file"}


@pytest.mark.parametrize(
    "extra",
    [
        b"",
        b"\xff\xfe{",
        b"[" * 40_000,
        b"{}",
        b"null",
        json.dumps(
            {"entry": b64(leaf.make_entry("decision", RECORD, SALT)), "record": RECORD, "salt": b64(SALT)}
        ).encode()
        + b" ",
        b'{"entry":1,"record":{},"salt":""}',
        b'{"entry":"","record":[],"salt":""}',
        b'{"entry":"AAAA","record":{},"salt":NaN}',
        b'{"entry":"AAAA","record":{"at":' + b"9" * 5000 + b'},"salt":""}',
        b'{"entry":"AAAA","record":{},"salt":"' + b64(SALT).encode() + b'"}',
    ],
)
def test_what_is_no_json_object_of_three_is_refused(extra):
    assert code(made(extra=extra)) in {"extra", "leaf", "record"}


@pytest.mark.parametrize(
    "changed",
    [
        {"notice_version": True},
        {"notice_version": 3.0},
        {"notice_version": "3"},
        {"notice_version": 2**53},
        {"notice_version": -1},
        {"purpose": None},
        {"purpose": ["train"]},
        {"purpose": "\ud800"},
        {"at": "2026-11-21T23:59:59Z"},
        {"at": "2026-13-21T23:59:59.999Z"},
        {"at": "2026-11-21T23:59:59.999+00:00"},
        {"at": "\u0662026-11-21T23:59:59.999Z"},
        {"at": 5},
    ],
)
def test_a_record_with_another_type_of_value_is_refused(changed):
    assert code(made(record=RECORD | changed)) == "record"


def test_every_line_counts():
    lines = made().split("\n")
    for at in range(len(lines)):
        without = "\n".join(lines[:at] + lines[at + 1 :])
        twice = "\n".join(lines[:at] + [lines[at]] + lines[at:])
        longer = "\n".join([*lines[:at], lines[at] + "A", *lines[at + 1 :]])
        spaced = "\n".join([*lines[:at], lines[at] + " ", *lines[at + 1 :]])
        for changed in (without, twice, longer, spaced):
            # The signature line may stand twice: it is right both times.
            if changed != twice or not lines[at].startswith("\u2014"):
                assert code(changed) != "shown", at


def test_no_single_changed_byte_verifies_and_none_fails_otherwise():
    raw = made().encode()
    for at in range(len(raw)):
        for other in {raw[at] ^ 1, raw[at] ^ 0x80, 0, 0x0A} - {raw[at]}:
            assert isinstance(verify(raw[:at] + bytes([other]) + raw[at + 1 :], [VKEY]), Refused), (at, other)
        assert isinstance(verify(raw[:at], [VKEY]), Refused)


def test_random_bytes_are_refused_quickly():
    dice = random.Random(3)
    good = made().encode()
    worst = 0.0
    for _ in range(400):
        raw = bytearray(good)
        for _ in range(dice.randrange(1, 40)):
            at = dice.randrange(len(raw))
            raw[at : at + dice.randrange(3)] = dice.randbytes(dice.randrange(4))
        began = time.thread_time()
        assert isinstance(verify(bytes(raw), [VKEY]), Refused)
        worst = max(worst, time.thread_time() - began)
    assert worst < 0.05


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n" * 65_000,
        "\u2014" * 21_000,
        "c2sp.org/tlog-proof@v1\nextra AAAA\nindex 0\n" + "A" * 43 + "=\n",
        "c2sp.org/tlog-proof@v1\nextra AAAA\nindex 0\n" + ("A" * 43 + "=\n") * 1_400 + "\nx",
        "c2sp.org/tlog-proof@v1\nextra AAAA\nindex " + "9" * 60_000 + "\n\nx\n\n",
        "c2sp.org/tlog-proof@v1\nextra AAAA\nindex 0\n\na\n1\nA\n\n" + "\u2014 a AAAAAAAA\n" * 3_000,
    ],
)
def test_what_is_large_or_empty_is_refused_quickly(text):
    began = time.thread_time()
    assert isinstance(verify(text, [VKEY]), Refused)
    assert time.thread_time() - began < 0.05


def test_a_known_key_that_signed_a_thousand_times_does_not_keep_it_busy():
    text = made()
    line = text.rpartition("\n\n")[2]
    began = time.thread_time()
    assert code(text + line * 300) == "note"
    assert time.thread_time() - began < 0.05


# --- the same vectors as the log itself


def cases(kind):
    return [pytest.param(each, id=each["case"]) for each in json.loads((VECTORS / f"{kind}.json").read_text())]


def raw_of(text):
    return base64.b64decode(text or "")


@pytest.mark.parametrize("case", cases("inclusion"))
def test_published_proofs_are_judged_as_the_log_judges_them(case):
    proof = [raw_of(each) for each in case["proof"] or []]
    hashed, root = raw_of(case["leafHash"]), raw_of(case["root"])
    found = verify_receipt.leads_to_root(case["leafIdx"], case["treeSize"], hashed, proof, root)
    assert found is not case["wantErr"]


def test_it_agrees_with_the_log_about_every_place_of_every_small_tree():
    hashes = [merkle.leaf_hash(bytes([n])) for n in range(33)]
    for size in range(1, 34):
        root = merkle.root(hashes[:size])
        for index in range(size):
            proof = [merkle.root(hashes[first:end]) for first, end in merkle.inclusion_spans(index, size)]
            assert verify_receipt.leads_to_root(index, size, hashes[index], proof, root)
            for at in (index - 1, index + 1):
                assert verify_receipt.leads_to_root(at, size, hashes[index], proof, root) is merkle.verify_inclusion(
                    at, size, hashes[index], proof, root
                )


def test_it_knows_the_same_classes_of_leaf():
    assert verify_receipt.FIELDS == leaf.FIELDS
    assert verify_receipt.LEAF_FORMAT == leaf.FORMAT


@pytest.mark.parametrize("path", ["caf\u00e9 \u2603 \U0001f600", '"\\/\b\f\n\r\t\x01\x7f\u2028', "", "</script>"])
def test_it_writes_the_record_as_rfc_8785_says(path):
    record = RECORD | {"path": path}
    entry = leaf.make_entry("decision", record, SALT)
    assert code(made(entry=entry, record=record)) == "shown"


# --- the file alone


def run(*arguments, cwd, **over):
    return subprocess.run(
        [sys.executable, "-I", *arguments], cwd=cwd, capture_output=True, text=True, check=False, env={"LC_ALL": "C"}
    )


@pytest.fixture
def alone(tmp_path):
    """The script, a receipt and a key in an empty folder."""
    (tmp_path / "verify_receipt.py").write_bytes(SCRIPT.read_bytes())
    (tmp_path / "good.tlog-proof").write_text(made(), encoding="utf-8")
    (tmp_path / "ledger.vkey").write_text(f"{Signer.make('example.org/log').verifier().to_text()}\n{VKEY}\n")
    return tmp_path


def test_the_script_runs_alone_and_says_what_was_shown_and_what_not(alone):
    done = run("verify_receipt.py", "good.tlog-proof", "--key-file", "ledger.vkey", cwd=alone)
    assert (done.returncode, done.stderr) == (0, "")
    assert "VERIFIES" in done.stdout
    assert "What was not shown" in done.stdout
    assert run("verify_receipt.py", "good.tlog-proof", "--key", VKEY, cwd=alone).returncode == 0


def test_the_script_takes_keys_in_whatever_way_they_are_given(alone):
    for keys in ((VKEY,), ("ledger.vkey",), ("--key", "ledger.vkey"), ("--key-file", VKEY), ()):
        assert run("verify_receipt.py", "good.tlog-proof", *keys, cwd=alone).returncode == 0, keys
    other = Signer.make("example.org/log").verifier().to_text()
    assert run("verify_receipt.py", "good.tlog-proof", other, cwd=alone).returncode == 1
    (alone / "ledger.vkey").unlink()
    done = run("verify_receipt.py", "good.tlog-proof", cwd=alone)
    assert done.returncode == 2
    assert "the key that one trusts" in done.stderr


def test_the_script_says_why_not_and_ends_with_1(alone):
    (alone / "bad.tlog-proof").write_text(made(record=RECORD | {"kind": "refused"}), encoding="utf-8")
    (alone / "bytes.tlog-proof").write_bytes(b"\xff\x00" * 900)
    (alone / "bad.vkey").write_bytes(b"\xff\xff")
    for file, key in (
        ("bad.tlog-proof", "ledger.vkey"),
        ("bytes.tlog-proof", "ledger.vkey"),
        ("missing", "ledger.vkey"),
        (".", "ledger.vkey"),
        ("good.tlog-proof", "missing"),
        ("good.tlog-proof", "bad.vkey"),
    ):
        done = run("verify_receipt.py", file, "--key-file", key, cwd=alone)
        assert (done.returncode, done.stderr) == (1, ""), (file, key)
        assert done.stdout.startswith("DOES NOT VERIFY: ")


def test_a_later_checkpoint_is_used_as_soon_as_there_is_one(decided):
    assert Checkpoint.objects.order_by("-size").first().size == LedgerState.objects.get().journalled == 8
    actions.admit(subject_id=uuid4())
    assert receipts.issue(0).size == 8
