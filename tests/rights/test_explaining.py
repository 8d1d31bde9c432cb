"""What the past is said to have been is what the gate answered then; and a look at another's past is written down."""

from __future__ import annotations

import contextlib
import html
import io
import random
import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.core.management import CommandError, call_command

from consent import actions as decisions
from consent import gate
from consent.models import Decision, LedgerState, Purpose
from consent.values import Closed, NotAllowed, Scope
from portal.audit import trail
from portal.audit.models import Act
from portal.audit.values import SYSTEM, Action
from portal.people import actions as people
from portal.people.actions import Profile
from portal.people.models import Employee
from portal.register.models import Controller, PurposeRecord, Source, WorksAgreement
from portal.rights.choices import explaining
from portal.rights.choices.past import moment
from tests.makers import SETTING_UP, make_notice, make_permitted, make_purpose
from tests.pages.conftest import BACKEND

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "keys"])
START = datetime(2026, 11, 2, 9, tzinfo=UTC)
ASKED = [
    (purpose, category, source)
    for purpose in ("train", "protect")
    for category in ("pointer_movement", "pointer_clicks", "scrolling")
    for source in ("agent", "browser")
]
WIDTHS = (["pointer_movement"], ["pointer_movement", "pointer_clicks"], ["pointer_clicks", "scrolling"])


def ms(at):
    return int(at.timestamp() * 1000)


def answers(state, at):
    return {each: gate.allows(state, purpose=each[0], category=each[1], source=each[2], t_ms=ms(at)) for each in ASKED}


def terms(covers, **expires):
    said = {key: {"title": key, "categories": {each: {} for each in named}} for key, named in covers.items()}
    return {"sources": said, "expires": expires}


class Life:
    """Random acts of a person and the company, one after the other."""

    def __init__(self, ada, dice):
        self.ada, self.dice, self.keys = ada, dice, []
        self.named = {"subject_id": ada.pk, "path": "/choices/"}
        self.begins = [
            lambda: decisions.give(purpose_key="train", **self.named),
            lambda: decisions.pause(subject_id=ada.pk, until=datetime.now(UTC) + timedelta(days=1)),
            self.resume,
        ]

    def step(self, number):
        """Begin with what any life has, a yes and a pause in it; whatever follows is thrown."""
        if number < len(self.begins):
            self.begins[number]()
            return
        acts = [
            self.decide, self.decide, self.decide, self.pause, self.pause, self.resume, self.restrict, self.lift,
            self.publish, self.leave_or_come, self.retire,
        ]  # fmt: skip
        with contextlib.suppress(NotAllowed, Closed):
            self.dice.choice(acts)()

    def decide(self):
        purpose = self.dice.choice(["train", "protect"])
        verbs = [decisions.give, decisions.give, decisions.refuse, decisions.withdraw]
        if purpose == "protect":
            verbs = [decisions.acknowledge, decisions.acknowledge, decisions.object_to]
        self.dice.choice(verbs)(purpose_key=purpose, **self.named)

    def pause(self):
        until = datetime.now(UTC) + timedelta(minutes=self.dice.choice([15, 60, 240]))
        decisions.pause(subject_id=self.ada.pk, until=self.dice.choice([until, until, None]))

    def resume(self):
        decisions.resume(subject_id=self.ada.pk)

    def restrict(self):
        scopes = [
            Scope(),
            Scope(categories=frozenset({"scrolling"})),
            Scope(purposes=frozenset({"train"})),
            Scope(sources=frozenset({"agent"})),
            Scope(apps=frozenset({"mail"})),
        ]
        self.keys.append(decisions.restrict(subject_id=self.ada.pk, scope=self.dice.choice(scopes)))

    def lift(self):
        if self.keys:
            decisions.lift(subject_id=self.ada.pk, key=self.keys.pop())

    def publish(self):
        covers = {source: self.dice.choice(WIDTHS) for source in ("agent", "browser")}
        expires = self.dice.choice([{}, {"after_days": 1}, {"each": "calendar_year"}])
        key = self.dice.choice(["train", "protect"])
        text = f"Text {self.dice.random()}"
        decisions.publish_notice(purpose_key=key, language="en", text=text, terms=terms(covers, **expires))

    def leave_or_come(self):
        employee = Employee.objects.get(pk=self.ada.pk)
        if employee.is_active:
            people.deactivate(employee=employee, by=SETTING_UP)
        profile = Profile(**{name: getattr(employee, name) for name in Profile.__dataclass_fields__})
        if self.dice.random() < 0.8:
            people.change_employee(employee=employee, profile=profile, by=SETTING_UP)

    def retire(self):
        if self.dice.random() < 0.5:
            decisions.retire_purpose(key="train")
        make_purpose("train", covers={"agent": self.dice.choice(WIDTHS)})


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.drill) for seed in range(1, 6))])
def test_at_any_moment_the_past_is_what_the_gate_answered_then(ada, seed):
    dice, seen = random.Random(seed), []
    with time_machine.travel(START, tick=True) as clock:
        make_purpose("train", covers={"agent": WIDTHS[1]})
        make_purpose("protect", basis="legitimate_interest", covers={"browser": WIDTHS[2]})
        life = Life(ada, dice)
        for number in range(45):
            life.step(number)
            clock.shift(timedelta(seconds=dice.choice([2, 40, 900, 4000, 30000])))
            at = datetime.now(UTC)
            seen.append((at, answers(gate.read(ada.pk), at)))
            clock.shift(timedelta(seconds=2))
        wrong = [
            (at, each, was, now)
            for at, then in seen
            for each, was in then.items()
            if (now := answers(moment(ada.pk, at).state, at)[each]) != was
        ]
    assert wrong == []
    assert {answer for _at, then in seen for answer in then.values()} >= {None, "not_permitted", "paused"}


# --- in words


@pytest.fixture
def past(ada):
    """Ada said yes on Monday at ten, paused at eleven for an hour, and took her yes back at two."""
    with time_machine.travel(START, tick=True) as clock:
        make_permitted(ada, categories=("pointer_movement", "pointer_clicks"))
        Source.objects.update(live_since=START)
        clock.move_to(START.replace(hour=10))
        decisions.give(subject_id=ada.pk, purpose_key="train", path="/choices/")
        clock.move_to(START.replace(hour=11))
        decisions.pause(subject_id=ada.pk, until=START.replace(hour=12))
        clock.move_to(START.replace(hour=14))
        decisions.withdraw(subject_id=ada.pk, purpose_key="train", path="/choices/")
    return ada


def at(hour, minute=0):
    return START.replace(hour=hour, minute=minute)


def told(ada, moment):
    [part] = explaining.explain(ada, moment).parts
    return part, {line.sentence: line.why for line in part.lines}


def test_each_moment_names_the_answer_the_text_and_what_kept_it_out(past):
    part, lines = told(past, at(10, 30))
    assert lines == {"pointer movement and clicks": ""}
    assert (part.said, part.notice.version) == ("You said yes", 1)
    assert part.decision == Decision.objects.filter(kind="given").last()
    assert "You had paused, until 2 November 2026" in told(past, at(11, 30))[1]["pointer movement and clicks"]
    assert told(past, at(12, 1))[1] == {"pointer movement and clicks": ""}
    part, lines = told(past, at(14, 1))
    assert (part.said, lines) == ("You withdrew your yes", {"pointer movement and clicks": "You withdrew your yes."})


def test_before_any_answer_it_says_so(past):
    found = explaining.explain(past, START - timedelta(days=1))
    assert (found.parts, found.is_on) == ([], False)


@pytest.fixture
def as_ada(client, past):
    client.force_login(past, BACKEND)
    return client


def text(answer):
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", answer.content.decode())).split())


def test_the_page_tells_a_moment_on_the_persons_own_clock(as_ada, past):
    page = as_ada.get("/choices/history/?at=2026-11-02T11:30")
    assert "At that moment Daylight accepted data for “Train”." in text(page)
    assert "Monday 2 November 2026, 11:30:00" in text(page)
    assert "/choices/train/notices/1/?language=en" in page.content.decode()
    given = Decision.objects.filter(kind="given").last()
    assert f"{given.leaf_idx}" in text(page)
    page = text(as_ada.get("/choices/history/?at=2026-11-02T11:30:00Z"))
    assert "Daylight accepted nothing from you at that moment." in page
    assert "You had paused, until 2 November 2026, 13:00:00." in page


def test_the_page_lists_when_it_changed_and_leads_there(as_ada):
    page = as_ada.get("/choices/history/").content.decode()
    links = re.findall(r'<a class="when" href="(\?at=[^"]*)"', page)
    assert len(links) == 4
    assert "Your answer then You withdrew your yes" in text(as_ada.get(f"/choices/history/{links[0]}"))


@pytest.mark.parametrize("at", ["yesterday", "2999-01-01T00:00", "2026-13-01", "1066-10-14", "0001-01-01", "9" * 400])
def test_what_is_no_past_moment_is_said_to_be_none(as_ada, at):
    answer = as_ada.get("/choices/history/", {"at": at})
    assert answer.status_code == 422
    assert 'aria-invalid="true"' in answer.content.decode()


def test_a_source_that_was_not_live_let_nothing_in(past):
    Source.objects.update(live_since=at(10, 45))
    assert told(past, at(10, 30))[1] == {"pointer movement and clicks": "The source was not in operation."}
    assert told(past, at(10, 50))[1] == {"pointer movement and clicks": ""}


def test_where_an_agreement_is_demanded_nothing_came_in_before_it(past):
    Controller.objects.create(name="Example", address="Here", contact="x", agreement_required=True)
    assert "No works agreement" in told(past, at(10, 30))[1]["pointer movement and clicks"]
    WorksAgreement.objects.create(
        source_id="agent", country="DE", reference="1", clause="2", parties="Both", dated=START.date()
    )
    assert told(past, at(10, 30))[1] == {"pointer movement and clicks": ""}


def test_a_notice_to_be_confirmed_first_kept_everything_out_until_it_was(past):
    with time_machine.travel(START, tick=True):
        make_purpose("newyork", basis="legal_obligation", covers={}, title="Monitoring in New York")
    PurposeRecord.objects.update_or_create(purpose_key="newyork", defaults={"must_acknowledge": True})
    found = explaining.explain(past, at(10, 30))
    assert found.general == ["You had not yet confirmed the notice “Monitoring in New York”, which comes first."]
    assert not found.is_on
    with time_machine.travel(at(10, 40), tick=True):
        decisions.acknowledge(subject_id=past.pk, purpose_key="newyork", path="/choices/")
    assert not explaining.explain(past, at(10, 30)).is_on
    assert explaining.explain(past, at(10, 50)).is_on
    PurposeRecord.objects.update(jurisdictions=["US-NY"])
    assert explaining.explain(past, at(10, 30)).is_on


def test_an_answer_that_ran_out_and_a_purpose_that_ended_are_told_with_their_time(ada):
    with time_machine.travel(START, tick=True) as clock:
        make_permitted(ada, categories=("scrolling",))
        said = terms({"agent": ["scrolling"]}, after_days=1)
        decisions.publish_notice(purpose_key="train", language="en", text="A day.", terms=said)
        decisions.give(subject_id=ada.pk, purpose_key="train", path="/choices/")
        clock.shift(timedelta(days=3))
        decisions.give(subject_id=ada.pk, purpose_key="train", path="/choices/")
        clock.shift(timedelta(hours=2))
        decisions.retire_purpose(key="train")
    assert "Your answer had run out on 3 November 2026" in told(ada, START + timedelta(days=2))[1]["scrolling"]
    assert told(ada, START + timedelta(days=3, hours=1))[1] == {"scrolling": ""}
    assert "Your company had ended this purpose on 5 November" in told(ada, START + timedelta(days=4))[1]["scrolling"]
    assert Purpose.objects.get(pk="train").state == "retired"


def test_outside_the_hours_nothing_came_in_unless_the_notice_says_so(ada):
    Employee.objects.filter(pk=ada.pk).update(working_hours="Mo-Fr 08:00-12:00")
    ada.refresh_from_db()
    with time_machine.travel(START, tick=True):
        make_permitted(ada, categories=("scrolling",), off_hours=False)
    assert told(ada, at(10, 30))[1] == {"scrolling": ""}
    assert told(ada, at(15))[1] == {"scrolling": "It was outside your working hours."}


def test_a_withdrawal_while_the_site_was_closed_counts_from_its_time(past):
    decisions.give(subject_id=past.pk, purpose_key="train", path="/choices/")
    LedgerState.objects.update(closed_reason="older than its copy")
    trail.record(Action.LEDGER_CLOSED, actor=SYSTEM)
    decisions.withdraw(subject_id=past.pk, purpose_key="train", path="/choices/")
    now = datetime.now(UTC)
    found = explaining.explain(past, now)
    assert found.general == ["Daylight was closed: it accepted nothing from anybody."]
    [line] = found.parts[0].lines
    assert line.why.startswith("You had taken your yes back on ")


def test_a_closed_account_let_nothing_in_and_an_open_one_asks_anew(past):
    with time_machine.travel(START.replace(hour=12, minute=30), tick=True) as clock:
        people.deactivate(employee=Employee.objects.get(pk=past.pk), by=SETTING_UP)
        clock.move_to(START.replace(hour=13))
        gone = Employee.objects.get(pk=past.pk)
        profile = Profile(**{name: getattr(gone, name) for name in Profile.__dataclass_fields__})
        people.change_employee(employee=gone, profile=profile, by=SETTING_UP)
    assert told(past, at(12, 45))[1] == {"pointer movement and clicks": "Your account was closed."}
    assert told(past, at(13, 15))[1] == {"pointer movement and clicks": "You had not answered."}


# --- the command


def run(*args, **named):
    out = io.StringIO()
    call_command("gate", "explain", *args, stdout=out, **named)
    return out.getvalue()


def test_the_command_tells_the_same_and_the_person_sees_that_it_did(client, past):
    said = run(past.employee_number, "2026-11-02", "11:30", case="R-17")
    assert "train: You said yes on 2026-11-02T10:00" in said
    assert "agent" in said.lower()
    assert "allowed" in said
    act = Act.objects.get(action="decisions.read")
    assert (act.actor_kind, act.purpose, act.case) == ("command", "subject_request", "R-17")
    assert act.leaf_idx is not None
    client.force_login(past, BACKEND)
    assert "Somebody at the server read what you decided" in text(client.get("/who-looked/"))


def test_it_says_so_where_nothing_had_been_asked(past):
    assert "Nothing had been asked by then, so nothing was allowed." in run(past.employee_number, "2026-10-01", "09:00")


def test_it_takes_a_subject_id_and_an_instant_with_its_zone(past):
    assert "paused" in run(str(past.pk), "2026-11-02T12:30:00+01:00")


def test_it_tells_nothing_that_it_could_not_write_down(past, monkeypatch):
    def closed(*args, **named):
        raise Closed("the tree is older than its copy")

    monkeypatch.setattr(trail.ledger, "append", closed)
    with pytest.raises(CommandError, match="cannot be written down"):
        run(past.employee_number, "2026-11-02 11:30")


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["nobody", "2026-11-02 11:30"], "There is no employee"),
        (["{ada}", "tomorrow"], "Write a time like"),
        (["{ada}", "2999-01-01 00:00"], "Name a time that is past"),
        (["{ada}", "2026-11-02 11:30", "--purpose", "curiosity"], "invalid choice"),
    ],
)
def test_it_says_what_is_wrong_and_writes_no_access_for_it(past, args, message):
    with pytest.raises(CommandError, match=message):
        run(*[each.format(ada=past.employee_number) for each in args])
    assert not Act.objects.filter(action="decisions.read").exists()


def test_a_version_in_another_language_is_named_as_it_was_read(ada):
    make_purpose()
    make_notice("train", language="de", text="Was wir tun.")
    decisions.give(subject_id=ada.pk, purpose_key="train", path="/choices/", language="de")
    part, _lines = told(ada, datetime.now(ZoneInfo("UTC")))
    assert part.notice.notice.language == "de"
