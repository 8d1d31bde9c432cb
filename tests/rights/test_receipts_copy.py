"""A copy holds every receipt, what verifies it, and links to it; also when there are many, or some are pending."""

from __future__ import annotations

import hashlib
import io
import json
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from django.conf import settings

from consent import actions as decisions
from consent.models import Checkpoint, Decision
from portal.audit import trail
from portal.audit.values import Action
from portal.rights import handing, leases, runner
from portal.rights.models import BundlePart, SubjectRequest
from portal.rights.receipts import files as receipt_files
from portal.vault import objects
from tests.makers import SETTING_UP
from tests.rights.conftest import ask, carry_out, unzip

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "keys"])


def answer(employee, times):
    for _ in range(times):
        decisions.withdraw(subject_id=employee.pk, purpose_key="train", path="tests")
        decisions.give(subject_id=employee.pk, purpose_key="train", path="tests")


def run_script(files, folder: Path):
    """Do what the start page says, in the folder as it was unpacked; return what each receipt was found to be."""
    for name, body in files.items():
        (folder / name).parent.mkdir(exist_ok=True, parents=True)
        (folder / name).write_bytes(body)
    found = {}
    for path in sorted((folder / "receipts").glob("*.tlog-proof")):
        command = [sys.executable, "verify_receipt.py", path.name, "--key-file", "ledger.vkey"]
        found[path.name] = subprocess.run(command, cwd=folder / "receipts", capture_output=True, check=False).returncode
    return found


def test_every_receipt_is_in_the_copy_and_verifies_with_what_is_in_it(recorded, tmp_path):
    answer(recorded, 2)
    trail.access(Action.DATA_READ, actor=SETTING_UP, subject_id=recorded.pk, purpose="incident")
    files = unzip(carry_out(ask(recorded)))
    found = run_script(files, tmp_path / "copy")
    assert found == {f"{idx}.tlog-proof": 0 for idx in range(6)}
    assert {name for name in files if name.endswith(".jsonld")} == {f"receipts/{idx}.jsonld" for idx in range(5)}
    assert json.loads(files["receipts/1.jsonld"])["@type"] == ["dpv:ConsentReceipt"]
    listed = {each["path"]: each["sha256"] for each in json.loads(files["manifest.json"])["files"]}
    assert all(
        listed[name] == hashlib.sha256(files[name]).hexdigest() for name in files if name.startswith("receipts/")
    )


def test_the_start_page_leads_to_each_receipt(recorded):
    answer(recorded, 1)
    trail.access(Action.DATA_READ, actor=SETTING_UP, subject_id=recorded.pk, purpose="incident")
    files = unzip(carry_out(ask(recorded)))
    page = files["index.html"].decode()
    linked = {each for each in re.findall(r'href="([^"]+)"', page) if not each.startswith("#")}
    assert {name for name in files if name.startswith("receipts/")} <= linked
    assert linked <= set(files)
    assert 'scope="col">Receipt' in page


def test_a_receipt_that_is_pending_is_said_to_be(recorded):
    Path(settings.LEDGER_KEY_FILE).unlink()
    decisions.withdraw(subject_id=recorded.pk, purpose_key="train", path="tests")
    files = unzip(carry_out(ask(recorded)))
    assert "receipts/1.jsonld" in files and "receipts/1.tlog-proof" not in files
    assert "pending" in files["index.html"].decode()


def test_an_entry_that_no_checkpoint_covers_yet_is_covered_first(recorded):
    decisions.refuse(subject_id=recorded.pk, purpose_key="train", path="tests")
    trail.access(Action.DATA_READ, actor=SETTING_UP, subject_id=recorded.pk, purpose="incident")
    assert Checkpoint.objects.order_by("-size").first().size == 2
    assert "receipts/2.tlog-proof" in unzip(carry_out(ask(recorded)))


def test_many_receipts_are_written_in_several_runs_and_none_twice(recorded, monkeypatch):
    monkeypatch.setattr(receipt_files, "CHUNK_SECONDS", 0)
    monkeypatch.setattr(receipt_files, "TOGETHER", 7)
    answer(recorded, 15)
    files = unzip(carry_out(ask(recorded)))
    assert sum(name.endswith(".tlog-proof") for name in files) == 31
    assert sum(name.endswith(".jsonld") for name in files) == Decision.objects.count() == 31


def test_a_run_that_is_killed_and_repeated_leaves_each_file_once(recorded):
    answer(recorded, 2)
    asked = ask(recorded)
    while asked.current_step.name != "write_receipts":
        runner.advance(asked.pk)
        asked.refresh_from_db()
    for _ in range(2):
        receipt_files.write_receipts(asked_again(asked), {})
    archive = zipfile.ZipFile(io.BytesIO(b"".join(handing.stream(carry_out(let_go(asked))))))
    paths = [name for name in archive.namelist() if name.startswith("receipts/")]
    assert len(paths) == len(set(paths)) == 5 * 2 + 2
    assert BundlePart.objects.count() == len(list(objects.names("bundles/")))


def let_go(asked):
    SubjectRequest.objects.filter(pk=asked.pk).update(lease_until=None)
    return asked


def asked_again(asked):
    let_go(asked)
    return leases.claim(asked.pk, settings.REQUEST_LEASE_SECONDS)


def test_nobody_elses_receipts_are_in_it(recorded, ben):
    decisions.give(subject_id=ben.pk, purpose_key="train", path="tests")
    files = unzip(carry_out(ask(recorded)))
    assert {name for name in files if name.endswith(".tlog-proof")} == {"receipts/0.tlog-proof"}
    assert str(ben.pk) not in "".join(body.decode("utf-8", "replace") for body in files.values())


def test_after_everything_was_erased_a_new_copy_still_has_them_and_old_ones_verify(recorded, soon, tmp_path):
    before = unzip(carry_out(ask(recorded)))
    erased = carry_out(ask(recorded, kind="erasure"))
    assert erased.state == "delivered"
    after = unzip(carry_out(ask(recorded)))
    assert "receipts/0.tlog-proof" in after
    assert set(run_script(before, tmp_path / "before").values()) == {0}
    assert set(run_script(after, tmp_path / "after").values()) == {0}
    assert "Receipts of deletions" in after["index.html"].decode()
