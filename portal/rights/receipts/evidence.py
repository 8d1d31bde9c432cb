"""What belongs to a decision's receipt besides its proof: the text decided on, the answer before, and the JSON-LD."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, timedelta
from functools import cached_property
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models import Exists, OuterRef
from django.db.models.fields.json import KeyTextTransform
from django.urls import reverse
from django.utils import timezone

from consent import leaf
from consent import terms as said
from consent.models import Checkpoint, Decision, NoticeVersion
from consent.receipts import Receipt
from consent.values import DecisionKind
from portal.audit.models import Act
from portal.audit.values import Action
from portal.people.models import Employee
from portal.register.models import Controller
from portal.rights.bundle import indented
from portal.rights.receipts import dpv
from portal.rights.receipts.dpv_parts import Answer
from portal.rights.turn import Turn

CONTROLLER = ("name", "address", "contact", "representative", "dpo_name", "dpo_contact", "authority")
YES = (DecisionKind.GIVEN, DecisionKind.ACKNOWLEDGED)
# An act is written down within the transaction of its decision.
SAME_MOMENT = timedelta(seconds=5)
Texts = dict[tuple[str, int, str], NoticeVersion]


def texts(decisions: Collection[Decision]) -> Texts:
    """Return the very texts that were decided on."""
    named = {each.notice_sha256 for each in decisions}
    return _by_version(NoticeVersion.objects.filter(sha256__in=named).select_related("notice__purpose"))


def _by_version(found: Iterable[NoticeVersion]) -> Texts:
    return {(each.notice.purpose_id, each.version, each.sha256): each for each in found}


def text_of(decision: Decision, known: Texts) -> NoticeVersion | None:
    return known.get((decision.purpose_key, decision.notice_version, decision.notice_sha256))


def address_of(decision: Decision, text: NoticeVersion | None) -> str:
    """Return where the text is shown, in the language in which it was read."""
    page = reverse("notice", args=[decision.purpose_key, decision.notice_version])
    return f"{page}?language={text.notice.language}" if text else page


def newest_size() -> int:
    """Return how many entries the newest checkpoint covers."""
    return Checkpoint.objects.order_by("-size").values_list("size", flat=True).first() or 0


def first_size(index: int) -> int | None:
    """Return how many entries the first checkpoint covers that has this one; None while none has."""
    return Checkpoint.objects.filter(size__gt=index).order_by("size").values_list("size", flat=True).first()


def without_entry(subject_id: UUID) -> list[Act]:
    """Return the withdrawals that the journal alone has: the site was closed, and they have no entry yet."""
    recorded = Decision.objects.for_subject(subject_id).filter(
        kind=DecisionKind.WITHDRAWN,
        purpose_key=KeyTextTransform("purpose", OuterRef("facts")),
        at__lte=OuterRef("at"),
        at__gt=OuterRef("at") - SAME_MOMENT,
    )
    acts = Act.objects.for_subject(subject_id).filter(action=Action.DECISION_WITHDRAWN)
    return list(acts.exclude(Exists(recorded)).newest_first())


# --- JSON-LD


@dataclass(frozen=True)
class Writer:
    """Writes the JSON-LD of one person's decisions; whatever they share is read once."""

    person: Employee
    known: Texts
    before: Mapping[int, Decision]
    created: str
    answering: Callable[[], Controller | None]

    @classmethod
    def of(cls, decisions: Collection[Decision], subject_id: UUID) -> Writer:
        purposes = {each.purpose_key for each in decisions}
        answers = Decision.objects.for_subject(subject_id).filter(purpose_key__in=purposes)
        person = Employee.objects.get(pk=subject_id)
        before, now = _before(answers.order_by("leaf_idx")), leaf.stamp(timezone.now())
        return cls(person, texts(decisions), before, now, Controller.objects.first)

    @classmethod
    def of_all(cls, turn: Turn) -> Writer:
        """Return what writes all that a person decided."""
        if turn.person is None:
            raise Employee.DoesNotExist
        before, now = _before(turn.decisions), leaf.stamp(timezone.now())
        return cls(turn.person, _by_version(turn.texts), before, now, lambda: turn.company.controller)

    @cached_property
    def controller(self) -> dict[str, str]:
        """Return who answers for it now; most texts say it themselves."""
        found = self.answering()
        return {name: getattr(found, name) for name in CONTROLLER} if found else {}

    def write(self, decision: Decision, receipt: Receipt | None) -> bytes:
        return indented(json.dumps(dpv.receipt(self._answer(decision, receipt)), ensure_ascii=False))

    def _answer(self, decision: Decision, receipt: Receipt | None) -> Answer:
        text = text_of(decision, self.known)
        terms, site = self._terms(text), settings.ORIGIN.rstrip("/")
        before = self.before.get(decision.leaf_idx)
        until = said.until(terms, decision.at) if decision.kind in YES else None
        return Answer(
            site=site,
            origin=settings.LEDGER_ORIGIN,
            index=decision.leaf_idx,
            kind=decision.kind,
            at=leaf.stamp(decision.at),
            path=decision.path,
            subject_id=str(decision.subject_id),
            jurisdiction=self.person.jurisdiction,
            purpose=decision.purpose_key,
            version=decision.notice_version,
            sha256=decision.notice_sha256,
            text=site + address_of(decision, text),
            language=text.notice.language if text else "und",
            published=(text.valid_from if text else decision.at).astimezone(UTC).date().isoformat(),
            terms=terms,
            created=self.created,
            renewed=before is not None and before.kind == DecisionKind.GIVEN,
            until=leaf.stamp(until) if until else "",
            replaces=before.leaf_idx if before else None,
            proof=receipt.text if receipt else "",
        )

    def _terms(self, text: NoticeVersion | None) -> dict[str, Any]:
        """Return the terms decided on; of a version published without any, what is known otherwise."""
        if text is None:
            return {"controller": self.controller}
        if text.terms:
            return dict(text.terms)
        purpose = text.notice.purpose
        named = {"key": purpose.key, "title": purpose.title, "description": purpose.description}
        return {
            **said.from_covers(text.covers),
            "purpose": named,
            "basis": purpose.basis,
            "controller": self.controller,
        }


def _before(answers: Iterable[Decision]) -> dict[int, Decision]:
    """Return for each index the answer that the same person had given on the same purpose before."""
    newest: dict[str, Decision] = {}
    found = {}
    for each in answers:
        if each.purpose_key in newest:
            found[each.leaf_idx] = newest[each.purpose_key]
        newest[each.purpose_key] = each
    return found
