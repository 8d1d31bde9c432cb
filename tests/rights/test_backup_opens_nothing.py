"""A backup, with the keyring as it was and the key files as they are, yields nothing of what was erased since."""

from __future__ import annotations

import os
from io import StringIO

import psycopg
import pytest
from django.core.management import call_command
from django.db import connections

from portal.backups.programs import Database
from portal.vault import cache, kek, kekfile, keyring, objects
from portal.vault.models import KeyList, SubjectKey
from tests.rights.conftest import carry_out, stored
from tests.rights.test_key_erasure import SCOPES, everything_openable, open_erasure, same
from tests.rights.test_restore import programs

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "keys"])
__all__ = ["programs"]


class Thief:
    """Has a backup's folder and a copy of the keyring of the same time, and puts them into databases of their own."""

    def __init__(self, folder, ring):
        self.folder, self.ring = folder, ring
        self.name = f"stolen_{os.getpid()}_{id(self)}"

    def __enter__(self):
        self.today = connections["default"].settings_dict["NAME"]
        self._in_postgres(f"CREATE DATABASE {self.name}")
        self._point(self.name)
        Database.of("default").load(self.folder / "database.dump", "")
        return self

    def __exit__(self, *error):
        self._point(self.today)
        self._in_postgres(f"DROP DATABASE {self.name} WITH (FORCE)")

    def _in_postgres(self, statement):
        at = {**connections["default"].settings_dict}
        url = f"host={at['HOST']} port={at['PORT']} user={at['USER']} password={at['PASSWORD']} dbname=postgres"
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(statement)

    @staticmethod
    def _point(name):
        connections["default"].close()
        connections["default"].settings_dict["NAME"] = name
        cache._people.clear()

    def keys(self):
        """Put the keyring of then in place of today's rows."""
        SubjectKey.objects.all().delete()
        KeyList.objects.all().delete()
        rows = keyring.read(self.ring)
        SubjectKey.objects.bulk_create([row for row in rows if isinstance(row, SubjectKey)])
        KeyList.objects.bulk_create([row for row in rows if isinstance(row, KeyList)])
        cache._people.clear()


@pytest.mark.parametrize("name", ["everything", "one category", "withdrawal"])
def test_backup_and_keyring_of_then_with_the_key_files_of_now_yield_nothing(two_purposes, tmp_path, settings, name):
    call_command("seal_segments")
    before = stored(two_purposes)
    folder, ring = tmp_path / "data" / "backup", tmp_path / "ring" / "keyring.jsonl"
    call_command("backup", str(folder), stdout=StringIO())
    call_command("backup_keyring", str(ring), stdout=StringIO())
    then = tuple(settings.KEY_DIR / "then" / name for name in ("one", "two"))
    kekfile.write(then, kekfile.read(settings.KEK_FILES))
    assert carry_out(open_erasure(two_purposes, SCOPES[name][0])).state == "delivered"

    vault = {**settings.STORAGES["vault"], "OPTIONS": {"location": str(folder / "objects")}}
    settings.STORAGES = {**settings.STORAGES, "vault": vault}
    now = settings.KEK_FILES
    with Thief(folder, ring) as thief:
        thief.keys()
        assert list(objects.names("segments/"))
        settings.KEK_FILES = then
        found, closed = everything_openable(two_purposes)
        assert (same(found, before), closed) == (True, 0), "the copies are good, with the key files of then"
        settings.KEK_FILES = now
        cache._people.clear()
        found, closed = everything_openable(two_purposes)
        assert found == []
        assert closed > 2
        for row in SubjectKey.objects.all():
            with pytest.raises(kek.UnknownKek):
                kek.unwrap(row)
