"""What a copy says beside the data: the items of Art. 15, what is known of the person, and lists of what was done."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID

from allauth.account.models import EmailAddress
from allauth.usersessions.models import UserSession
from django.conf import settings
from django.utils.translation import gettext as _

from consent import gate
from consent.models import Decision, NoticeVersion
from portal.audit.models import Act
from portal.audit.words import actor
from portal.events import devices, reading
from portal.events.enrolment import reading as enrolled
from portal.people.models import Employee, RoleGrant
from portal.register.models import Controller, Flow
from portal.rights import art15, recipients, tables
from portal.rights.art15 import Row, Section
from portal.rights.cases import exporting as cases
from portal.rights.clocks.models import Clarification
from portal.rights.holds.models import Hold
from portal.rights.leaving import written
from portal.rights.models import SubjectRequest
from portal.rights.retention import exporting as retention
from portal.rights.values import Format, Kind, State


def files(request: SubjectRequest) -> Iterator[tuple[str, int, bytes]]:
    """Yield (path, records, bytes) of everything but the data, its description, the start page and the manifest."""
    known = [each.to_json() for each in article_15(request)]
    yield "article-15.json", len(known), as_json(known)
    for name, find in FILES.items():
        rows = find(request.subject_id)
        yield f"{name}.{_ending(request)}", len(rows), _rows(request, rows)
    register = list(_register())
    yield "register.json", len(register), as_json(register)
    for path, content in cases.files(request.subject_id):
        yield path, 1, content


def _ending(request: SubjectRequest) -> str:
    return "csv" if request.format == Format.CSV else "jsonl"


def _rows(request: SubjectRequest, rows: list[Row]) -> bytes:
    if _ending(request) == "jsonl":
        return b"".join(json.dumps(row, ensure_ascii=False).encode() + b"\n" for row in rows)
    out = io.StringIO()
    # What was said of a directory entry has other fields than what was said of a stretch.
    heads = list(dict.fromkeys(name for row in rows for name in row)) or ["nothing"]
    writer = csv.DictWriter(out, fieldnames=heads, lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({name: tables.safe(_cell(value)) for name, value in row.items()})
    return out.getvalue().encode()


def _cell(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def as_json(value: Any) -> bytes:
    return json.dumps(value, indent=1, ensure_ascii=False).encode()


# --- lists, each a file


def decisions(subject_id: UUID) -> list[Row]:
    return [
        {
            "purpose": each.purpose_key,
            "kind": each.kind,
            "at": each.at.isoformat(),
            "notice_version": each.notice_version,
            "notice_sha256": each.notice_sha256,
            "path": each.path,
            "ledger_index": each.leaf_idx,
        }
        for each in Decision.objects.for_subject(subject_id)
    ]


def looks(subject_id: UUID) -> list[Row]:
    """Every look: date, purpose and role always; a colleague's name only where the company's policy opens it."""
    return [
        {
            "at": each.at.isoformat(),
            "what": each.sentence,
            "action": each.action,
            "by": actor(each),
            "role": each.actor_role,
            "name": each.actor_label if settings.NAME_STAFF_IN_COPIES and not each.is_own else "",
            "purpose": each.purpose,
            "case": each.case,
            "ledger_index": "" if each.leaf_idx is None else each.leaf_idx,
        }
        for each in Act.objects.for_subject(subject_id).looks().newest_first()
    ]


def totals(subject_id: UUID) -> list[Row]:
    return [
        {
            "day": each.day.isoformat(),
            "kept": dict(each.events),
            "dropped": dict(each.withheld),
            "cut": dict(each.cut),
            "rules": {source: list(labels) for source, labels in each.rules.items()},
        }
        for each in reading.days(subject_id)
    ]


def days_off(subject_id: UUID) -> list[Row]:
    """Return the days that the person marked and that are still known."""
    state = gate.read(subject_id)
    return [{"day": day.isoformat()} for day in sorted(state.days_off if state else ())]


def requests(subject_id: UUID) -> list[Row]:
    return [
        {
            "id": str(each.pk),
            "kind": each.kind,
            "state": each.state,
            "received": each.received.isoformat(),
            "due": each.due.isoformat(),
            "explanation": each.explanation,
            "scope": each.scope,
            "note": each.note,
            "details": each.details,
            "reason": each.reason,
        }
        for each in SubjectRequest.objects.for_subject(subject_id)
    ]


def disputes(subject_id: UUID) -> list[Row]:
    """Return what the person said is wrong, and how it was answered: it goes wherever the data goes."""
    mine = SubjectRequest.objects.for_subject(subject_id).filter(kind=Kind.RECTIFICATION)
    return [
        {
            "request": str(each.pk),
            "state": each.state,
            "received": each.received.isoformat(),
            "scope": each.scope,
            **each.details,
        }
        for each in mine.exclude(state=State.WITHDRAWN).order_by("received")
    ]


def holds(subject_id: UUID) -> list[Row]:
    return [
        {
            "from": each.placed_at.isoformat(),
            "until": each.until.isoformat(),
            "ended": each.released_at.isoformat() if each.released_at else "",
            "ground": str(each.get_ground_display()),
            "legal_basis": each.legal_basis,
            "reason": each.reason,
            "scope": each.scope,
        }
        for each in Hold.objects.for_subject(subject_id)
    ]


def questions(subject_id: UUID) -> list[Row]:
    return [
        {
            "request": str(each.request_id),
            "about": str(each.get_code_display()),
            "asked": each.asked_at.isoformat(),
            "question": each.text,
            "ended": each.ended_at.isoformat() if each.ended_at else "",
            "answer": each.answer,
        }
        for each in Clarification.objects.filter(request__subject_id=subject_id).select_related("request")
    ]


FILES: dict[str, Callable[[UUID], list[Row]]] = {
    "decisions": decisions,
    "access_log": looks,
    "daily_totals": totals,
    "devices": devices.written,
    "my_devices": enrolled.rows,
    "requests": requests,
    "messages": cases.rows,
    "intakes": cases.intakes,
    "disputes": disputes,
    "holds": holds,
    "questions": questions,
    "days_off": days_off,
    "shorter_periods": retention.shorter_periods,
    "deleted_on_time": retention.deleted_on_time,
    "recipients_told": recipients.of_person,
}


def _register() -> Iterator[Row]:
    for flow in Flow.objects.live().select_related("source"):
        yield {
            "source": flow.source.title,
            "category": flow.category,
            "purpose": flow.purpose_key,
            "why": flow.why,
            "outside_working_hours": flow.off_hours,
            "exact_timing": flow.exact_timing,
            "typed_text_in": flow.content_apps,
        }


# --- the sections


def article_15(request: SubjectRequest) -> list[Section]:
    """Return who answers for it, the items of Art. 15(1) and (2), then whatever else is known of the person."""
    me = request.subject_id
    return [
        Section("-", "controller", _("Who answers for this"), "", _controller()),
        *art15.sections(),
        Section("-", "person", _("Who you are here"), "", _person(me)),
        Section("-", "account", _("Your roles"), _("What you may do for others in Daylight."), _roles(me)),
        Section("-", "sessions", _("Where you are signed in"), "", _sessions(me)),
        Section("-", "devices", _("Your devices"), _("What each last sent, and after which no."), devices.written(me)),
        Section("-", "my_devices", _("Your collectors"), _("What is connected in your name."), enrolled.rows(me)),
        art15.releases(me),
        Section("-", "requests", _("Your requests"), "", requests(me)),
        Section("-", "messages", _("Notes and messages about your requests"), "", cases.rows(me)),
        Section("-", "intakes", _("Requests that others recorded for you"), "", cases.intakes(me)),
        Section("-", "disputes", _("What you said is wrong"), _("It goes wherever the data goes."), disputes(me)),
        Section("-", "holds", _("Legal holds"), _("What may not be deleted for now, and why."), holds(me)),
        Section("-", "shorter_periods", _("Shorter times that you chose"), "", retention.shorter_periods(me)),
        Section(
            "-",
            "deleted_on_time",
            _("What was deleted because its time was over"),
            _("Counts of each night on which something went."),
            retention.deleted_on_time(me),
        ),
        Section("-", "days_off", _("Days that you marked"), _("Nothing is collected on them."), days_off(me)),
        Section("-", "questions", _("Questions about your requests"), _("And what you answered."), questions(me)),
        Section(
            "-",
            "leaving",
            _("When you leave"),
            "",
            written.rows(me),
        ),
        Section("-", "told", _("Recipients that were told"), "", recipients.of_person(me)),
        Section("-", "notices", _("The notices you were shown"), _("As they were, word for word."), _notices(me)),
    ]


def _person(subject_id: UUID) -> list[Row]:
    names = ("employee_number", "name", "email", "department", "jurisdiction", "time_zone", "working_hours", "language")
    found = Employee.objects.filter(pk=subject_id)
    addresses = EmailAddress.objects.filter(user=subject_id).values_list("email", flat=True)
    return [
        {"subject_id": str(each.pk)}
        | {name: getattr(each, name) for name in names}
        | {"manager": _("known, not named here") if each.manager_id else "", "addresses": ", ".join(addresses)}
        | {
            "company_sign_in": each.sso_subject,
            "last_signed_in": each.last_login.isoformat() if each.last_login else "",
        }
        for each in found
    ]


def _roles(subject_id: UUID) -> list[Row]:
    grants = RoleGrant.objects.filter(employee=subject_id)
    return [
        {"role": str(each.get_role_display()), "since": each.at.isoformat(), "until": each.ends.isoformat()}
        for each in grants
    ]


def _sessions(subject_id: UUID) -> list[Row]:
    return [
        {"signed_in": each.created_at.isoformat(), "from": str(each.ip), "with": each.user_agent}
        for each in UserSession.objects.filter(user=subject_id)
    ]


def _controller() -> list[Row]:
    names = ("name", "address", "contact", "representative", "dpo_name", "dpo_contact")
    return [{name: getattr(each, name) for name in names} for each in Controller.objects.all()[:1]]


def _notices(subject_id: UUID) -> list[Row]:
    digests = Decision.objects.for_subject(subject_id).values_list("notice_sha256", flat=True)
    found = NoticeVersion.objects.filter(sha256__in=set(digests)).select_related("notice")
    return [
        {
            "purpose": each.notice.purpose_id,
            "language": each.notice.language,
            "version": each.version,
            "sha256": each.sha256,
            "text": each.text,
        }
        for each in found
    ]
