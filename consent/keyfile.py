"""The ledger's keys: private ones in a file, newest last; every verifier key ever used in `ledger.vkey` beside it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from django.conf import settings

from consent import outside
from consent.note import Signer, Verifier


class Unusable(Exception):
    """The keys stay as they are; says why."""


def _path() -> Path:
    return Path(settings.LEDGER_KEY_FILE)


def vkey_path() -> Path:
    return _path().with_name("ledger.vkey")


def signers() -> list[Signer]:
    """Return the keys that sign, newest last; none if the file cannot be read or any of them is that of another log."""
    try:
        found = [Signer.from_text(line) for line in _lines(_path())]
    except (OSError, ValueError):
        return []
    return found if all(each.name == settings.LEDGER_ORIGIN for each in found) else []


def signer() -> Signer | None:
    """Return the newest key, or None where it cannot be read or is that of another log."""
    return next(reversed(signers()), None)


def verifiers() -> list[Verifier]:
    """Return every key ever published of this log, newest last; raises OSError or ValueError."""
    return [Verifier.from_text(line) for line in _lines(vkey_path())]


def _lines(path: Path) -> list[str]:
    return [line for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]


def make() -> bool:
    """Make the signing key where there is none, and publish what is not published; return whether one was made.

    Raises Unusable.
    """
    with outside.locked(Path(settings.CHECKPOINT_DIR)):
        made = not _path().exists()
        if made:
            _path().parent.mkdir(parents=True, exist_ok=True)
            _keep([Signer.make(settings.LEDGER_ORIGIN)])
        else:
            _publish(_readable())
    return made


def rotate() -> str:
    """Add a key that signs beside those there are; return its verifier key. Raises Unusable."""
    with outside.locked(Path(settings.CHECKPOINT_DIR)):
        new = Signer.make(settings.LEDGER_ORIGIN)
        _keep([*_readable(), new])
    return new.verifier().to_text()


def retire() -> str:
    """Let the oldest key sign no more; return its verifier key, which stays published. Raises Unusable."""
    with outside.locked(Path(settings.CHECKPOINT_DIR)):
        oldest, *rest = _readable()
        if not rest:
            raise Unusable("There is only one key: add another with --rotate before this one goes.")
        _keep(rest)
    return oldest.verifier().to_text()


def _readable() -> list[Signer]:
    found = signers()
    if not found:
        raise Unusable(f"{_path()} cannot be read, or holds a key of another log than {settings.LEDGER_ORIGIN}.")
    return found


def _keep(keys: Sequence[Signer]) -> None:
    # Published first: a signature by a key that nobody knows yet would say nothing.
    _publish(keys)
    _write(_path(), [each.to_text() for each in keys], 0o600)


def _publish(keys: Sequence[Signer]) -> None:
    """Add to the published keys those that are not among them; none is ever taken away."""
    known = _lines(vkey_path()) if vkey_path().exists() else []
    new = [text for text in (each.verifier().to_text() for each in keys) if text not in known]
    if new:
        _write(vkey_path(), [*known, *new], 0o644)


def _write(path: Path, lines: Sequence[str], mode: int) -> None:
    """Replace a file by another in one step, on disk before this returns."""
    beside = path.with_name(path.name + ".new")
    beside.unlink(missing_ok=True)
    handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write("".join(line + "\n" for line in lines))
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)
    outside.sync_folder(path.parent)
