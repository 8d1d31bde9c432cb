"""What the pages of requests show, worked out before the template."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.http import Http404, QueryDict
from django.utils import timezone
from django.utils.formats import date_format, time_format
from django.utils.translation import gettext as _

from consent.models import Purpose
from consent.values import Scope
from portal.events import devices, words
from portal.events.called import called
from portal.http import page_number, pager
from portal.people.models import Employee
from portal.rights import checking, handing, holding
from portal.rights.choices.reading import category_words, listed
from portal.rights.clocks.forms import AnswerForm
from portal.rights.clocks.reading import clock
from portal.rights.connectors import pages as connected
from portal.rights.following import standing_of
from portal.rights.models import Bundle, StepRun, SubjectRequest
from portal.rights.values import DryRun, Ground, Kind, OpenedBy, Refusal, State, StepState

PAGE = 20
SOON = timedelta(days=7)
TONES = {
    State.NEEDS_ATTENTION: "stop",
    State.REFUSED: "off",
    State.IN_REVIEW: "off",
    State.EXPIRED: "plain",
    State.WITHDRAWN: "plain",
    State.PROCESSING: "plain",
}


def scope_words(scope: Scope, titles: Mapping[str, str], own: UUID | None = None) -> str:
    """Say how much is meant: everything, or what narrows it; to the person themselves by what they call devices."""
    said = []
    if scope.categories is not None:
        said.append(listed(category_words(scope.categories)))
    if scope.purposes is not None:
        named = listed(f"“{titles.get(key, key)}”" for key in sorted(scope.purposes))
        said.append(_("all that was kept for %(purposes)s alone") % {"purposes": named})
    if scope.sources is not None:
        said.append(_("from %(sources)s") % {"sources": listed(sorted(scope.sources))})
    if scope.collectors is not None:
        names = called(own, scope.collectors) if own else devices.named(scope.collectors)
        said.append(_("sent by %(devices)s") % {"devices": listed(sorted(names.values()))})
    if scope.apps is not None:
        said.append(_("in the app %(apps)s") % {"apps": listed(f"“{each}”" for each in sorted(scope.apps))})
    said += _span_words(scope)
    return ", ".join(said) or _("everything")


def meant(request: SubjectRequest, titles: Mapping[str, str], own: UUID | None = None) -> str:
    """Say how much of the data a request means; nothing where it is about no data that was recorded."""
    about_data = request.scope or request.kind not in {Kind.COMPLAINT, Kind.RECTIFICATION}
    return scope_words(request.wanted, titles, own) if about_data else ""


def is_overdue(request: SubjectRequest) -> bool:
    return request.is_open and request.due < timezone.localdate()


def _span_words(scope: Scope) -> list[str]:
    start, end = _at(scope.from_ms), _at(scope.to_ms)
    if start and end and end - start <= timedelta(hours=25) and start.time() == end.time():
        return [date_format(start, "l j F Y")]
    said = [_("from %(time)s") % {"time": _moment(start)}] if start else []
    return [*said, _("until %(time)s") % {"time": _moment(end)}] if end else said


def _at(ms: int | None) -> datetime | None:
    return None if ms is None else timezone.localtime(datetime.fromtimestamp(ms / 1000, UTC))


def _moment(at: datetime) -> str:
    return f"{date_format(at, 'j F Y')}, {time_format(at, 'H:i:s')}"


def purpose_titles() -> dict[str, str]:
    return dict(Purpose.objects.values_list("key", "title"))


@dataclass(frozen=True)
class Row:
    """A request in a list."""

    request: SubjectRequest
    scope: str
    tone: str
    overdue: bool = False
    soon: bool = False
    person: Employee | None = None


def _row(request: SubjectRequest, titles: Mapping[str, str], people: Mapping[UUID, Employee] | None = None) -> Row:
    today = timezone.localdate()
    return Row(
        request=request,
        scope=meant(request, titles, request.subject_id if people is None else None),
        tone=TONES.get(State(request.state), ""),
        overdue=is_overdue(request),
        soon=request.is_open and today <= request.due <= today + SOON,
        person=people.get(request.subject_id) if people else None,
    )


def page_of(found: QuerySet[Any], asked: QueryDict, size: int = PAGE) -> tuple[list[Any], dict[str, str]]:
    """Return one page of a list and its pager; one row more than shown says whether another page follows."""
    number = page_number(asked)
    rows = list(found[(number - 1) * size : number * size + 1])
    if number > 1 and not rows:
        raise Http404
    text = _("Page %(page)d") % {"page": number}
    return rows[:size], pager(asked, number, more=len(rows) > size, text=text)


def own_list(person: Employee, asked: QueryDict) -> dict[str, Any]:
    found = SubjectRequest.objects.for_subject(person.pk).prefetch_related("steps", "joined_to__steps")
    requests, pager = page_of(found, asked)
    titles = purpose_titles()
    return {"rows": [_row(each, titles) for each in requests], "pager": pager}


@dataclass(frozen=True)
class Step:
    """A step as shown: what it does, and how far it is."""

    says: str
    state: str
    done: int
    total: int


def _step(run: StepRun, current: StepRun | None, working: bool) -> Step:
    state = "done" if run.state == StepState.DONE else "now" if working and run == current else "todo"
    return Step(str(run.label), state, run.done, run.total)


def one(request: SubjectRequest) -> dict[str, Any]:
    """Return what a person sees of a request: how far it is, what is left, what can be done."""
    steps = list(request.lead.steps.all())
    current = next((run for run in steps if run.state != StepState.DONE), None)
    working = request.state == State.PROCESSING
    done, total = request.progress
    found = Bundle.objects.filter(request=request.lead).first() if request.is_copy else None
    return {
        "subject_request": request,
        "scope": meant(request, purpose_titles(), request.subject_id),
        "overdue": is_overdue(request),
        "tone": TONES.get(State(request.state), ""),
        "steps": [_step(run, current, working) for run in steps],
        "now": current.label if working and current else "",
        "done": done,
        "total": total,
        "live": working or request.state in {State.RECEIVED, State.ACKNOWLEDGED},
        "deleted": _is_deleted(request, steps),
        # What one person proposed is no answer before a second has signed it off.
        "proposal": bool(request.proposed_refusal) and request.is_open,
        "starts": request.not_before
        if working and request.not_before and request.not_before > timezone.now()
        else None,
        "can_cancel": request.can_cancel,
        "expires": found.expires_at if found else None,
        "downloads_left": handing.downloads_left(found) if found else 0,
        "certificate_fails": checking.failed_at(request),
        "refresh_seconds": 3 if working else None,
        "ground": Refusal(request.reason_code).label if request.reason_code in Refusal.values else "",
        "why": why(request),
        "clock": clock(request),
        "held": holding.is_split(request) or bool(holding.holds_on(request)),
        "clarify_form": AnswerForm(auto_id="clarify_%s"),
        "stores": connected.stores(request),
        "elsewhere": current is not None and current.name == "await_stores",
        **standing_of(request),
    }


def why(request: SubjectRequest) -> str:
    """Say from what a request follows, where the person did not simply ask for it."""
    purpose = Purpose.objects.filter(pk=request.purpose_key).first() if request.purpose_key else None
    if purpose is None:
        return ""
    named = {"purpose": purpose.title}
    if request.opened_by == OpenedBy.SYSTEM:
        if purpose.state == Purpose.State.RETIRED:
            return _("Your company ended “%(purpose)s”, so nothing may be kept for it any more.") % named
        if request.idempotency_key.startswith("retired:"):
            return _("Your company had ended “%(purpose)s”: what was kept until then may not be kept any more.") % named
        return _("Your consent to “%(purpose)s” ran out and was not given again.") % named
    if request.kind == Kind.OBJECTION:
        return _("You objected to “%(purpose)s”.") % named
    if request.ground == Ground.OBJECTION:
        return _("Your objection to “%(purpose)s” was upheld.") % named
    return _("You took back your yes to “%(purpose)s”.") % named


def _is_deleted(request: SubjectRequest, steps: Iterable[StepRun]) -> bool:
    """Whether the data is gone and only the certificate is waited for."""
    if request.kind != Kind.ERASURE or request.state != State.PROCESSING:
        return False
    done = {run.name for run in steps if run.state == StepState.DONE}
    return "read_again" in done or "destroy_old_key" in done


def counted(found: Mapping[str, int], exact: bool) -> dict[str, Any]:
    """Return how many events are meant; where they were not counted one by one, it is the most that it can be."""
    goes = [(words.category(key), found[key]) for key in words.CATEGORIES if found.get(key)]
    return {"goes": goes, "total": sum(count for _name, count in goes), "exact": exact}


def dry(run: DryRun) -> dict[str, Any]:
    stays = [(text, Refusal(code).label if code in Refusal.values else code) for text, code in run.stays]
    return counted(run.goes, run.exact) | {"stays": stays, "told": run.told}


def cancelled(request: SubjectRequest) -> str:
    """Say what taking a request back has done."""
    if request.kind in {Kind.RESTRICTION, Kind.RECTIFICATION}:
        return _("Taken back. What was out of use because of it is used again where your answers allow it.")
    return _("Cancelled. Nothing was deleted and nothing was handed out.")
