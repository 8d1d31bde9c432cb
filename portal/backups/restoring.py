"""`manage.py restore`: a backup in place of the database; never over a running site, and never over a newer copy."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.conf import settings
from django.db import connections

from consent import checkpoints, journal, outside
from portal.backups import manifest
from portal.backups.making import DATABASE, OBJECTS, OUTSIDE
from portal.backups.manifest import Manifest, Unusable
from portal.backups.programs import Database
from portal.vault import keyring, objects
from portal.vault.files import write_atomically
from portal.vault.models import SubjectKey

OTHERS = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
# The act and the mark are in the transaction that puts the rows there: none is without the other.
THEN = """
UPDATE public.consent_ledgerstate SET recovering = true;
INSERT INTO public.audit_act (at, action, actor_kind, actor_id, actor_role, actor_label, purpose, "case", facts)
VALUES (now(), 'backup.restored', 'command', 'restore', '', '', '', '', '{"made": "%s", "leaves": %d}');
"""


def restore(folder: Path) -> Manifest:
    """Put a backup in place; raises Unusable or programs.Failed, and then the database is as it was."""
    found = manifest.read(folder, settings.LEDGER_ORIGIN)
    kept = {path.name: path for path in (journal.path(), checkpoints.path())}
    newer = [name for name, path in kept.items() if _is_behind(path, folder / OUTSIDE / name)]
    _nobody_else()
    _keys_first()
    _put_objects(folder, found)
    for name in newer:
        lines = outside.raw_lines(folder / OUTSIDE / name)
        write_atomically(kept[name], (line + b"\n" for line in lines))
    connections["default"].close()
    Database.of("default").load(folder / DATABASE, THEN % (found.made, found.leaves))
    return found


def _is_behind(path: Path, backed_up: Path) -> bool:
    """Return whether what is kept outside is lost, or an older copy; raises Unusable if it is another one."""
    if not backed_up.exists():
        return False
    here, there = outside.size(path), outside.size(backed_up)
    shorter = min(here, there)
    for one, other in _pieces(path, backed_up, shorter):
        if one != other:
            raise Unusable(f"{path} is not the one that this backup was made beside: nothing was restored")
    return here < there


def _pieces(path: Path, other: Path, length: int) -> Iterator[tuple[bytes, bytes]]:
    if not length:
        return
    with path.open("rb") as one, other.open("rb") as two:
        while length > 0:
            size = min(length, manifest.BLOCK)
            yield one.read(size), two.read(size)
            length -= size


def _nobody_else() -> None:
    for alias in ("default", "keys"):
        with connections[alias].cursor() as cursor:
            cursor.execute(OTHERS)
            if count := cursor.fetchone()[0]:
                raise Unusable(f"{count} others are connected to the database {alias}: stop web, worker and beat first")


def _keys_first() -> None:
    """Take the keyring as it is, or its newest copy: the rows of a backup open with no other."""
    if SubjectKey.objects.exists():
        return
    if not keyring.restore():
        raise Unusable("the keys database has no keys, and there is no copy of the keyring: see restore_keyring")


def _put_objects(folder: Path, found: Manifest) -> None:
    """Add what is not there; what is there is the same, or newer."""
    there = set(objects.names())
    for name in found.paths(OBJECTS):
        if name not in there:
            objects.put(name, _chunks(folder / OBJECTS / name))


def _chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while block := file.read(manifest.BLOCK):
            yield block


@contextmanager
def nobody_runs(var: Path) -> Iterator[None]:
    """Keep `make run` from starting meanwhile; raises Unusable where it runs."""
    with outside.tried(var / "run.lock") as mine:
        if not mine:
            raise Unusable(f"Daylight runs from {var}: stop it first")
        yield
