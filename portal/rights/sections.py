"""What a copy says beside the data: the items of Art. 15, what is known of the person, and lists of what was done."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from allauth.account.models import EmailAddress
from django.utils.translation import gettext as _

from consent.models import NoticeVersion
from portal.register.models import Controller
from portal.rights import art15, bundle, lists, tables
from portal.rights.art15 import Company, Row, Section
from portal.rights.models import SubjectRequest
from portal.rights.prepared import Rows
from portal.rights.turn import Turn
from portal.rights.values import Format

ADDRESSES = Rows(lambda subject_id: EmailAddress.objects.filter(user=subject_id))
# The lists of which each is a file.
FILES = (
    "decisions",
    "access_log",
    "daily_totals",
    "devices",
    "my_devices",
    "requests",
    "messages",
    "intakes",
    "disputes",
    "holds",
    "questions",
    "days_off",
    "shorter_periods",
    "deleted_on_time",
    "recipients_told",
)


@dataclass(frozen=True)
class Known:
    """What a copy says beside the data, found once: the files and the start page are written from it."""

    told: list[Section]
    lists: dict[str, list[Row]]
    register: list[Row]
    case_files: list[tuple[str, bytes]]


def find(turn: Turn) -> Known:
    company, found = turn.company, lists.found(turn)
    listed = {name: found[name] for name in FILES}
    return Known(article_15(turn, company, found), listed, company.register, found["case_files"])


def files(request: SubjectRequest, known: Known) -> Iterator[tuple[str, int, bytes]]:
    """Yield (path, records, bytes) of everything but the data, its description, the start page and the manifest."""
    yield "article-15.json", len(known.told), as_json([each.to_json() for each in known.told])
    for name, rows in known.lists.items():
        yield f"{name}.{_ending(request)}", len(rows), _rows(request, rows)
    yield "register.json", len(known.register), as_json(known.register)
    for path, content in known.case_files:
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
    return bundle.indented(json.dumps(value, ensure_ascii=False))


# --- the sections


def article_15(turn: Turn, company: Company, found: Mapping[str, list[Row]]) -> list[Section]:
    """Return who answers for it, the items of Art. 15(1) and (2), then whatever else is known of the person."""
    return [
        Section("-", "controller", _("Who answers for this"), "", _controller(company.controller)),
        *art15.sections(company, turn.colleagues.held),
        Section("-", "person", _("Who you are here"), "", _person(turn)),
        Section("-", "account", _("Your roles"), _("What you may do for others in Daylight."), found["roles"]),
        Section("-", "sessions", _("Where you are signed in"), "", found["sessions"]),
        Section("-", "devices", _("Your devices"), _("What each last sent, and after which no."), found["devices"]),
        Section("-", "my_devices", _("Your collectors"), _("What is connected in your name."), found["my_devices"]),
        art15.releases(),
        Section("-", "requests", _("Your requests"), "", found["requests"]),
        Section("-", "messages", _("Notes and messages about your requests"), "", found["messages"]),
        Section("-", "intakes", _("Requests that others recorded for you"), "", found["intakes"]),
        Section("-", "disputes", _("What you said is wrong"), _("It goes wherever the data goes."), found["disputes"]),
        Section("-", "holds", _("Legal holds"), _("What may not be deleted for now, and why."), found["holds"]),
        Section("-", "shorter_periods", _("Shorter times that you chose"), "", found["shorter_periods"]),
        Section(
            "-",
            "deleted_on_time",
            _("What was deleted because its time was over"),
            _("Counts of each night on which something went."),
            found["deleted_on_time"],
        ),
        Section("-", "days_off", _("Days that you marked"), _("Nothing is collected on them."), found["days_off"]),
        Section("-", "questions", _("Questions about your requests"), _("And what you answered."), found["questions"]),
        Section("-", "leaving", _("When you leave"), "", [*found["channel"], *found["departure"]]),
        Section("-", "told", _("Recipients that were told"), "", found["recipients_told"]),
        Section(
            "-",
            "notices",
            _("The notices you were shown"),
            _("As they were, word for word."),
            _notices(turn.texts),
        ),
    ]


def _person(turn: Turn) -> list[Row]:
    each = turn.person
    if each is None:
        return []
    names = ("employee_number", "name", "email", "department", "jurisdiction", "time_zone", "working_hours", "language")
    addresses = [each.email for each in ADDRESSES.of(turn.subject_id)]
    return [
        {"subject_id": str(each.pk)}
        | {name: getattr(each, name) for name in names}
        | {"manager": _("known, not named here") if each.manager_id else "", "addresses": ", ".join(addresses)}
        | {
            "company_sign_in": each.sso_subject,
            "last_signed_in": each.last_login.isoformat() if each.last_login else "",
        }
    ]


def _controller(controller: Controller | None) -> list[Row]:
    names = ("name", "address", "contact", "representative", "dpo_name", "dpo_contact")
    return [{name: getattr(controller, name) for name in names}] if controller else []


def _notices(found: Iterable[NoticeVersion]) -> list[Row]:
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
