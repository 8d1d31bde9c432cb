"""How a case is told to those who handle it: state, scope, what was done and by whom."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from portal.audit.models import Act
from portal.audit.values import Action, ActorKind
from portal.audit.words import actor
from portal.people.models import Employee
from portal.rights.cases.models import Intake
from portal.rights.models import SubjectRequest
from portal.rights.pages import TONES, meant, scope_words
from portal.rights.values import Extension, Kind, Refusal, State

__all__ = ["TONES", "Done"]
# To the person a state says "you".
TO_STAFF = {State.AWAITING_SUBJECT: gettext_lazy("Waiting for the person")}
HALF = {"first": gettext_lazy("the first half"), "second": gettext_lazy("the second half")}


def state_words(request: SubjectRequest) -> str:
    return str(TO_STAFF.get(State(request.state), request.get_state_display()))


def staff_scope(request: SubjectRequest, titles: Mapping[str, str], reader: Employee) -> str:
    """Say how much is meant without telling how the person answered, except to those who decide on that answer."""
    if not request.tells_an_answer:
        return meant(request, titles)
    if request.kind == Kind.OBJECTION:
        decides = reader.has_perm("objections.decide")
        return scope_words(request.wanted, titles) if decides else _("one purpose; only legal sees which")
    return _("what nothing permits to be kept any more")


def staff_note(request: SubjectRequest, reader: Employee) -> str:
    """Return what was written with it; of one's own objection it is a reason, for those alone who decide on it."""
    hides = request.kind == Kind.OBJECTION and request.tells_an_answer and not reader.has_perm("objections.decide")
    return "" if hides else request.note


def days_left(request: SubjectRequest | Intake) -> str:
    if not request.is_open:
        return ""
    left = (request.due - timezone.localdate()).days
    if left < 0:
        return ngettext("overdue by %(days)d day", "overdue by %(days)d days", -left) % {"days": -left}
    if left == 0:
        return _("due today")
    return ngettext("%(days)d day left", "%(days)d days left", left) % {"days": left}


# --- what was done


@dataclass(frozen=True)
class Done:
    """A line of what was done."""

    who: str
    says: str
    at: datetime


def history(case: SubjectRequest | Intake) -> list[Done]:
    """Return what was done with a case, oldest first; of one that was joined, also what was done with its lead."""
    numbers = {str(case.pk)}
    if isinstance(case, SubjectRequest):
        numbers |= {str(case.lead.pk), *map(str, Intake.objects.filter(request=case).values_list("pk", flat=True))}
        acts = Act.objects.filter(subject_id__in=[case.subject_id], case__in=numbers)
        if case.joined_to_id:
            # Its lead's act says the same.
            acts = acts.exclude(case=str(case.pk), action__in=[Action.REQUEST_READY, Action.REQUEST_DONE])
    else:
        acts = Act.objects.filter(subject_id=None, case__in=numbers)
    return [Done(_who(act), _says(act), act.at) for act in acts.order_by("at", "pk")]


def _who(act: Act) -> str:
    if act.is_own:
        return _("The person")
    roles = actor(act)
    if act.actor_kind == ActorKind.PERSON and act.actor_label:
        return f"{act.actor_label} ({roles})"
    return roles


def _says(act: Act) -> str:
    facts, said = act.facts, act.sentence
    if act.action == Action.REQUEST_REFUSED:
        ground = _label(Refusal, facts.get("ground"))
        stands = facts.get("stands") == "true"
        return (_("refused it: %(why)s") if stands else _("proposed to refuse it: %(why)s")) % {"why": ground}
    if act.action == Action.REQUEST_EXTENDED:
        return _("took more time: %(why)s") % {"why": _label(Extension, facts.get("reason"))}
    if act.action == Action.CODE_SHOWN:
        return _("was shown %(half)s of a code, to pass it on") % {"half": HALF.get(str(facts.get("half")), "")}
    if facts.get("files") not in {None, "0"}:
        return _("%(said)s, with a file") % {"said": said}
    return said


def _label(choices: type[Refusal] | type[Extension], code: object) -> str:
    return str(choices(code).label) if code in choices.values else str(code or "")


def name_of(key: str) -> str:
    """Say who is meant by an actor's key, such as who proposed a refusal."""
    kind, _colon, number = key.partition(":")
    if kind == ActorKind.PERSON:
        found = Employee.objects.filter(pk=number).first()
        return found.name if found else _("somebody who has left")
    if kind == ActorKind.CLIENT:
        return _("a connected system")
    return _("somebody at the server")
