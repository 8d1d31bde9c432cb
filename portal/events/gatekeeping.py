"""Asks the gate once for each kind of event in a batch, not once for each event, and sorts what may stay by day."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from operator import attrgetter
from zoneinfo import ZoneInfo

from msgspec import UNSET, Struct, UnsetType

from consent import gate
from consent.values import GateState, Withheld
from portal.events.blocks import Binding
from portal.events.hot import Known, Rule
from portal.events.stricter import NONE, barred, edges, narrowed, shut
from portal.events.tally import DayTally, Tally
from portal.events.values import CONTENT, UNKNOWN_APP, Base, Counts, Focus, Key, Window
from portal.people.hours import inside
from portal.people.models import Employee
from portal.register.models import Source
from portal.register.standing import country_of

SECOND = 1_000
MINUTE = 60_000
ORDER = {reason: place for place, reason in enumerate(Withheld)}


@dataclass(frozen=True)
class Verdict:
    """Kept for these purposes, or withheld for this reason."""

    reason: str = ""
    purposes: tuple[str, ...] = ()
    exact: bool = False


NOWHERE = Verdict(Withheld.NOT_PERMITTED.value)


class Front(Struct, array_like=True, gc=False):
    """From `t` on this app was in front; its name outlives the batch only if the focus event itself was kept.

    `shut` are the purposes that an answer given before keeps the app out of; of a name that is known, it is asked anew.
    """

    t: int
    app: str = UNKNOWN_APP
    hidden: bool = False
    shown: bool = False
    shut: tuple[str, ...] = ()


@dataclass
class Share:
    """A day's part of a batch."""

    events: list[Base] = field(default_factory=list)
    bound: list[int] = field(default_factory=list)
    bindings: dict[tuple[tuple[str, ...], tuple[str, ...], str | None], int] = field(default_factory=dict)
    kept: Counts = field(default_factory=dict)
    contents: int = 0
    withheld: dict[str, Counts] = field(default_factory=dict)

    def keep(self, event: Base, binding: tuple[tuple[str, ...], tuple[str, ...], str | None]) -> int:
        """Return the place of the event's binding."""
        way = self.bindings.setdefault(binding, len(self.bindings))
        self.events.append(event)
        self.bound.append(way)
        self.kept[event.category] = self.kept.get(event.category, 0) + 1
        return way

    def counts(self, source: str, size: int) -> DayTally:
        return DayTally({source: Tally(self.kept, size, self.contents, self.withheld)})

    def binding_list(self) -> list[Binding]:
        return [Binding(*each) for each in self.bindings]


@dataclass
class Sifted:
    """A batch after the gate: what stays of each day, what was stripped, and which windows came to the front."""

    days: dict[date, Share] = field(default_factory=dict)
    stripped: int = 0
    fronts: list[Front] = field(default_factory=list)
    touched: list[tuple[Key, int, str | UnsetType]] = field(default_factory=list)

    def undo(self) -> None:
        """Give the keystrokes back what was taken off them, so that they can be asked for anew."""
        for event, t, key in self.touched:
            event.t, event.key = t, key


Verdicts = dict[tuple[str, str, bool, frozenset[str]], Verdict]
Stretch = tuple[int, int, Share, Verdicts, bool]


class Gatekeeper:
    """What a person's gate says about a source, remembered for as long as one batch takes."""

    def __init__(
        self, state: GateState, source: Source, known: Known, employee: Employee, imported: bool, writer: str = ""
    ) -> None:
        self.state, self.source, self.imported, self.writer = state, source.key, imported, writer
        self.bar = barred(state, known)
        self.blocked = frozenset(source.blocked_apps)
        self.shut = shut(state, source.key, self.blocked)
        self.flows: dict[str, list[Rule]] = {}
        self.device = known.installed.bar if known.installed else ""
        countries = {country_of(each) for each in known.places} or {country_of(employee.jurisdiction)}
        for flow in known.rules:
            stricter = narrowed(flow, state.grants.get(flow.purpose_key), source.key, countries)
            if stricter is not None:
                self.flows.setdefault(flow.category, []).append(stricter)
        self.zone = ZoneInfo(employee.time_zone)
        self.inside = inside("" if imported else employee.working_hours, employee.time_zone)
        self._edges = edges(state)
        self._verdicts: dict[tuple[int, bool], Verdicts] = {}

    @property
    def granted(self) -> bool:
        """Whether anything at all of this source is permitted, at whatever time."""
        return not self.bar and any(
            category in self.state.grants[flow.purpose_key].covers.get(self.source, ())
            for category, flows in self.flows.items()
            for flow in flows
            if flow.purpose_key in self.state.grants
        )

    def stretch(self, t: int, days: dict[date, Share]) -> Stretch:
        """Return the time around `t` in which day, working hours and the gate's answers stay the same."""
        place = bisect_right(self._edges, t)
        low = high = t - t % MINUTE
        high += MINUTE
        if place:
            low = max(low, self._edges[place - 1])
        if place < len(self._edges):
            high = min(high, self._edges[place])
        working = self.inside(t)
        day = datetime.fromtimestamp(t / 1000, UTC).astimezone(self.zone).date()
        share = days.setdefault(day, Share())
        return low, high, share, self._verdicts.setdefault((place, working), {}), working

    @property
    def blocked_everywhere(self) -> frozenset[str]:
        """Apps of which nothing is kept for any purpose that is permitted."""
        asked = {flow.purpose_key for flows in self.flows.values() for flow in flows} & self.state.grants.keys()
        return self.blocked | {app for app, purposes in self.shut.items() if asked and asked <= purposes}

    def judge(
        self, category: str, app: str, hidden: bool, t: int, working: bool, shut: frozenset[str] = NONE
    ) -> Verdict:
        """Ask for every purpose; the best answer counts, and of the refusals the one that came nearest to a yes.

        `hidden` keeps the app out of all of them, `shut` out of those that it names.
        """
        asked = [
            (flow, self._reason(flow, app, hidden or flow.purpose_key in shut, t, working))
            for flow in self.flows.get(category, ())
        ]
        kept = [flow for flow, reason in asked if reason is None]
        if kept and self.device:
            return Verdict(self.device)
        if kept:
            # The strictest of the purposes decides how exactly a keystroke is timed.
            purposes = tuple(sorted(flow.purpose_key for flow in kept))
            return Verdict(purposes=purposes, exact=all(flow.exact_timing for flow in kept))
        reasons = [reason for _flow, reason in asked if reason is not None]
        return Verdict(max(reasons, key=ORDER.__getitem__, default=Withheld.NOT_PERMITTED).value)

    def now(self, category: str, t: int, app: str = "") -> Verdict:
        """Answer for one app; without, for one that nothing is known of, and of typed text for each it may be from."""
        if self.bar:
            return Verdict(self.bar)
        if app or category != CONTENT:
            return self._of_app(category, app or UNKNOWN_APP, t)
        apps = {each for flow in self.flows.get(CONTENT, ()) for each in flow.content_apps}
        asked = [self._of_app(CONTENT, each, t) for each in sorted(apps)]
        granted = [verdict for verdict in asked if not verdict.reason]
        return max(granted or asked or [NOWHERE], key=lambda verdict: len(verdict.purposes))

    def _of_app(self, category: str, app: str, t: int) -> Verdict:
        return self.judge(category, app, app in self.blocked, t, self.inside(t), self.shut.get(app, NONE))

    def _reason(self, flow: Rule, app: str, hidden: bool, t: int, working: bool) -> Withheld | None:
        if flow.category == CONTENT and (app == UNKNOWN_APP or app not in flow.content_apps):
            return Withheld.NOT_PERMITTED
        reason = gate.allows(
            self.state,
            purpose=flow.purpose_key,
            category=flow.category,
            source=self.source,
            t_ms=t,
            app=app,
            collector=self.writer,
            imported=self.imported,
        )
        if reason is None and hidden:
            return Withheld.BLOCKED_APP
        if reason is None and not (working or flow.off_hours):
            return Withheld.OFF_HOURS
        return reason


class Sieve:
    """Goes through a batch in order of time, knowing which window is in front."""

    def __init__(self, keeper: Gatekeeper) -> None:
        self.keeper, self.sifted = keeper, Sifted()
        self.front, self.shut = Front(0), NONE
        self.low = self.high = 0
        self.share, self.verdicts, self.working = Share(), {}, True
        # For what is neither a key nor a window and is kept: its binding, until time or window change the answer.
        self.ways: dict[tuple[type[Base], str | UnsetType], int] = {}

    def turn_to(self, front: Front) -> None:
        self.front = front
        self.shut = self.keeper.shut.get(front.app, NONE) if front.shown else frozenset(front.shut)
        self.ways.clear()

    def take(self, event: Base) -> None:
        if not self.low <= event.t < self.high:
            around = self.keeper.stretch(event.t, self.sifted.days)
            self.low, self.high, self.share, self.verdicts, self.working = around
            self.ways.clear()
        focus = type(event) is Focus
        if focus:
            self._come_to_front(event)
        app = self.front.app if event.app is UNSET else event.app
        hidden = self.front.hidden or app in self.keeper.blocked
        hidden = hidden or (isinstance(event, Window) and event.private is True)
        closed = self.shut | self.keeper.shut.get(app, NONE)
        verdict = self._verdict(event.category, app, hidden, closed, event.t)
        if verdict.reason:
            reasons = self.share.withheld.setdefault(event.category, {})
            reasons[verdict.reason] = reasons.get(verdict.reason, 0) + 1
            return
        self.front.shown = self.front.shown or focus
        contents = self._keystroke(event, verdict, app, hidden, closed) if isinstance(event, Key) else ()
        named = event.app is not UNSET or self.front.shown
        way = self.share.keep(event, (verdict.purposes, contents, app if named else None))
        if not isinstance(event, Key | Window):
            self.ways[(type(event), event.app)] = way

    def _come_to_front(self, event: Focus) -> None:
        app = UNKNOWN_APP if event.app is UNSET else event.app
        closed = tuple(sorted(self.keeper.shut.get(app, NONE)))
        self.turn_to(Front(event.t, app, event.private is True or app in self.keeper.blocked, shut=closed))
        self.sifted.fronts.append(self.front)

    def _verdict(self, category: str, app: str, hidden: bool, closed: frozenset[str], t: int) -> Verdict:
        asked = (category, app, hidden, closed)
        verdict = self.verdicts.get(asked)
        if verdict is None:
            verdict = self.verdicts[asked] = self.keeper.judge(category, app, hidden, t, self.working, closed)
        return verdict

    def _keystroke(
        self, event: Key, verdict: Verdict, app: str, hidden: bool, closed: frozenset[str]
    ) -> tuple[str, ...]:
        """Take off what says more than is permitted; return what the typed character may be used for."""
        allowed: tuple[str, ...] = ()
        self.sifted.touched.append((event, event.t, event.key))
        if event.key is not UNSET:
            allowed = self._verdict(CONTENT, app, hidden, closed, event.t).purposes
            if allowed:
                self.share.contents += 1
            else:
                event.key = UNSET
                self.sifted.stripped += 1
        if not verdict.exact:
            event.t -= event.t % SECOND
        return allowed


def sift(keeper: Gatekeeper, events: Sequence[Base], before: Sequence[Front] = ()) -> Sifted:
    """Keep what the gate allows of each day, count the rest; `before` are windows known from earlier batches.

    What is stripped is taken off the events themselves.
    """
    sieve = Sieve(keeper)
    ways = sieve.ways
    for event in sorted([*before, *events], key=attrgetter("t")):
        if type(event) is Front:
            sieve.turn_to(event)
        elif sieve.low <= event.t < sieve.high and (way := ways.get((type(event), event.app))) is not None:
            share = sieve.share
            share.events.append(event)
            share.bound.append(way)
            share.kept[event.category] += 1
        else:
            sieve.take(event)
    return sieve.sifted
