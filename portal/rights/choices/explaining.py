"""What was allowed at a past moment, under which text, by which decision, and what kept the rest out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import override

from consent import gate
from consent.models import Decision, NoticeVersion, Purpose
from consent.values import CATEGORIES, LAST_DAY_MS, Basis, Withheld
from portal.audit.models import Act
from portal.audit.values import Action
from portal.people import hours
from portal.people.models import Employee
from portal.register.models import Flow, PurposeRecord, Source, WorksAgreement
from portal.register.standing import ALL, concerns, country_of, demanded
from portal.register.values import Kind, State
from portal.rights.choices.cards import SAID, listed
from portal.rights.choices.past import Answer, Moment, moment
from portal.rights.choices.reading import category_words


@dataclass(frozen=True)
class Line:
    """Some categories of a source, and what kept them out; nothing did where `why` is empty."""

    source: str
    categories: list[str]
    why: str

    @property
    def sentence(self) -> str:
        return listed(self.categories)


@dataclass(frozen=True)
class Part:
    """One purpose at the moment: the answer that stood, its text, and what followed from it."""

    purpose: str
    key: str
    said: str
    decision: Decision | None
    notice: NoticeVersion | None
    lines: list[Line]

    @property
    def allowed(self) -> list[Line]:
        return [each for each in self.lines if not each.why]


@dataclass(frozen=True)
class Explanation:
    """All of a person's purposes at the moment."""

    at: datetime
    parts: list[Part]
    general: list[str]

    @property
    def is_on(self) -> bool:
        return any(part.allowed for part in self.parts)

    @property
    def headline(self) -> str:
        named = [part.purpose for part in self.parts if part.allowed]
        if not named:
            return _("Daylight accepted nothing from you at that moment.")
        return _("At that moment Daylight accepted data for %(purposes)s.") % {
            "purposes": listed(f"“{each}”" for each in named)
        }


class Past:
    """What the moment is held against: the register, and the person as they are now."""

    def __init__(self, person: Employee, at: datetime) -> None:
        self.person, self.now = person, moment(person.pk, at)
        self.sources = {each.key: each for each in Source.objects.exclude(state=State.DRAFT)}
        self.flows = {(each.source_id, each.category, each.purpose_key): each for each in Flow.objects.all()}
        self.records = {each.purpose_key: each for each in PurposeRecord.objects.all()}
        self.notices = _notices_at(at)
        self.purposes = {each.key: each for each in Purpose.objects.exclude(state=Purpose.State.DRAFT)}

    def concerns(self, purpose_key: str) -> bool:
        record = self.records.get(purpose_key)
        return concerns(record.jurisdictions if record else (), self.person.jurisdiction)

    def to_acknowledge(self) -> list[Purpose]:
        """Return what had to be acknowledged first, and was not."""
        wanted = [
            self.purposes[key]
            for key, record in self.records.items()
            if record.must_acknowledge and key in self.purposes and key in self.notices and self.concerns(key)
        ]
        return [each for each in wanted if not _was_over(each, self.now) and not self._told(each.key)]

    def _told(self, purpose_key: str) -> bool:
        grant = self.now.state.grants.get(purpose_key)
        return grant is not None and grant.basis != Basis.CONSENT


def _notices_at(at: datetime) -> dict[str, NoticeVersion]:
    """Return the text in force then of each purpose, in English where there is one."""
    found = NoticeVersion.objects.valid(at).select_related("notice__purpose")
    best: dict[str, NoticeVersion] = {}
    for each in sorted(found, key=lambda v: (v.notice.language != "en", v.notice.language, -v.version)):
        best.setdefault(each.notice.purpose_id, each)
    return best


def _was_over(purpose: Purpose, now: Moment) -> bool:
    return bool(purpose.retired_at and purpose.retired_at <= now.at and purpose.state == Purpose.State.RETIRED)


def explain(person: Employee, at: datetime) -> Explanation:
    """Tell what was allowed of this person at that time, purpose by purpose."""
    past = Past(person, at)
    general = list(_general(past))
    keys = sorted(past.notices.keys() & past.purposes.keys() | past.now.answers.keys() & past.purposes.keys())
    parts = [_part(past, key, general) for key in keys if past.concerns(key) or key in past.now.answers]
    return Explanation(at, parts, general)


def _general(past: Past) -> Iterator[str]:
    """Say what kept everything out, whatever had been answered."""
    if not past.now.present:
        yield _("Your account was closed.")
    if past.now.closed:
        yield _("Daylight was closed: it accepted nothing from anybody.")
    until = past.now.state.paused_until(past.now.at_ms)
    if until is not None:
        yield _paused(until)
    if past.now.at.astimezone(ZoneInfo(past.person.time_zone)).date() in past.now.state.days_off:
        yield _("You marked this day as a day off: since you did, nothing of it is accepted.")
    for purpose in past.to_acknowledge():
        yield _("You had not yet confirmed the notice “%(title)s”, which comes first.") % {"title": purpose.title}


def _paused(until_ms: int) -> str:
    if until_ms >= LAST_DAY_MS:
        return _("You had paused, until you end it.")
    return _("You had paused, until %(time)s.") % {"time": when(datetime.fromtimestamp(until_ms / 1000, UTC))}


def when(at: datetime) -> str:
    return date_format(timezone.localtime(at), "j F Y, H:i:s")


def _part(past: Past, key: str, general: list[str]) -> Part:
    answer = past.now.answers.get(key)
    notice = answer.notice if answer and answer.notice else past.notices.get(key)
    covers = notice.covers if notice else {}
    lines = [
        line for source, named in sorted(covers.items()) for line in _lines(past, key, source, named, answer, general)
    ]
    decision = answer.decision if answer else None
    said = str(SAID[decision.kind]) if decision else _("You had not answered")
    return Part(past.purposes[key].title, key, said, decision, notice, lines)


def _lines(
    past: Past, key: str, source: str, named: Iterable[str], answer: Answer | None, general: list[str]
) -> Iterator[Line]:
    """Join the categories of a source that met the same."""
    by_reason: dict[str, list[str]] = {}
    for category in sorted(named, key=CATEGORIES.index):
        why = _why(past, key, source, category, answer, general)
        by_reason.setdefault(why, []).append(category)
    title = past.sources[source].title if source in past.sources else source
    for why, categories in by_reason.items():
        yield Line(title, category_words(categories), why)


def _why(past: Past, key: str, source: str, category: str, answer: Answer | None, general: list[str]) -> str:
    """Say what kept it out, empty if nothing did; the gate is asked as ingest asks it."""
    known = past.sources.get(source)
    reason = gate.allows(
        past.now.state,
        purpose=key,
        category=category,
        source=source,
        t_ms=past.now.at_ms,
        imported=bool(known and known.kind == Kind.IMPORT),
    )
    if reason == Withheld.PAUSED or (reason is not None and not past.now.present):
        return general[0]
    if reason is not None:
        return _refused(past, key, reason, answer)
    return _not_active(past, source) or next(iter(general), "") or _after_hours(past, key, source, category)


def _refused(past: Past, key: str, reason: Withheld, answer: Answer | None) -> str:
    if reason == Withheld.RESTRICTED:
        return _("You had restricted the use of this data.")
    if reason != Withheld.NOT_PERMITTED:
        return _("It was from before you had answered.")
    if answer is None:
        return _("You had not answered.")
    return _ended(past.purposes[key], answer, past.now)


def _ended(purpose: Purpose, answer: Answer, now: Moment) -> str:
    """Say why an answer let nothing in."""
    lapsed = answer.lapsed_ms
    if answer.retired:
        return _("Your company had ended this purpose on %(time)s.") % {"time": when(answer.retired)}
    if answer.withdrawn_while_closed:
        return _("You had taken your yes back on %(time)s.") % {"time": when(answer.withdrawn_while_closed)}
    if lapsed is not None and lapsed <= now.at_ms and answer.grant is None and str(answer.decision.kind) in POSITIVE:
        ended = datetime.fromtimestamp(lapsed / 1000, UTC)
        return _("Your answer had run out on %(time)s.") % {"time": when(ended)}
    if str(answer.decision.kind) in POSITIVE:
        return _("The text that you had answered did not name it.")
    return f"{SAID[answer.decision.kind]}."


POSITIVE = {"given", "acknowledged"}


def _not_active(past: Past, source: str) -> str:
    """Say why a source let nothing in whatever was answered: not live, or no works agreement."""
    if not _was_live(past, source):
        return _("The source was not in operation.")
    if demanded(past.person.jurisdiction) and not _was_agreed(past, source):
        return _("No works agreement was recorded for this source in your country.")
    return ""


def _was_live(past: Past, source: str) -> bool:
    known = past.sources.get(source)
    last = _last_act(past.now.acts, source)
    if last is not None or known is None:
        return last is not None and last.action == Action.SOURCE_LIVE
    return known.live_since <= past.now.at if known.live_since else known.state == State.LIVE


def _last_act(acts: Iterable[Act], source: str) -> Act | None:
    found = None
    for act in acts:
        if act.action in (Action.SOURCE_LIVE, Action.SOURCE_RETIRED) and act.facts.get("source") == source:
            found = act
    return found


def _was_agreed(past: Past, source: str) -> bool:
    countries = [ALL, country_of(past.person.jurisdiction)]
    by_then = timezone.localtime(past.now.at).date()
    return WorksAgreement.objects.filter(source=source, country__in=countries, dated__lte=by_then).exists()


def _after_hours(past: Past, key: str, source: str, category: str) -> str:
    """Say whether the clock kept it out, by the stricter of the rule answered and the flow as it is now."""
    known, flow = past.sources.get(source), past.flows.get((source, category, key))
    if known is None or known.kind == Kind.IMPORT:
        return ""
    grant = past.now.state.grants.get(key)
    rules = grant.rules.get(source) if grant and grant.rules else None
    rule = rules.flows.get(category) if rules else None
    allowed = (flow is None or flow.off_hours) and (rule is None or rule.off_hours)
    if allowed or hours.inside(past.person.working_hours, past.person.time_zone)(past.now.at_ms):
        return ""
    return _("It was outside your working hours.")


def as_text(person: Employee, found: Explanation) -> Iterator[str]:
    """Write an explanation as lines for a terminal, in English and in the person's time."""
    with override("en"):
        yield f"{person.employee_number} at {found.at.isoformat()} ({when(found.at)}, {person.time_zone})"
        yield "“You” is the person: these are the words of their own page."
        yield from (f"kept out altogether: {each}" for each in found.general)
        if not found.parts:
            yield "Nothing had been asked by then, so nothing was allowed."
        for part in found.parts:
            yield ""
            yield f"{part.key}: {part.said}{_by(part)}"
            yield from (f"  {each.source}: {each.sentence}: {each.why or 'allowed'}" for each in part.lines)


def _by(part: Part) -> str:
    text = f"notice version {part.notice.version}, SHA-256 {part.notice.sha256}" if part.notice else "no notice"
    if part.decision is None:
        return f"; {text}"
    return f" on {part.decision.at.isoformat()}, entry {part.decision.leaf_idx}; {text}"
