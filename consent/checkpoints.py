"""Checkpoints: their copies outside the database, and what a tree must be to extend the last of them."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import quote

from django.conf import settings
from django.utils.translation import gettext as _

from consent import journal, outside, tree
from consent.models import ONLY_ROW, Checkpoint, LedgerHead
from consent.note import Head, Signer, Verifier


def folder() -> Path:
    return Path(settings.CHECKPOINT_DIR)


def path() -> Path:
    """Return the file that has every checkpoint of this origin, one a line."""
    return folder() / f"{quote(settings.LEDGER_ORIGIN, safe='')}.jsonl"


def last_outside() -> Head | None:
    """Return the newest checkpoint kept outside; raises ValueError if it cannot be read, OSError."""
    found = outside.last(path())
    if found is None:
        if path().exists() and path().stat().st_size:
            raise ValueError("no line of the outside copy is whole")
        return None
    return Head.from_text(str(found.get("note")))


def keep_outside(note: str) -> None:
    outside.append(path(), [{"note": note}])


def fault() -> str:
    """Return why the tree is not an extension of the last checkpoint outside, or nothing."""
    # Both copies outside before the tree: what is appended meanwhile only makes it larger than it must be.
    journalled = journal.size()
    try:
        head = last_outside()
    except (ValueError, OSError):
        return _("The copy of the checkpoints kept outside the database cannot be read.")
    stored = Checkpoint.objects.order_by("-size").values_list("size", flat=True).first() or 0
    if stored > (head.size if head else 0):
        return _("The copy of the checkpoints kept outside the database is older than the database.")
    if head and head.origin != settings.LEDGER_ORIGIN:
        return _("The last checkpoint outside the database belongs to another log.")
    size = LedgerHead.objects.filter(pk=ONLY_ROW).values_list("size", flat=True).first() or 0
    if journalled > size:
        facts = {"size": size, "journalled": journalled}
        return _("The ledger has %(size)d entries, but the journal has %(journalled)d.") % facts
    return _compare(head, size) if head else ""


def _compare(head: Head, size: int) -> str:
    facts = {"size": size, "published": head.size}
    if head.size > size:
        return _("The ledger has %(size)d entries, but %(published)d were published.") % facts
    if tree.root_at(head.size) != head.root:
        return _("The first %(published)d entries of the ledger are not those that were published.") % facts
    return ""


def signer() -> Signer | None:
    """Return the ledger's key, or None where it cannot be read or is that of another log."""
    try:
        found = Signer.from_text(Path(settings.LEDGER_KEY_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found if found.name == settings.LEDGER_ORIGIN else None


def vkey_path() -> Path:
    return Path(settings.LEDGER_KEY_FILE).with_name("ledger.vkey")


def verifiers() -> list[Verifier]:
    """Return every published key of this log, newest last; raises OSError or ValueError."""
    text = vkey_path().read_text(encoding="utf-8")
    return [Verifier.from_text(line) for line in text.splitlines() if line.strip()]


def make_key() -> bool:
    """Make the signing key and publish its verifier key beside it; return whether there was none."""
    key = Path(settings.LEDGER_KEY_FILE)
    made = not key.exists()
    if made:
        key.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(key, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(Signer.make(settings.LEDGER_ORIGIN).to_text() + "\n")
            file.flush()
            os.fsync(file.fileno())
    if not vkey_path().exists():
        signer = Signer.from_text(key.read_text(encoding="utf-8"))
        vkey_path().write_text(signer.verifier().to_text() + "\n", encoding="utf-8")
    return made
