"""What a source collects from one person, for which purposes, by which notice and why: read before they connect it."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from consent import gate
from consent.models import NoticeVersion, Purpose
from consent.values import Basis, GateState
from portal.events import words
from portal.people.models import Employee
from portal.register import notice_items
from portal.register.models import Flow, PurposeRecord, Source
from portal.register.standing import concerns

BASES = {
    Basis.CONSENT: gettext_lazy("your consent"),
    Basis.CONTRACT: gettext_lazy("your employment contract"),
    Basis.LEGAL_OBLIGATION: gettext_lazy("a law that your company must follow"),
    Basis.VITAL_INTERESTS: gettext_lazy("to protect somebody’s life"),
    Basis.PUBLIC_TASK: gettext_lazy("a task in the public interest"),
    Basis.LEGITIMATE_INTEREST: gettext_lazy("your company’s legitimate interest"),
}


@dataclass(frozen=True)
class Item:
    """One kind of data: what, why, and within which bounds."""

    name: str
    what: str
    why: str
    bounds: str
    allowed: bool


@dataclass(frozen=True)
class Use:
    """A purpose that the source collects for; `allowed` is whether anything is taken for it as the answers stand."""

    purpose: Purpose
    basis: str
    notice: NoticeVersion | None
    items: list[Item]

    @property
    def allowed(self) -> bool:
        return any(each.allowed for each in self.items)


def uses(person: Employee, source: Source, language: str) -> list[Use]:
    """Return what the source collects from this person, purpose by purpose."""
    flows = list(Flow.objects.live_for(source.key).order_by("purpose_key", "category"))
    purposes = {each.key: each for each in Purpose.objects.live().filter(pk__in={flow.purpose_key for flow in flows})}
    records = {each.purpose_key: each for each in PurposeRecord.objects.filter(purpose_key__in=purposes)}
    notices = NoticeVersion.objects.in_force_of(purposes, language)
    state = gate.read(person.pk)
    return [
        Use(
            purpose,
            str(BASES[Basis(purpose.basis)]),
            notices.get(key),
            [_item(flow, state) for flow in flows if flow.purpose_key == key],
        )
        for key, purpose in purposes.items()
        if concerns(records[key].jurisdictions if key in records else (), person.jurisdiction)
    ]


def untold(person: Employee, place: str, language: str) -> list[NoticeVersion]:
    """Return what has to be acknowledged where a device is used, and was not: until then nothing is taken from it."""
    state = gate.read(person.pk)
    records = PurposeRecord.objects.filter(must_acknowledge=True)
    keys = {each.purpose_key for each in records if concerns(each.jurisdictions, place)}
    told = {key for key, grant in state.grants.items() if grant.basis != Basis.CONSENT} if state else set()
    live = Purpose.objects.live().filter(pk__in=keys - told)
    notices = NoticeVersion.objects.in_force_of([each.key for each in live], language)
    return sorted(notices.values(), key=lambda each: each.notice.purpose_id)


def _item(flow: Flow, state: GateState | None) -> Item:
    grant = state.grants.get(flow.purpose_key) if state else None
    allowed = grant is not None and flow.category in grant.covers.get(flow.source_id, ())
    what = notice_items.category(flow.category)
    return Item(words.category(flow.category), what, flow.why, " ".join(_bounds(flow)), allowed)


def _bounds(flow: Flow) -> list[str]:
    said = []
    if flow.content_apps:
        said.append(_("Only in %(apps)s.") % {"apps": ", ".join(flow.content_apps)})
    always, within = _("Also outside your working hours."), _("Only in your working hours, where they are known.")
    return [*said, always if flow.off_hours else within]
