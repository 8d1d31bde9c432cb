"""Rates of answers: of groups, never of people, and not to be worked out from two looks."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from consent import actions
from portal.oversight.models import Count, Seat
from portal.oversight.tasks import count_answers
from portal.people.actions import deactivate
from portal.people.models import Employee
from portal.register.models import PurposeRecord
from tests.makers import SETTING_UP, make_employee, make_purpose

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "keys"])
PAGE = "/oversight/answers/"


def staff(number, department="", jurisdiction="DE"):
    return [
        make_employee("Some Body", password="", department=department, jurisdiction=jurisdiction) for _ in range(number)
    ]


def say(people, answer=actions.give, purpose="train"):
    for person in people:
        answer(subject_id=person.pk, purpose_key=purpose, path="/choices/")


def look(watcher):
    """Return {group: (yes, no, no answer)} as the page shows it, after the counts that are due."""
    count_answers()
    body = watcher.get(PAGE).content.decode()
    body = re.sub(r'<span class="label.*?</span>', "", body)
    rows = re.findall(r'<th scope="row">(.*?)</th><td>(.*?)</td><td>(.*?)</td><td>(.*?)</td>', body, re.S)
    return {re.sub(r" <small.*", "", name): tuple(said) for name, *said in rows}


def shown(watcher):
    """Return the page without the tokens of its forms."""
    return re.sub(r'value="\w{64}"', "", watcher.get(PAGE).content.decode())


@pytest.fixture
def watcher(as_role):
    """The council's member belongs to a department like everybody."""
    return as_role("council", department="Design")


def test_a_rate_counts_those_who_have_not_answered(watcher):
    make_purpose()
    people = staff(19, "Design")
    say(people[:8])
    say(people[8:12], actions.refuse)
    assert look(watcher) == dict.fromkeys(("Everybody", "DE", "Design"), ("about 40 %", "about 20 %", "about 40 %"))


def test_all_or_nobody_is_never_said(watcher):
    make_purpose()
    say([*staff(19, "Design"), watcher.person])
    assert set(look(watcher).values()) == {("90 % or more", "10 % or less", "10 % or less")}


def test_a_department_of_nine_is_nowhere_on_the_page(watcher):
    make_purpose()
    staff(30, "Design")
    say(staff(9, "Legal"))
    assert set(look(watcher)) == {"Everybody", "DE"}, "without Legal, Design would give it away"
    assert "Legal" not in watcher.get(PAGE).content.decode().replace("Legal and", "")


def test_one_persons_change_changes_nothing_on_the_page(watcher):
    make_purpose()
    people = staff(40, "Design")
    say(people[:20])
    before, page = look(watcher), shown(watcher)
    for answer in (actions.withdraw, actions.give, actions.withdraw):
        say(people[:1], answer)
        assert look(watcher) == before
    assert shown(watcher) == page


def test_nine_who_change_one_after_the_other_change_nothing_and_the_tenth_does(watcher):
    make_purpose()
    people = staff(20, "Design")
    say(people[:10])
    before = look(watcher)
    for person in people[:9]:
        say([person], actions.withdraw)
        assert look(watcher) == before
    say(people[9:10], actions.withdraw)
    assert look(watcher)["Design"] == ("10 % or less", "about 50 %", "about 50 %")


def test_somebody_who_changes_ten_times_is_one_person(watcher):
    make_purpose()
    people = staff(20, "Design")
    say(people[:10])
    before = look(watcher)
    for _ in range(5):
        say(people[:1], actions.withdraw)
        say(people[:1])
    say(people[:1], actions.withdraw)
    assert look(watcher) == before


def test_a_change_in_a_department_is_not_told_by_the_company_less_the_others(watcher):
    make_purpose()
    design, sales = staff(20, "Design"), staff(20, "Sales")
    before = look(watcher)
    say([*design[:10], *sales[:1]])
    assert look(watcher) == before, "the company would show 11 changes and Design 10 of them"
    say(sales[1:10])
    after = look(watcher)
    assert after["Design"][0] == after["Sales"][0] == "about 50 %"


def test_after_a_month_the_company_is_counted_without_those_who_would_be_alone(watcher):
    make_purpose()
    design, sales = staff(20, "Design"), staff(20, "Sales")
    before = look(watcher)
    say([*design[:10], *sales[:1]])
    for each in Count.objects.all():
        Count.objects.filter(pk=each.pk).update(day=each.day - timedelta(days=31))
    after = look(watcher)
    assert after["Everybody"] == ("about 30 %", "10 % or less", "about 70 %")
    assert (after["Design"], after["Sales"]) == (before["Design"], before["Sales"])


def test_eleven_people_less_their_ten_are_not_told(watcher):
    make_purpose()
    staff(40, "Berlin")
    say(staff(10, "Lyon", "FR"))
    say(staff(1, "Paris", "FR"), actions.refuse)
    assert not {"FR", "Lyon"} <= set(look(watcher))


def test_whoever_joins_leaves_or_moves_is_not_told(watcher):
    make_purpose()
    design, sales = staff(20, "Design"), staff(20, "Sales")
    say(design[:10])
    before = look(watcher)
    say(staff(1, "Design"))
    assert look(watcher) == before
    deactivate(employee=design[0], by=SETTING_UP)
    assert look(watcher) == before
    Employee.objects.filter(pk=design[1].pk).update(department="Sales")
    assert look(watcher) == before
    assert sales


def test_newcomers_who_are_silent_hide_nobody(watcher):
    make_purpose()
    design = staff(20, "Design")
    before = look(watcher)
    staff(9, "Design")
    say(design[:1])
    assert look(watcher) == before


def test_only_whom_the_purpose_concerns_is_counted(watcher):
    make_purpose()
    PurposeRecord.objects.create(purpose_key="train", jurisdictions=["FR"])
    staff(40, "Design")
    say(staff(12, "Lyon", "FR"))
    shown = look(watcher)
    assert "DE" not in shown and "Design" not in shown
    assert Seat.objects.filter(purpose_key="train").count() == 12


def test_a_group_that_has_become_small_goes_from_the_page(watcher):
    make_purpose()
    people = staff(10, "Sales")
    staff(20, "Design")
    assert "Sales" in look(watcher)
    deactivate(employee=people[0], by=SETTING_UP)
    assert "Sales" not in look(watcher)


def test_only_those_who_watch_see_the_page(as_role, client):
    for role in ("legal", "council", "auditor"):
        assert as_role(role).get(PAGE).status_code == 200
    for role in ("", "hr", "engineer", "operator"):
        assert as_role(role).get(PAGE).status_code == 403


def test_a_manager_sees_nothing_of_their_people(as_role):
    boss = as_role("")
    for _ in range(12):
        make_employee("Some Body", password="", department="Design", manager=boss.person)
    assert boss.get(PAGE).status_code == 403


def test_the_page_costs_the_same_however_many_groups_there_are(watcher, django_assert_max_num_queries):
    for key in ("train", "other", "third"):
        make_purpose(key)
    for department in ("Design", "Sales", "Support"):
        staff(12, department)
    look(watcher)
    with django_assert_max_num_queries(14):
        watcher.get(PAGE)
