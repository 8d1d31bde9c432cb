"""Makes each gate row permit what its person's decisions say, after decisions were put back: no more than that."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import UUID

from django.db import transaction

from consent import founded, journal, outside
from consent.models import Gate
from consent.values import Basis, DecisionKind

ENDING = ("withdrawal", journal.RETURN)


def mend() -> int:
    """Compare every row with the decisions of its person; return how many permissions were put right."""
    texts = founded.Texts.read()
    ended = founded.Ended.read(line for line in outside.lines(journal.path()) if line.get("kind") in ENDING)
    last, mended = None, 0
    while chunk := founded.after(last):
        said = founded.standing([row.pk for row in chunk], texts)
        for row in chunk:
            wrong = list(founded.wrong(row, said.get(row.pk, {}), texts, ended))
            mended += len(wrong)
            if wrong:
                _put_right(row.pk, wrong, texts)
        last = chunk[-1].pk
    return mended


@transaction.atomic
def _put_right(subject_id: UUID, wrong: list[founded.Wrong], texts: founded.Texts) -> None:
    row = Gate.objects.select_for_update().get(pk=subject_id)
    for each in wrong:
        row.grants.pop(each.purpose, None)
        if each.yes and (entry := _entry(each.yes, texts)):
            row.grants[each.purpose] = entry
    row.version += 1
    row.save(update_fields=["grants", "version"])


def _entry(yes: founded.Yes, texts: founded.Texts) -> dict[str, Any] | None:
    """Return the grant of a yes as of itself: whether it repeated an earlier one is not asked, that counts as no."""
    for notice in texts.of(yes.decision):
        for basis in _bases(yes, notice.terms.get("basis") or notice.notice.purpose.basis):
            return founded.entry(notice, yes, {"basis": basis})
    return None


def _bases(yes: founded.Yes, said: str) -> Iterator[str]:
    """Return the basis that a decision of this kind can be on, what the text says first."""
    on_consent = yes.decision.kind == DecisionKind.GIVEN
    fits = [said, Basis.CONSENT if on_consent else Basis.LEGITIMATE_INTEREST]
    yield from (str(each) for each in fits if (each == Basis.CONSENT) == on_consent)
