"""Leaving: collection stops at once, a code comes by a way the person chose, and opens their own things alone."""

from __future__ import annotations

import io
import os
import re
import time
import zipfile
from datetime import timedelta
from pathlib import Path

import pytest
from django.core import mail
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.utils import timezone

from consent import actions as decisions
from consent import gate
from consent.values import Scope
from portal.audit.models import Act
from portal.people import actions as people
from portal.people.models import Employee
from portal.rights import codes, handling
from portal.rights.leaving import actions, delivery, schedule
from portal.rights.leaving.models import AccessCode, Channel, Departure, Keepsake
from portal.rights.models import SubjectRequest
from portal.rights.redress import restricting
from portal.rights.values import Kind, NotAllowed
from tests.makers import SETTING_UP, make_employee, make_purpose, make_token, sign_in
from tests.rights.conftest import ask, carry_out, person, soon  # noqa: F401

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "keys"])
PRIVATE = "ada@private.example"
CODE = re.compile(r"(?:[A-Z2-7]{4}-){7}[A-Z2-7]{4}")


def choose(client, way="email", where=PRIVATE):
    return client.post("/leaving/", {"way": way, "where": where})


def close(employee):
    people.deactivate(employee=employee, by=SETTING_UP)
    return schedule.sweep()


def sent_code(box=None):
    """Return the code of the last mail."""
    assert delivery.send_due() == 1
    return CODE.search((box or mail.outbox)[-1].body).group()


def come_in(code, client=None):
    """Enter a code; return the client and the next code."""
    client = client or Client()
    answer = client.post("/leavers/", {"code": code})
    found = CODE.search(answer.content.decode())
    return client, (found.group() if answer.status_code == 200 and found else None)


@pytest.fixture
def left(ada, client):
    """Ada, who chose a private address and has left; and her code."""
    make_purpose()
    decisions.give(subject_id=ada.pk, purpose_key="train", path="/choices/")
    sign_in(client, ada)
    assert choose(client).status_code == 302
    close(ada)
    return ada, sent_code()


# --- choosing the way


def test_the_address_is_sealed_and_shown_to_its_person_alone(ada, client, hana):
    sign_in(client, ada)
    assert choose(client).status_code == 302
    assert PRIVATE in client.get("/leaving/").content.decode()
    with connection.cursor() as cursor:
        cursor.execute("SELECT sealed FROM leaving_channel")
        assert PRIVATE.encode() not in bytes(cursor.fetchone()[0])
    close(ada)
    other = Client()
    sign_in(other, hana)
    page = other.get("/queue/leavers/").content.decode()
    assert ada.name in page
    assert PRIVATE not in page


@pytest.mark.parametrize("where", ["", "no address", "somebody@example.org", "x" * 501])
def test_an_address_that_would_not_reach_the_person_is_refused(ada, client, where):
    sign_in(client, ada)
    assert choose(client, where=where).status_code == 422
    assert not Channel.objects.exists()


def test_nobody_chooses_for_somebody_else_and_nobody_who_has_left(ada, hana):
    with pytest.raises(NotAllowed):
        actions.choose_channel(subject_id=ada.pk, way="email", where="h@private.example", by=person(hana))
    close(ada)
    with pytest.raises(NotAllowed):
        actions.choose_channel(subject_id=ada.pk, way="email", where=PRIVATE, by=person(ada))


def test_the_page_says_when_the_account_ends(ada, client):
    sign_in(client, ada)
    assert "90 days after your last day" in client.get("/leaving/").content.decode()


# --- leaving


def test_at_the_last_day_all_stops_and_the_schedule_begins(ada, client):
    make_purpose()
    decisions.give(subject_id=ada.pk, purpose_key="train", path="/choices/")
    token = make_token("events.write", employee=ada)
    sign_in(client, ada)
    people.set_last_day(employee=ada, leaves_on=timezone.localdate() - timedelta(days=1), by=SETTING_UP)
    assert gate.read(ada.pk).grants == {}
    assert client.get("/choices/")["Location"].startswith("/accounts/login/")
    assert Client().get("/api/v1/permissions", headers={"authorization": f"Bearer {token}"}).status_code == 401
    schedule.sweep()
    departure = Departure.objects.get(pk=ada.pk)
    assert departure.erase_on - departure.left_on == timedelta(days=90)


def test_a_day_to_come_closes_the_account_when_it_is_over(ada):
    call_command("person", ada.employee_number, leaves=timezone.localdate().isoformat())
    schedule.sweep()
    assert Employee.objects.get(pk=ada.pk).is_active
    Employee.objects.filter(pk=ada.pk).update(leaves_on=timezone.localdate() - timedelta(days=1))
    schedule.sweep()
    assert not Employee.objects.get(pk=ada.pk).is_active
    assert Departure.objects.filter(pk=ada.pk).exists()


def test_the_command_closes_an_account_now(ada):
    call_command("person", ada.employee_number, leaves="now")
    assert not Employee.objects.get(pk=ada.pk).is_active


def test_a_last_day_in_the_directory_closes_the_account_and_keeps_it_closed(ada, tmp_path):
    day = timezone.localdate() - timedelta(days=2)
    file = tmp_path / "people.csv"
    file.write_text(
        "employee_number,email,name,department,manager_number,jurisdiction,time_zone,leaves_on\n"
        f"{ada.employee_number},{ada.email},{ada.name},,,DE,Europe/Berlin,{day}\n"
    )
    for _time in range(2):
        call_command("import_employees", str(file), stdout=io.StringIO())
        assert not Employee.objects.get(pk=ada.pk).is_active
        schedule.sweep()
    assert Departure.objects.get(pk=ada.pk).left_on == day


def test_the_account_erases_itself_at_its_day(left, soon):  # noqa: F811
    ada, code = left
    assert schedule.sweep() == []
    Departure.objects.filter(pk=ada.pk).update(erase_on=timezone.localdate())
    (opened,) = schedule.sweep()
    assert schedule.sweep() == []
    assert carry_out(SubjectRequest.objects.get(pk=opened)).state == "delivered"
    assert not Employee.objects.filter(pk=ada.pk).exists()
    assert schedule.sweep() == []
    page = Client().post("/leavers/", {"code": code})
    assert "only your code opens them" in page.content.decode()
    files = Client().post("/leavers/kept/", {"code": code, "name": "receipts.zip"})
    assert zipfile.is_zipfile(io.BytesIO(files.content))
    assert Client().post("/leavers/kept/", {"code": code, "name": "certificate.json"}).json()["certificate"]
    assert Client().post("/leavers/kept/", {"code": codes.new(), "name": "receipts.zip"}).status_code == 422
    Keepsake.objects.update(ends_on=timezone.localdate())
    AccessCode.objects.update(ends_on=timezone.localdate())
    schedule.sweep()
    assert not (Keepsake.objects.exists() or AccessCode.objects.exists())


def test_what_somebody_had_restricted_outlasts_the_day_of_their_account(left, hana, client):
    ada, code = left
    asked = restricting.ask(subject_id=ada.pk, by=person(ada), scope=Scope(), ground="legal_claims")
    Departure.objects.filter(pk=ada.pk).update(erase_on=timezone.localdate())
    AccessCode.objects.update(ends_on=timezone.localdate() + timedelta(days=1))
    assert schedule.sweep() == []
    assert AccessCode.objects.get().ends_on > timezone.localdate() + timedelta(days=1)
    visitor, _next = come_in(code)
    assert "nothing is deleted by itself" in visitor.get("/leavers/mine/").content.decode()
    sign_in(client, hana)
    assert "nothing is deleted by itself" in client.get("/queue/leavers/").content.decode()
    client.post(f"/queue/leavers/{ada.pk}/account/")
    assert not SubjectRequest.objects.filter(account=True).exists(), "nor because human resources ask for it"
    restricting.end_own(request=asked, by=person(ada))
    (opened,) = schedule.sweep()
    assert SubjectRequest.objects.get(pk=opened).account


def test_what_is_restricted_after_hr_asked_for_the_end_of_an_account_is_not_erased_by_the_second_yes(left, hana):
    ada, _code = left
    opened = actions.end_account(subject_id=ada.pk, by=person(hana), opened_by="staff")
    asked = restricting.ask(subject_id=ada.pk, by=person(ada), scope=Scope(), ground="legal_claims")
    other = make_employee("Otis Orr", roles=["hr"])
    with pytest.raises(NotAllowed) as refused:
        handling.approve(request=opened, by=person(other))
    assert refused.value.code == "account.restricted"
    restricting.end_own(request=asked, by=person(ada))
    assert handling.approve(request=opened, by=person(other)).state == "processing"


def test_who_wants_their_own_account_gone_has_it_erased_whatever_they_had_restricted(left, soon):  # noqa: F811
    ada, code = left
    restricting.ask(subject_id=ada.pk, by=person(ada), scope=Scope(), ground="legal_claims")
    visitor, _next = come_in(code)
    visitor.post("/leavers/erase/", {"account": "on"})
    assert carry_out(SubjectRequest.objects.get(account=True)).state == "delivered"
    assert not Employee.objects.filter(pk=ada.pk).exists()


def test_who_comes_back_is_asked_anew_and_keeps_the_account(left):
    ada, code = left
    Departure.objects.filter(pk=ada.pk).update(erase_on=timezone.localdate())
    (opened,) = schedule.sweep()
    ada.refresh_from_db()
    people.change_employee(employee=ada, profile=people.Profile(email=ada.email, name=ada.name), by=SETTING_UP)
    schedule.sweep()
    assert SubjectRequest.objects.get(pk=opened).state == "withdrawn"
    assert not Departure.objects.exists()
    assert gate.read(ada.pk).grants == {}
    assert come_in(code)[1] is None


# --- the code


def test_the_code_comes_by_the_way_chosen_and_is_stored_nowhere(left):
    _ada, code = left
    assert [each.to for each in mail.outbox] == [[PRIVATE]]
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names():
            cursor.execute(f"SELECT t::text FROM {connection.ops.quote_name(table)} AS t")
            rows = " ".join(row for (row,) in cursor.fetchall())
            assert code not in rows
            assert codes.tidy(code) not in rows
            assert PRIVATE not in rows


def test_a_letter_lies_where_the_printing_service_fetches_it(ada, client, settings, tmp_path):
    settings.LETTERS_DIR = tmp_path / "letters"
    sign_in(client, ada)
    choose(client, "letter", "Ada Abel\nWeg 1\n12345 Ort")
    close(ada)
    assert delivery.send_due() == 1
    (letter,) = Path(settings.LETTERS_DIR).iterdir()
    assert os.stat(letter).st_mode & 0o777 == 0o600
    text = letter.read_text()
    assert "12345 Ort" in text
    assert come_in(CODE.search(text).group())[1]
    assert mail.outbox == []


def test_a_code_works_once_and_gives_the_next(left):
    _ada, code = left
    client, following = come_in(code)
    assert client.get("/leavers/mine/").status_code == 200
    assert come_in(code)[1] is None
    assert come_in(following.lower().replace("-", " "))[1]


def test_a_mail_server_that_is_away_gets_another_code_later(ada, client, settings):
    sign_in(client, ada)
    choose(client)
    close(ada)
    settings.EMAIL_BACKEND = "tests.pages.test_leaving.AwayBackend"
    assert delivery.send_due() == 0
    first = AccessCode.objects.get().digest
    assert delivery.send_due() == 0, "not before its time"
    AccessCode.objects.update(wake_at=None)
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    assert come_in(sent_code())[1]
    assert AccessCode.objects.get().digest != first


class AwayBackend:
    def __init__(self, *args, **kwargs):
        pass

    def send_messages(self, messages):
        raise ConnectionRefusedError


def test_who_chose_nothing_gets_nothing(ada):
    close(ada)
    assert delivery.send_due() == 0
    assert not AccessCode.objects.exists()


def test_guesses_are_limited(left):
    _ada, code = left
    client = Client()
    for _guess in range(codes.WRONG_AN_HOUR):
        assert client.post("/leavers/", {"code": codes.new()}).status_code == 422
    assert client.post("/leavers/", {"code": code}).status_code == 429


@pytest.mark.parametrize("over", [{"revoked_at": timezone.now()}, {"ends_on": timezone.localdate()}, {"digest": "x"}])
def test_a_code_that_ended_opens_nothing_and_ends_its_session(left, over):
    _ada, code = left
    client, following = come_in(code)
    AccessCode.objects.update(**over)
    assert client.get("/leavers/mine/")["Location"] == "/leavers/"
    assert come_in(following)[1] is None


def test_a_session_ends_by_itself(left):
    client, _next = come_in(left[1])
    session = client.session
    assert session.get_expiry_age() <= 15 * 60
    session["leaver"] = session["leaver"] | {"began": time.time() - 3601}
    session.save()
    assert client.get("/leavers/mine/")["Location"] == "/leavers/"


# --- what it opens


def test_it_opens_a_copy_receipts_and_a_deletion_without_the_sign_in(left, soon):  # noqa: F811
    ada, code = left
    client, _next = come_in(code)
    asked = client.post("/leavers/copy/")
    request = carry_out(SubjectRequest.objects.get(kind=Kind.ACCESS))
    assert asked["Location"] == f"/leavers/requests/{request.pk}/"
    body = b"".join(client.get(f"/leavers/requests/{request.pk}/download").streaming_content)
    assert zipfile.is_zipfile(io.BytesIO(body))
    assert Act.objects.filter(action="bundle.downloaded", subject_id=ada.pk, leaf_idx__isnull=False).exists()
    assert zipfile.is_zipfile(io.BytesIO(client.get("/leavers/receipts.zip").content))
    client.post("/leavers/erase/")
    erasure = carry_out(SubjectRequest.objects.get(kind=Kind.ERASURE))
    assert (erasure.state, erasure.account) == ("delivered", False)
    assert client.get(f"/leavers/requests/{erasure.pk}/certificate.json").json()["certificate"]


def test_asking_for_the_head_of_a_copy_uses_no_download_up(left, soon):  # noqa: F811
    client, _next = come_in(left[1])
    client.post("/leavers/copy/")
    request = carry_out(SubjectRequest.objects.get(kind=Kind.ACCESS))
    assert client.head(f"/leavers/requests/{request.pk}/download").status_code == 405
    assert request.bundle.downloads == 0


def test_it_opens_the_deletion_of_the_account_with_everything(left, soon):  # noqa: F811
    ada, code = left
    client, following = come_in(code)
    client.post("/leavers/erase/", {"account": "on"})
    request = SubjectRequest.objects.get(account=True)
    assert request.state == "processing"
    assert carry_out(request).state == "delivered"
    assert client.get("/leavers/mine/")["Location"] == "/leavers/"
    assert not Employee.objects.filter(pk=ada.pk).exists()
    assert "only your code opens them" in Client().post("/leavers/", {"code": following}).content.decode()


def test_anothers_request_is_hidden_and_the_try_is_shown_to_them(left, ben):
    client, _next = come_in(left[1])
    his = ask(ben)
    for page in ("", "download", "certificate.json"):
        assert client.get(f"/leavers/requests/{his.pk}/{page}").status_code == 404
    assert client.post(f"/leavers/requests/{his.pk}/cancel/").status_code == 404
    assert Act.objects.filter(action="access.refused", subject_id=ben.pk).count() == 4


def test_a_code_of_one_who_held_a_role_opens_no_staff_page(client, lea):
    boss = make_employee("Boss Bold", roles=["hr"])
    sign_in(client, boss)
    choose(client, where="boss@private.example")
    close(boss)
    visitor, _next = come_in(sent_code())
    for page in ("/queue/", "/queue/leavers/", "/", "/choices/", "/requests/", f"/people/{boss.pk}/data/"):
        assert visitor.get(page)["Location"].startswith("/accounts/login/")


def test_somebody_who_is_signed_in_does_not_act_as_the_leaver(left, ben):
    client, _next = come_in(left[1])
    sign_in(client, ben)
    assert client.get("/leavers/mine/")["Location"] == "/leavers/"


# --- human resources


def test_hr_closes_an_account_and_sends_a_code_anew_to_the_same_place(left, hana, client):
    ada, code = left
    sign_in(client, hana)
    answer = client.post(f"/queue/leavers/{ada.pk}/send/", follow=True)
    assert not CODE.search(answer.content.decode())
    assert come_in(code)[1] is None, "the one before opens nothing"
    again = sent_code()
    assert mail.outbox[-1].to == [PRIVATE]
    assert come_in(again)[1]
    client.post(f"/queue/leavers/{ada.pk}/revoke/")
    assert AccessCode.objects.get().revoked_at


def test_hr_notes_a_last_day_and_nobody_does_so_for_their_own_line(hana, ada, client):
    sign_in(client, hana)
    today = timezone.localdate().isoformat()
    client.post("/queue/leavers/", {"number": ada.employee_number, "last_day": today, "now": "on"})
    assert not Employee.objects.get(pk=ada.pk).is_active
    near = make_employee("Near By", manager=hana)
    answer = client.post("/queue/leavers/", {"number": near.employee_number, "last_day": today, "now": "on"})
    assert answer.status_code == 422
    assert Employee.objects.get(pk=near.pk).is_active


def test_what_hr_asks_to_be_erased_waits_for_a_second_person(left, hana, client):
    ada, _code = left
    sign_in(client, hana)
    client.post(f"/queue/leavers/{ada.pk}/account/")
    assert SubjectRequest.objects.get(account=True).state == "in_review"


def test_a_last_day_long_ago_erases_nothing_without_a_second_person(hana, ada, client):
    sign_in(client, hana)
    day = timezone.localdate() - timedelta(days=400)
    client.post("/queue/leavers/", {"number": ada.employee_number, "last_day": day.isoformat(), "now": "on"})
    assert schedule.sweep() == []
    assert not SubjectRequest.objects.exists()
    departure = Departure.objects.get()
    assert departure.left_on == day
    assert departure.erase_on == timezone.localdate() + timedelta(days=30)


def test_nobody_has_the_account_of_somebody_employed_erased(ada):
    with pytest.raises(NotAllowed):
        actions.end_account(subject_id=ada.pk, by=person(ada))
