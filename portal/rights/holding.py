"""What keeps an erasure off: a legal hold, which lets the rest go on, and what the person had restricted."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from consent import actions as decisions
from consent import gate
from consent.models import Gate
from consent.values import Restriction, Scope
from portal.events import restricting
from portal.rights.holds.models import HeldRequest, Hold
from portal.rights.holds.reading import split, touching
from portal.rights.models import SubjectRequest
from portal.rights.values import Held, Kind, NotAllowed, State, StepState

WITHHELD = "hold:"


def holds_on(request: SubjectRequest) -> list[Hold]:
    """Return the standing holds that keep something of what an erasure would take."""
    return touching(request.subject_id, request.wanted) if request.kind == Kind.ERASURE else []


def words(holds: list[Hold]) -> str:
    """Say in a sentence that and why something has to stay, in nobody's own words."""
    until = date_format(max(each.until for each in holds), "j F Y")
    grounds = ", ".join(sorted({str(each.get_ground_display()) for each in holds}))
    return _("A legal hold keeps some of it until %(until)s at the latest: %(grounds)s.") % {
        "until": until,
        "grounds": grounds,
    }


def ask(request: SubjectRequest) -> None:
    """Raise Held where something that this request would take has to stay."""
    if found := holds_on(request):
        raise Held(words(found), found[0].ground)


@contextmanager
def clear(request: SubjectRequest) -> Iterator[None]:
    """Run a transaction in which no hold stands against the request and none can be placed; raises Held.

    Inside of another it is part of that one.
    """
    with transaction.atomic(savepoint=False):
        gate.hold(request.subject_id)
        ask(request)
        yield


def for_case(request: SubjectRequest) -> dict[str, Any]:
    """Return what those who decide read of the holds that touch a request; empty where none does."""
    holds = holds_on(request)
    if not holds:
        return {}
    row = HeldRequest.objects.filter(request=request, approved=False).first()
    same = row is not None and row.seen == sorted(str(each.pk) for each in holds)
    return {
        "words": words(holds),
        "rest": rest_of(request, holds) is not None,
        "approved_by": row.approved_by if row and same else "",
    }


# --- withheld from use while it waits


def withhold(request: SubjectRequest) -> None:
    """Take what an erasure that waits would delete out of use, up to when it was asked; collection goes on."""
    asked = request.asked_ms
    until = asked if request.wanted.to_ms is None else min(asked, request.wanted.to_ms)
    scope = replace(request.wanted.whole, to_ms=until)
    decisions.restrict(subject_id=request.subject_id, scope=scope, key=_key(request))


def let_go(request: SubjectRequest, row: Gate | None = None) -> None:
    """End that, once the fence stands in its place or nothing is to be deleted any more; safe to repeat.

    `row` is the person's gate row, where the caller has read it.
    """
    row = row or Gate.objects.filter(subject_id=request.subject_id).first()
    standing = row.restrictions if row else ()
    if any(each["key"] == _key(request) and each["to_ms"] is None for each in standing):
        decisions.lift(subject_id=request.subject_id, key=_key(request))


def _key(request: SubjectRequest) -> str:
    return f"{WITHHELD}{request.pk}"


# --- what the person had restricted


def only_stored(subject_id: UUID) -> list[Restriction]:
    """Return what the person themselves had restricted: until that ends it may be stored, and no more (Art. 18(2))."""
    return [each for each in restricting.standing(subject_id) if _is_own(each.key)]


def spared(subject_ids: Iterable[UUID]) -> set[UUID]:
    """Return of whom there is any such thing."""
    rows = Gate.objects.filter(pk__in=list(subject_ids)).values_list("pk", "restrictions")
    return {pk for pk, found in rows if any(each["to_ms"] is None and _is_own(each["key"]) for each in found)}


def _is_own(key: str) -> bool:
    return not key.startswith(WITHHELD)


def spare(subject_id: UUID) -> None:
    """Raise NotAllowed where something may only be stored, for an erasure that the person did not ask for."""
    if spared([subject_id]):
        message = _("The person had the use of data restricted. Until that ends, it may only be stored.")
        raise NotAllowed("account.restricted", message)


# --- an erasure that meets a hold


def put_off(request: SubjectRequest, holds: list[Hold]) -> None:
    """Write down, with the request just saved, that a hold touches it."""
    HeldRequest.objects.get_or_create(request=request)
    request.reason, request.reason_code = words(holds), holds[0].ground
    request.save(update_fields=["reason", "reason_code"])
    withhold(request)


def keep_fence(request: SubjectRequest) -> None:
    """Leave the fence up for as long as it takes: what it withholds must not come back into use after a month."""
    if not request.steps.filter(name="fence", state=StepState.DONE).exists():
        return
    decisions.fence(
        subject_id=request.subject_id,
        key=str(request.pk),
        scope=request.wanted,
        asked_ms=request.asked_ms,
        key_epoch=0,
        lasting=True,
    )


def rest_of(request: SubjectRequest, holds: list[Hold]) -> Scope | None:
    """Return what of it may go now; None where that is nothing, or where an account would go with it."""
    return None if request.account else split(request.wanted, holds)


def kept(request: SubjectRequest) -> list[tuple[str, str]]:
    """Return what stayed of a request because of holds, each with its coded reason."""
    left_out = request.wanted.without
    if not left_out:
        return []
    return held_rows([each for each in Hold.objects.for_subject(request.subject_id) if each.wanted in left_out])


def held_rows(holds: list[Hold]) -> list[tuple[str, str]]:
    text = _("What a legal hold keeps until %(until)s at the latest, withheld from all other use")
    return [(text % {"until": date_format(each.until, "j F Y")}, each.ground) for each in holds]


def would_stay(subject_id: UUID, scope: Scope) -> list[Hold]:
    """Return the holds that an erasure of this scope would meet."""
    return touching(subject_id, scope)


def is_split(request: SubjectRequest) -> bool:
    return request.kind == Kind.ERASURE and bool(request.wanted.without)


def outcome(request: SubjectRequest, otherwise: State) -> tuple[State, str]:
    """Return how a request whose steps are done ends, and what the person reads of it."""
    if not is_split(request):
        return otherwise, ""
    return State.PARTIALLY_FULFILLED, _("What a legal hold keeps stayed; it goes by itself when the hold ends.")
