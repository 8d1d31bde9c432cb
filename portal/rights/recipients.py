"""Tells whoever received somebody's data what became of it, and keeps who confirmed (GDPR Art. 19)."""

from __future__ import annotations

import secrets
from collections.abc import Collection
from typing import Any
from uuid import UUID

from django.db import connection, connections, router, transaction
from django.db.models import F, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from consent.models import Decision
from consent.values import Scope
from portal.audit import trail
from portal.audit.values import Action, Actor, ActorKind
from portal.outbox.actions import post_outside
from portal.people.subjects import in_line
from portal.register.models import Flow, PurposeRecord, Recipient
from portal.rights.calling_back import YES
from portal.rights.models import SubjectRequest
from portal.rights.redress.contacts import is_address
from portal.rights.redress.models import Told
from portal.rights.redress.values import REMINDED_AFTER, What
from portal.rights.values import Cursor, Kind, NotAllowed

# Nobody reads O for 0 or I for 1 when they look it up.
LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"

PERMITTED = "SELECT DISTINCT purpose_key FROM consent_decision WHERE subject_id = %s AND kind = ANY(%s)"
RECIPIENTS = """
SELECT DISTINCT named.key
  FROM register_purposerecord, jsonb_array_elements_text(nullif(recipients, 'null'::jsonb)) AS named (key)
 WHERE purpose_key = ANY(%s::text[])
"""
TOLD = "SELECT FROM redress_told WHERE request_id = %s LIMIT 1"


def touched(subject_id: UUID, scope: Scope) -> list[Recipient]:
    """Return who may have received something in the scope: of the purposes that this person ever permitted."""
    purposes = _purposes(subject_id, scope)
    with connections[router.db_for_read(PurposeRecord)].cursor() as cursor:
        cursor.execute(RECIPIENTS, [list(purposes)])
        named = [key for (key,) in cursor.fetchall()]
    return list(Recipient.objects.filter(pk__in=named).order_by("name")) if named else []


def _purposes(subject_id: UUID, scope: Scope) -> set[str]:
    with connections[router.db_for_read(Decision)].cursor() as cursor:
        cursor.execute(PERMITTED, [subject_id, list(YES)])
        keys = {key for (key,) in cursor.fetchall() if scope.concerns(key)}
    if scope.categories is None and scope.sources is None:
        return keys
    return {key for key in keys if _overlaps(key, scope)}


def _overlaps(purpose_key: str, scope: Scope) -> bool:
    """A flow that has ended counts as well: what it brought may have been handed on before."""
    flows = Flow.objects.filter(purpose_key=purpose_key)
    if scope.sources is not None:
        flows = flows.filter(source__in=scope.sources)
    if scope.categories is not None:
        flows = flows.filter(category__in=scope.categories)
    return flows.exists()


def tell(request: SubjectRequest, what: str = "") -> list[Told]:
    """Write down, once, whom to tell of this request; those with an address of mail get one. Safe to repeat."""
    kind = what or {Kind.ERASURE: What.ERASURE, Kind.RESTRICTION: What.RESTRICTION}.get(
        Kind(request.kind), What.RECTIFICATION
    )
    rows = [_row(request, each, kind) for each in touched(request.subject_id, request.wanted)]
    if not rows and not _is_told(request):
        return []
    with transaction.atomic(savepoint=False):
        Told.objects.bulk_create(rows, ignore_conflicts=True)
        found = list(Told.objects.of(request.pk).filter(what=kind))
        for told in found:
            if told.by_mail and told.told_at is None:
                _mail(told, f"told:{told.pk}")
                Told.objects.filter(pk=told.pk).update(told_at=timezone.now())
    return found


def _is_told(request: SubjectRequest) -> bool:
    """Return whether anybody was told of it, or is to be: mostly nobody receives anything."""
    with connection.cursor() as cursor:
        cursor.execute(TOLD, [request.pk])
        return cursor.fetchone() is not None


def _row(request: SubjectRequest, recipient: Recipient, what: str) -> Told:
    return Told(
        request=request,
        subject_id=request.subject_id,
        recipient_key=recipient.pk,
        recipient_name=recipient.name,
        what=what,
        reference=f"R-{''.join(secrets.choice(LETTERS) for _each in range(10))}",
        by_mail=is_address(recipient.contact),
    )


def _mail(told: Told, once: str) -> None:
    facts = {"reference": told.reference, "kind": told.what, "whole": int(not told.request.scope)}
    post_outside("recipient_told", recipient=told.recipient_key, about=str(told.pk), facts=facts, once=once)


def tell_recipients(request: SubjectRequest, cursor: Cursor) -> Cursor | None:
    """The step of an erasure: behind its fence, so that nothing more is handed on meanwhile."""
    if not touched(request.subject_id, request.wanted) and not _is_told(request):
        return None
    with request.fenced():
        tell(request)
    return None


# --- what they and the handlers answer


def confirm(told: Told) -> None:
    """The recipient says by the link of its mail that it is done; saying so again changes nothing."""
    with transaction.atomic():
        now = timezone.now()
        fresh = Told.objects.filter(pk=told.pk, confirmed_at=None)
        # A link that was used says that the mail was there, whatever became of it here.
        if fresh.update(confirmed_at=now, told_at=F("told_at") if told.told_at else now):
            outside = Actor(ActorKind.CLIENT, f"recipient:{told.recipient_key}", "recipient", told.recipient_name)
            _act(Action.RECIPIENT_CONFIRMED, told, outside)


def told_by_hand(*, told: Told, by: Actor) -> None:
    """A handler has told a recipient that no mail reaches, or told it once more."""
    _may(told, by)
    with transaction.atomic():
        Told.objects.filter(pk=told.pk).update(told_at=timezone.now())
        _act(Action.RECIPIENT_TOLD, told, by)


def confirmed_by_hand(*, told: Told, by: Actor) -> None:
    """A recipient has confirmed to a handler."""
    _may(told, by)
    if told.told_at is None:
        raise NotAllowed("recipient.not_told", _("Tell the recipient first."))
    with transaction.atomic():
        fresh = Told.objects.filter(pk=told.pk, confirmed_at=None)
        if fresh.update(confirmed_at=timezone.now(), confirmed_by=f"{by.kind}:{by.id}"):
            _act(Action.RECIPIENT_CONFIRMED, told, by)


def _may(told: Told, by: Actor) -> None:
    if in_line(UUID(by.id), told.subject_id):
        raise NotAllowed("handler.concerned", _("You cannot decide on this request."))


def _act(action: Action, told: Told, by: Actor) -> None:
    facts = {"recipient": told.recipient_key, "reference": told.reference}
    trail.record(action, actor=by, subject_id=told.subject_id, case=str(told.request_id), facts=facts)


def remind() -> int:
    """Write once more to those who have not confirmed; from then on a handler sees them as late."""
    late = list(Told.objects.overdue(REMINDED_AFTER).select_related("request"))
    for told in late:
        with transaction.atomic():
            if Told.objects.filter(pk=told.pk, reminded_at=None).update(reminded_at=timezone.now()):
                _mail(told, f"told-again:{told.pk}")
    return len(late)


def waiting(besides: Collection[UUID]) -> list[Told]:
    """Return what handlers have to follow up: whom to tell by hand, and who has not confirmed."""
    open_ones = Told.objects.unconfirmed().exclude(subject_id__in=besides)
    return list(open_ones.order_by("by_mail", "made_at").select_related("request"))


# --- what the person sees


def outline(request: SubjectRequest) -> list[dict[str, str]]:
    """Return who was told of a request and when, as the certificate and a copy have it."""
    return [_line(each) for each in Told.objects.of(request.pk)] if _is_told(request) else []


def _line(told: Told) -> dict[str, str]:
    return {
        "recipient": told.recipient_name,
        "what": told.what,
        "reference": told.reference,
        "told": told.told_at.date().isoformat() if told.told_at else "",
        "confirmed": told.confirmed_at.date().isoformat() if told.confirmed_at else "",
    }


def told_about(subject_id: UUID) -> QuerySet[Told]:
    return Told.objects.filter(request__subject_id=subject_id)


def of_person(subject_id: UUID) -> list[dict[str, Any]]:
    """Return the same of every request of a person, the newest first, for a copy."""
    newest = ("-request__received", "-request__opened_at", "request_id", "recipient_name", "made_at")
    return [{"request": str(each.request_id)} | _line(each) for each in told_about(subject_id).order_by(*newest)]
