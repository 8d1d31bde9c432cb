"""The commands that back up and restore: what they refuse, and what a backup never holds."""

from __future__ import annotations

import json
from hashlib import sha256
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connections

from consent import actions as decisions
from consent import gate, journal, ledger, outside
from consent.models import LedgerState
from portal.audit.models import Act
from portal.audit.values import Action
from portal.events.models import Block
from portal.rights.values import Kind
from portal.vault import cache
from tests.rights.conftest import ask, carry_out, stored
from tests.rights.test_restore import apply_journal, backup, programs, restore, withdraw

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "keys"])
__all__ = ["backup", "programs"]


def test_a_backup_needs_a_folder_of_its_own(recorded, backup, tmp_path):
    folder = backup()
    with pytest.raises(CommandError, match="not empty"):
        call_command("backup", str(folder))
    with pytest.raises(CommandError, match="elsewhere"):
        call_command("backup", str(tmp_path / "keyring" / "here"))
    assert Act.objects.filter(action=Action.BACKUP_MADE).count() == 1


def test_a_torn_or_foreign_backup_is_refused_and_changes_nothing(recorded, backup, settings):
    folder = backup()
    decisions.pause(subject_id=recorded.pk)

    def refused(saying):
        with pytest.raises(CommandError, match=saying):
            restore(folder)
        assert gate.read(recorded.pk).pauses

    dump = folder / "database.dump"
    good = dump.read_bytes()
    dump.write_bytes(good[:-100])
    refused("not what was backed up")
    dump.write_bytes(good)
    (folder / "more").write_text("")
    refused("not in the manifest")
    (folder / "more").unlink()
    settings.LEDGER_ORIGIN = "elsewhere.example"
    refused("backup of localhost")
    settings.LEDGER_ORIGIN = "localhost"
    manifest = (folder / "manifest.json").read_text()
    (folder / "manifest.json").unlink()
    refused("never finished")
    (folder / "manifest.json").write_text(manifest)
    with outside.tried(settings.VAR / "run.lock"):
        refused("stop it first")
    journal.path().write_bytes(b"x" + journal.path().read_bytes()[1:])
    refused("not the one that this backup was made beside")


def test_a_dump_that_cannot_be_loaded_leaves_the_database_as_it_was(recorded, backup):
    folder = backup()
    decisions.pause(subject_id=recorded.pk)
    dump = folder / "database.dump"
    dump.write_bytes(dump.read_bytes()[:-2000])
    manifest = json.loads((folder / "manifest.json").read_text())
    for each in manifest["files"]:
        if each["path"] == "database.dump":
            each["bytes"] = dump.stat().st_size
            each["sha256"] = sha256(dump.read_bytes()).hexdigest()
    (folder / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(CommandError, match="is as it was"):
        restore(folder)
    assert gate.read(recorded.pk).pauses


def test_a_restore_over_somebody_who_is_connected_is_refused(recorded, backup):
    folder = backup()
    other = connections.create_connection("default")
    try:
        other.ensure_connection()
        with pytest.raises(CommandError, match="others are connected"):
            restore(folder)
    finally:
        other.close()


def test_no_key_is_in_a_backup(recorded, backup, settings):
    folder = backup()
    secrets = [path.read_bytes().strip() for path in settings.KEY_DIR.rglob("*") if path.is_file()]
    held = json.loads(settings.KEK_FILES[0].read_text())["keys"].values()
    for path in folder.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            assert not any(secret in content for secret in secrets)
            assert not any(bytes.fromhex(key) in content or key.encode() in content for key in held)
    assert not (folder / "outside" / "keyring.jsonl").exists()


def test_a_lost_journal_and_lost_checkpoints_come_from_the_backup(recorded, backup):
    withdraw(recorded)
    folder = backup()
    journal.path().unlink()
    restore(folder)
    apply_journal()
    assert ledger.verify() is None
    assert LedgerState.objects.get().journal_end == outside.size(journal.path())


def test_the_keyring_is_copied_apart_and_taken_in_only_where_it_is_the_newest(recorded, backup, tmp_path, settings):
    folder = backup()
    for beside in (folder / "ring", tmp_path / "ring"):
        with pytest.raises(CommandError, match="never lie together"):
            call_command("backup_keyring", str(beside))
    safe = tmp_path / "safe" / "ring"
    call_command("backup_keyring", str(safe), stdout=StringIO())
    from_elsewhere = ["restore_keyring", str(safe)]
    with connections["keys"].cursor() as cursor:
        cursor.execute("DELETE FROM vault_subjectkey; DELETE FROM vault_keylist")
    with pytest.raises(CommandError, match="only from its newest copy"):
        call_command(*from_elsewhere)
    (settings.KEYRING_DIR / "keyring.jsonl").unlink()
    call_command(*from_elsewhere, stdout=StringIO())
    cache._people.clear()
    assert len(stored(recorded)) == 24


def test_a_keyring_from_before_a_renewal_is_refused(recorded, tmp_path, settings):
    safe = tmp_path / "safe" / "ring"
    call_command("backup_keyring", str(safe), stdout=StringIO())
    carry_out(ask(recorded, Kind.ERASURE))
    with connections["keys"].cursor() as cursor:
        cursor.execute("DELETE FROM vault_subjectkey; DELETE FROM vault_keylist")
    (settings.KEYRING_DIR / "keyring.jsonl").unlink()
    with pytest.raises(CommandError, match="it opens nothing"):
        call_command("restore_keyring", str(safe))


def test_nothing_is_removed_where_the_keyring_is_missing(recorded, backup, settings):
    folder = backup()
    decisions.pause(subject_id=recorded.pk)
    restore(folder)
    with connections["keys"].cursor() as cursor:
        cursor.execute("DELETE FROM vault_subjectkey; DELETE FROM vault_keylist")
    cache._people.clear()
    blocks = Block.objects.count()
    with pytest.raises(CommandError, match="keyring"):
        apply_journal()
    assert Block.objects.count() == blocks
    assert ledger.check()
