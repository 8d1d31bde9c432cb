"""What a backup consists of: each file with its digest, so that a torn or foreign one is known before it is used."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

FORMAT = "daylight/backup/v1"
NAME = "manifest.json"
BLOCK = 1 << 20


class Unusable(Exception):
    """This folder is no backup, or not a whole one; the text says what is wrong."""


@dataclass
class Manifest:
    """`made` is when the database was read; `leaves` are those the ledger had by then at least."""

    made: str
    origin: str
    leaves: int
    files: list[dict[str, str | int]] = field(default_factory=list)
    format: str = FORMAT

    def add(self, folder: Path, path: str) -> None:
        """Take a file in, and wait until the disk has it."""
        self.files.append({"path": path, "sha256": digest(folder / path), "bytes": (folder / path).stat().st_size})

    def write(self, folder: Path) -> None:
        with (folder / NAME).open("w", encoding="utf-8") as file:
            json.dump(asdict(self), file, indent=1)
            file.flush()
            os.fsync(file.fileno())

    def paths(self, under: str) -> Iterator[str]:
        """Yield the names of the files in a folder of the backup, without that folder's."""
        start = f"{under}/"
        yield from (str(each["path"])[len(start) :] for each in self.files if str(each["path"]).startswith(start))


def digest(path: Path) -> str:
    found = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            found.update(block)
        os.fsync(file.fileno())
    return found.hexdigest()


def read(folder: Path, origin: str) -> Manifest:
    """Return the manifest of a whole backup of this installation; raises Unusable."""
    found = _parsed(folder / NAME)
    if found.format != FORMAT:
        raise Unusable(f"{folder / NAME} is of another form: {found.format}")
    if found.origin != origin:
        raise Unusable(f"this is a backup of {found.origin}, and here is {origin}")
    for each in found.files:
        _check(folder, each)
    named = {str(each["path"]) for each in found.files}
    extra = sorted(set(_there(folder)) - named - {NAME})
    if extra:
        raise Unusable(f"{extra[0]} is not in the manifest")
    return found


def _parsed(path: Path) -> Manifest:
    try:
        return Manifest(**json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError as error:
        raise Unusable(f"{path} is missing: this is no backup, or one that was never finished") from error
    except (TypeError, ValueError) as error:
        raise Unusable(f"{path} cannot be read") from error


def _check(folder: Path, said: dict[str, str | int]) -> None:
    path = folder / str(said["path"])
    if not path.is_file():
        raise Unusable(f"{said['path']} is missing")
    if path.stat().st_size != said["bytes"] or digest(path) != said["sha256"]:
        raise Unusable(f"{said['path']} is not what was backed up")


def _there(folder: Path) -> Iterator[str]:
    yield from (path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
