"""The items of Art. 15(1) and (2), each with its letter, a sentence and what the register says."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Any

from django.apps import apps
from django.conf import settings
from django.utils.functional import Promise
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy

from consent.models import Purpose
from portal.events import words
from portal.people.roles import ROLES as ALLOWED
from portal.people.roles import Role
from portal.register.models import Controller, Flow, Processor, PurposeRecord, Recipient, Retention, Source
from portal.register.values import State
from portal.rights.prepared import Texts

Row = dict[str, Any]


@dataclass(frozen=True)
class Section:
    """A labelled part of what a person is told: `item` is the letter of Art. 15(1), `2`, or `-` for what is beside."""

    item: str
    key: str
    title: str
    says: str
    rows: list[Row] = field(default_factory=list)

    def to_json(self) -> Row:
        return {"item": self.item, "title": self.title, "says": self.says, "rows": self.rows}


# Items (a) to (h) and (2) in the order of the law: the letter, the key, the title, and what the section says first.
HEADS = (
    (
        "1a",
        "purposes",
        _lazy("Purposes and their legal basis"),
        _lazy("What your data is used for, and what allows it."),
    ),
    (
        "1b",
        "categories",
        _lazy("Categories of data"),
        _lazy("Which kinds of data are collected, by what, and what for."),
    ),
    (
        "1c",
        "recipients",
        _lazy("Who receives it"),
        _lazy("Everybody outside who receives data or processes it, by name, and who within the company may see what."),
    ),
    (
        "1d",
        "periods",
        _lazy("How long it is kept"),
        _lazy("Counted from the day on which it was observed; then it is deleted by itself."),
    ),
    ("1e", "rights", _lazy("Your rights"), _lazy("Each is a button under Requests or Choices.")),
    (
        "1f",
        "complaint",
        _lazy("Complaint"),
        _lazy("You can complain to the supervisory authority at any time, without asking your company first."),
    ),
    ("1g", "sources", _lazy("Where it comes from"), _lazy("Whatever you did not enter yourself comes from these.")),
    (
        "1h",
        "automated",
        _lazy("Automated decisions"),
        _lazy("Whether anything is decided about you by a program alone, profiling included."),
    ),
    (
        "2",
        "transfers",
        _lazy("Safeguards for transfers abroad"),
        _lazy("What protects the data of those who receive it in another country."),
    ),
)


REGISTER = Texts(
    lambda: [
        Controller.objects.values(),
        Purpose.objects.exclude(state=Purpose.State.DRAFT).order_by("key").values(),
        PurposeRecord.objects.order_by("purpose_key").values(),
        Flow.objects.live().order_by("category", "purpose_key", "source").values(),
        Recipient.objects.order_by("key").values(),
        Processor.objects.order_by("key").values(),
        Source.objects.exclude(state=State.DRAFT).order_by("key").values(),
        Retention.objects.order_by("category", "purpose_key").values(),
    ]
)


@dataclass(frozen=True, eq=False)
class Company:
    """What the register says, as of one moment."""

    controller: Controller | None
    purposes: list[Purpose]
    records: dict[str, PurposeRecord]
    flows: list[Flow]
    recipients: list[Recipient]
    processors: list[Processor]
    sources: list[Source]
    periods: list[Retention]

    @classmethod
    def read(cls) -> Company:
        return _company(*REGISTER.read())

    @property
    def titles(self) -> dict[str, str]:
        return {each.key: each.title for each in self.purposes}

    @cached_property
    def register(self) -> list[Row]:
        """Return what is collected, by what and for what."""
        return [
            {
                "source": flow.source.title,
                "category": flow.category,
                "purpose": flow.purpose_key,
                "why": flow.why,
                "outside_working_hours": flow.off_hours,
                "exact_timing": flow.exact_timing,
                "typed_text_in": flow.content_apps,
            }
            for flow in self.flows
        ]


@lru_cache(4)
def _company(*register: str) -> Company:
    """Return what these texts say, which is the same for everybody; dates stay texts, and are not told here."""
    controllers, purposes, records, flows, recipients, processors, sources, periods = map(json.loads, register)
    by_key = {each["key"]: Source(**each) for each in sources}
    return Company(
        controller=next((Controller(**each) for each in controllers), None),
        purposes=[Purpose(**each) for each in purposes],
        records={each["purpose_key"]: PurposeRecord(**each) for each in records},
        flows=[Flow(source=by_key[each.pop("source_id")], **each) for each in flows],
        recipients=[Recipient(**each) for each in recipients],
        processors=[Processor(**each) for each in processors],
        sources=list(by_key.values()),
        periods=[Retention(**each) for each in periods],
    )


def sections(company: Company, held: frozenset[str]) -> list[Section]:
    """Return what the register says, and which roles are held within the company."""
    return list(_sections(company, held, get_language()))


@lru_cache(8)
def _sections(company: Company, held: frozenset[str], language: str) -> tuple[Section, ...]:
    titles, records = company.titles, company.records
    rows = {
        "purposes": [_purpose(each, records) for each in company.purposes],
        "categories": _categories(company.flows, titles),
        "recipients": [*_recipients(company, titles), *_within(held)],
        "periods": _periods(company.periods, titles),
        "rights": _rights(),
        "complaint": _complaint(company.controller),
        "sources": _sources(company.sources),
        "automated": [_automated(each, records) for each in company.purposes],
        "transfers": _transfers([*company.recipients, *company.processors]),
    }
    return tuple(Section(item, key, str(title), str(says), rows[key]) for item, key, title, says in HEADS)


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


def _categories(flows: Iterable[Flow], titles: dict[str, str]) -> list[Row]:
    return [
        {
            "category": words.category(each.category),
            "source": each.source.title,
            "purpose": titles.get(each.purpose_key, each.purpose_key),
            "why": each.why,
        }
        for each in flows
    ]


def _recipients(company: Company, titles: dict[str, str]) -> list[Row]:
    purposes: dict[str, list[str]] = defaultdict(list)
    for key, record in sorted(company.records.items()):
        for recipient in record.recipients or ():
            purposes[recipient].append(titles.get(key, key))
    found = [_party(each, _("recipient"), each.receives, ", ".join(purposes[each.pk])) for each in company.recipients]
    return found + [_party(each, _("processor"), each.service, "") for each in company.processors]


def _party(each: Recipient | Processor, what: str | Promise, receives: str, purposes: str) -> Row:
    return {
        "name": each.name,
        "as": str(what),
        "receives": receives,
        "purpose": purposes,
        "country": each.country,
        "contact": each.contact,
    }


def _within(held: frozenset[str]) -> list[Row]:
    """Say which roles somebody holds inside: roles, not names."""
    return [
        {
            "name": str(Role(role).label),
            "as": _("a role within the company"),
            "receives": _may(role),
            "purpose": "",
            "country": "",
            "contact": "",
        }
        for role in Role.values
        if role in held
    ]


def _may(role: str) -> str:
    said = {
        "requests.handle": _("requests, never an event"),
        "audit.read": _("who looked at what, never an event"),
        "releases.handle": _("data sets for training, never one person’s events"),
    }
    return "; ".join(said[each] for each in sorted(ALLOWED[role]) if each in said) or _("nothing about you")


def _periods(periods: Iterable[Retention], titles: dict[str, str]) -> list[Row]:
    return [
        {
            "category": words.category(each.category),
            "purpose": titles.get(each.purpose_key, each.purpose_key),
            "days": each.days,
            "why": each.why,
        }
        for each in periods
    ]


def _rights() -> list[Row]:
    may = (
        (_("Access"), _("a copy, and what stands here"), "15"),
        (_("Correction"), _("have what is wrong put right, or your view noted beside it"), "16"),
        (_("Deletion"), _("have it deleted: everything, an app, a day, the last hour"), "17"),
        (_("Restriction"), _("have it kept and not used while something is settled"), "18"),
        (_("Taking it elsewhere"), _("get what you provided in a form that other programs read"), "20"),
        (_("Objection"), _("object to what rests on an interest of the company"), "21"),
        (_("Taking a yes back"), _("at any time, as simply as it was given"), "7(3)"),
    )
    return [{"right": right, "you_may": what, "article": f"Art. {article}"} for right, what, article in may]


def _complaint(controller: Controller | None) -> list[Row]:
    authority = controller.authority if controller else ""
    return [{"authority": authority, "in_the_portal": f"{settings.ORIGIN}/requests/"}]


def _sources(live: Iterable[Source]) -> list[Row]:
    return [{"source": each.title, "kind": str(each.get_kind_display()), "what": each.description} for each in live]


def _automated(purpose: Purpose, records: dict[str, PurposeRecord]) -> Row:
    record = records.get(purpose.key)
    said = record.automated_decisions if record else ""
    return {"purpose": purpose.title, "automated_decisions": said or _("none")}


def _transfers(parties: Iterable[Recipient | Processor]) -> list[Row]:
    return [
        {"name": each.name, "country": each.country, "safeguard": each.safeguard} for each in parties if each.safeguard
    ]


def releases() -> Section:
    """Say in which data sets for training the person's data is; there are none where nothing here can make one."""
    says = _(
        "Nothing of yours is in a data set for training: this installation of Daylight has no part that makes any."
    )
    if apps.is_installed("portal.releases"):
        says = _("Every data set for training that your data was used in.")
    return Section("-", "releases", _("Releases that used your data"), says)
