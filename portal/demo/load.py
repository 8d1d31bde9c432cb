"""Loads the demo company as a company would begin: commands, the HTTP API, and the actions behind the pages."""

from __future__ import annotations

import io
import json
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from functools import cached_property
from uuid import UUID
from zoneinfo import ZoneInfo

from django.core.management import call_command
from django.db import connections
from django.utils import timezone

from consent import actions as consent_actions
from consent.models import Decision, Gate
from portal.audit.values import Actor, ActorKind
from portal.demo.batches import stretch
from portal.demo.company import PEOPLE, POLICY, Company, Replay
from portal.demo.memory import Memory
from portal.people import actions as people_actions
from portal.people import granting
from portal.people.guards import actor_for
from portal.people.models import Employee
from portal.people.roles import Role
from portal.register.models import Source
from portal.rights import actions as rights_actions
from portal.rights.models import SubjectRequest
from portal.rights.values import Kind
from portal.stack.browser import Browser
from portal.stack.program import Program

NAMESPACE = uuid.UUID("1f3c0a0e-6f0e-5a55-8f2c-92d2a4f0c6d7")
COMMAND = Actor(ActorKind.COMMAND, "demo")
PATH = "demo"
AGENT = "desktop-agent"
IMPORTS = "recordings"
LATEST_BATCH_MS = 20_000
HASHES_AT_ONCE = 2


def command(*arguments: str) -> str:
    """Run one of our own commands and return what it printed."""
    out = io.StringIO()
    call_command(*arguments, stdout=out)
    return out.getvalue()


@dataclass
class Loader:
    """Each step may run again: it leaves out what it finds done."""

    company: Company
    memory: Memory
    origin: str
    programs: dict[str, Program] = field(default_factory=dict)

    def run(self) -> None:
        """Passwords are set aside while the rest goes on: each hash is slow on purpose, and leaves Python's lock."""
        self._do(self.admit)
        with ThreadPoolExecutor(HASHES_AT_ONCE) as aside:
            passwords = [aside.submit(self._set_password, person) for person in self._without_password()]
            for step in self.steps:
                self._do(step)
            for each in passwords:
                each.result()
        self._do(self.look_where_one_may_not)

    def _do(self, step: Callable[[], None]) -> None:
        if not self.memory.is_done(step.__name__):
            step()
            self.memory.finish(step.__name__)

    @property
    def steps(self) -> list[Callable[[], None]]:
        return [self.grant_roles, self.agree_on_policy, self.make_clients, self.decide, self.bring_in_recordings,
                self.send_recent, self.pause, self.withdraw, self.object, self.ask_for_copies,
                self.ask_for_erasures]  # fmt: skip

    @cached_property
    def people(self) -> dict[str, Employee]:
        return {person.employee_number: person for person in Employee.objects.all()}

    # --- a company begins

    def admit(self) -> None:
        command("import_employees", str(PEOPLE))

    def _without_password(self) -> list[Employee]:
        made = [self.people[number] for number in self.company.numbers]
        return [person for person in made if person.is_active and not person.has_usable_password()]

    def _set_password(self, person: Employee) -> None:
        try:
            people_actions.set_password(employee=person, password=self.company.password, by=COMMAND)
        finally:
            connections.close_all()

    def grant_roles(self) -> None:
        for number, roles in self.company.roles.items():
            for role in roles:
                if role not in self.people[number].roles:
                    granting.grant_in_set_up(employee=self.people[number], role=Role(role), by=COMMAND)

    def agree_on_policy(self) -> None:
        if Source.objects.live().exists():
            return
        command("policy", "apply", str(POLICY), "--by", self.company.policy["drafted_by"])
        for number in self.company.policy["approved_by"]:
            command("policy", "approve", "--by", number)

    def make_clients(self) -> None:
        for name, what in self.company.clients.items():
            if name not in self.memory.clients:
                sources = ["--sources", " ".join(what["sources"])] if what["sources"] else []
                made = command("api_client", "create", name, "--scopes", what["scopes"], *sources)
                self.memory.keep_client(name, json.loads(made))

    # --- people answer

    def decide(self) -> None:
        for purpose, answers in self.company.decisions.items():
            for kind, numbers in answers.items():
                if undecided := self._undecided(purpose, numbers):
                    self._answer(kind, purpose, undecided)

    def _answer(self, kind: str, purpose: str, people: list[UUID]) -> None:
        if kind == "given":
            consent_actions.give_many(subject_ids=people, purpose_key=purpose, path=PATH)
            return
        verb = {"refused": consent_actions.refuse, "acknowledged": consent_actions.acknowledge}[kind]
        for subject_id in people:
            verb(subject_id=subject_id, purpose_key=purpose, path=PATH)

    def _undecided(self, purpose: str, numbers: list[str]) -> list[UUID]:
        answered = set(Decision.objects.filter(purpose_key=purpose).values_list("subject_id", flat=True))
        return [pk for pk in (self.people[number].pk for number in numbers) if pk not in answered]

    # --- collection

    def bring_in_recordings(self) -> None:
        for replay in self.company.replays:
            command("import_recording", str(replay.file), "--format", replay.format, "--employee", replay.number,
                    "--source", IMPORTS, "--start", self._start(replay).isoformat())  # fmt: skip

    def _start(self, replay: Replay) -> datetime:
        zone = ZoneInfo(self.people[replay.number].time_zone)
        begun = datetime.fromtimestamp(self.memory.begun_ms / 1000, UTC).astimezone(zone)
        day = begun.date() - timedelta(days=replay.days_ago)
        return datetime.combine(day, time.fromisoformat(replay.at), zone)

    def send_recent(self) -> None:
        """Send what was recorded since the yes: nothing older would be kept."""
        since, until = self.memory.once("recent", self._lately)
        for number, apps in self.company.recent.items():
            batch = uuid.uuid5(NAMESPACE, f"{self.memory.begun_ms}/{number}")
            body = {
                "source": AGENT,
                "subject": number,
                "sent_at": datetime.fromtimestamp(until / 1000, UTC).isoformat(),
                "events": stretch(apps, since, until),
            }
            self._program("collectors").call("PUT", f"/batches/{batch}", body)

    def _lately(self) -> list[int]:
        until = round(timezone.now().timestamp() * 1000)
        answered = round(Decision.objects.latest("at").at.timestamp() * 1000)
        return [max(answered + 1, until - LATEST_BATCH_MS), until]

    def _program(self, name: str) -> Program:
        if name not in self.programs:
            known = self.memory.clients[name]
            scopes = self.company.clients[name]["scopes"]
            self.programs[name] = Program(self.origin, known["client_id"], known["client_secret"], scopes)
        return self.programs[name]

    # --- rights

    def pause(self) -> None:
        for number in self.company.pauses:
            person = self.people[number]
            if Gate.objects.get(pk=person.pk).pauses:
                continue
            until = timezone.now() + timedelta(days=1)
            rights_actions.pause(subject_id=person.pk, until=until, by=actor_for(person, person.pk))

    def withdraw(self) -> None:
        for number, purpose in self.company.withdrawals.items():
            person = self.people[number]
            if not self._asked(person, Kind.ERASURE):
                by = actor_for(person, person.pk)
                rights_actions.withdraw(subject_id=person.pk, purpose_key=purpose, by=by, path=PATH)

    def object(self) -> None:
        for number, purpose in self.company.objections.items():
            person = self.people[number]
            if not self._asked(person, Kind.OBJECTION):
                by = actor_for(person, person.pk)
                rights_actions.object_to(subject_id=person.pk, purpose_key=purpose, by=by, path=PATH)

    def ask_for_copies(self) -> None:
        for number in self.company.copies:
            person = self.people[number]
            if not self._asked(person, Kind.ACCESS):
                by = actor_for(person, person.pk)
                rights_actions.open_request(kind=Kind.ACCESS, subject_id=person.pk, by=by)

    def _asked(self, person: Employee, kind: Kind) -> bool:
        return SubjectRequest.objects.filter(subject_id=person.pk, kind=kind).exists()

    def ask_for_erasures(self) -> None:
        """A program asks for somebody, so a person has to approve."""
        for number in self.company.erasures_by_client:
            wanted = {"kind": "erasure", "subject": number, "ground": "no_longer_necessary", "channel": "works council"}
            key = {"Idempotency-Key": f"demo-{self.memory.begun_ms}-{number}"}
            self._program("request-desk").call("POST", "/subject-requests", wanted, headers=key)

    def look_where_one_may_not(self) -> None:
        for looker, other in self.company.refused_looks.items():
            browser = Browser(self.origin)
            browser.sign_in(self.people[looker].email, self.company.password)
            browser.get(f"/people/{self.people[other].pk}/data/")
