"""Where somebody works: notices to be acknowledged first, purposes of one place only, and works agreements."""

from __future__ import annotations

import time

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from consent import actions
from consent.models import Gate
from portal.events import reading
from portal.people.models import Employee
from portal.register.models import Controller, PurposeRecord, WorksAgreement
from tests.events.conftest import move, now_ms
from tests.makers import make_batch, make_flow, make_notice, make_purpose, make_source, make_token, send, sign_in

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "keys"])


def works_in(employee, jurisdiction):
    Employee.objects.filter(pk=employee.pk).update(jurisdiction=jurisdiction)


def must_be_told(key="ny-notice", jurisdictions=("US-NY",), **over):
    """Publish a notice that people there have to acknowledge before anything is collected."""
    make_purpose(key, basis="legal_obligation", covers={}, **over)
    PurposeRecord.objects.create(purpose_key=key, jurisdictions=list(jurisdictions), must_acknowledge=True)


def demand_agreement(*countries, required=True):
    Controller.objects.create(name="ACME", agreement_required=required, agreement_countries=list(countries))


def agree(source, country=""):
    WorksAgreement.objects.create(
        source=source, country=country, reference="WA 1", clause="4", parties="All.", dated=timezone.localdate()
    )


@pytest.fixture
def allowed(client, ada, token):
    def call(headers=None, source="agent"):
        query = {"subject": str(ada.pk), "source": source}
        return client.get("/api/v1/permissions", query, headers={"authorization": f"Bearer {token}", **(headers or {})})

    return call


def reasons(answer):
    return {each["reason"] for each in answer.json()["categories"].values()}


class TestNoticesToAcknowledgeFirst:
    def test_nothing_at_all_is_kept_before_and_everything_after(self, put, allowed, ada):
        works_in(ada, "US-NY")
        must_be_told()
        assert put([move()]).json() | {"batch": 0} == {
            "batch": 0,
            "stored": 0,
            "withheld": {"pointer_movement": 1},
            "stripped": {},
        }
        before = allowed()
        assert reasons(before) == {"not_acknowledged"}
        actions.acknowledge(subject_id=ada.pk, purpose_key="ny-notice", path="/welcome/")
        assert put([move()]).json()["stored"] == 1
        after = allowed({"if-none-match": before["ETag"]})
        assert (after.status_code, reasons(after)) == (200, {None})

    @pytest.mark.parametrize(
        ("where", "named", "stored"),
        [("US-NY", ["US-DE"], 1), ("DE", ["US-NY"], 1), ("US-NY", ["US"], 0), ("US-NY", [], 0), ("US", ["US-NY"], 1)],
    )
    def test_it_is_asked_of_those_whom_it_concerns(self, put, ada, where, named, stored):
        works_in(ada, where)
        must_be_told(jurisdictions=named)
        assert put([move()]).json()["stored"] == stored

    def test_of_two_notices_both_have_to_be_acknowledged(self, put, allowed, ada):
        works_in(ada, "US-NY")
        must_be_told()
        must_be_told("company-wide", [])
        actions.acknowledge(subject_id=ada.pk, purpose_key="ny-notice", path="/welcome/")
        assert put([move()]).json()["stored"] == 0
        actions.acknowledge(subject_id=ada.pk, purpose_key="company-wide", path="/welcome/")
        assert put([move()]).json()["stored"] == 1

    def test_a_consent_to_it_from_when_it_was_another_purpose_does_not_count(self, put, ada):
        works_in(ada, "US-NY")
        make_purpose("ny-notice", covers={})
        actions.give(subject_id=ada.pk, purpose_key="ny-notice", path="/choices/")
        must_be_told()
        assert put([move()]).json()["stored"] == 0

    def test_acknowledging_alone_permits_nothing(self, client, ada):
        works_in(ada, "US-NY")
        make_purpose("train")
        make_source(flows=[("pointer_movement", "train")])
        must_be_told()
        actions.acknowledge(subject_id=ada.pk, purpose_key="ny-notice", path="/welcome/")
        answer = send(client, make_token("events.write", ["agent"]), make_batch(ada, [move()]))
        assert answer.json()["stored"] == 0

    def test_even_where_its_own_notice_covers_something_it_permits_only_that(self, client, ada):
        works_in(ada, "US-NY")
        must_be_told()
        make_notice("ny-notice", {"agent": ["pointer_movement"]})
        make_source(flows=[("pointer_movement", "train"), ("app_usage", "train")])
        make_purpose("train")
        actions.acknowledge(subject_id=ada.pk, purpose_key="ny-notice", path="/welcome/")
        answer = send(client, make_token("events.write", ["agent"]), make_batch(ada, [move()]))
        assert answer.json()["stored"] == 0

    def test_what_is_retired_is_asked_of_nobody(self, put, ada):
        works_in(ada, "US-NY")
        must_be_told()
        actions.retire_purpose(key="ny-notice")
        assert put([move()]).json()["stored"] == 1

    def test_one_that_lapsed_with_its_year_has_to_be_acknowledged_again(self, put, ada):
        works_in(ada, "US-ME")
        must_be_told("maine", ["US-ME"])
        actions.acknowledge(subject_id=ada.pk, purpose_key="maine", path="/welcome/")
        assert put([move()]).json()["stored"] == 1
        row = Gate.objects.get(pk=ada.pk)
        row.grants["maine"]["until_ms"] = now_ms() - 1
        row.save(update_fields=["grants"])
        assert put([move()]).json()["stored"] == 0

    def test_a_move_to_such_a_place_acts_at_once(self, put, ada):
        must_be_told()
        assert put([move()]).json()["stored"] == 1
        works_in(ada, "US-NY")
        assert put([move()]).json()["stored"] == 0

    def test_a_source_of_recordings_waits_as_well(self, client, ada):
        works_in(ada, "US-NY")
        make_source("files", "import", flows=[("pointer_movement", "train")])
        make_purpose("train", covers={"files": ["pointer_movement"]})
        actions.give(subject_id=ada.pk, purpose_key="train", path="/choices/")
        must_be_told()
        token = make_token("events.write", ["files"])
        assert send(client, token, make_batch(ada, [move(1000)], "files")).json()["stored"] == 0

    def test_that_the_device_sent_is_shown_as_the_fact_alone(self, put, ada):
        works_in(ada, "US-NY")
        must_be_told()
        put([move()])
        (day,) = reading.days(ada.pk)
        assert (day.sending, day.events, day.withheld) == (("agent",), {}, {})


class TestPurposesOfOnePlace:
    def test_a_flow_for_a_purpose_that_does_not_concern_the_person_never_applies(self, put, allowed, ada, agent):
        make_purpose("study", covers={"agent": ["pointer_movement"]})
        make_flow(agent, "pointer_movement", "study")
        actions.give(subject_id=ada.pk, purpose_key="study", path="/choices/")
        time.sleep(0.002)
        PurposeRecord.objects.create(purpose_key="study", jurisdictions=["US"])
        works_in(ada, "DE")
        put([move()])
        works_in(ada, "US-NY")
        put([move()])
        days = reading.stored_days(ada.pk)
        assert [row["purposes"] for row in reading.page(ada.pk, days[0]).rows] == ["train", "study,train"]

    def test_where_it_is_the_only_one_nothing_is_kept(self, put, allowed, ada):
        PurposeRecord.objects.create(purpose_key="train", jurisdictions=["US-NY"])
        works_in(ada, "DE")
        assert put([move()]).json()["stored"] == 0
        assert reasons(allowed()) == {"not_permitted"}


class TestWorksAgreements:
    @pytest.mark.parametrize(
        ("demanded", "where", "agreed", "stored"),
        [
            ([], "DE", None, 0),
            ([], "DE", "", 1),
            ([], "DE", "DE", 1),
            ([], "DE", "FR", 0),
            (["DE"], "DE", None, 0),
            (["DE"], "DE-BY", None, 0),
            (["DE"], "DE-BY", "DE", 1),
            (["DE"], "FR", None, 1),
            (["DE"], "GB", None, 1),
        ],
    )
    def test_a_source_is_active_where_it_is_agreed_or_nobody_demands_it(
        self, put, allowed, ada, agent, demanded, where, agreed, stored
    ):
        works_in(ada, where)
        demand_agreement(*demanded)
        if agreed is not None:
            agree(agent, agreed)
        assert put([move()]).json()["stored"] == stored
        assert reasons(allowed()) == ({None} if stored else {"not_agreed"})

    def test_where_none_is_required_none_is_asked_for(self, put, ada):
        works_in(ada, "DE")
        demand_agreement(required=False)
        assert put([move()]).json()["stored"] == 1

    def test_that_of_another_source_does_not_count(self, put, ada):
        works_in(ada, "DE")
        demand_agreement("DE")
        agree(make_source("other"), "DE")
        assert put([move()]).json()["stored"] == 0

    def test_a_move_and_a_new_agreement_act_at_once(self, put, ada, agent):
        works_in(ada, "FR")
        demand_agreement("DE")
        assert put([move()]).json()["stored"] == 1
        works_in(ada, "DE")
        assert put([move()]).json()["stored"] == 0
        agree(agent, "DE")
        assert put([move()]).json()["stored"] == 1


def test_all_of_this_costs_a_batch_no_further_query(put, ada, agent):
    put([move()])
    with CaptureQueriesContext(
        connection,
    ) as plain:
        put([move()])
    works_in(ada, "US-NY")
    must_be_told()
    actions.acknowledge(subject_id=ada.pk, purpose_key="ny-notice", path="/welcome/")
    demand_agreement("DE", "US")
    agree(agent, "US")
    with CaptureQueriesContext(connection) as asked:
        assert put([move()]).json()["stored"] == 1
    assert len(asked) == len(plain)


class TestTheOverview:
    """What the portal says is what the store does: it asks as ingest does."""

    def says(self, client, ada):
        sign_in(client, ada)
        return client.get("/").content.decode()

    def test_it_says_that_there_is_something_to_be_told_first(self, client, put, ada):
        assert "Daylight accepts data from Agent" in self.says(client, ada)
        works_in(ada, "US-NY")
        must_be_told()
        said = self.says(client, ada)
        assert "Daylight accepts data" not in said
        assert "something that you have to be told first" in said

    def test_it_says_that_an_agreement_is_missing(self, client, put, ada):
        works_in(ada, "DE")
        demand_agreement("DE")
        assert "your representatives have to agree" in self.says(client, ada)

    def test_it_does_not_name_what_concerns_people_elsewhere(self, client, put, ada):
        PurposeRecord.objects.create(purpose_key="train", jurisdictions=["US-NY"])
        works_in(ada, "DE")
        assert "Daylight accepts data" not in self.says(client, ada)
