"""Is anything being accepted from a person now? Asked of the same gate that ingest asks, and said in plain words."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from django.utils import timezone
from django.utils.formats import date_format, time_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from consent.asking import Why
from consent.values import CATEGORIES, DecisionKind, GateState, Withheld, milliseconds
from portal.events import permits
from portal.events.stricter import NOT_ACKNOWLEDGED, NOT_AGREED
from portal.people.models import Employee
from portal.rights.choices.cards import YES, Deck, listed
from portal.rights.choices.reading import category_words

TAKEN_BACK = frozenset({DecisionKind.WITHDRAWN, DecisionKind.OBJECTED})
TYPING = frozenset({"keystroke_timing", "keystroke_content"})


@dataclass(frozen=True)
class Standing:
    """The first line of the overview. `offer` is the one thing to press: pause, resume, answer or none."""

    tone: str
    headline: str
    says: str = ""
    detail: str = ""
    offer: str = ""


Accepted = dict[tuple[str, str], set[str]]  # (source, category) -> purposes that it is accepted for


def standing(employee: Employee, found: Deck) -> Standing:
    """Return what is so at this moment; every branch answers with what a batch sent now would meet."""
    state, now = found.state, timezone.now()
    if state is not None and state.closed:
        return _closed()
    accepted, reasons = _accepted(employee, found, now)
    return _accepting(found, accepted) if accepted else _refusing(employee, found, reasons)


def _refusing(employee: Employee, found: Deck, reasons: set[str]) -> Standing:
    state = found.state
    if by_choice := _by_choice(state, reasons):
        return by_choice
    if found.unanswered and not (state and state.grants):
        return _unanswered(found)
    if NOT_ACKNOWLEDGED in reasons:
        return _untold()
    if _of(found, Why.EXPIRED) and not (state and state.grants):
        return _run_out(found)
    if reasons and reasons <= {NOT_AGREED}:
        return _not_agreed()
    if Withheld.OFF_HOURS in reasons:
        return _after_hours(employee)
    if state and state.grants and state.restrictions:
        return _restricted()
    return _nothing(found)


def _by_choice(state: GateState | None, reasons: set[str]) -> Standing | None:
    """Return what the person chose for a time, whatever they answered."""
    until = state.paused_until(milliseconds(timezone.now())) if state else None
    if until is not None:
        return _paused(until)
    return _day_off() if Withheld.DAY_OFF in reasons else None


def _accepted(employee: Employee, found: Deck, now: datetime) -> tuple[Accepted, set[str]]:
    """Return what ingest would take now, and why it would not take the rest."""
    accepted: Accepted = {}
    reasons: set[str] = set()
    for keeper in permits.keepers(employee, found.state) if found.state else ():
        for category in CATEGORIES:
            verdict = keeper.now(category, milliseconds(now))
            if verdict.reason:
                reasons.add(verdict.reason)
            else:
                accepted[(keeper.source, category)] = set(verdict.purposes)
    return accepted, reasons


def _accepting(found: Deck, accepted: Accepted) -> Standing:
    sources = sorted({source for source, _category in accepted})
    titles = listed(found.sources[key].title for key in sources if key in found.sources)
    what = listed(category_words(category for _source, category in accepted))
    typed = TYPING.isdisjoint(category for _source, category in accepted)
    headline = _("Daylight accepts data from %(sources)s.") % {"sources": titles}
    says = f"{what[:1].upper()}{what[1:]}."
    if found.refusals:
        headline = _still_accepting(found, accepted)
        says = _("%(what)s, from %(sources)s.") % {"what": f"{what[:1].upper()}{what[1:]}", "sources": titles}
    says = f"{says} {_('Not what you type.')}" if typed else says
    return Standing("on", headline, says, " ".join(filter(None, [_typing(accepted), *_open(found)])), "pause")


def _of(found: Deck, why: Why) -> list[str]:
    return [f"“{card.purpose.title}”" for card in found.cards if card.why == why]


def _open(found: Deck) -> Iterator[str]:
    """Say what is not accepted, or not yet, because it was asked and not answered."""
    wider, over = _of(found, Why.WIDENED), _of(found, Why.EXPIRED)
    if wider:
        said = _("The notice of %(purposes)s asks for more: until you answer, no more is accepted than before.")
        yield said % {"purposes": listed(wider)}
    if over:
        yield _("Your answer on %(purposes)s has run out: nothing is accepted for it.") % {"purposes": listed(over)}


def _still_accepting(found: Deck, accepted: Accepted) -> str:
    """Say first that another purpose goes on although the person said no to one."""
    purposes = set().union(*accepted.values())
    return _("You said no to %(refused)s. Daylight still accepts data for %(purposes)s.") % {
        "refused": listed(f"“{card.purpose.title}”" for card in found.refusals),
        "purposes": listed(f"“{card.purpose.title}”" for card in found.cards if card.key in purposes),
    }


def _typing(accepted: Accepted) -> str:
    kinds = {category for _source, category in accepted}
    if "keystroke_content" in kinds:
        return _("What you type is kept for the apps that the notice names.")
    if "keystroke_timing" in kinds:
        return _(
            "Typing rhythm holds which key was pressed and when, in whole seconds unless the notice says otherwise."
        )
    return ""


def _day_off() -> Standing:
    headline = _("You marked today as a day off. Daylight accepts nothing from you today.")
    says = _("What your devices send of it is dropped on arrival and does not come back.")
    return Standing("off", headline, says, "", "none")


def _paused(until_ms: int) -> Standing:
    until = timezone.localtime(datetime.fromtimestamp(until_ms / 1000, UTC))
    same_day = until.date() == timezone.localdate()
    clock = time_format(until, "H:i")
    shown = clock if same_day else f"{date_format(until, 'l j F')}, {clock}"
    headline = _("You have paused until %(time)s. Daylight accepts nothing from you.") % {"time": shown}
    return Standing("off", headline, "", _("What your devices send meanwhile is dropped on arrival."), "resume")


def _unanswered(found: Deck) -> Standing:
    count = len(found.unanswered)
    asked = ngettext("You have %(count)d question to answer.", "You have %(count)d questions to answer.", count)
    return Standing(
        "off",
        _("Daylight accepts nothing from you yet."),
        asked % {"count": count},
        _("What your devices send before that is dropped on arrival. You can take all the time you want."),
        "answer",
    )


def _untold() -> Standing:
    return Standing(
        "off",
        _("Daylight accepts nothing from you yet: there is something that you have to be told first."),
        "",
        _("What your devices send before you have confirmed that you were told is dropped on arrival."),
        "answer",
    )


def _not_agreed() -> Standing:
    return Standing(
        "off",
        _("Daylight accepts nothing from you: in your country your representatives have to agree to it first."),
        "",
        _("What your devices send is dropped on arrival."),
    )


def _run_out(found: Deck) -> Standing:
    return Standing(
        "off",
        _("Daylight accepts nothing from you: your answer on %(purposes)s has run out.")
        % {"purposes": listed(_of(found, Why.EXPIRED))},
        "",
        _("You need do nothing. If you want, read the notice and answer again."),
        "answer",
    )


def _restricted() -> Standing:
    headline = _("Daylight accepts nothing from you: the use of your data is restricted.")
    return Standing(
        "off", headline, "", _("What your devices send is dropped on arrival until the restriction is lifted.")
    )


def _after_hours(employee: Employee) -> Standing:
    return Standing(
        "off",
        _("Daylight accepts nothing from you now: it is outside your working hours."),
        "",
        _("Your working hours here are %(hours)s, %(zone)s time.")
        % {"hours": employee.working_hours, "zone": employee.time_zone.replace("_", " ")},
        "pause",
    )


def _closed() -> Standing:
    return Standing(
        "stop",
        _("Daylight is closed: it accepts nothing from anybody now."),
        "",
        _("The log of decisions does not match the copy kept outside. Withdrawals and pauses are still taken."),
    )


def _nothing(found: Deck) -> Standing:
    left = [card.decision.at for card in found.cards if card.decision and card.decision.kind in TAKEN_BACK]
    left += [each.purpose.retired_at for each in found.ended if each.purpose.retired_at and each.decision.kind in YES]
    rest = _("What your devices send is dropped on arrival.")
    if not left or (found.state and found.state.grants):
        return Standing("off", _("Daylight accepts nothing from you."), "", rest)
    at = timezone.localtime(max(left))
    shown = time_format(at, "H:i") if at.date() == timezone.localdate() else date_format(at, "j F, H:i")
    return Standing("off", _("Daylight accepts nothing from you since %(time)s.") % {"time": shown}, "", rest)
