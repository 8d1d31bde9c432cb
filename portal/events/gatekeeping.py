"""Asks the gate once for each kind of event in a batch, not once for each event, and sorts what may stay by day."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
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
from portal.events.minimising import patterns
from portal.events.minimising.door import Door, Passing
from portal.events.stricter import barred, edges, narrowed
from portal.events.tally import DayTally, Tally
from portal.events.values import CONTENT, UNKNOWN_APP, Base, Counts, Focus, Key, Navigate, Window
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

    `shut` and `out` are the purposes that an answer given before keeps the app out of, blocked or not on its list then,
    `listed` the list that it was found on; of a name that is known, all of it is asked anew.
    """

    t: int
    app: str = UNKNOWN_APP
    hidden: bool = False
    shown: bool = False
    shut: tuple[str, ...] = ()
    out: tuple[str, ...] = ()
    listed: str = ""


@dataclass
class Share:
    """A day's part of a batch; `rules` are those that stood at the door, `cut` how many texts they made shorter."""

    events: list[Base] = field(default_factory=list)
    bound: list[int] = field(default_factory=list)
    bindings: dict[tuple[tuple[str, ...], tuple[str, ...], str | None], int] = field(default_factory=dict)
    contents: int = 0
    withheld: dict[str, Counts] = field(default_factory=dict)
    rules: str = ""
    cut: Counts = field(default_factory=dict)

    def keep(self, event: Base, binding: tuple[tuple[str, ...], tuple[str, ...], str | None]) -> int:
        """Return the place of the event's binding."""
        way = self.bindings.setdefault(binding, len(self.bindings))
        self.events.append(event)
        self.bound.append(way)
        return way

    def kept(self) -> Counts:
        """Return how many there are of each category."""
        counts: Counts = {}
        for kind, n in Counter(map(type, self.events)).items():
            counts[kind.category] = counts.get(kind.category, 0) + n
        return counts

    def counts(self, source: str, size: int) -> DayTally:
        rules = [self.rules] if self.rules else []
        return DayTally({source: Tally(self.kept(), size, self.contents, self.withheld, rules, self.cut)})

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


Verdicts = dict[tuple[str, str, Passing], Verdict]
Stretch = tuple[int, int, Share, Verdicts, str]


class Gatekeeper:
    """What a person's gate says about a source, remembered for as long as one batch takes."""

    def __init__(
        self,
        state: GateState,
        source: Source,
        known: Known,
        employee: Employee,
        imported: bool,
        writer: str = "",
        page: str = "",
    ) -> None:
        self.state, self.source, self.imported, self.writer = state, source.key, imported, writer
        self.bar = barred(state, known)
        self.door = Door(state, source)
        self.flows: dict[str, list[Rule]] = {}
        self.device = known.installed.bar if known.installed else ""
        countries = {country_of(each) for each in known.places} or {country_of(employee.jurisdiction)}
        for flow in known.rules:
            stricter = narrowed(flow, state.grants.get(flow.purpose_key), source.key, countries, page)
            if stricter is not None:
                self.flows.setdefault(flow.category, []).append(stricter)
        self.zone = ZoneInfo(employee.time_zone)
        self.inside = inside("" if imported else employee.working_hours, employee.time_zone)
        self._edges = edges(state)
        self._verdicts: dict[tuple[int, str], Verdicts] = {}
        self.rules = self.door.versions(self.purposes)

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
        day = self._day(t)
        rest = self._rest(t, day)
        share = days.setdefault(day, Share(rules=self.rules))
        return low, high, share, self._verdicts.setdefault((place, rest), {}), rest

    def _day(self, t: int) -> date:
        return datetime.fromtimestamp(t / 1000, UTC).astimezone(self.zone).date()

    def _rest(self, t: int, day: date) -> str:
        """Return why nothing, or less, is collected at this time, empty if it is a time for work."""
        if day in self.state.days_off:
            return Withheld.DAY_OFF.value
        return "" if self.inside(t) else Withheld.OFF_HOURS.value

    @property
    def purposes(self) -> frozenset[str]:
        """What anything of this source is permitted for now."""
        return frozenset(flow.purpose_key for flows in self.flows.values() for flow in flows) & self.state.grants.keys()

    def judge(self, category: str, app: str, passing: Passing, t: int, rest: str) -> Verdict:
        """Ask for every purpose; the best answer counts, and of the refusals the one that came nearest to a yes."""
        asked = [(flow, self._reason(flow, app, passing, t, rest)) for flow in self.flows.get(category, ())]
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
        """Answer for one app; without, for one that nothing is known of, and of typed text for each it may be from.

        Whoever holds a collector that its person does not let send learns that alone, and nothing of their answers.
        """
        if self.device or self.bar:
            return Verdict(self.device or self.bar)
        if app or category != CONTENT:
            return self._of_app(category, app or UNKNOWN_APP, t)
        apps = {each for flow in self.flows.get(CONTENT, ()) for each in flow.content_apps}
        asked = [self._of_app(CONTENT, each, t) for each in sorted(apps)]
        granted = [verdict for verdict in asked if not verdict.reason]
        return max(granted or asked or [NOWHERE], key=lambda verdict: len(verdict.purposes))

    def _of_app(self, category: str, app: str, t: int) -> Verdict:
        # Of an app that nobody named all is said that holds for those on the list.
        passing = Passing() if app == UNKNOWN_APP else self.door.passing(app)
        return self.judge(category, app, passing, t, self._rest(t, self._day(t)))

    def _reason(self, flow: Rule, app: str, passing: Passing, t: int, rest: str) -> Withheld | None:
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
        return reason or self._at_the_door(flow, passing, rest)

    def _at_the_door(self, flow: Rule, passing: Passing, rest: str) -> Withheld | None:
        if passing.hidden or flow.purpose_key in passing.shut:
            return Withheld.BLOCKED_APP
        if passing.unlisted or flow.purpose_key in passing.out:
            return Withheld.UNLISTED_APP
        if rest == Withheld.DAY_OFF:
            return Withheld.DAY_OFF
        return Withheld.OFF_HOURS if rest and not flow.off_hours else None


class Sieve:
    """Goes through a batch in order of time, knowing which window is in front."""

    def __init__(self, keeper: Gatekeeper) -> None:
        self.keeper, self.sifted = keeper, Sifted()
        self.low = self.high = 0
        self.share, self.verdicts, self.rest = Share(), {}, ""
        # For what is neither a key nor a window and is kept: its binding, until time or window change the answer.
        self.ways: dict[tuple[type[Base], str | UnsetType], int] = {}
        self.turn_to(Front(0))

    def turn_to(self, front: Front) -> None:
        """Have what follows lie behind this window, or, where it names an app of its own, beside it."""
        self.front = front
        door = self.keeper.door
        if front.shown:
            said = door.passing(front.app).join(Passing(front.hidden))
        else:
            said = Passing(front.hidden, front.listed != door.mark, frozenset(front.shut), frozenset(front.out))
        self.behind = self.beside = said
        if not front.t:
            # No window is known: of such an app nothing passes where a list is, but one that is named may be on it.
            self.behind, self.beside = said.join(door.passing(UNKNOWN_APP)), said._replace(unlisted=False)
        self.ways.clear()

    def take(self, event: Base) -> None:
        if not self.low <= event.t < self.high:
            around = self.keeper.stretch(event.t, self.sifted.days)
            self.low, self.high, self.share, self.verdicts, self.rest = around
            self.ways.clear()
        focus = type(event) is Focus
        if focus:
            self._come_to_front(event)
        app, passing = self._of_whom(event)
        verdict = self._verdict(event.category, app, passing, event.t)
        if verdict.reason:
            reasons = self.share.withheld.setdefault(event.category, {})
            reasons[verdict.reason] = reasons.get(verdict.reason, 0) + 1
            return
        self.front.shown = self.front.shown or focus
        contents = self._keystroke(event, verdict, app, passing) if isinstance(event, Key) else ()
        named = event.app is not UNSET or self.front.shown
        if isinstance(event, Window | Navigate):
            self._cut(event, verdict.purposes, app)
        way = self.share.keep(event, (verdict.purposes, contents, app if named else None))
        if not isinstance(event, Key | Window | Navigate):
            self.ways[(type(event), event.app)] = way

    def _of_whom(self, event: Base) -> tuple[str, Passing]:
        """Return the app that an event belongs to, and how it stands at the door."""
        if event.app is UNSET:
            app, passing = self.front.app, self.behind
        else:
            app, passing = event.app, self.beside.join(self.keeper.door.passing(event.app))
        if isinstance(event, Window) and event.private is True:
            passing = passing._replace(hidden=True)
        return app, passing

    def _come_to_front(self, event: Focus) -> None:
        app = UNKNOWN_APP if event.app is UNSET else event.app
        door, passing = self.keeper.door, self.keeper.door.passing(app)
        front = Front(
            event.t,
            app,
            event.private is True or passing.hidden,
            shut=tuple(sorted(passing.shut)),
            out=tuple(sorted(passing.out)),
            # Another than the mark of any list: not found on the one that is.
            listed="-" if passing.unlisted else door.mark,
        )
        self.turn_to(front)
        self.sifted.fronts.append(front)

    def _verdict(self, category: str, app: str, passing: Passing, t: int) -> Verdict:
        asked = (category, app, passing)
        verdict = self.verdicts.get(asked)
        if verdict is None:
            verdict = self.verdicts[asked] = self.keeper.judge(category, app, passing, t, self.rest)
        return verdict

    def _cut(self, event: Window | Navigate, purposes: tuple[str, ...], app: str) -> None:
        """Take off an event what may not be kept of its text; cut once, it is cut for good."""
        cutter = self.keeper.door.cutter(purposes)
        if isinstance(event, Navigate):
            sent, event.url = event.url, cutter.url(event.url)
            self._count_cut("urls", event.url != sent)
        elif event.title is not UNSET:
            sent = event.title
            kept = cutter.title(sent, None if app == UNKNOWN_APP else app)
            event.title = kept or (UNSET if sent else sent)
            self._count_cut("titles", kept != sent)

    def _count_cut(self, kind: str, shorter: bool) -> None:
        if shorter:
            self.share.cut[kind] = self.share.cut.get(kind, 0) + 1

    def _keystroke(self, event: Key, verdict: Verdict, app: str, passing: Passing) -> tuple[str, ...]:
        """Take off what says more than is permitted; return what the typed character may be used for."""
        allowed: tuple[str, ...] = ()
        self.sifted.touched.append((event, event.t, event.key))
        if event.key is not UNSET:
            allowed = self._verdict(CONTENT, app, passing, event.t).purposes
            if allowed:
                self.share.contents += 1
            else:
                event.key = UNSET
                self.sifted.stripped += 1
        if not verdict.exact:
            event.t -= event.t % SECOND
        return allowed


def _named_plainly(events: Sequence[Base]) -> None:
    """Take out of the names of apps what no title may say: a program may send a title as one."""
    named = {event.app for event in events if event.app is not UNSET}
    other = {app: plain for app in named if (plain := patterns.without(app)) != app}
    for event in events if other else ():
        event.app = other.get(event.app, event.app)  # type: ignore[arg-type]


def sift(keeper: Gatekeeper, events: Sequence[Base], before: Sequence[Front] = ()) -> Sifted:
    """Keep what the gate allows of each day, count the rest; `before` are windows known from earlier batches.

    What is stripped and what is cut is taken off the events themselves.
    """
    _named_plainly(events)
    sieve = Sieve(keeper)
    # What every event needs, looked up anew only where the sieve was asked: most of a batch is like what came before.
    known, low, high, keep, bind = sieve.ways.get, 0, 0, sieve.share.events.append, sieve.share.bound.append
    for event in sorted([*before, *events], key=attrgetter("t")):
        if low <= event.t < high and (way := known((type(event), event.app))) is not None:
            keep(event)
            bind(way)
            continue
        if type(event) is Front:
            sieve.turn_to(event)
        else:
            sieve.take(event)
        low, high, keep, bind = sieve.low, sieve.high, sieve.share.events.append, sieve.share.bound.append
    return sieve.sifted
