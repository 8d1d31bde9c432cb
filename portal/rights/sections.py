"""What a copy says beside the data: the labelled sections of Art. 15, decisions, who looked, and the start page."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from allauth.usersessions.models import UserSession
from django.contrib.staticfiles import finders
from django.template.loader import render_to_string
from django.utils.html import format_html
from django.utils.translation import gettext as _

from consent.models import Decision, NoticeVersion, Purpose
from portal.audit.models import Act
from portal.events import devices, reading
from portal.people.models import Employee, RoleGrant
from portal.register.models import Controller, Flow, Processor, PurposeRecord, Recipient, Retention, Source
from portal.rights import tables
from portal.rights.archive import Entry
from portal.rights.models import SubjectRequest
from portal.rights.values import Format

Row = dict[str, Any]
FIELDS = {
    "t": "milliseconds since 1970-01-01T00:00:00Z; of key events whole seconds unless the notice says otherwise",
    "type": "the event's name in the W3C UI Events specification",
    "category": "which kind of data this is",
    "source": "the system that collected it",
    "collector": "the installation that sent it",
    "app": "the app as the event named it",
    "in_app": "the app the event belongs to",
    "purposes": "what it is kept for, separated by commas",
    "key_purposes": "what the typed character is kept for",
    "x": "horizontal place in pixels",
    "y": "vertical place in pixels",
    "button": "which button",
    "deltaX": "scrolled sideways",
    "deltaY": "scrolled up or down",
    "code": "which key",
    "key": "which character",
    "title": "title of the window",
    "private": "whether the window was private",
    "url": "address of the page",
    "seq": "the collector's own counter",
    "screen_w": "width of the screen (JSON: the first of `screen`)",
    "screen_h": "height of the screen (JSON: the second of `screen`)",
}


def files(request: SubjectRequest) -> Iterator[tuple[str, int, bytes]]:
    """Yield (path, records, bytes) of everything but the data, the start page and the manifest."""
    known = article_15(request)
    yield "article-15.json", len(known), _json(known)
    yield "schema.json", len(tables.OWN), schema()
    for name, rows in (
        ("decisions", decisions(request)),
        ("access_log", looks(request)),
        ("daily_totals", totals(request)),
        ("devices", devices.written(request.subject_id)),
        ("requests", requests(request)),
    ):
        yield f"{name}.{_ending(request)}", len(rows), _rows(request, rows)
    register = list(_register())
    yield "register.json", len(register), _json(register)


def _ending(request: SubjectRequest) -> str:
    return "csv" if request.format == Format.CSV else "jsonl"


def _rows(request: SubjectRequest, rows: list[Row]) -> bytes:
    if _ending(request) == "jsonl":
        return b"".join(json.dumps(row, ensure_ascii=False).encode() + b"\n" for row in rows)
    out = io.StringIO()
    writer = csv.DictWriter(out, fieldnames=list(rows[0]) if rows else ["nothing"], lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({name: tables.safe(_cell(value)) for name, value in row.items()})
    return out.getvalue().encode()


def _cell(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _json(value: Any) -> bytes:
    return json.dumps(value, indent=1, ensure_ascii=False).encode()


def schema() -> bytes:
    return _json({category: {name: FIELDS[name] for name in tables.columns_of(category)} for category in tables.OWN})


# --- rows


def decisions(request: SubjectRequest) -> list[Row]:
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
        for each in Decision.objects.for_subject(request.subject_id)
    ]


def looks(request: SubjectRequest) -> list[Row]:
    """Every look: date, purpose and role; a name only of staff, and only where the trail has one."""
    return [
        {
            "at": each.at.isoformat(),
            "what": each.sentence,
            "action": each.action,
            "by": _("yourself") if each.is_own else each.actor_label or each.actor_role,
            "role": each.actor_role,
            "purpose": each.purpose,
            "case": each.case,
            "ledger_index": "" if each.leaf_idx is None else each.leaf_idx,
        }
        for each in Act.objects.for_subject(request.subject_id).looks().newest_first()
    ]


def totals(request: SubjectRequest) -> list[Row]:
    return [
        {"day": each.day.isoformat(), "kept": dict(each.events), "dropped": dict(each.withheld)}
        for each in reading.days(request.subject_id)
    ]


def requests(request: SubjectRequest) -> list[Row]:
    return [
        {
            "id": str(each.pk),
            "kind": each.kind,
            "state": each.state,
            "received": each.received.isoformat(),
            "due": each.due.isoformat(),
            "explanation": each.explanation,
        }
        for each in SubjectRequest.objects.for_subject(request.subject_id)
    ]


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


# --- Art. 15, section by section


def article_15(request: SubjectRequest) -> list[Row]:
    """Return the items of Art. 15(1) and (2), each with its letter and what the register says."""
    purposes = list(Purpose.objects.exclude(state=Purpose.State.DRAFT))
    records = {each.purpose_key: each for each in PurposeRecord.objects.all()}
    controller = Controller.objects.first()
    return [
        _section("-", _("Who you are here"), _person(request)),
        _section("-", _("Your roles and the sessions in which you are signed in"), _account(request)),
        _section("-", _("Who answers for this"), [_controller(controller)] if controller else []),
        _section("1a", _("Purposes and their legal basis"), [_purpose(each, records) for each in purposes]),
        _section("1b", _("Categories of data"), _categories()),
        _section("1c", _("Who receives it"), _recipients()),
        _section("1d", _("How long it is kept"), _periods()),
        _section("1e", _("Your rights"), [_rights()]),
        _section("1f", _("Complaint"), [{"authority": controller.authority if controller else ""}]),
        _section("1g", _("Where it comes from"), _sources()),
        _section("1h", _("Automated decisions"), [_automated(each, records) for each in purposes]),
        _section("2", _("Safeguards for transfers abroad"), _transfers()),
        _section("-", _("The notices you were shown"), _notices(request)),
    ]


def _section(item: str, title: str, rows: list[Row]) -> Row:
    return {"item": item, "title": title, "rows": rows}


def _person(request: SubjectRequest) -> list[Row]:
    names = ("employee_number", "name", "email", "department", "jurisdiction", "time_zone", "working_hours")
    return [
        {"subject_id": str(each.pk)} | {name: getattr(each, name) for name in names}
        for each in Employee.objects.filter(pk=request.subject_id)
    ]


def _account(request: SubjectRequest) -> list[Row]:
    roles = RoleGrant.objects.filter(employee=request.subject_id)
    sessions = UserSession.objects.filter(user=request.subject_id)
    return [{"role": each.role, "since": each.at.isoformat()} for each in roles] + [
        {"signed_in": each.created_at.isoformat(), "from": str(each.ip), "with": each.user_agent} for each in sessions
    ]


def _controller(controller: Controller) -> Row:
    names = ("name", "address", "contact", "representative", "dpo_name", "dpo_contact")
    return {name: getattr(controller, name) for name in names}


def _purpose(purpose: Purpose, records: dict[str, PurposeRecord]) -> Row:
    record = records.get(purpose.key)
    return {
        "purpose": purpose.title,
        "why": purpose.description,
        "basis": str(purpose.get_basis_display()),
        "legitimate_interest": record.legitimate_interest if record else "",
        "law": record.law if record else "",
        "if_you_say_no": purpose.refusal_consequence,
    }


def _categories() -> list[Row]:
    return [
        {"category": each.category, "source": each.source.title, "purpose": each.purpose_key, "why": each.why}
        for each in Flow.objects.live().select_related("source")
    ]


def _recipients() -> list[Row]:
    receivers = [
        {"name": each.name, "receives": each.receives, "country": each.country} for each in Recipient.objects.all()
    ]
    return receivers + [
        {"name": each.name, "receives": each.service, "country": each.country} for each in Processor.objects.all()
    ]


def _periods() -> list[Row]:
    return [
        {"category": each.category, "purpose": each.purpose_key, "days": each.days, "why": each.why}
        for each in Retention.objects.all()
    ]


def _rights() -> Row:
    return {
        "you_may": _(
            "ask for a copy, have it corrected, have it deleted, have its use restricted, object, take it elsewhere,"
            " and take back every yes at any time; each is a button under Requests or Choices"
        )
    }


def _sources() -> list[Row]:
    return [{"source": each.title, "what": each.description} for each in Source.objects.live()]


def _automated(purpose: Purpose, records: dict[str, PurposeRecord]) -> Row:
    record = records.get(purpose.key)
    said = record.automated_decisions if record else ""
    return {"purpose": purpose.title, "automated_decisions": said or _("none")}


def _transfers() -> list[Row]:
    receivers = [*Recipient.objects.exclude(safeguard=""), *Processor.objects.exclude(safeguard="")]
    return [{"name": each.name, "country": each.country, "safeguard": each.safeguard} for each in receivers]


def _notices(request: SubjectRequest) -> list[Row]:
    digests = Decision.objects.for_subject(request.subject_id).values_list("notice_sha256", flat=True)
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


# --- the page to open first


def start_page(request: SubjectRequest, entries: list[Entry]) -> bytes:
    """Return a page that needs nothing but itself: no script, no image, no address outside the archive."""
    style = finders.find("css/copy.css")
    by_entry = _receipts(entries)
    decided, looked = _with_receipts(decisions(request), by_entry), _with_receipts(looks(request), by_entry)
    context = {
        "request": request,
        "style": format_html("<style>{}</style>", Path(str(style)).read_text(encoding="utf-8")) if style else "",
        "entries": [entry for entry in entries if not _index_of(entry.path)],
        "events": sum(entry.records for entry in entries if entry.path.startswith("data/")),
        "sections": article_15(request) if request.kind == "access" else [],
        "decisions": decided,
        "looks": looked,
        "deletions": sorted(by_entry.items()),
    }
    return render_to_string("rights/copy.html", context).encode()


def _index_of(path: str) -> str:
    """Return the entry of the log whose receipt this file is; nothing of any other file."""
    folder, _slash, name = path.rpartition("/")
    index = name.partition(".")[0]
    return index if folder == "receipts" and index.isdecimal() else ""


def _receipts(entries: list[Entry]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for entry in entries:
        if index := _index_of(entry.path):
            found.setdefault(index, []).append(entry.path)
    return found


def _with_receipts(rows: list[Row], by_entry: dict[str, list[str]]) -> list[Row]:
    """Hand each row the files of its entry; what is left over belongs to no row of these."""
    return [row | {"files": by_entry.pop(str(row["ledger_index"]), [])} for row in rows]
