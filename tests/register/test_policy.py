"""A policy is drafted by one person and brought live by others."""

from __future__ import annotations

import pytest
from django.core.management import CommandError, call_command

from consent.models import NoticeVersion, Purpose
from portal.audit.models import Act
from portal.register.models import Flow, PolicyDraft, Source
from tests.makers import make_employee

pytestmark = pytest.mark.django_db(databases=["default", "keys"])


def test_the_example_goes_live(company):
    company.go_live()
    assert [source.key for source in Source.objects.live().order_by("key")] == ["browser", "desktop", "recordings"]
    assert Purpose.objects.live().count() == 5
    assert Purpose.objects.filter(basis="legitimate_interest").count() == 1
    assert all(flow.off_hours for flow in Flow.objects.live_for("desktop"))


def test_nothing_is_live_before_the_approval(company):
    company.apply()
    assert Source.objects.count() == 3
    assert not Source.objects.live().exists()
    assert not Flow.objects.live().exists()
    assert not Purpose.objects.live().exists()
    assert not NoticeVersion.objects.exists()


def test_the_notice_covers_what_the_flows_collect(company):
    company.go_live()
    notice = NoticeVersion.objects.in_force("fault-finding")
    assert notice.covers == {"desktop": ["app_usage"]}
    assert Purpose.objects.get(pk="fault-finding").categories == ["app_usage"]


def test_applying_the_same_again_publishes_nothing(company, capsys):
    company.go_live()
    before = NoticeVersion.objects.count(), PolicyDraft.objects.count()
    company.apply()
    assert capsys.readouterr().out.endswith("nothing new\n")
    assert (NoticeVersion.objects.count(), PolicyDraft.objects.count()) == before


def test_a_small_change_publishes_only_what_it_touches(company):
    company.go_live()
    document = company.document()
    document["purposes"][3]["retention"][0]["days"] = 10
    company.go_live(document)
    versions = dict(NoticeVersion.objects.filter(version=2).values_list("notice__purpose", "notice__language"))
    assert versions.keys() == {"fault-finding"}


def test_nobody_approves_what_they_drafted(company):
    company.apply(by=company.legal)
    with pytest.raises(CommandError, match="is your own"):
        company.approve(company.legal)


def test_somebody_without_the_role_cannot_approve(company):
    company.apply()
    with pytest.raises(CommandError, match="neither legal nor council"):
        company.approve(make_employee("Hans", roles=["hr"]).employee_number)


def test_the_council_alone_brings_nothing_live(company):
    company.apply()
    assert "approval of legal is missing" in company.approve(company.council)
    assert not Source.objects.live().exists()


def test_taking_the_councils_say_away_needs_its_say(company):
    company.go_live()
    document = company.document()
    document["controller"]["council_approves"] = False
    company.apply(document)
    assert "approval of council is missing" in company.approve(company.legal)


def test_without_the_councils_say_legal_is_enough(company):
    document = company.document()
    document["controller"]["council_approves"] = False
    company.apply(document)
    company.approve(company.legal)
    assert Source.objects.live().count() == 3


def test_a_flow_that_is_left_out_stops(company):
    company.go_live()
    document = company.document()
    document["sources"][0]["flows"] = document["sources"][0]["flows"][1:]
    company.go_live(document)
    assert not Flow.objects.live_for("desktop").filter(category="pointer_movement").exists()


def test_a_file_that_names_one_source_leaves_the_others_alone(company):
    company.go_live()
    document = company.document()
    document["sources"] = [{**document["sources"][1], "retired": True}]
    company.go_live({"version": 1, "sources": document["sources"]})
    assert set(Source.objects.live().values_list("key", flat=True)) == {"desktop", "recordings"}
    assert not Flow.objects.live_for("browser").exists()


def test_a_draft_changes_nothing_that_is_live(company):
    company.go_live()
    document = company.document()
    document["sources"][0]["blocked_apps"] = []
    document["sources"][0]["title"] = "Something else"
    company.apply(document)
    source = Source.objects.get(pk="desktop")
    assert source.title == "Desktop recorder"
    assert source.blocked_apps


def test_a_corrected_file_takes_the_place_of_the_draft(company):
    broken = company.document()
    del broken["sources"][0]["assessment"]
    company.apply(broken)
    company.apply()
    assert PolicyDraft.objects.pending().count() == 1


def test_there_must_be_a_draft(company):
    with pytest.raises(CommandError, match="no draft"):
        company.approve(company.legal)


def test_set_up_ends_when_the_first_source_is_live(company, ada):
    company.go_live()
    with pytest.raises(CommandError, match="Set-up is over"):
        call_command("person", ada.employee_number, role=["hr"])
    Source.objects.update(state="retired")
    with pytest.raises(CommandError, match="Set-up is over"):
        call_command("person", ada.employee_number, role=["hr"])


def test_each_step_is_an_act(company):
    company.go_live()
    actions = set(Act.objects.values_list("action", flat=True))
    assert {"policy.applied", "policy.approved", "source.live", "purpose.live", "notice.published"} <= actions
