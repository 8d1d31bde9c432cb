"""What every test starts from: cheap passwords, a vault and journal of its own, append-only tables that empty."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from django.contrib.contenttypes.management import create_contenttypes
from django.core.cache import cache
from django.core.management import call_command
from django.db.backends.postgresql.operations import DatabaseOperations
from django.db.models.signals import post_migrate

from tests.makers import make_employee, make_token


def pytest_configure(config: pytest.Config) -> None:
    _empty_append_only_tables()


def _empty_append_only_tables() -> None:
    """Let the test runner empty tables past the triggers: tests only, as the owner of a throw-away server.

    Only what holds rows is emptied, and Django's own permissions, which nothing here uses, are not made anew: both took
    longer than the tests.
    """
    post_migrate.disconnect(dispatch_uid="django.contrib.auth.management.create_permissions")
    post_migrate.disconnect(create_contenttypes)

    def sql_flush(self, style, tables, **options):
        deletes = "".join(
            f"IF EXISTS (SELECT 1 FROM {name}) THEN DELETE FROM {name}; END IF; "
            for name in map(self.quote_name, tables)
        )
        return ["SET LOCAL session_replication_role = 'replica'", f"DO $$ BEGIN {deletes} END $$"] if tables else []

    DatabaseOperations.sql_flush = sql_flush


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
    cache.clear()
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
