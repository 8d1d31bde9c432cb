"""What the pages of those who watch show, worked out before the template."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.utils.functional import cached_property
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from consent.models import Purpose
from portal.oversight.disclosure import ALL, COMPANY, COUNTRY, DEPARTMENT, LEAST, Cell, Group
from portal.oversight.models import Rate
from portal.oversight.waiting import APPROVERS
from portal.people.models import Employee
from portal.people.roles import Role
from portal.register import policy, preview
from portal.register.document import from_document
from portal.register.models import PolicyDraft, PurposeRecord
from portal.register.preview import Preview, PurposePreview, TextPreview
from portal.register.standing import concerns, country_of
from portal.rights.choices.prose import html, lines
from portal.rights.choices.redline import Passage, passages

ORDER = (COMPANY, COUNTRY, DEPARTMENT)
KINDS = {COUNTRY: gettext_lazy("Country"), DEPARTMENT: gettext_lazy("Department")}


# --- answers


@dataclass(frozen=True)
class Row:
    """How one group answered, in words that are no more exact than what is kept."""

    kind: str
    name: str
    yes: str
    no: str
    none: str
    day: date


@dataclass(frozen=True)
class Answers:
    """One purpose and the groups that may be shown of it."""

    purpose: Purpose
    rows: list[Row]


def answers() -> list[Answers]:
    """Return what was last shown of each live purpose, without groups that are too small by now."""
    purposes = list(Purpose.objects.live().order_by("title"))
    found: dict[str, list[Rate]] = {}
    for rate in Rate.objects.newest_of([each.key for each in purposes]):
        found.setdefault(rate.count.purpose_key, []).append(rate)
    sizes = _sizes()
    return [Answers(each, list(_rows(found.get(each.key, []), sizes[each.key]))) for each in purposes]


def _sizes() -> dict[str, Counter[Group]]:
    """Return for each purpose how many people of each group it concerns now."""
    where = dict(PurposeRecord.objects.values_list("purpose_key", "jurisdictions"))
    people = list(Employee.objects.active().values_list("department", "jurisdiction"))
    return {
        key: Counter(
            group
            for department, place in people
            if concerns(where.get(key, ()), place)
            for group in Cell(department, country_of(place)).groups
        )
        for key in Purpose.objects.live().values_list("pk", flat=True)
    }


def _rows(rates: Iterable[Rate], sizes: Counter[Group]) -> Iterator[Row]:
    for rate in sorted(rates, key=lambda each: (ORDER.index(each.dimension), each.name)):
        group = (rate.dimension, rate.name)
        if sizes[group] >= LEAST:
            name = _("Everybody") if group == ALL else rate.name
            yes, no, none = map(share, (rate.yes, rate.no, rate.none))
            yield Row(str(KINDS.get(rate.dimension, "")), name, yes, no, none, rate.count.day)


def share(tens: int) -> str:
    if tens <= LEAST:
        return _("10 % or less")
    if tens >= 100 - LEAST:
        return _("90 % or more")
    return _("about %(tens)d %%") % {"tens": tens}


# --- drafts


@dataclass(frozen=True)
class Text:
    """A notice in one language, as it is and as it would be."""

    preview: TextPreview

    @property
    def alone(self) -> SafeString:
        """Return the one text there is, where nothing is to be compared."""
        old, new = self.preview.old, self.preview.new
        return SafeString() if old and new else html(old or new)

    @cached_property
    def passages(self) -> list[Passage]:
        return passages(lines(self.preview.old), lines(self.preview.new))


@dataclass(frozen=True)
class Shown:
    """What would become of a purpose, with its texts made readable."""

    purpose: PurposePreview

    @property
    def texts(self) -> list[Text]:
        return [Text(each) for each in self.purpose.texts]


def drafts(reader: Employee) -> dict[str, Any]:
    """Return what waits for approval, what it would do, and whether this person may say yes to it."""
    pending = list(PolicyDraft.objects.pending().prefetch_related("approvals"))
    policies = [from_document(each.document) for each in pending]
    found = preview.look(policies) if policies else Preview((), (), (), (), (), changes=False)
    return {
        "drafts": pending,
        "found": found,
        "purposes": [Shown(each) for each in found.purposes],
        "seen": seen(pending),
        "own": any(each.drafted_by == reader.pk for each in pending),
        "approved": policy.approved_by(str(reader.pk)),
    }


def seen(pending: Iterable[PolicyDraft]) -> str:
    """Name exactly these drafts, so that nobody says yes to one that came while they read."""
    return ",".join(str(each.pk) for each in pending)


def read_seen(text: str) -> set[str]:
    return set(text.split(","))


def approving_role(person: Employee) -> Role:
    return next(role for role in APPROVERS if role in person.roles)
