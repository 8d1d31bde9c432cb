"""What receipts are in plain words: rows of the list, and what a verified one says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from consent import verify_receipt
from consent.models import Decision, NoticeVersion, Opening, Purpose
from consent.values import DecisionKind
from consent.verify_receipt import Refused, Shown
from portal.audit.models import Act
from portal.rights.choices.cards import SAID
from portal.rights.receipts import evidence

LABELS = {
    "action": gettext_lazy("What was done"),
    "actor_id": gettext_lazy("By whom (number)"),
    "actor_role": gettext_lazy("In which role"),
    "at": gettext_lazy("When"),
    "case": gettext_lazy("Case"),
    "certificate_sha256": gettext_lazy("Fingerprint of the certificate (SHA-256)"),
    "kind": gettext_lazy("What was decided or done"),
    "notice_sha256": gettext_lazy("Fingerprint of the text (SHA-256)"),
    "notice_version": gettext_lazy("Version of the text"),
    "path": gettext_lazy("Where"),
    "purpose": gettext_lazy("Purpose"),
    "subject_id": gettext_lazy("Whose (number)"),
}
FRAME = {
    "verifies": gettext_lazy("It verifies"),
    "refused": gettext_lazy("It does not verify"),
    "says": gettext_lazy("What the receipt says"),
    "was_shown": gettext_lazy("What was shown"),
    "was_not_shown": gettext_lazy("What was not shown"),
    "here": gettext_lazy("Checked in your browser. The file was not sent anywhere."),
    "unable": gettext_lazy(
        "This browser cannot check signatures by itself. Use the button: the file is then checked by this site, which"
        " does not keep it."
    ),
}


@dataclass(frozen=True)
class Row:
    """One entry of the log about a person. `decision` is None of looks and deletions."""

    index: int
    what: str
    title: str
    at: datetime | None
    pending: bool
    decision: Decision | None = None
    text: NoticeVersion | None = None

    @property
    def address(self) -> str:
        """Where the text is that was decided on; empty of a text that is gone, and of what is no decision."""
        return evidence.address_of(self.decision, self.text) if self.decision and self.text else ""


def rows(subject_id: UUID, part: slice, *, everything: bool) -> list[Row]:
    """Return a part of the person's entries, newest first: what was decided, or also looks and deletions."""
    table = Opening.objects.filter(subject_id=subject_id) if everything else Decision.objects.for_subject(subject_id)
    return _rows(subject_id, list(table.order_by("-leaf_idx").values_list("leaf_idx", flat=True)[part]))


def row(subject_id: UUID, index: int) -> Row:
    return _rows(subject_id, [index])[0]


def _rows(subject_id: UUID, indices: Sequence[int]) -> list[Row]:
    decisions = {each.leaf_idx: each for each in Decision.objects.for_subject(subject_id).filter(leaf_idx__in=indices)}
    acts = {each.leaf_idx: each for each in Act.objects.for_subject(subject_id).filter(leaf_idx__in=indices)}
    known = evidence.texts(decisions.values())
    titles = dict(Purpose.objects.values_list("key", "title"))
    size = evidence.newest_size()
    made = []
    for idx in indices:
        if idx in decisions:
            made.append(_decided(decisions[idx], known, titles, pending=idx >= size))
        else:
            made.append(_other(idx, acts.get(idx), pending=idx >= size))
    return made


def _decided(decision: Decision, known: evidence.Texts, titles: dict[str, str], *, pending: bool) -> Row:
    return Row(
        index=decision.leaf_idx,
        what=str(SAID[DecisionKind(decision.kind)]),
        title=titles.get(decision.purpose_key, decision.purpose_key),
        at=decision.at,
        pending=pending,
        decision=decision,
        text=evidence.text_of(decision, known),
    )


def _other(index: int, act: Act | None, *, pending: bool) -> Row:
    if act is None:
        return Row(index, _("A deletion was certified"), _("Deletion"), None, pending)
    return Row(index, act.sentence[:1].upper() + act.sentence[1:], _("Look"), act.at, pending)


def waiting(subject_id: UUID) -> list[dict[str, Any]]:
    """Return the withdrawals that wait for their entry: they act already."""
    titles = dict(Purpose.objects.values_list("key", "title"))
    return [
        {"title": titles.get(str(act.facts.get("purpose")), ""), "at": act.at, "what": SAID[DecisionKind.WITHDRAWN]}
        for act in evidence.without_entry(subject_id)
    ]


# --- a verdict


def verdict(found: Shown | Refused) -> dict[str, Any]:
    if isinstance(found, Refused):
        return {"reason": _(found.reason)}
    said = [(LABELS[name], value) for name, value in sorted(found.record.items()) if value != ""]
    return {"record": said, "shown": found.shown(_), "not_shown": found.not_shown(_), "signed": signed(found)}


def signed(found: Shown) -> str:
    facts = {"origin": found.origin, "size": found.size}
    return _("The key of the log “%(origin)s” signed checkpoint %(size)d.") % facts


def for_browser() -> dict[str, Any]:
    """Return every sentence that the script of the page may need, in the language of the page."""
    return {
        "reasons": {code: _(text) for code, text in verify_receipt.REASONS.items()},
        "shown": {kind: _(text) for kind, text in verify_receipt.SHOWN.items()},
        "unchanged": _(verify_receipt.UNCHANGED),
        "signed": _("The key of the log “%(origin)s” signed checkpoint %(size)d."),
        "not_shown": {kind: [_(text) for text in texts] for kind, texts in verify_receipt.NOT_SHOWN.items()},
        "never_shown": [_(text) for text in verify_receipt.NEVER_SHOWN],
        "labels": {name: str(text) for name, text in LABELS.items()},
        **{name: str(text) for name, text in FRAME.items()},
    }
