"""The demo company: loaded as a company would begin, all of what the pages can show, and only once."""

from __future__ import annotations

import io
import json
from collections import Counter

import pytest
from django.core.management import CommandError, call_command

from consent.models import Decision, Gate, LedgerLeaf
from consent.values import DecisionKind
from portal.audit.models import Act
from portal.audit.values import Action
from portal.demo.company import HERE
from portal.events import reading
from portal.events.models import BatchReceipt, Block
from portal.people.models import ApiClient, Employee, RoleGrant
from portal.people.roles import Role
from portal.register.models import Flow, PolicyDraft, Source
from portal.rights.models import SubjectRequest
from tests.makers import make_employee

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "keys"])
ROWS = [Act, ApiClient, BatchReceipt, Block, Decision, Employee, LedgerLeaf, PolicyDraft, RoleGrant, SubjectRequest]


def load(origin):
    out = io.StringIO()
    call_command("demo", "--json", "--origin", origin, stdout=out)
    return json.loads(out.getvalue())


def events_of(number):
    person = Employee.objects.get(employee_number=number)
    return sum(sum(day.events.values()) for day in reading.days(person.pk))


@pytest.fixture
def demo(settings, live_server):
    settings.DEMO = True
    return load(live_server.url)


def test_it_is_a_company_that_shows_everything_and_a_second_run_changes_nothing(demo, live_server, settings):
    _it_has_everybody(demo)
    _it_has_a_register(demo)
    _its_people_have_decided()
    _it_holds_recordings()
    before = {model: model.objects.count() for model in ROWS}
    gates = sorted(Gate.objects.values_list("subject_id", "version"))
    assert load(live_server.url) == demo
    assert {model: model.objects.count() for model in ROWS} == before
    assert sorted(Gate.objects.values_list("subject_id", "version")) == gates
    # As if each run had been killed before it could note what it did.
    _forget_what_was_done(settings)
    assert load(live_server.url) == demo
    looked = Act.objects.filter(action=Action.ACCESS_REFUSED)
    assert {model: model.objects.count() for model in ROWS} == before | {Act: before[Act] + looked.count() - 1}
    assert sorted(Gate.objects.values_list("subject_id", "version")) == gates
    # Who came in by themselves is none of the demo's people.
    late = make_employee("Late", password="", employee_number="9001")
    assert load(live_server.url) == demo
    assert not Employee.objects.get(pk=late.pk).has_usable_password()


def _it_has_everybody(demo):
    assert len(demo["people"]) == 30
    assert {role for person in demo["people"] for role in person["roles"]} == {"employee", *Role.values}
    people = Employee.objects.all()
    assert {person.jurisdiction for person in people} == {"DE", "FR", "GB", "US-NY", "US-CA"}
    assert 20 in Counter(person.department for person in people).values()
    assert all(person.has_usable_password() for person in people)


def _it_has_a_register(demo):
    assert len(demo["sources"]) == 4
    assert demo["sources"][0]["kind"] == "agent"
    assert {source["kind"] for source in demo["sources"]} == {"agent", "browser", "import"}
    assert Source.objects.live().count() == 4
    assert all(flow.off_hours for flow in Flow.objects.live_for(demo["sources"][0]["key"]))
    assert Counter(purpose["basis"] for purpose in demo["purposes"]) == {"consent": 3, "legitimate_interest": 1}
    assert all(purpose["categories"] for purpose in demo["purposes"])


def _its_people_have_decided():
    assert set(Decision.objects.values_list("kind", flat=True)) == set(DecisionKind.values)
    assert sum(bool(gate.pauses) for gate in Gate.objects.all()) == 1
    asked = {(each.kind, each.opened_by) for each in SubjectRequest.objects.all()}
    assert asked == {("access", "self"), ("erasure", "self"), ("erasure", "client"), ("objection", "self")}
    assert SubjectRequest.objects.get(opened_by="client").state == "in_review"
    assert Act.objects.filter(action=Action.ACCESS_REFUSED).count() == 1


def _it_holds_recordings():
    assert events_of("1010") > 40_000
    assert events_of("1017") > 0
    assert Act.objects.filter(action=Action.IMPORT_RUN).count() == 20


def _forget_what_was_done(settings):
    path = settings.VAR / "demo.json"
    known = json.loads(path.read_text())
    assert path.stat().st_mode & 0o777 == 0o600
    path.write_text(json.dumps(known | {"done": []}))


def test_it_is_never_loaded_where_it_was_not_asked_for(settings):
    settings.DEMO = False
    with pytest.raises(CommandError):
        call_command("demo")
    assert not Employee.objects.exists()


def test_the_recordings_come_with_their_licences_and_are_small():
    folders = [folder for folder in (HERE / "recordings").iterdir() if folder.is_dir()]
    assert {folder.name for folder in folders} == {"ducktrack", "opencua"}
    assert all("MIT License" in (folder / "LICENSE").read_text() for folder in folders)
    assert sum(path.stat().st_size for path in HERE.rglob("*") if path.is_file()) < 2 * 1024 * 1024
