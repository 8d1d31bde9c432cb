"""What programs read of how people answered: decisions and receipts. Each read is an access, which the person sees."""

from __future__ import annotations

from typing import Annotated, Any

from django.http import HttpRequest
from ninja import Query, Router

from consent import receipts
from consent.models import Decision
from portal.audit import trail
from portal.audit.values import Action, ReadPurpose, may_read_for
from portal.http import Problem, cursor_of, offset_of
from portal.people.models import Employee
from portal.people.subjects import subject_or_404
from portal.people.tokens import Bearer, Token
from portal.rights.api import doing, token_of
from portal.rights.schemas import DecisionPage, ReceiptPage

router = Router(tags=["decisions"])
PAGE = 50
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
    page = _page(employee, cursor, limit)
    page["items"] = [_decision(each) for each in page["items"]]
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
    page = _page(employee, cursor, limit)
    issued = receipts.issue_many([each.leaf_idx for each in page["items"]])
    page["items"] = [_receipt(each, issued) for each in page["items"]]
    _written_down(request, Action.RECEIPTS_READ, employee, purpose, case)
    return page


def _page(employee: Employee, cursor: str, limit: int) -> dict[str, Any]:
    """Return decisions, oldest first; what is added later comes after, so that a place by number stays one."""
    start = offset_of(cursor)
    found = Decision.objects.for_subject(employee.pk).order_by("leaf_idx")
    rows = list(found[start : start + limit + 1])
    more = len(rows) > limit
    return {"items": rows[:limit], "next": cursor_of(start + limit) if more else None}


def _readable(request: HttpRequest, subject: str, purpose: str) -> Employee:
    """Return whose decisions this token may read for this purpose; a refusal is shown to that person."""
    token = token_of(request)
    employee = subject_or_404(token, subject)
    if not may_read_for(purpose, ()) or not (token.user_id or token.may_read_decisions):
        _refused(request, token, employee)
    return employee


def _written_down(request: HttpRequest, action: Action, employee: Employee, purpose: str, case: str) -> None:
    actor = token_of(request).actor
    doing(trail.access, action=action, actor=actor, subject_id=employee.pk, purpose=purpose, case=case)


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
