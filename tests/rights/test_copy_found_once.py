"""What a copy says of a person is found once: its start page says what its files say, and a small copy costs little."""

from __future__ import annotations

import json
from collections import Counter
from datetime import timedelta
from functools import wraps

import pytest
from allauth.usersessions.models import UserSession
from django.db import connections
from django.template import Context, Template
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from consent import actions as decisions
from consent.models import Purpose
from portal.events.enrolment.models import Collector, Device
from portal.events.models import Sender
from portal.people.models import RoleGrant
from portal.register.models import Controller
from portal.rights import access, bundle, plans, runner
from portal.rights.cases.models import Entry, File, Intake
from portal.rights.clocks.models import Clarification
from portal.rights.holds.models import Hold
from portal.rights.leaving.models import Channel, Departure
from portal.rights.lists import RARE
from portal.rights.models import BundlePart, SubjectRequest
from portal.rights.redress.models import Told
from portal.rights.retention.models import Month, Shortening
from tests.makers import make_employee
from tests.rights.conftest import ask, at, carry_out, store, unzip

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "keys"])
# How many statements a step of a copy may make in one turn of a worker, of somebody with recordings of three days.
MOST = {"write_days": 7, "write_pages": 4, "write_receipts": 8, "write_sections": 6, "close_archive": 3}


def go_on_to(asked, step):
    while asked.current_step.name != step:
        assert runner.advance(asked.pk)
        asked = SubjectRequest.objects.get(pk=asked.pk)
    return asked


def in_one_turn(asked):
    runner.finish_all(asked.pk)
    return SubjectRequest.objects.get(pk=asked.pk)


def counted(step, made):
    """Return the step, counting how many statements it makes."""

    @wraps(step)
    def count(request, cursor):
        with CaptureQueriesContext(connections["default"]) as seen:
            after = step(request, cursor)
        made[step.__name__] += len(seen)
        return after

    return count


def test_a_small_copy_costs_few_statements(recorded, monkeypatch):
    plan, total = plans.PLANS["access"], Counter()
    steps = tuple(counted(step, total) for step in plan.steps)
    # What is read once in a process is read by this one.
    carry_out(ask(recorded))
    monkeypatch.setitem(plans.PLANS, "access", plans.Plan(steps, plan.ends, plan.act))
    assert in_one_turn(ask(recorded)).state == "ready"
    assert {name: total[name] for name in MOST if not 0 < total[name] <= MOST[name]} == {}


def test_a_copy_of_one_turn_holds_what_one_of_many_turns_holds(recorded):
    make_employee("Grace Hopper")
    store(recorded, [{"t": at(1), "type": "focus", "app": "mail", "title": "Call with Grace Hopper"}])
    slowly, at_once = unzip(carry_out(ask(recorded))), unzip(in_one_turn(ask(recorded)))
    same = [name for name in slowly if name.startswith(("data/", "days/", "register", "decisions", "reduced", "daily"))]
    assert len(same) > 10
    assert {name: slowly[name] for name in same} == {name: at_once[name] for name in same}
    # That the first was fetched has a receipt of its own.
    assert {name for name in slowly.keys() ^ at_once.keys() if not name.startswith("receipts/")} == set()
    assert b"Purposes and their legal basis" in at_once["index.html"]


def test_a_copy_says_what_the_directory_and_the_register_say_when_it_is_made(recorded):
    grace = make_employee("Grace Hopper")
    Controller.objects.create(name="Example Ltd", address="Here", contact="x", agreement_required=False)
    store(recorded, [{"t": at(1), "type": "focus", "app": "mail", "title": "Grace Hopper and Barbara Liskov"}])
    before = unzip(in_one_turn(ask(recorded)))
    assert b"[a colleague] and Barbara Liskov" in before["data/app_usage.csv"]
    assert b"Example Ltd" in before["index.html"]
    type(grace).objects.filter(pk=grace.pk).update(name="Barbara Liskov")
    type(grace).objects.filter(pk=recorded.pk).update(manager=grace)
    RoleGrant.objects.create(employee=grace, role="hr", confirmed_at=timezone.now(), ends=timezone.now() + timedelta(1))
    Controller.objects.update(name="Other Ltd")
    Purpose.objects.filter(key="train").update(description="Quite another one.")
    after = unzip(in_one_turn(ask(recorded)))
    assert b"Grace Hopper and [your manager]" in after["data/app_usage.csv"]
    assert b"Grace Hopper and [your manager]" in b"".join(after[name] for name in after if name.startswith("days/"))
    for said in (b"Other Ltd", b"Quite another one.", b"a role within the company"):
        assert said in after["index.html"]
        assert said in after["article-15.json"]
        assert said not in before["index.html"]
    RoleGrant.objects.update(ends=timezone.now() - timedelta(1))
    assert b"a role within the company" not in unzip(in_one_turn(ask(recorded)))["index.html"]


def test_the_page_says_what_the_files_say_also_where_something_happened_since(recorded):
    asked = go_on_to(ask(recorded, format="jsonl"), "close_archive")
    decisions.withdraw(subject_id=recorded.pk, purpose_key="train", path="tests")
    files = unzip(carry_out(asked))
    page = files["index.html"].decode()
    assert [json.loads(line)["kind"] for line in files["decisions.jsonl"].splitlines()] == ["given"]
    assert "<td>given</td>" in page
    assert "withdrawn" not in page
    assert "Receipts of deletions" not in page


def test_a_receipt_that_came_after_the_others_were_written_is_of_no_deletion(recorded):
    asked = go_on_to(ask(recorded), "write_sections")
    decisions.withdraw(subject_id=recorded.pk, purpose_key="train", path="tests")
    page = unzip(carry_out(asked))["index.html"].decode()
    assert "<td>withdrawn</td>" in page
    assert "Receipts of deletions" not in page


def test_what_the_page_is_drawn_from_is_no_file_of_the_copy(recorded):
    files = unzip(carry_out(ask(recorded)))
    assert access.FACTS not in files
    assert access.FACTS not in files["manifest.json"].decode() + files["index.html"].decode()


def test_a_copy_whose_sections_the_last_release_wrote_has_a_whole_page(recorded):
    asked = go_on_to(ask(recorded), "close_archive")
    part = BundlePart.objects.get(bundle=asked.bundle, path=bundle.SHELF, seq=access.SECTIONS)
    lies = bundle.open_shelf(asked.bundle, part)
    del lies[access.FACTS]
    SubjectRequest.objects.filter(pk=asked.pk).update(lease_until=None)
    bundle.put_shelf(SubjectRequest.objects.get(pk=asked.pk), access.SECTIONS, lies)
    page = unzip(carry_out(asked))["index.html"].decode()
    assert "<td>given</td>" in page
    assert "Purposes and their legal basis" in page
    assert "What is kept, by day" in page


def fill(employee, asked, now):
    """Put a row behind each list that is nearly always empty; nothing of it is opened here."""
    mine, later = {"subject_id": employee.pk}, now + timedelta(days=1)
    device = Device.objects.create(**mine, sealed=b"")
    entry = Entry.objects.create(request=asked, kind="note", author_id="1", sealed_text=b"")
    Sender.objects.create(**mine, writer="import", source="recorder", sealed=b"")
    Collector.objects.create(**mine, source="recorder", device=device, sealed=b"")
    File.objects.create(entry=entry, media="application/pdf", sealed_name=b"")
    Intake.objects.create(request=asked, state="matched", kind="access", channel="letter", received=now, due=now.date())
    Hold.objects.create(**mine, ground="legal_claims", sealed_reason=b"", placed_by=asked.pk, until=later)
    Clarification.objects.create(request=asked, code="scope", sealed_text=b"", asked_by="1")
    Shortening.objects.create(**mine, category="scrolling", days=3, since=now.date())
    Month.objects.create(**mine, month="2026-01", sealed=b"")
    Told.objects.create(**mine, request=asked, recipient_key="x", what="erasure", reference="R-1", by_mail=False)
    Channel.objects.create(**mine, sealed=b"")
    Departure.objects.create(**mine, left_on=now.date(), erase_on=now.date())
    RoleGrant.objects.create(employee=employee, role="hr", ends=later)
    UserSession.objects.create(user=employee, ip="192.0.2.1", session_key="s", user_agent="a", last_seen_at=now)


def test_whoever_has_a_row_of_a_list_that_is_nearly_always_empty_has_that_list(ada, ben):
    assert RARE.with_rows(ada.pk) == set()
    fill(ada, ask(ada), timezone.now())
    assert RARE.with_rows(ada.pk) == set(RARE.by_name)
    assert RARE.with_rows(ben.pk) == set()


def test_what_is_drawn_once_for_everybody_holds_nothing_of_whoever_came_first():
    page = Template("{% load fixed %}{% fixed %}To {{ name }}{% endfixed %} {{ name }}")
    assert [page.render(Context({"name": name})) for name in ("Ada", "Ben")] == ["To  Ada", "To  Ben"]
