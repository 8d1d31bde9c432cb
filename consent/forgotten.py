"""Whose openings may be missing: those of people who were forgotten, by a leaf that the checkpoints cover.

That leaf has no opening either, since there is no key left to seal it under: the journal has it in clear. It names a
random number, and by then nothing says whose that was.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from consent import journal, leaf, outside
from consent.models import Decision, Gate, JournalLine, LedgerLeaf, Opening

KIND = "forgotten"
SAID = ("at", "certificate_sha256", "kind")


@dataclass
class Forgotten:
    """What the journal says of people who were forgotten, and which of it the leaves confirm."""

    claims: dict[int, leaf.Opened] = field(default_factory=dict)
    # By number, the leaf that says that they were forgotten.
    people: dict[UUID, int] = field(default_factory=dict)
    unfounded: list[int] = field(default_factory=list)

    @classmethod
    def read(cls) -> Forgotten:
        """Call where all tables are read as of one moment; the journal may be ahead of it."""
        found = cls(dict(filter(None, map(_claim, _facts()))))
        for each in LedgerLeaf.objects.filter(pk__in=found.claims):
            found._confirm(each)
        return found

    def _confirm(self, each: LedgerLeaf) -> None:
        opened = self.claims[each.idx]
        if not opened.fits(bytes(each.entry)):
            self.unfounded.append(each.idx)
        elif opened.record["kind"] == KIND:
            self.people[UUID(str(opened.record["subject_id"]))] = each.idx

    def explains(self, each: LedgerLeaf, line: dict[str, Any]) -> bool:
        """Return whether a leaf has no opening because its person was forgotten after it, or it says so itself."""
        if each.idx in self.claims:
            return self.claims[each.idx].fits(bytes(each.entry))
        try:
            return each.idx < self.people[UUID(str(line.get("subject_id")))]
        except (KeyError, ValueError):
            return False

    def faults(self, size: int) -> Iterator[str]:
        """Name what the journal says of leaves that say something else, and what is left of the forgotten."""
        for idx in self.unfounded:
            yield f"leaf {idx} does not say whom the journal says was forgotten"
        gone = [whom for whom, idx in self.people.items() if idx < size]
        for model in (Gate, Decision, Opening):
            left = model.objects.filter(subject_id__in=gone).first()
            if left:
                yield f"leaf {self.people[left.subject_id]} says that somebody was forgotten, but something is left"


def record_of(subject_id: UUID, at: datetime, kind: str, sha256: str) -> dict[str, str | int]:
    """Return what an erasure leaf says of somebody who has no key any more."""
    return {"at": leaf.stamp(at), "certificate_sha256": sha256, "kind": kind, "subject_id": str(subject_id)}


def facts_of(idx: int, opened: leaf.Opened) -> dict[str, str]:
    """Return what the journal has of such a leaf, besides whose it is."""
    said = {name: str(opened.record[name]) for name in SAID}
    return {"idx": str(idx), "salt": base64.b64encode(opened.salt).decode(), **said}


def _facts() -> Iterator[Any]:
    for sealed in JournalLine.objects.filter(kind=journal.FORGOTTEN).values_list("sealed", flat=True):
        yield journal.waiting_facts(sealed)
    for line in outside.lines(journal.path()):
        if line.get("kind") == journal.FORGOTTEN:
            yield line.get(journal.FORGOTTEN)


def founded() -> frozenset[str]:
    """Return who the journal says was forgotten; raises ValueError where no leaf, of its own or of the tree, says so.

    These lines are in clear, since no key is left: anybody could write one.
    """
    lines = list(outside.lines(journal.path()))
    claims = [_claim(line.get(journal.FORGOTTEN)) for line in lines if line.get("kind") == journal.FORGOTTEN]
    wanted = {claim[0] for claim in claims if claim}
    leaves = {line["idx"]: line["entry"] for line in lines if line.get("kind") == journal.LEAF}
    entries = {idx: base64.b64decode(leaves[idx]) for idx in wanted & leaves.keys()}
    entries |= {each.idx: bytes(each.entry) for each in LedgerLeaf.objects.filter(pk__in=wanted)}
    if not all(claim and claim[1].fits(entries.get(claim[0], b"")) for claim in claims):
        raise ValueError("no leaf says that this person was forgotten")
    return frozenset(str(claim[1].record["subject_id"]) for claim in claims if claim)


def _claim(facts: Any) -> tuple[int, leaf.Opened] | None:
    """Return what a line says; nothing, so that the opening is missed, if the line was damaged."""
    try:
        record = {name: str(facts[name]) for name in (*SAID, "subject_id")}
        UUID(record["subject_id"])
        return int(facts["idx"]), leaf.Opened(record, base64.b64decode(facts["salt"], validate=True))
    except (KeyError, TypeError, ValueError):
        return None
