"""Checkpoints: their copies outside the database, and what a tree must be to extend the last of them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from django.conf import settings
from django.utils.translation import gettext as _

from consent import journal, keyfile, outside, tree
from consent.models import ONLY_ROW, Checkpoint, LedgerHead
from consent.note import Head

signer = keyfile.signer
signers = keyfile.signers
verifiers = keyfile.verifiers
vkey_path = keyfile.vkey_path


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


@dataclass(frozen=True)
class Kept:
    """A checkpoint as the copy outside has it."""

    note: str
    signed_at: datetime

    @classmethod
    def of(cls, line: dict[str, Any]) -> Kept | None:
        """Read a line; None for one from before lines had a time, or that has a wrong one."""
        try:
            return cls(str(line["note"]), datetime.fromisoformat(line["signed_at"]))
        except (KeyError, TypeError, ValueError):
            return None


def keep_outside(note: str, signed_at: datetime) -> Kept:
    outside.append(path(), [{"note": note, "signed_at": signed_at.isoformat()}])
    return Kept(note, signed_at)


def kept(size: int) -> Kept | None:
    """Return the newest checkpoint outside, if it is of this size: who signed it was stopped before it was stored."""
    line = outside.last(path())
    found = Kept.of(line) if line else None
    return found if found and Head.from_text(found.note).size == size else None


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
    return (_compare(head, size) if head else "") or _recovery()


def _recovery() -> str:
    """Return whether the database is an older one that has not yet been told what the journal has."""
    if journal.state().recovering:
        return _("A backup was restored, and what was said since is being applied again.")
    if journal.is_ahead():
        return _("The journal holds what was said after this database was last written.")
    return ""


def _compare(head: Head, size: int) -> str:
    facts = {"size": size, "published": head.size}
    if head.size > size:
        return _("The ledger has %(size)d entries, but %(published)d were published.") % facts
    if tree.root_at(head.size) != head.root:
        return _("The first %(published)d entries of the ledger are not those that were published.") % facts
    return ""
