"""What programs call: open and follow requests, decide on them, fetch the copies they asked for, read decisions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime, time
from typing import Annotated, Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.utils import timezone
from ninja import Header, Query, Router, Status

from consent import receipts
from consent.models import Decision
from consent.values import Closed, Scope
from portal.audit import trail
from portal.audit.values import Action, ReadPurpose, may_read_for
from portal.http import Problem, cursor_of, offset_of
from portal.people.models import Employee
from portal.people.subjects import find, subject_or_404
from portal.people.tokens import Bearer, Token
from portal.rights import actions, handling, tasks
from portal.rights.certificate import outline
from portal.rights.models import SubjectRequest
from portal.rights.opening import actor_key
from portal.rights.schemas import (
    DecisionPage,
    ExtendIn,
    ReceiptPage,
    RefuseIn,
    RequestIn,
    RequestOut,
    RequestPage,
    StepPage,
)
from portal.rights.values import Kind, NotAllowed, OpenedBy, State

router = Router(tags=["requests"])
PAGE = 50
LONGEST_KEY = 255
# What an action's refusal is over HTTP; everything else conflicts with the state of the request.
STATUS = {
    "handler.opened_it": 403,
    "handler.concerned": 403,
    "handler.not_permitted": 403,
    "handler.not_legal": 403,
    "subject.unknown": 404,
    "bundle.none": 404,
    "hold.people_only": 403,
    "bundle.gone": 410,
    "bundle.used_up": 410,
    "idempotency_key.reused": 422,
    "received_at.future": 422,
    "channel.unknown": 422,
    "representative.long": 422,
}
POINTERS = {
    "received_at.future": "/received_at",
    "channel.unknown": "/channel",
    "representative.long": "/representative",
    "idempotency_key.reused": "/Idempotency-Key",
}


def _token(request: HttpRequest) -> Token:
    token: Token = request.auth  # type: ignore[attr-defined]
    return token


def _doing(run: Callable[..., Any], /, **named: Any) -> Any:
    """Run an action and give its refusal a status."""
    try:
        return run(**named)
    except NotAllowed as error:
        at = POINTERS.get(error.code)
        raise Problem(
            STATUS.get(error.code, 409), error.code, error.detail, [(at, error.detail)] if at else ()
        ) from error
    except Closed as error:
        raise Problem(503, "site.closed", "The ledger does not hold; nothing is decided or handed out.") from error


def _visible(token: Token) -> QuerySet[SubjectRequest]:
    """A program of the company follows every request, a person's token only theirs."""
    found = SubjectRequest.objects.prefetch_related("steps", "joined_to__steps")
    return found if token.user_id is None else found.filter(subject_id=token.user_id)


def _one(token: Token, request_id: UUID) -> SubjectRequest:
    found = _visible(token).filter(pk=request_id).first()
    if found is None:
        raise Http404
    return found


def _shown(found: SubjectRequest, token: Token) -> dict[str, Any]:
    """Say how a request stands; to a program that may not read decisions, without what would tell of one."""
    done, total = found.progress
    private = found.tells_an_answer and token.user_id is None and not token.may_read_decisions
    scope = replace(found.wanted, purposes=None) if private else found.wanted
    return {
        "id": found.pk,
        "kind": found.kind,
        "subject": found.subject_id,
        "state": found.state,
        "scope": _scope(scope),
        "format": found.format,
        "received": found.received,
        "due": _end_of(found.due, found.subject_id),
        "explanation": found.explanation,
        "progress": {"done": done, "total": total},
        "reason": found.reason,
        "certificate": outline(found.certificate) if private else found.certificate,
    }


def _scope(scope: Scope) -> dict[str, Any]:
    """Give a scope back as it is asked."""
    raw = scope.to_json()
    for name in ("from", "to"):
        if (ms := raw.pop(f"{name}_ms", None)) is not None:
            raw[name] = datetime.fromtimestamp(ms / 1000, ZoneInfo("UTC")).isoformat().replace("+00:00", "Z")
    return raw


def _end_of(day: date, subject_id: UUID) -> datetime:
    employee = find(subject_id)
    zone = ZoneInfo(employee.time_zone if employee else "UTC")
    return datetime.combine(day, time(23, 59, 59), zone)


# --- opening and following


@router.post("/subject-requests", auth=Bearer("requests.open"), response={201: RequestOut, 200: RequestOut})
def open_request(
    request: HttpRequest, body: RequestIn, idempotency_key: str = Header("", alias="Idempotency-Key")
) -> Status[dict[str, Any]]:
    token, began = _token(request), timezone.now()
    if len(idempotency_key) > LONGEST_KEY or "\0" in idempotency_key:
        raise Problem(422, "idempotency_key.long", "At most 255 characters.", [("/Idempotency-Key", "too long")])
    subject = subject_or_404(token, body.subject)
    found = _doing(
        actions.open_request,
        kind=body.kind,
        subject_id=subject.pk,
        by=token.actor,
        scope=body.scope.to_scope(),
        opened_by=OpenedBy.CLIENT if token.user_id is None else OpenedBy.SELF,
        ground=body.ground or "",
        idempotency_key=idempotency_key,
        **body.dict(include={"format", "note", "received_at", "channel", "representative"}),
    )
    tasks.nudge(found.pk)
    return Status(201 if found.opened_at >= began else 200, _shown(found, token))


@router.get("/subject-requests", auth=Bearer("requests.read"), response=RequestPage)
def list_requests(
    request: HttpRequest,
    state: State | None = None,
    kind: Kind | None = None,
    subject: str = "",
    due_before: date | datetime | None = None,
    cursor: str = "",
    limit: int = Query(PAGE, ge=1, le=200),
) -> dict[str, Any]:
    token = _token(request)
    found = _visible(token).order_by("-opened_at", "pk")
    if subject:
        found = found.filter(subject_id=subject_or_404(token, subject).pk)
    if due_before:
        found = found.filter(due__lt=due_before.date() if isinstance(due_before, datetime) else due_before)
    wanted = {name: value for name, value in (("state", state), ("kind", kind)) if value}
    return _page(found.filter(**wanted), cursor, limit, lambda each: _shown(each, token))


def _page(found: QuerySet[Any], cursor: str, limit: int, shown: Callable[[Any], dict[str, Any]]) -> dict[str, Any]:
    start = offset_of(cursor)
    rows = list(found[start : start + limit + 1])
    more = len(rows) > limit
    return {"items": [shown(row) for row in rows[:limit]], "next": cursor_of(start + limit) if more else None}


@router.get("/subject-requests/{uuid:request_id}", auth=Bearer("requests.read"), response=RequestOut)
def get_request(request: HttpRequest, request_id: UUID) -> dict[str, Any]:
    token = _token(request)
    return _shown(_one(token, request_id), token)


@router.get("/subject-requests/{uuid:request_id}/steps", auth=Bearer("requests.read"), response=StepPage)
def get_steps(request: HttpRequest, request_id: UUID) -> dict[str, Any]:
    found = _one(_token(request), request_id)
    steps = [
        {"name": run.name, "label": str(run.label), "state": run.state, "done": run.done, "total": run.total}
        for run in found.lead.steps.all()
    ]
    return {"items": steps, "next": None}


# --- deciding


def _decided(request: HttpRequest, request_id: UUID, action: Callable[..., Any], **named: Any) -> dict[str, Any]:
    token = _token(request)
    if token.user_id is not None:
        raise Problem(403, "handler.not_permitted", "A person decides on the pages, not by a device's token.")
    found = _doing(action, request=_one(token, request_id), by=token.actor, **named)
    tasks.nudge(found.pk)
    return _shown(SubjectRequest.objects.get(pk=found.pk), token)


@router.post("/subject-requests/{uuid:request_id}/approve", auth=Bearer("requests.handle"), response=RequestOut)
def approve(request: HttpRequest, request_id: UUID) -> dict[str, Any]:
    return _decided(request, request_id, handling.approve)


@router.post("/subject-requests/{uuid:request_id}/refuse", auth=Bearer("requests.handle"), response={202: RequestOut})
def refuse(request: HttpRequest, request_id: UUID, body: RefuseIn) -> Status[dict[str, Any]]:
    """Propose a refusal; it stands once two people have signed it off."""
    return Status(202, _decided(request, request_id, handling.refuse, ground=body.reason, note=body.note))


@router.post("/subject-requests/{uuid:request_id}/extend", auth=Bearer("requests.handle"), response=RequestOut)
def extend(request: HttpRequest, request_id: UUID, body: ExtendIn) -> dict[str, Any]:
    return _decided(request, request_id, handling.extend, reason=body.reason)


@router.post("/subject-requests/{uuid:request_id}/cancel", auth=Bearer("requests.handle"), response=RequestOut)
def cancel(request: HttpRequest, request_id: UUID) -> dict[str, Any]:
    return _decided(request, request_id, handling.cancel)


# --- handing over


@router.get("/subject-requests/{uuid:request_id}/bundle", auth=Bearer("bundles.read"))
def get_bundle(request: HttpRequest, request_id: UUID) -> HttpResponse:
    """Stream the copy to the program that asked for it; the access is committed before a byte is sent."""
    token = _token(request)
    found = _visible(token).filter(pk=request_id).first()
    if found is None:
        raise Http404
    if found.opener_id != actor_key(token.actor):
        trail.refused(actor=token.actor, subject_id=found.subject_id, path=request.path)
        raise Http404
    archive = _doing(actions.download, request=found, by=token.actor)
    answer = StreamingHttpResponse(archive.chunks, content_type="application/zip")
    answer["Content-Length"] = str(archive.size)
    answer["Content-Disposition"] = f'attachment; filename="{archive.name}"'
    return answer


# --- what somebody decided


Case = Annotated[str, Query(max_length=64, pattern=r"^[^\x00]*$")]
Limit = Annotated[int, Query(ge=1, le=200)]


@router.get("/subjects/{subject}/decisions", auth=Bearer("consent.read"), response=DecisionPage)
def get_decisions(
    request: HttpRequest,
    subject: str,
    purpose: str = ReadPurpose.SUBJECT_REQUEST,
    case: Case = "",
    cursor: str = "",
    limit: Limit = PAGE,
) -> dict[str, Any]:
    """Read what somebody decided, which is an access: written down, with its purpose, before it is answered."""
    employee = _readable(request, subject, purpose)
    page = _page(_decisions(employee), cursor, limit, _decision)
    _written_down(request, Action.DECISIONS_READ, employee, purpose, case)
    return page


@router.get("/subjects/{subject}/receipts", auth=Bearer("consent.read"), response=ReceiptPage)
def get_receipts(
    request: HttpRequest,
    subject: str,
    purpose: str = ReadPurpose.SUBJECT_REQUEST,
    case: Case = "",
    cursor: str = "",
    limit: Limit = PAGE,
) -> dict[str, Any]:
    """Read the receipts of what somebody decided, by the newest checkpoint; an access like the decisions."""
    employee = _readable(request, subject, purpose)
    page = _page(_decisions(employee), cursor, limit, lambda each: each)
    issued = receipts.issue_many([each.leaf_idx for each in page["items"]])
    page["items"] = [_receipt(each, issued) for each in page["items"]]
    _written_down(request, Action.RECEIPTS_READ, employee, purpose, case)
    return page


def _decisions(employee: Employee) -> QuerySet[Decision]:
    return Decision.objects.for_subject(employee.pk).order_by("leaf_idx")


def _readable(request: HttpRequest, subject: str, purpose: str) -> Employee:
    """Return whose decisions this token may read for this purpose; a refusal is shown to that person."""
    token = _token(request)
    employee = subject_or_404(token, subject)
    if not may_read_for(purpose, ()) or not (token.user_id or token.may_read_decisions):
        _refused(request, token, employee)
    return employee


def _written_down(request: HttpRequest, action: Action, employee: Employee, purpose: str, case: str) -> None:
    actor = _token(request).actor
    _doing(trail.access, action=action, actor=actor, subject_id=employee.pk, purpose=purpose, case=case)


def _refused(request: HttpRequest, token: Token, employee: Employee) -> None:
    trail.refused(actor=token.actor, subject_id=employee.pk, path=request.path)
    raise Problem(403, "decisions.not_permitted", "This client may not read decisions, or not for this purpose.")


def _decision(each: Decision) -> dict[str, Any]:
    return {
        "purpose": each.purpose_key,
        "kind": each.kind,
        "at": each.at,
        "notice_version": each.notice_version,
        "notice_sha256": each.notice_sha256,
        "path": each.path,
        "ledger_index": each.leaf_idx,
    }


def _receipt(each: Decision, issued: dict[int, receipts.Receipt | None]) -> dict[str, Any]:
    found = issued.get(each.leaf_idx)
    return {
        "ledger_index": each.leaf_idx,
        "purpose": each.purpose_key,
        "kind": each.kind,
        "at": each.at,
        "receipt": found.text if found else None,
        "pending": each.leaf_idx in issued and found is None,
    }
