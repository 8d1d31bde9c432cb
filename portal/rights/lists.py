"""The lists of what is known of a person and of what was done, as a copy holds them; each is found once."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from allauth.usersessions.models import UserSession
from django.conf import settings
from django.db.models import QuerySet

from consent import gate
from consent.models import Decision
from portal.audit.models import Act
from portal.audit.words import actor
from portal.events import devices
from portal.events.enrolment import reading as enrolled
from portal.events.enrolment.models import Collector
from portal.events.models import Sender
from portal.events.values import DayTotal
from portal.people.models import RoleGrant
from portal.rights import recipients
from portal.rights.art15 import Row
from portal.rights.cases import exporting as cases
from portal.rights.cases.models import Entry, File
from portal.rights.clocks.models import Clarification
from portal.rights.holds.models import Hold
from portal.rights.leaving import written
from portal.rights.models import SubjectRequest
from portal.rights.prepared import Rows
from portal.rights.rare import Rare, RareLists
from portal.rights.retention import exporting as retention
from portal.rights.retention.models import Month, Shortening
from portal.rights.turn import Turn
from portal.rights.values import Kind, State

REQUESTS = Rows(SubjectRequest.objects.for_subject)
LOOKS = Rows(lambda subject_id: Act.objects.for_subject(subject_id).looks().newest_first())


def found(turn: Turn) -> dict[str, list[Any]]:
    """Return every list by its name, and under `case_files` the files beside what was written."""
    subject_id, mine = turn.subject_id, REQUESTS.of(turn.subject_id)
    return RARE.found(subject_id) | {
        "decisions": decisions(turn.decisions),
        "access_log": looks(subject_id),
        "daily_totals": totals(turn.totals),
        "requests": requests(mine),
        "disputes": disputes(mine),
        "days_off": days_off(subject_id),
    }


def decisions(made: Iterable[Decision]) -> list[Row]:
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
        for each in made
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
        for each in LOOKS.of(subject_id)
    ]


def totals(days: Iterable[DayTotal]) -> list[Row]:
    return [
        {
            "day": each.day.isoformat(),
            "kept": dict(each.events),
            "dropped": dict(each.withheld),
            "cut": dict(each.cut),
            "rules": {source: list(labels) for source, labels in each.rules.items()},
        }
        for each in days
    ]


def days_off(subject_id: UUID) -> list[Row]:
    """Return the days that the person marked and that are still known."""
    state = gate.read(subject_id)
    return [{"day": day.isoformat()} for day in sorted(state.days_off if state else ())]


def requests(mine: Iterable[SubjectRequest]) -> list[Row]:
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
        for each in mine
    ]


def disputes(mine: Iterable[SubjectRequest]) -> list[Row]:
    """Return what the person said is wrong, and how it was answered: it goes wherever the data goes."""
    return [
        {
            "request": str(each.pk),
            "state": each.state,
            "received": each.received.isoformat(),
            "scope": each.scope,
            **each.details,
        }
        for each in sorted(mine, key=lambda each: each.received)
        if each.kind == Kind.RECTIFICATION and each.state != State.WITHDRAWN
    ]


# --- lists that are empty for nearly everybody


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


def _asked(subject_id: UUID) -> QuerySet[Clarification]:
    return Clarification.objects.filter(request__subject_id=subject_id)


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
        for each in _asked(subject_id).select_related("request")
    ]


def _grants(subject_id: UUID) -> QuerySet[RoleGrant]:
    return RoleGrant.objects.filter(employee=subject_id)


def roles(subject_id: UUID) -> list[Row]:
    return [
        {"role": str(each.get_role_display()), "since": each.at.isoformat(), "until": each.ends.isoformat()}
        for each in _grants(subject_id)
    ]


def _signed_in(subject_id: UUID) -> QuerySet[UserSession]:
    return UserSession.objects.filter(user=subject_id)


def sessions(subject_id: UUID) -> list[Row]:
    return [
        {"signed_in": each.created_at.isoformat(), "from": str(each.ip), "with": each.user_agent}
        for each in _signed_in(subject_id)
    ]


def _case_files(subject_id: UUID) -> list[tuple[str, bytes]]:
    return list(cases.files(subject_id))


# How each is found, and the rows that it is of: without any it is empty.
RARE = RareLists(
    {
        "devices": Rare(devices.written, Sender.objects.for_subject),
        "my_devices": Rare(enrolled.rows, Collector.objects.for_subject),
        "messages": Rare(cases.rows, Entry.objects.for_subject),
        "case_files": Rare(_case_files, File.objects.for_subject),
        "intakes": Rare(cases.intakes, cases.recorded),
        "holds": Rare(holds, Hold.objects.for_subject),
        "questions": Rare(questions, _asked),
        "shorter_periods": Rare(retention.shorter_periods, Shortening.objects.for_subject),
        "deleted_on_time": Rare(retention.deleted_on_time, Month.objects.for_subject),
        "recipients_told": Rare(recipients.of_person, recipients.told_about),
        "channel": Rare(written.channel, written.channels),
        "departure": Rare(written.departure, written.departures),
        "roles": Rare(roles, _grants),
        "sessions": Rare(sessions, _signed_in),
    }
)
