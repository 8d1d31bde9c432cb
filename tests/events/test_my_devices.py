"""A person's devices: what each may send, whose they are, where they are, and what a company installs on them."""

from __future__ import annotations

import json
from datetime import timedelta
from io import StringIO
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

import pytest
from allauth.idp.oidc.models import Token
from django.core.cache import cache
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone

from consent import actions as consent
from consent import journal, marking
from consent.models import LedgerState
from portal.audit.models import Act
from portal.events import devices, hot, ingest, reading
from portal.events.decode import read_batch
from portal.events.enrolment import actions
from portal.events.enrolment import reading as enrolled
from portal.events.enrolment.models import Collector, Invitation
from portal.events.enrolment.tasks import forget_old
from portal.people import actions as people
from portal.people.guards import actor_for
from portal.people.models import Employee
from portal.register.models import Controller, PurposeRecord, Source, WorksAgreement
from portal.rights import sections
from portal.rights.turn import Turn
from tests.events.conftest import move
from tests.makers import (
    SETTING_UP,
    make_batch,
    make_collector,
    make_employee,
    make_permitted,
    make_purpose,
    make_source,
    make_token,
    send,
)

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "keys"])
BACKEND = "allauth.account.auth_backends.AuthenticationBackend"
DEVICE = {"name": "My ThinkPad", "ownership": "company", "country": ""}


@pytest.fixture
def ada():
    cache.clear()
    make_employee("Oda Operator", roles=["operator"], employee_number="oda")
    person = make_employee("Ada Abel", jurisdiction="DE")
    make_permitted(person)
    return person


@pytest.fixture
def hers(ada) -> Client:
    client = Client()
    client.force_login(ada, BACKEND)
    return client


def permissions(token, tag=""):
    headers = {"Authorization": f"Bearer {token}"} | ({"If-None-Match": tag} if tag else {})
    return Client().get("/api/v1/permissions?source=agent", headers=headers)


def reason(token) -> set[str | None]:
    return {each["reason"] for each in permissions(token).json()["categories"].values()}


def sent(token) -> dict:
    answer = send(Client(), token, make_batch(None, [move()]))
    assert answer.status_code == 201
    return answer.json()


def change(hers, what, **given):
    return hers.post(f"/collectors/{Collector.objects.get().pk}/{what}/", given)


def test_a_paused_device_is_told_and_nothing_of_it_is_kept_until_it_is_resumed(ada, hers):
    token, other = make_collector(ada), make_token("events.write", sources=["agent"])
    before = permissions(token).headers["ETag"]
    assert permissions(token, before).status_code == 304
    change(hers, "pause")
    assert permissions(token, before).status_code == 200
    assert reason(token) == {"device_paused"}
    assert (sent(token)["stored"], sent(token)["withheld"]) == (0, {"pointer_movement": 1})
    assert send(Client(), other, make_batch(ada, [move()])).json()["stored"] == 1
    change(hers, "resume")
    assert sent(token)["stored"] == 1


def test_what_was_dropped_on_a_paused_device_is_counted_for_the_person_with_the_reason(ada, hers):
    token = make_collector(ada)
    change(hers, "pause")
    sent(token)
    (day,) = reading.days(ada.pk)
    assert day.withheld == {"pointer_movement": {"device_paused": 1}}


def test_a_batch_that_was_looked_up_before_the_pause_is_not_stored_after_it(ada, hers):
    make_collector(ada)
    collector = Collector.objects.get()
    known = hot.look("agent", ada.pk, collector.writer)
    change(hers, "pause")
    raw = json.dumps(make_batch(None, [move()])).encode()
    accepted = ingest.accept(
        writer=collector.writer,
        batch_id=collector.pk,
        source=known.source,
        employee=known.employee,
        raw=raw,
        events=read_batch(raw).events,
        arrived=timezone.now(),
        imported=False,
        known=known,
    )
    assert (accepted.stored, accepted.withheld) == (0, {"pointer_movement": 1})


def test_one_who_said_no_is_told_nothing_of_the_device_and_what_it_sends_is_not_counted(hers):
    ben = make_employee("Ben Brink")
    token = make_collector(ben, state="paused")
    sent(token)
    assert not any(day.withheld for day in reading.days(ben.pk))


def test_a_device_of_ones_own_needs_ones_own_yes(ada, hers):
    token = make_collector(ada, ownership="personal")
    assert reason(token) == {"personal_device"}
    assert sent(token)["stored"] == 0
    device = Collector.objects.get().device_id
    hers.post(f"/devices/{device}/", DEVICE | {"ownership": "personal", "agreed": "on"})
    assert sent(token)["stored"] == 1
    hers.post(f"/devices/{device}/", DEVICE | {"ownership": "personal"})
    assert reason(token) == {"personal_device"}


def test_a_yes_to_ones_own_device_is_not_kept_for_one_of_the_company(ada, hers):
    make_collector(ada, ownership="personal")
    device = Collector.objects.get().device
    hers.post(f"/devices/{device.pk}/", DEVICE | {"agreed": "on"})
    hers.post(f"/devices/{device.pk}/", DEVICE | {"ownership": "personal"})
    device.refresh_from_db()
    assert (device.ownership, device.agreed) == ("personal", False)


def demand_agreements(source="agent", countries=("DE",)):
    Controller.objects.update_or_create(id=1, defaults={"agreement_required": True, "agreement_countries": []})
    for country in countries:
        WorksAgreement.objects.create(
            source=Source.objects.get(key=source),
            country=country,
            reference="A",
            clause="1",
            dated=timezone.localdate(),
        )


def test_the_stricter_of_the_persons_and_the_devices_country_counts(ada, hers):
    demand_agreements()
    token = make_collector(ada)
    assert sent(token)["stored"] == 1
    hers.post(f"/devices/{Collector.objects.get().device_id}/", DEVICE | {"country": "FR"})
    assert reason(token) == {"not_agreed"}
    demand_agreements(countries=["FR"])
    assert sent(token)["stored"] == 1


def test_a_purpose_for_people_of_one_country_takes_nothing_from_a_device_in_another(ada, hers):
    PurposeRecord.objects.create(purpose_key="train", jurisdictions=["DE"])
    token = make_collector(ada, country="DE")
    assert sent(token)["stored"] == 1
    hers.post(f"/devices/{Collector.objects.get().device_id}/", DEVICE | {"country": "AT"})
    assert reason(token) == {"not_permitted"}


def test_what_one_has_to_be_told_where_the_device_is_used_is_told_and_confirmed_on_its_page(ada, hers):
    make_purpose("told-ny", basis="legal_obligation", covers={}, title="Monitoring in New York")
    PurposeRecord.objects.create(purpose_key="told-ny", jurisdictions=["US-NY"], must_acknowledge=True)
    token = make_collector(ada)
    assert sent(token)["stored"] == 1
    hers.post(f"/devices/{Collector.objects.get().device_id}/", DEVICE | {"country": "US-NY"})
    assert reason(token) == {"not_acknowledged"}
    assert "you have to be told of “Monitoring in New York”" in hers.get("/devices/").content.decode()
    hers.post("/choices/told-ny/acknowledge/", {"version": 1})
    assert sent(token)["stored"] == 1
    assert "you have to be told of" not in hers.get("/devices/").content.decode()


def test_no_country_that_is_none_is_taken(ada, hers):
    make_collector(ada)
    device = Collector.objects.get().device
    hers.post(f"/devices/{device.pk}/", DEVICE | {"country": "XX"})
    device.refresh_from_db()
    assert device.country == ""


def test_the_page_names_devices_and_the_store_holds_no_name_in_clear(ada, hers):
    make_collector(ada, device="LT-4711")
    collector = Collector.objects.get()
    hers.post(f"/devices/{collector.device_id}/", DEVICE | {"name": "Kitchen table"})
    shown = hers.get("/devices/").content.decode()
    assert "Kitchen table" in shown and "calls itself LT-4711" in shown and "For the account ada there." in shown
    collector.refresh_from_db()
    for sealed in (collector.sealed, collector.device.sealed):
        assert not any(word in bytes(sealed) for word in (b"LT-4711", b"Kitchen", b"ada"))
    (seen,) = enrolled.collectors(ada.pk)
    assert (seen.device_name, seen.state, seen.connected) == ("Kitchen table", "active", True)


def test_nobody_changes_anothers_device_and_the_person_sees_the_try(ada):
    make_collector(ada)
    collector = Collector.objects.get()
    client = Client()
    client.force_login(Employee.objects.get(employee_number="oda"), BACKEND)
    for what in ("pause", "resume", "end", "answer"):
        assert client.post(f"/collectors/{collector.pk}/{what}/", DEVICE).status_code == 404
    assert client.post(f"/devices/{collector.device_id}/", DEVICE).status_code == 404
    assert Act.objects.filter(action="access.refused", subject_id=ada.pk).count() == 5
    collector.refresh_from_db()
    assert collector.state == "active"


def test_asking_costs_two_queries(ada, django_assert_num_queries):
    token = make_collector(ada)
    permissions(token)
    with django_assert_num_queries(2):
        assert permissions(token).status_code == 200


def test_a_restored_backup_lets_no_collector_go_on_that_was_stopped_since(ada, hers):
    make_collector(ada)
    collector = Collector.objects.get()
    change(hers, "pause")
    change(hers, "resume")
    change(hers, "end")
    Collector.objects.update(state="active", ended=None)
    token = make_collector(ada, device="Other")
    for line in _journalled():
        actions.replay(ada.pk, line)
    collector.refresh_from_db()
    assert collector.state == "ended"
    assert reason(token) == {None, "not_permitted"} or reason(token) == {None}


def _journalled() -> list[dict]:
    lines = [json.loads(line) for line in journal.path().read_text().splitlines()]
    return [journal.opened(line) for line in lines if line["kind"] == actions.JOURNAL]


# --- installed by the company


def made(employee, **over) -> dict:
    out = StringIO()
    given = {"source": "agent", "employee": employee.employee_number, "by": "oda"} | over
    call_command("enrolment_file", *[f"--{name}={value}" for name, value in given.items()], stdout=out)
    return json.loads(out.getvalue())


def enrol(file, **over):
    body = {"file": file, "device_name": "LT-4711", "os_account": "ada"} | over
    return Client().post("/identity/o/api/enrol", body, content_type="application/json")


def test_an_installed_collector_waits_for_its_person_and_sends_once_they_answered(ada, hers):
    given = enrol(made(ada)).json()
    assert reason(given["access_token"]) == {"device_waiting"}
    assert sent(given["access_token"])["stored"] == 0
    shown = hers.get("/devices/").content.decode()
    assert "Your company installed this collector for you." in shown and "Read the notice, version 1" in shown
    change(hers, "answer", **DEVICE)
    assert sent(given["access_token"])["stored"] == 1
    assert {"enrolment_file.made", "collector.installed", "collector.answered"} <= set(
        Act.objects.filter(subject_id=ada.pk).values_list("action", flat=True)
    )


def test_pausing_and_resuming_does_not_stand_for_the_answer(ada, hers):
    given = enrol(made(ada)).json()
    change(hers, "pause")
    change(hers, "resume")
    assert reason(given["access_token"]) == {"device_waiting"}


def test_who_installs_a_collector_learns_nothing_of_its_person_from_it_before_they_answered(ada):
    hers, his = (enrol(made(each)).json()["access_token"] for each in (ada, make_employee("Ben Brink")))
    before, of_ben = permissions(hers).json(), permissions(his).json()
    assert (before["categories"], before["apps"]) == (of_ben["categories"], of_ben["apps"])
    today = timezone.now().astimezone(ZoneInfo(ada.time_zone)).date()
    consent.pause(subject_id=ada.pk, until=timezone.now() + timedelta(hours=1))
    marking.mark(subject_id=ada.pk, days=[today], today=today)
    assert permissions(hers).json() == before


def test_a_paused_device_that_somebody_else_holds_tells_them_no_days_off(ada, hers):
    token = make_collector(ada)
    change(hers, "pause")
    before = permissions(token).content
    today = timezone.now().astimezone(ZoneInfo(ada.time_zone)).date()
    marking.mark(subject_id=ada.pk, days=[today], today=today)
    assert permissions(token).content == before


def test_whoever_does_not_want_an_installed_collector_removes_it(ada, hers):
    given = enrol(made(ada)).json()
    change(hers, "end")
    assert permissions(given["access_token"]).status_code == 401
    change(hers, "answer", **DEVICE)
    assert Collector.objects.get().state == "ended"


def test_a_file_joins_as_often_as_it_says_and_no_more(ada):
    file = made(ada)
    assert enrol(file).status_code == 200
    assert enrol(file).json()["error"] == "invalid_grant"
    twice = made(ada, uses=2)
    assert [enrol(twice, device_name=f"LT-{n}").status_code for n in range(3)] == [200, 200, 400]


@pytest.mark.parametrize(
    "over",
    [{"uses": 5}, {"expires": "2099-01-01T00:00:00.000Z"}, {"code": "other"}, {"more": 1}, {"signature": "AA=="}],
)
def test_a_file_that_was_changed_lets_nobody_in(ada, over):
    file = made(ada)
    assert enrol(file | over).json()["error"] == "invalid_grant"
    assert not Collector.objects.exists()
    assert enrol(file).status_code == 200


@pytest.mark.parametrize("nothing", [None, [], "file", {}, {"code": "x"}])
def test_what_is_no_file_lets_nobody_in(ada, nothing):
    assert enrol(nothing).json()["error"] == "invalid_grant"


def test_a_file_runs_out(ada):
    file = made(ada)
    Invitation.objects.update(until=timezone.now() - timedelta(seconds=1))
    assert enrol(file).json()["error"] == "invalid_grant"


def test_a_file_of_somebody_who_left_lets_nobody_in(ada):
    file = made(ada)
    people.deactivate(employee=ada, by=SETTING_UP)
    assert enrol(file).json()["error"] == "invalid_grant"


@pytest.mark.parametrize("over", [{"source": "nothing"}, {"uses": 6}, {"days": 31}, {"days": 0}])
def test_no_file_is_made_for_too_much(ada, over):
    with pytest.raises(CommandError):
        made(ada, **over)


def test_only_an_operator_makes_a_file(ada):
    with pytest.raises(CommandError, match="no operator"):
        made(ada, by=ada.employee_number)


def test_a_device_that_is_removed_can_join_again_and_keeps_its_name(ada, hers):
    make_collector(ada)
    hers.post(f"/devices/{Collector.objects.get().device_id}/", DEVICE | {"name": "Mine"})
    change(hers, "end")
    make_collector(ada)
    assert {each.device_name for each in enrolled.collectors(ada.pk)} == {"Mine"}


def test_while_the_log_is_closed_a_pause_is_taken_and_nothing_is_let_in_again(ada, hers, settings):
    make_collector(ada)
    collector = Collector.objects.get()
    actions.pause(collector=collector, by=actor_for(ada, ada.pk))
    LedgerState.objects.update_or_create(pk=1, defaults={"closed_reason": "tests"})
    assert change(hers, "resume").status_code == 503
    assert change(hers, "end").status_code == 302


def test_its_person_reads_the_name_of_a_device_wherever_it_stands_and_its_number_is_for_others(ada, hers):
    sent(make_collector(ada, device="LT-4711"))
    collector = Collector.objects.get()
    sent(make_collector(ada, device="Other"))
    writer = collector.writer
    assert devices.known(ada.pk)[writer] == "LT-4711"
    assert devices.named([writer]) == {writer: str(collector.pk)}
    today = timezone.localdate().isoformat()
    assert "LT-4711" in hers.get(f"/people/{ada.pk}/data/{today}/").content.decode()
    assert "sent by LT-4711" in hers.get("/requests/erase/confirm/", {"collector": writer}).content.decode()
    assert hers.get("/requests/erase/confirm/", {"collector": "collector:none"}).status_code == 200


def test_a_second_collector_on_a_device_is_asked_about_as_the_person_left_it(ada, hers):
    make_collector(ada, device="LT-4711", ownership="personal", agreed=True, system="")
    make_source("browser", "browser")
    said = {"client_id": "collector-browser", "scope": "events.write", "device_name": "LT-4711"}
    form = "application/x-www-form-urlencoded"
    code = Client().post("/identity/o/api/device/code", urlencode(said), form).json()["user_code"]
    shown = hers.get("/identity/o/device", {"code": code}).context["form"]
    assert (shown.initial["ownership"], shown.initial["agreed"]) == ("personal", True)


def test_a_copy_holds_what_is_written_down_of_devices(ada):
    make_collector(ada, device="LT-4711", ownership="personal")
    (row,) = sections.find(Turn(ada.pk)).lists["my_devices"]
    assert (row["device"], row["account"], row["ownership"], row["state"]) == ("LT-4711", "ada", "personal", "active")


def test_the_choices_page_says_that_an_installed_collector_waits(ada, hers):
    assert "waits for your answer" not in hers.get("/choices/").content.decode()
    enrol(made(ada))
    assert "A collector that your company installed waits" in hers.get("/choices/").content.decode()


def test_an_operator_takes_the_access_from_a_lost_one_and_the_person_sees_who_did(ada):
    token = make_collector(ada)
    operator = Client()
    operator.force_login(Employee.objects.get(employee_number="oda"), BACKEND)
    number = Collector.objects.get().pk
    shown = operator.get("/collectors/").content.decode()
    assert str(number) in shown and str(ada.pk) not in shown and "ThinkPad" not in shown
    assert operator.post(f"/collectors/{number}/remove/").status_code == 302
    assert permissions(token).status_code == 401
    act = Act.objects.get(action="collector.ended", subject_id=ada.pk)
    assert (act.actor_label, act.facts["collector"]) == ("Oda Operator", str(number))


def test_operators_do_not_see_that_a_person_paused_a_device(ada, hers):
    make_collector(ada)
    operator = Client()
    operator.force_login(Employee.objects.get(employee_number="oda"), BACKEND)
    before = operator.get("/collectors/").context["rows"]
    change(hers, "pause")
    assert operator.get("/collectors/").context["rows"] == before


def test_whoever_installed_a_collector_does_not_learn_an_answer_by_sending_with_it(ada):
    for each in (ada, make_employee("Ben Brink")):
        assert sent(enrol(made(each)).json()["access_token"])["stored"] == 0
    assert devices.noisy() == []


def test_what_lets_collectors_in_is_removed_once_it_ran_out(ada):
    make_collector(ada)
    made(ada)
    Invitation.objects.update(until=timezone.now())
    Token.objects.update(expires_at=timezone.now())
    forget_old()
    assert not Invitation.objects.exists() and not Token.objects.exists()
