"""`manage.py backup`: the database as of one moment, then the objects, then what is kept outside; never a key."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from pathlib import Path

from django.conf import settings

from consent import checkpoints, journal, ledger, outside
from portal.audit import trail
from portal.audit.values import Action, Actor, ActorKind
from portal.backups.manifest import Manifest, Unusable
from portal.backups.programs import Database
from portal.vault import objects
from portal.vault.files import make_folder, sync_directory, write_atomically

DATABASE = "database.dump"
OBJECTS, OUTSIDE = "objects", "outside"
# An object that was replaced while it was to be copied is there under another name.
TRIES = 20
COMMAND = Actor(ActorKind.COMMAND, "backup")


def make(folder: Path) -> Manifest:
    """Write a whole backup or none; raises Unusable, programs.Failed, OSError."""
    _must_be_free(folder)
    partial = folder.with_name(f".{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    make_folder(partial)
    try:
        made = _fill(partial)
        if folder.exists():
            folder.rmdir()
        partial.rename(folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    sync_directory(folder.parent)
    facts = {"objects": len(list(made.paths(OBJECTS))), "leaves": made.leaves}
    trail.record(Action.BACKUP_MADE, actor=COMMAND, facts=facts)
    return made


def _must_be_free(folder: Path) -> None:
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise Unusable(f"{folder} is not empty: each backup has a folder of its own")
    for kept in (settings.KEY_DIR, settings.KEYRING_DIR, settings.JOURNAL_DIR, settings.CHECKPOINT_DIR):
        if folder.is_relative_to(Path(kept).resolve()):
            raise Unusable(f"{folder} lies where Daylight keeps keys and copies: choose a folder elsewhere")


def _fill(folder: Path) -> Manifest:
    made = Manifest(datetime.now(UTC).isoformat(timespec="seconds"), settings.LEDGER_ORIGIN, ledger.size())
    # First: whatever the rows name is there when the objects are copied, or was replaced, or erased, since.
    Database.of("default").dump(folder / DATABASE)
    made.add(folder, DATABASE)
    _copy_objects(folder, made)
    # Last: so that they reach at least as far as the database does.
    for path in (journal.path(), checkpoints.path()):
        _copy_grown(path, folder, made)
    made.write(folder)
    return made


def _copy_objects(folder: Path, made: Manifest) -> None:
    copied: set[str] = set()
    for _ in range(TRIES):
        wanted = [name for name in objects.names() if name not in copied]
        missed = [name for name in wanted if not _copy_object(name, folder, made)]
        copied |= set(wanted)
        if not missed:
            return
    raise Unusable("the vault changes faster than it can be copied: try again at a quieter time")


def _copy_object(name: str, folder: Path, made: Manifest) -> bool:
    """Copy an object as it lies, sealed; return False where it is gone."""
    try:
        with objects.open_read(name) as file:
            write_atomically(folder / OBJECTS / name, iter(lambda: file.read(1 << 20), b""))
    except objects.Missing:
        return False
    made.add(folder, f"{OBJECTS}/{name}")
    return True


def _copy_grown(path: Path, folder: Path, made: Manifest) -> None:
    """Copy the whole lines that a file has now: it only grows."""
    if not path.exists():
        return
    # Whole lines that are there do not change: what is written meanwhile is for the next backup.
    end = outside.size(path)
    lines = (line + b"\n" for line in outside.raw_lines(path, end))
    write_atomically(folder / OUTSIDE / path.name, lines)
    made.add(folder, f"{OUTSIDE}/{path.name}")
