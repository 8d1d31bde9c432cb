"""The company's directory comes in line by line."""

from __future__ import annotations

import json

import pytest
from allauth.account.models import EmailAddress
from allauth.idp.oidc.models import Token
from django.core.management import CommandError, call_command
from django.test import Client

from consent.models import Gate
from portal.audit.models import Act
from portal.people.models import Employee, RoleGrant
from portal.vault.models import SubjectKey
from tests.makers import make_employee, make_token, sign_in

pytestmark = pytest.mark.django_db(databases=["default", "keys"])

HEAD = "employee_number,email,name,department,manager_number,jurisdiction,time_zone,working_hours,sso_subject"


def line(number, email=None, name="Some Body", manager="", country="DE", zone="Europe/Berlin", hours="", sso=""):
    email = f"p{number}@example.org" if email is None else email
    return f"{number},{email},{name},Sales,{manager},{country},{zone},{hours},{sso}"


@pytest.fixture
def take_in(tmp_path, capsys):
    def run(*lines, head=HEAD, **options):
        file = tmp_path / "people.csv"
        rows = [each if isinstance(each, bytes) else each.encode() for each in (head, *lines)]
        file.write_bytes(b"\n".join(rows) + b"\n")
        capsys.readouterr()
        try:
            call_command("import_employees", str(file), **options)
        finally:
            run.answers = [json.loads(each) for each in capsys.readouterr().out.splitlines()]
        return run.answers

    return run


def test_a_new_person_has_keys_a_gate_and_an_address(take_in):
    [answer] = take_in(line(7, name='"Ada, of course"', hours="Mo-Fr 08:00-18:00", sso="abc"))
    ada = Employee.objects.get(employee_number="7")
    assert answer == {"employee_number": "7", "subject_id": str(ada.pk), "created": True}
    assert (ada.name, ada.working_hours, ada.sso_subject) == ("Ada, of course", "Mo-Fr 08:00-18:00", "abc")
    assert Gate.objects.filter(subject_id=ada.pk, active=True).exists()
    assert SubjectKey.objects.filter(subject_id=ada.pk).count() == 2
    assert EmailAddress.objects.filter(user=ada, verified=True, primary=True).exists()
    assert not ada.has_usable_password()


def test_the_second_time_it_updates(take_in):
    take_in(line(7))
    [answer] = take_in(line(7, email="New@Example.org", name="Ada Newname"))
    ada = Employee.objects.get()
    assert answer["updated"]
    assert (ada.email, ada.name) == ("new@example.org", "Ada Newname")
    assert list(EmailAddress.objects.values_list("email", flat=True)) == ["new@example.org"]


def test_the_same_file_again_changes_nothing(take_in):
    take_in(line(7), line(8, manager=7))
    before = Act.objects.count()
    assert all(answer["updated"] for answer in take_in(line(7), line(8, manager=7)))
    assert Act.objects.count() == before


def test_a_manager_may_come_later_in_the_file(take_in):
    take_in(line(1, manager=2), line(2))
    assert Employee.objects.get(employee_number="1").manager.employee_number == "2"


BAD = [
    (line(5).encode().replace(b"Some Body", b"Some \xff\xfe"), "5", "name is not UTF-8"),
    (line(5).replace("Some Body", "Some\x00Body"), "5", "name has a control character"),
    (line(5, email="nobody"), "5", "email is no address"),
    (line(5, email="a@host"), "5", "email is no address"),
    (line(5, email=""), "5", "email is empty"),
    (line(5, name=""), "5", "name is empty"),
    (line(5, name="x" * 201), "5", "name is longer"),
    (line(5, zone="Europe/Atlantis"), "5", "time_zone is unknown"),
    (line(5, zone="../../etc/passwd"), "5", "time_zone is unknown"),
    (line(5, country="Germany"), "5", "jurisdiction is not like"),
    (line(5, hours="nine to five"), "5", "working_hours"),
    (line(5, hours="Mo-Fr 25:00-26:00"), "5", "working_hours"),
    (line(5, manager="404"), "5", "manager_number '404' is nobody"),
    (line(5, manager="5"), "5", "the person's own"),
    (line(5, email="P1@example.org"), "5", "email stands on line 2 already"),
    (line(1, email="other@example.org"), "1", "employee_number stands on line 2 already"),
    (line(5, email="taken@example.org"), "5", "belongs to somebody else"),
    (line(5) + ",more", "5", "has 10 fields"),
    ("5,only@example.org", "5", "has 2 fields"),
    ('5,"open', "5", "quotation mark"),
    ("", None, None),
    (line(""), None, "employee_number is empty"),
    (b"\xff" + line(5).encode(), None, "employee_number is not UTF-8"),
    (line("x" * 65), None, "employee_number is longer"),
]


@pytest.mark.parametrize(("bad", "number", "said"), BAD, ids=[str(said) for *_, said in BAD])
def test_a_bad_line_is_named_and_stops_nobody_else(take_in, bad, number, said):
    make_employee("Taken", employee_number="99", email="taken@example.org")
    answers = take_in(line(1), bad, line(2))
    wrong = [answer for answer in answers if "error" in answer]
    assert [answer["employee_number"] for answer in answers if "created" in answer] == ["1", "2"]
    if said is None:
        assert not wrong
    else:
        [answer] = wrong
        assert answer["employee_number"] == number
        assert said in answer["error"]
        assert answer["error"].startswith("line 3: ")


def test_an_open_quote_does_not_swallow_the_next_line(take_in):
    answers = take_in('5,p5@example.org,"Open,Sales,,DE,Europe/Berlin,,', line(6))
    assert ["error" in answer for answer in answers] == [True, False]


def test_whoever_a_refused_line_manages_waits_too(take_in):
    answers = take_in(line(1, zone="nowhere"), line(2, manager=1), line(3, manager=2), line(4))
    assert ["error" in answer for answer in answers] == [True, True, True, False]
    assert Employee.objects.count() == 1


def test_managers_form_no_circle(take_in):
    take_in(line(1), line(2, manager=1), line(3, manager=2))
    answers = take_in(line(1, manager=3), line(4))
    assert "circle" in answers[0]["error"]
    assert Employee.objects.get(employee_number="1").manager is None
    assert answers[1]["created"]


def test_a_new_circle_is_refused_whole(take_in):
    answers = take_in(line(1, manager=2), line(2, manager=1), line(3))
    assert ["error" in answer for answer in answers] == [True, True, False]


def test_a_line_may_be_turned_round_in_one_file(take_in):
    take_in(line(1), line(2, manager=1))
    assert all("updated" in answer for answer in take_in(line(1, manager=2), line(2)))
    assert Employee.objects.get(employee_number="1").manager.employee_number == "2"


def test_an_address_may_move_to_another_person(take_in):
    take_in(line(1, email="a@example.org"), line(2, email="b@example.org"))
    answers = take_in(line(1, email="b@example.org"), line(2, email="c@example.org"))
    assert all("updated" in answer for answer in answers)


def test_columns_may_stand_in_any_order_and_others_are_not_kept(take_in):
    head = "phone;name;employee_number;email;department;manager_number;jurisdiction;time_zone"
    [answer] = take_in("0123;Ada;7;a@example.org;;;US-NY;America/New_York", head="\ufeff" + head)
    assert answer["created"]
    assert Employee.objects.get().jurisdiction == "US-NY"


@pytest.mark.parametrize("head", ["", "name,email", HEAD.replace("time_zone", "email"), "\x00"])
def test_a_file_without_its_columns_is_refused_whole(take_in, head):
    with pytest.raises(CommandError, match="column"):
        take_in(line(1), head=head)
    assert not Employee.objects.exists()


def test_a_file_that_is_not_there_is_said(tmp_path):
    with pytest.raises(CommandError, match=r"none\.csv"):
        call_command("import_employees", str(tmp_path / "none.csv"))


def test_without_full_nobody_is_deactivated(take_in):
    take_in(line(1), line(2))
    take_in(line(1))
    assert Employee.objects.active().count() == 2


def test_full_closes_the_account_of_who_is_absent(take_in):
    take_in(line(1), line(2))
    ada = Employee.objects.get(employee_number="2")
    ada.set_password("correct horse battery staple")
    ada.save()
    RoleGrant.objects.create(employee=ada, role="hr", ends="2099-01-01T00:00Z", confirmed_at="2026-01-01T00:00Z")
    browser = Client()
    sign_in(browser, ada)
    assert "_auth_user_id" in browser.session
    make_token("events.write", employee=ada)
    answers = take_in(line(1), full=True)
    assert answers[1] == {"employee_number": "2", "subject_id": str(ada.pk), "deactivated": True}
    assert not Employee.objects.get(pk=ada.pk).is_active
    assert browser.get("/accounts/password/change/").status_code == 302
    assert not Token.objects.filter(user=ada).exists()
    assert not Gate.objects.get(subject_id=ada.pk).active
    assert not RoleGrant.objects.in_force().exists()


def test_who_comes_back_is_opened_again_without_their_roles(take_in):
    take_in(line(1), line(2))
    take_in(line(1), full=True)
    take_in(line(1), line(2), full=True)
    ada = Employee.objects.get(employee_number="2")
    assert ada.is_active
    assert Gate.objects.get(subject_id=ada.pk).active


def test_a_bad_line_with_a_readable_number_counts_as_present(take_in):
    take_in(line(1), line(2), line(3))
    take_in(line(1), line(2, zone="nowhere"), '3,"open', full=True)
    assert Employee.objects.active().count() == 3


def test_a_file_that_looks_cut_off_deactivates_nobody(take_in):
    take_in(*(line(number) for number in range(1, 31)))
    kept = [line(number) for number in range(1, 21)]
    with pytest.raises(CommandError, match="10 of 30 .* --allow-deactivate 10"):
        take_in(*kept, full=True)
    assert Employee.objects.active().count() == 30
    with pytest.raises(CommandError, match="nobody was deactivated"):
        take_in(*kept, full=True, allow_deactivate=9)
    take_in(*kept, full=True, allow_deactivate=10)
    assert Employee.objects.active().count() == 20


def test_nine_people_may_leave_a_small_company(take_in):
    take_in(*(line(number) for number in range(1, 15)))
    take_in(*(line(number) for number in range(1, 6)), full=True)
    assert Employee.objects.active().count() == 5


def test_each_change_is_an_act(take_in):
    take_in(line(1), line(2))
    take_in(line(1, name="Else"), full=True)
    assert list(Act.objects.order_by("pk").values_list("action", flat=True)) == [
        "employee.imported",
        "employee.imported",
        "employee.changed",
        "employee.deactivated",
    ]
