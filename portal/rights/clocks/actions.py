"""Asking the person a question, and answering it."""

from __future__ import annotations

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from portal.audit.values import Action, Actor
from portal.outbox import actions as outbox
from portal.rights import kept
from portal.rights.clocks import reckoning
from portal.rights.clocks.models import Clarification
from portal.rights.clocks.values import Question
from portal.rights.handling import cannot_decide, why_not_handle
from portal.rights.models import SubjectRequest
from portal.rights.opening import act, actor_key
from portal.rights.values import NotAllowed, State


@transaction.atomic
def ask(*, request: SubjectRequest, by: Actor, code: str, text: str) -> Clarification:
    """Ask what is needed to answer; work that needs no answer goes on. Raises NotAllowed."""
    if code_of := why_not_handle(request, by):
        raise cannot_decide(code_of)
    if code not in Question.values or not text.strip():
        raise NotAllowed("question.missing", _("Choose what the question is about, and write it down."))
    found = SubjectRequest.objects.select_for_update().get(pk=request.pk)
    if not found.is_open:
        raise NotAllowed("request.decided", _("There is nothing to ask about this request any more."))
    if found.clarifications.open().exists():
        raise NotAllowed("question.open", _("A question is still open."))
    asked = Clarification(request=found, code=code, asked_by=actor_key(by), stops=reckoning.stops(found))
    asked.sealed_text = asked.sealed("text", text.strip())
    asked.save(force_insert=True)
    if found.state in reckoning.WAITS:
        found.state = State.AWAITING_SUBJECT
        found.save(update_fields=["state"])
    reckoning.recount(found)
    kept.keep(found)
    act(Action.REQUEST_ASKED, found, by, code=code, stops=str(asked.stops).lower())
    outbox.post("request_asked", to=found.subject_id, facts={"request": str(found.pk)}, once=f"asked:{asked.pk}")
    return asked


@transaction.atomic
def answer(*, request: SubjectRequest, by: Actor, text: str) -> SubjectRequest:
    """Take the person's answer; the clock goes on, without the days from asking to now where they do not count."""
    if not text.strip():
        raise NotAllowed("answer.missing", _("Write your answer."))
    found = SubjectRequest.objects.select_for_update().get(pk=request.pk)
    asked = found.clarifications.open().first()
    if asked is None:
        raise NotAllowed("question.none", _("Nothing is asked any more."))
    asked.sealed_answer, asked.ended_at = asked.sealed("answer", text.strip()), timezone.now()
    asked.save(update_fields=["sealed_answer", "ended_at"])
    if found.state == State.AWAITING_SUBJECT:
        found.state = State.EXTENDED if reckoning.is_extended(found) else State.IN_REVIEW
        found.save(update_fields=["state"])
    reckoning.recount(found)
    kept.keep(found)
    act(Action.REQUEST_ANSWERED, found, by, code=asked.code)
    return found
