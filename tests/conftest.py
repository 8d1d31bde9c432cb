"""What every test starts from: cheap passwords, a vault and journal of its own, append-only tables that empty."""

from __future__ import annotations

import os
import shutil
from functools import cache
from pathlib import Path

import pytest
from django.core.cache import cache as shared
from django.core.management import call_command
from django.db import connections
from django.test import TransactionTestCase

from tests.makers import make_employee, make_token


def pytest_configure(config: pytest.Config) -> None:
    _empty_append_only_tables()
    # As with the databases' own flushing: nobody cuts the power of a test, and each waits for the disk many times.
    os.fsync = lambda file: None


def _empty_append_only_tables() -> None:
    """Let the test runner empty tables past the triggers: tests only, as the owner of a throw-away server.

    One statement a database, over connections that stay open, and nothing is announced that nobody waits for: Django's
    own way took longer than most tests.
    """

    def empty(self):
        for alias in self._databases_names(include_mirrors=False):
            with connections[alias].cursor() as cursor:
                cursor.execute(_emptying(alias))

    TransactionTestCase._fixture_teardown = empty
    TransactionTestCase._should_reload_connections = lambda self: False


@cache
def _emptying(alias: str) -> str:
    """Return what empties each table that holds rows."""
    with connections[alias].cursor() as cursor:
        cursor.execute("SELECT format('%I', tablename) FROM pg_tables WHERE schemaname = 'public'")
        tables = [name for (name,) in cursor.fetchall() if name != "django_migrations"]
    deletes = "".join(f"IF EXISTS (SELECT 1 FROM {name}) THEN DELETE FROM {name}; END IF; " for name in tables)
    return f"DO $$ BEGIN SET LOCAL session_replication_role = 'replica'; {deletes} END $$"


def _make_keys(place: Path, factory: pytest.TempPathFactory) -> None:
    """Copy the keys that the first test made: making them waits for the disk each time."""
    made = factory.getbasetemp() / "keys"
    if not made.exists():
        call_command("make_keys", verbosity=0)
        call_command("ledger_key", verbosity=0)
        shutil.copytree(place, made)
    else:
        shutil.copytree(made, place)


@pytest.fixture(autouse=True)
def own_files(settings, tmp_path, tmp_path_factory):
    """Keys, journal, checkpoints, keyring and vault of this test alone."""
    keys = tmp_path / "keys"
    settings.VAR = tmp_path
    settings.KEY_DIR = keys
    settings.KEK_FILES = (keys / "kek" / "kek.json", keys / "kek-copy" / "kek.json")
    settings.SERVER_KEY_FILE = keys / "server.key"
    settings.LEDGER_KEY_FILE = keys / "ledger.key"
    settings.SECRET_KEY_FILE = keys / "django.key"
    settings.JOURNAL_DIR = tmp_path / "journal"
    settings.CHECKPOINT_DIR = tmp_path / "checkpoints"
    settings.KEYRING_DIR = tmp_path / "keyring"
    settings.STORAGES = {
        **settings.STORAGES,
        "vault": {
            "BACKEND": "django.core.files.storage.FileSystemStorage",
            "OPTIONS": {"location": str(tmp_path / "vault")},
        },
        # Hashed names exist only after collectstatic; the browser tests' server looks files up by their plain names.
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    }
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    settings.STAFF_SECOND_FACTOR = False
    settings.CELERY_TASK_ALWAYS_EAGER = False
    _make_keys(keys, tmp_path_factory)
    shared.clear()
    return tmp_path


@pytest.fixture
def ada():
    """An employee."""
    return make_employee("Ada Abel", time_zone="Europe/Berlin")


@pytest.fixture
def ben():
    """Another employee, who reports to nobody Ada knows."""
    return make_employee("Ben Boer")


@pytest.fixture
def hana():
    """Human resources."""
    return make_employee("Hana Horn", roles=["hr"])


@pytest.fixture
def lea():
    """Legal."""
    return make_employee("Lea Lund", roles=["legal"])


@pytest.fixture
def bot():
    """The token of the company's request automation."""
    return make_token("requests.open requests.read requests.handle bundles.read")
