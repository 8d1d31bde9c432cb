"""What the page of a case shows, worked out before the template: no event, and no count of events or days."""

from __future__ import annotations

from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _

from portal.audit.values import Actor
from portal.people.models import Employee
from portal.rights import holding
from portal.rights.cases import delivery, forms, thread
from portal.rights.cases.models import Assignment, HandOver, Intake
from portal.rights.cases.values import Channel, Delivery
from portal.rights.cases.words import TONES, days_left, history, name_of, staff_note, staff_scope, state_words
from portal.rights.clocks.forms import MoreTimeForm, QuestionForm
from portal.rights.clocks.reading import clock
from portal.rights.connectors import pages as connected
from portal.rights.forms import RefusalForm
from portal.rights.models import SubjectRequest
from portal.rights.opening import actor_key
from portal.rights.pages import purpose_titles
from portal.rights.redress import rectifying
from portal.rights.values import UNDECIDED_STATES, Refusal, State


def case(request: SubjectRequest, why_not: str, reader: Employee, by: Actor) -> dict[str, Any]:
    """Return what somebody who handles it sees of a request."""
    today = timezone.localdate()
    step = request.current_step if request.state == State.PROCESSING else None
    return {
        "subject_request": request,
        "person": Employee.objects.filter(pk=request.subject_id).first(),
        "scope": staff_scope(request, purpose_titles(), reader),
        "note": staff_note(request, reader),
        "details": rectifying.shown(request),
        "state": state_words(request),
        "tone": TONES.get(State(request.state), ""),
        "now": step.label if step else "",
        "why_not": why_not,
        "undecided": request.state in UNDECIDED_STATES and request.joined_to is None,
        "late": days_left(request),
        "overdue": request.is_open and request.due < today,
        "history": history(request),
        "channel": Channel(request.channel).label if request.channel in Channel.values else request.channel,
        "representative": request.details.get("representative") or request.representative,
        "joined": list(request.joined.all()),
        **_taken(request, reader),
        **_proposal(request, by),
        **_came_and_goes(request, by),
        **thread.for_staff(request),
        "clock": clock(request),
        "held": _held(request),
        "stores": connected.stores(request),
        "handles": not why_not,
        **_forms(request),
    }


def _held(request: SubjectRequest) -> dict[str, Any]:
    held = holding.for_case(request)
    return held and held | {"first": name_of(held["approved_by"]) if held["approved_by"] else ""}


def _forms(request: SubjectRequest) -> dict[str, Any]:
    return {
        "form": RefusalForm(kind=request.kind),
        "note_form": forms.NoteForm(auto_id="note_%s"),
        "question_form": QuestionForm(auto_id="question_%s"),
        "more_time_form": MoreTimeForm(auto_id="extend_%s"),
        "message_form": forms.MessageForm(auto_id="message_%s"),
    }


def _taken(request: SubjectRequest, reader: Employee) -> dict[str, Any]:
    found = Assignment.objects.filter(request=request).first()
    handler = Employee.objects.filter(pk=found.handler_id).first() if found else None
    return {"handler": handler, "mine": handler is not None and handler.pk == reader.pk}


def _proposal(request: SubjectRequest, by: Actor) -> dict[str, Any]:
    """Return what was proposed, by whom, and whether this reader could be the second."""
    if not request.proposed_refusal or not request.is_open:
        return {"proposed": ""}
    return {
        "proposed": Refusal(request.proposed_refusal).label,
        "proposer": name_of(request.decided_by),
        "is_proposer": request.decided_by == actor_key(by),
        "sign_form": RefusalForm(
            kind=request.kind, initial={"ground": request.proposed_refusal, "note": request.reason}, auto_id="sign_%s"
        ),
    }


def _came_and_goes(request: SubjectRequest, by: Actor) -> dict[str, Any]:
    """Return how it came in from outside, and how a copy is handed over without an account."""
    intake = Intake.objects.filter(request=request).first()
    if intake is None or not request.is_copy or intake.delivery == Delivery.ACCOUNT:
        return {"intake": intake}
    code = HandOver.objects.usable().filter(request=request).first()
    return {
        "intake": intake,
        "hands_over": True,
        "why_no_code": delivery.why_not(request),
        "code": code,
        "halves": _halves(code, by) if code else [],
    }


def _halves(code: HandOver, by: Actor) -> list[dict[str, Any]]:
    labels = {"first": _("First half"), "second": _("Second half")}
    return [
        {
            "half": half,
            "label": labels[half],
            "shown_to": name_of(to) if (to := getattr(code, f"{half}_shown_to")) else "",
            "is_mine": actor_key(by) in {code.first_shown_to, code.second_shown_to},
        }
        for half in delivery.HALVES
    ]


def intake(found: Intake, by: Actor) -> dict[str, Any]:
    """Return what somebody who handles requests sees of a request of somebody unknown."""
    handler = Employee.objects.filter(pk=found.handler_id).first() if found.handler_id else None
    return {
        "intake": found,
        "body": found.body,
        "files": list(found.files.all()),
        "handler": handler,
        "mine": found.handler_id is not None and str(found.handler_id) == by.id,
        "late": days_left(found),
        "overdue": found.is_open and found.due < timezone.localdate(),
        "history": history(found),
        "recorder": name_of(found.recorded_by),
        "is_recorder": found.recorded_by == actor_key(by),
        "proposer": name_of(found.proposed_by) if found.proposed_by else "",
        "is_proposer": found.proposed_by == actor_key(by),
        "proposed": dict(forms.EndingForm.base_fields["ending"].choices).get(found.proposed_ending, ""),
        "match_form": forms.MatchForm(auto_id="match_%s", initial={"delivery": found.delivery}),
        "ending_form": forms.EndingForm(initial={"ending": found.proposed_ending}),
        "note_form": forms.RemarkForm(auto_id="note_%s"),
    }
