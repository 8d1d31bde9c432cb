"""Bring databases, static files and the ledger to where the web may start: one process, as the owner."""

from __future__ import annotations

import hashlib
import os
import sys
from pathlib import Path

import django
from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from django.core.management import CommandError, call_command


def _fingerprint() -> str:
    """Return what changes when a static file does: gathering them takes longer than all the rest of a second start."""
    digest = hashlib.sha256()
    for finder in get_finders():
        for name, storage in finder.list([]):
            facts = Path(storage.path(name)).stat()
            digest.update(f"{name}|{facts.st_size}|{facts.st_mtime_ns}\n".encode())
    return digest.hexdigest()


def _gather_static_files() -> None:
    stamp = Path(settings.STATIC_ROOT) / "gathered"
    now = _fingerprint()
    if not stamp.exists() or stamp.read_text(encoding="utf-8") != now:
        call_command("collectstatic", interactive=False, verbosity=0, clear=True)
        stamp.write_text(now, encoding="utf-8")


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
    django.setup()
    # Only of a vault on S3 there is anything to ask; a bucket that keeps what is deleted is no vault.
    call_command("check", tags=["vault"], deploy=True, verbosity=0)
    for alias in ("default", "keys"):
        call_command("migrate", database=alias, verbosity=0)
    _gather_static_files()
    _recover()


def _recover() -> None:
    """Apply what a restored database lacks; where that cannot be, the site starts closed and says why."""
    for command in ("replay_journal", "check_ledger"):
        try:
            call_command(command, **({"if_needed": True} if command == "replay_journal" else {}))
        except CommandError as error:
            sys.stderr.write(f"{error}\nDaylight starts closed: see docs/deploy.md, Backup and restore.\n")
            return


if __name__ == "__main__":
    main()
