"""What programs call: open and follow requests, decide on them, fetch the copies they asked for."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.utils import timezone
from ninja import Header, Query, Router, Status

from consent.values import Closed
from portal.audit import trail
from portal.http import Problem
from portal.openapi import problems
from portal.people.subjects import subject_or_404
from portal.people.tokens import Bearer, Token
from portal.planned import planned
from portal.rights import actions, cursors, due, handling, tasks
from portal.rights.certificate import outline
from portal.rights.models import SubjectRequest, SubjectRequestQuerySet
from portal.rights.opening import actor_key
from portal.rights.schemas import DueBefore, ExtendIn, RefuseIn, RequestIn, RequestOut, RequestPage, StepPage
from portal.rights.values import Kind, NotAllowed, OpenedBy, State

router = Router(tags=["requests"])
PAGE = 50
ONE = "/subject-requests/{uuid:request_id}"
CONFLICTS = {"responses": problems(409)}
ARCHIVE = {200: {"description": "The copy as a ZIP.", "content": {"application/zip": {}}}, **problems(409, 410)}
Filter = Annotated[str, Query(max_length=200, pattern=r"^[^\x00]*$")]
Limit = Annotated[int, Query(ge=1, le=200)]
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
# As the columns of a request follow each other.
SAYS_WHO = ("id", "kind", "subject_id", "opened_by", "opener_id", "joined_to_id")
ASKED = """
SELECT r.id, r.kind, r.subject_id, r.opened_by, r.opener_id, r.joined_to_id, coalesce(e.time_zone, 'UTC')
  FROM rights_subjectrequest r LEFT JOIN people_employee e ON e.id = r.subject_id WHERE r.id = %s
"""
POINTERS = {
    "received_at.future": "/received_at",
    "channel.unknown": "/channel",
    "representative.long": "/representative",
    "idempotency_key.reused": "/Idempotency-Key",
}


def token_of(request: HttpRequest) -> Token:
    token: Token = request.auth  # type: ignore[attr-defined]
    return token


def doing(run: Callable[..., Any], /, **named: Any) -> Any:
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


def _visible(token: Token) -> SubjectRequestQuerySet:
    """A program of the company follows every request, a person's token only theirs."""
    found = due.zoned(SubjectRequest.objects)
    return found if token.user_id is None else found.filter(subject_id=token.user_id)


def _one(token: Token, request_id: UUID) -> SubjectRequest:
    found = _visible(token).filter(pk=request_id).first()
    if found is None:
        raise Http404
    return found


def _followed(token: Token) -> SubjectRequestQuerySet:
    """Return those of them with how far the work is, in one question for all."""
    return _visible(token).prefetch_related("steps", "joined_to__steps")


def _shown(found: SubjectRequest, token: Token, progress: tuple[int, int]) -> dict[str, Any]:
    """Say how a request stands; to a program that may not read decisions, without what would tell of one."""
    done, total = progress
    private = found.tells_an_answer and token.user_id is None and not token.may_read_decisions
    hidden = {"purposes"} if private else set()
    scope = {name: value for name, value in found.wanted.to_json().items() if name not in hidden}
    return {
        "id": found.pk,
        "kind": found.kind,
        "subject": found.subject_id,
        "state": found.state,
        "scope": _scope(scope),
        "format": found.format,
        "received": found.received,
        "due": due.end_of(found.due, found.zone),
        "explanation": found.explanation,
        "progress": {"done": done, "total": total},
        "reason": found.reason,
        "certificate": outline(found.certificate) if private else found.certificate,
    }


def _scope(raw: dict[str, Any]) -> dict[str, Any]:
    """Give a scope back as it is asked."""
    given = {**raw}
    for name in ("from", "to"):
        if (ms := given.pop(f"{name}_ms", None)) is not None:
            given[name] = datetime.fromtimestamp(ms / 1000, UTC).isoformat().replace("+00:00", "Z")
    if "without" in given:
        given["without"] = [_scope(each) for each in given["without"]]
    return given


# --- opening and following


@router.post(
    "/subject-requests",
    auth=Bearer("requests.open"),
    response={201: RequestOut, 200: RequestOut},
    openapi_extra={"responses": problems(409)},
)
def open_request(
    request: HttpRequest, body: RequestIn, idempotency_key: str = Header("", alias="Idempotency-Key")
) -> Status[dict[str, Any]]:
    """Open a request of a person; sent once more with the same Idempotency-Key it answers 200 with the first one."""
    token, began = token_of(request), timezone.now()
    if len(idempotency_key) > LONGEST_KEY or "\0" in idempotency_key:
        raise Problem(422, "idempotency_key.long", "At most 255 characters.", [("/Idempotency-Key", "too long")])
    subject = subject_or_404(token, body.subject)
    found = doing(
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
    _wake(found)
    found.zone = subject.time_zone
    return Status(201 if found.opened_at >= began else 200, _shown(found, token, found.progress_alone()))


@router.get("/subject-requests", auth=Bearer("requests.read"), response=RequestPage)
def list_requests(
    request: HttpRequest,
    state: State | None = None,
    kind: Kind | None = None,
    subject: Filter = "",
    due_before: DueBefore | None = None,
    cursor: Filter = "",
    limit: Limit = PAGE,
) -> dict[str, Any]:
    """List requests, the newest first; filters add up. One that comes in meanwhile moves no other to another page."""
    token = token_of(request)
    found = _followed(token)
    if subject:
        found = found.filter(subject_id=subject_or_404(token, subject).pk)
    if due_before:
        found = due.before(found, due_before)
    wanted = {name: value for name, value in (("state", state), ("kind", kind)) if value}
    return cursors.page(
        found.filter(**wanted), cursor, limit, lambda each: _shown(each, token, each.progress), by="opened_at"
    )


@router.get(ONE, auth=Bearer("requests.read"), response=RequestOut)
def get_request(request: HttpRequest, request_id: UUID) -> dict[str, Any]:
    """Say how a request stands; a deletion that is done has its certificate here."""
    token = token_of(request)
    found = _one(token, request_id)
    return _shown(found, token, found.progress_alone())


@router.get(f"{ONE}/steps", auth=Bearer("requests.read"), response=StepPage)
def get_steps(request: HttpRequest, request_id: UUID) -> dict[str, Any]:
    """List the steps of the work in order, done or not."""
    found = _one(token_of(request), request_id)
    steps = [
        {"name": run.name, "label": str(run.label), "state": run.state, "done": run.done, "total": run.total}
        for run in found.lead.steps.all()
    ]
    return {"items": steps, "next": None}


# --- deciding


def _decided(request: HttpRequest, request_id: UUID, action: Callable[..., Any], **named: Any) -> dict[str, Any]:
    token = token_of(request)
    if token.user_id is not None:
        raise Problem(403, "handler.not_permitted", "A person decides on the pages, not by a device's token.")
    asked = _asked(request_id)
    found = doing(action, request=asked, by=token.actor, **named)
    _wake(found)
    found.zone = asked.zone
    return _shown(found, token, found.progress_alone())


def _asked(request_id: UUID) -> SubjectRequest:
    """Return what is to be decided, so far as it says who may: whoever decides reads it anew once it is locked."""
    rows = planned("daylight_asked", ("uuid",), ASKED, [request_id])
    if not rows:
        raise Http404
    *row, zone = rows[0]
    found = SubjectRequest.from_db("default", SAYS_WHO, row)
    found.zone = zone
    return found


def _wake(request: SubjectRequest) -> None:
    """Have a worker begin where there is something to do now: what somebody has to decide is nobody's work yet."""
    if request.state == State.PROCESSING:
        tasks.nudge(request.pk)


@router.post(f"{ONE}/approve", auth=Bearer("requests.handle"), response=RequestOut, openapi_extra=CONFLICTS)
def approve(request: HttpRequest, request_id: UUID) -> dict[str, Any]:
    """Grant what another actor asked; where a hold or an exception touches it only a person may."""
    return _decided(request, request_id, handling.approve)


@router.post(f"{ONE}/refuse", auth=Bearer("requests.handle"), response={202: RequestOut}, openapi_extra=CONFLICTS)
def refuse(request: HttpRequest, request_id: UUID, body: RefuseIn) -> Status[dict[str, Any]]:
    """Propose a refusal; it stands once two people have signed it off."""
    return Status(202, _decided(request, request_id, handling.refuse, ground=body.reason, note=body.note))


@router.post(f"{ONE}/extend", auth=Bearer("requests.handle"), response=RequestOut, openapi_extra=CONFLICTS)
def extend(request: HttpRequest, request_id: UUID, body: ExtendIn) -> dict[str, Any]:
    """Take more time, once, before the first date, with a reason that the person is told."""
    return _decided(request, request_id, handling.extend, reason=body.reason)


@router.post(f"{ONE}/cancel", auth=Bearer("requests.handle"), response=RequestOut, openapi_extra=CONFLICTS)
def cancel(request: HttpRequest, request_id: UUID) -> dict[str, Any]:
    """Take a request back until its first irreversible step; what a person asked for themselves only they take back."""
    return _decided(request, request_id, handling.cancel)


# --- handing over


@router.get(f"{ONE}/bundle", auth=Bearer("bundles.read"), openapi_extra={"responses": ARCHIVE})
def get_bundle(request: HttpRequest, request_id: UUID) -> HttpResponse:
    """Stream the copy to the program that asked for it; the access is committed before a byte is sent."""
    token = token_of(request)
    found = _visible(token).filter(pk=request_id).first()
    if found is None:
        raise Http404
    if found.opener_id != actor_key(token.actor):
        trail.refused(actor=token.actor, subject_id=found.subject_id, path=request.path)
        raise Http404
    archive = doing(actions.download, request=found, by=token.actor)
    answer = StreamingHttpResponse(archive.chunks, content_type="application/zip")
    answer["Content-Length"] = str(archive.size)
    answer["Content-Disposition"] = f'attachment; filename="{archive.name}"'
    return answer
