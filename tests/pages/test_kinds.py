"""What can be asked under Requests beside a copy and a deletion, and what a day's page takes out in two clicks."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from django.http import QueryDict
from django.utils import timezone

from consent import gate
from consent.values import Scope
from portal.events import devices
from portal.people.models import Employee
from portal.register.models import Controller
from portal.rights import forms as filled
from portal.rights import handling, weighing
from portal.rights.models import SubjectRequest
from portal.rights.redress import exporting, tasks
from portal.rights.values import Kind, State
from tests.makers import make_batch, make_employee, make_permitted, make_token, send, sign_in
from tests.pages.test_requests import finish, form, newest, press, text
from tests.rights.conftest import person

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "keys"])
DAY = "2026-03-02"
AT = int(datetime(2026, 3, 2, 9, tzinfo=UTC).timestamp() * 1000)
HOUR = 3_600_000


@pytest.fixture
def hugo():
    return make_employee("Hugo Hart", roles=["hr"])


@pytest.fixture
def signed_in(client, ada):
    assert sign_in(client, ada).status_code == 302
    return client


@pytest.fixture
def kept(hana, hugo, client, ada):
    """Nine movements of one morning: three in the editor, three in Mail, three an hour later."""
    make_permitted(ada, source="old", kind="import", title="Earlier recordings")
    Controller.objects.create(
        name="Aldermere", address="A", contact="c@example.org", dpo_name="D", dpo_contact="d@example.org",
        authority="the Commissioner in Berlin", agreement_required=False,
    )  # fmt: skip
    events = []
    for number, app in enumerate(("editor", "Mail")):
        start = AT + number * 60_000
        events.append({"t": start, "type": "focus", "app": app})
        events += [{"t": start + 1 + n, "type": "pointermove", "x": n, "y": n} for n in range(3)]
    events += [{"t": AT + HOUR + n, "type": "pointermove", "x": 7, "y": 7, "app": "Mail"} for n in range(3)]
    token = make_token("events.write", sources=["old"], name="laptop")
    assert send(client, token, make_batch(ada, events, source="old")).json()["stored"] == 11
    return ada


def day_page(employee):
    return f"/people/{employee.pk}/data/{DAY}/"


def shown(client, employee):
    return text(client.get(day_page(employee)))


def as_(client, employee):
    client.logout()
    sign_in(client, employee)
    return client


# --- two clicks


def test_a_day_is_gone_with_two_clicks(signed_in, kept, settings):
    confirm = press(signed_in, day_page(kept), "erase")["Location"]
    assert "11" in text(signed_in.get(confirm))
    press(signed_in, confirm, "confirm")
    finish(newest(), settings)
    assert "Nothing is kept of this day" in shown(signed_in, kept)


def test_hours_of_a_day_are_gone_with_two_clicks_and_the_rest_stays(signed_in, kept, settings):
    address, given = form(signed_in.get(day_page(kept)), "erase-hours")
    confirm = signed_in.get(address, given | {"since": "11:00", "until": "12:00"})[
        "Location"
    ]  # 9:59 to 10:59 in Berlin
    assert "No event is kept that matches" not in text(signed_in.get(confirm))
    press(signed_in, confirm, "confirm")
    request = finish(newest(), settings)
    assert request.certificate["certificate"]["erased"]["events"] == 3
    assert "8 events kept" in shown(signed_in, kept)


def test_an_app_of_a_day_is_gone_with_two_clicks(signed_in, kept, settings):
    links = [each.split('"')[0] for each in shown(signed_in, kept).split('href="')]
    press(signed_in, next(each for each in links if "app=Mail" in each and "/confirm/" in each), "confirm")
    assert newest().wanted.apps == {"Mail"}
    request = finish(newest(), settings)
    assert request.certificate["certificate"]["erased"]["events"] == 7
    assert "4 events kept" in shown(signed_in, kept)


def test_what_the_filters_show_can_be_deleted_as_shown(signed_in, kept):
    page = text(signed_in.get(day_page(kept) + "?category=app_usage"))
    (link,) = [
        each.split('"')[0] for each in page.split('href="') if "category=app_usage&from_ms" in each.split('"')[0]
    ]
    press(signed_in, link, "confirm")
    assert newest().wanted == Scope(
        categories=frozenset({"app_usage"}), from_ms=newest().wanted.from_ms, to_ms=newest().wanted.to_ms
    )


@pytest.mark.parametrize("where", ["/", "data"])
def test_the_last_hour_is_the_one_before_the_click_wherever_it_is_offered(signed_in, kept, where):
    page = text(signed_in.get(where if where == "/" else f"/people/{kept.pk}/data/"))
    assert "/requests/erase/confirm/?last=hour" in page
    confirm = signed_in.get("/requests/erase/confirm/?last=hour")["Location"]
    press(signed_in, confirm, "confirm")
    meant = newest().wanted
    assert meant.to_ms - meant.from_ms == HOUR
    assert abs(meant.to_ms - timezone.now().timestamp() * 1000) < 60_000


def test_the_apps_of_the_newest_days_lead_to_what_would_go_of_each(signed_in, kept):
    page = text(signed_in.get("/requests/erase/app/"))
    assert "Mail" in page
    assert "editor" in page
    (link,) = [each.split('"')[0] for each in page.split('href="') if "app=editor" in each.split('"')[0]]
    assert '<span class="big">4</span>' in text(signed_in.get(link))


@pytest.mark.parametrize("wrong", ["", "?day=x", f"?day={DAY}&since=12:00&until=11:00"])
def test_hours_that_cannot_be_read_delete_nothing(signed_in, kept, wrong):
    assert signed_in.get(f"/requests/erase/hours/{wrong}")["Location"] == "/requests/"
    assert newest() is None


# --- a scope by source, device, app and time


def test_a_copy_and_a_deletion_can_mean_a_device_an_app_and_a_stretch(signed_in, kept):
    token = make_token("events.write", sources=["old"], name="kiosk")
    body = make_batch(kept, [{"t": AT, "type": "pointermove", "x": 1, "y": 1}], source="old")
    assert send(signed_in, token, body).status_code == 201
    page = text(signed_in.get("/requests/"))
    assert "kiosk" in page
    (device,) = [key for key, name in devices.known(kept.pk).items() if name == "kiosk"]
    chosen = {"what": "time", "since": f"{DAY}T10:00", "until": f"{DAY}T11:00", "collectors": [device], "app": "Mail"}
    press(signed_in, "/requests/", "copy", **chosen)
    narrow = Scope(from_ms=AT, to_ms=AT + HOUR, collectors=frozenset({device}), apps=frozenset({"Mail"}))
    assert newest().wanted == narrow
    assert "sent by kiosk, in the app “Mail”" in text(signed_in.get(f"/requests/{newest().pk}/"))
    confirm = press(signed_in, "/requests/", "erase", **chosen)["Location"]
    assert filled.asked(QueryDict(confirm.partition("?")[2])) == narrow


@pytest.mark.parametrize(
    "wrong",
    [
        {"what": "time"},
        {"what": "time", "since": f"{DAY}T10:00", "until": f"{DAY}T09:00"},
        {"what": "time", "since": "soon"},
        {"collectors": ["client:somebody"]},
        {"app": "x" * 201},
    ],
)
def test_a_scope_that_cannot_be_understood_opens_nothing(signed_in, kept, wrong):
    assert press(signed_in, "/requests/", "copy", **wrong).status_code == 422
    assert newest() is None


def test_an_address_with_a_name_that_is_none_is_refused(signed_in, kept):
    for wrong in ("app=" + "x" * 201, "collector=", "app=a%00b", "&".join(f"app={n}" for n in range(51))):
        assert signed_in.get(f"/requests/erase/confirm/?{wrong}").status_code in (302, 400)
    assert signed_in.get("/requests/erase/confirm/?app=" + "x" * 201)["Location"] == "/requests/"


# --- looking first


def test_what_would_be_in_a_copy_is_said_before_it_is_made(signed_in, kept):
    look = press(signed_in, "/requests/", "copy", what="category", categories=["app_usage"], look="1")["Location"]
    assert newest() is None
    page = text(signed_in.get(look))
    assert '<span class="big">2</span>' in page
    assert "who looked, when and why" in page
    press(signed_in, look, "copy")
    assert (newest().kind, newest().scope) == (Kind.ACCESS, {"categories": ["app_usage"]})


def test_data_for_another_service_is_one_click_and_apart_from_the_copy(signed_in, kept):
    press(signed_in, "/requests/", "elsewhere", format="jsonl")
    assert (newest().kind, newest().format, newest().state) == (Kind.PORTABILITY, "jsonl", State.PROCESSING)
    look = press(signed_in, "/requests/", "elsewhere", look="1")["Location"]
    page = text(signed_in.get(look))
    assert "At most" in page
    assert "who looked" not in page.partition("Beside it")[2]


def test_where_there_is_too_much_to_open_the_most_that_it_can_be_is_said(signed_in, kept, monkeypatch):
    exact, whole = weighing.weigh(kept.pk, Scope(apps=frozenset({"Mail"})))
    assert (exact["pointer_movement"], whole) == (6, True)
    monkeypatch.setattr(weighing, "COUNTED_AT_ONCE", 5)
    most, whole = weighing.weigh(kept.pk, Scope(apps=frozenset({"Mail"})))
    assert (most["pointer_movement"], whole) == (9, False)
    page = text(signed_in.get("/requests/erase/confirm/?app=Mail"))
    assert "the most that it can be" in page
    everything, whole = weighing.weigh(kept.pk, Scope())
    assert (sum(everything.values()), whole) == (11, True)  # nothing has to be opened


# --- restricting


def restricted(client):
    confirm = press(client, "/requests/restrict/", "restrict", what="category", categories=["pointer_movement"])
    return press(client, confirm["Location"], "confirm", ground="legal_claims", note="My lawyer needs it.")


def test_a_restriction_says_what_would_stop_and_stands_at_the_click(signed_in, kept):
    confirm = press(signed_in, "/requests/restrict/", "restrict", what="category", categories=["pointer_movement"])
    page = text(signed_in.get(confirm["Location"]))
    assert "Nothing new is taken of:" in page
    assert "Train" in page
    assert gate.read(kept.pk).restrictions == ()
    press(signed_in, confirm["Location"], "confirm", ground="legal_claims", note="My lawyer needs it.")
    request = newest()
    assert [each.key for each in gate.read(kept.pk).restrictions] == [str(request.pk)]
    page = text(signed_in.get(f"/requests/{request.pk}/"))
    assert "It is out of use from the moment you asked" in page
    assert "My lawyer needs it." in page
    assert "the Commissioner in Berlin" in page


def test_a_restriction_without_a_ground_does_nothing(signed_in, kept):
    assert press(signed_in, "/requests/restrict/confirm/", "confirm").status_code == 422
    assert newest() is None


def test_a_granted_restriction_has_a_button_that_ends_it(signed_in, hana, kept):
    restricted(signed_in)
    page = f"/requests/{newest().pk}/"
    assert 'data-action="lift"' not in text(signed_in.get(page))
    handling.approve(request=newest(), by=person(hana))
    assert "stays out of use until you end it" in text(signed_in.get(page))
    press(signed_in, page, "lift")
    assert all(not each.stands for each in gate.read(kept.pk).restrictions)
    assert "This restriction has ended" in text(signed_in.get(page))


def test_nobody_ends_the_restriction_of_another(signed_in, hana, ben, kept):
    restricted(signed_in)
    request = newest()
    handling.approve(request=request, by=person(hana))
    for other in (ben, hana):
        answer = as_(signed_in, other).post(f"/requests/{request.pk}/end-restriction/")
        assert answer.status_code == 404
    assert gate.read(kept.pk).restrictions[0].stands


def test_where_it_holds_is_shown_on_the_day_and_on_the_page_of_restrictions(signed_in, kept):
    restricted(signed_in)
    assert "You restricted this" in shown(signed_in, kept)
    assert "Restricted by you" in text(signed_in.get("/requests/restrict/"))


# --- this was not me


def test_a_stretch_that_was_somebody_else_is_out_of_use_at_one_click(signed_in, kept):
    answer = press(signed_in, day_page(kept), "not-me", since="10:00", until="10:30")
    request = newest()
    assert answer["Location"] == f"/requests/{request.pk}/"
    assert (request.kind, request.state) == (Kind.RECTIFICATION, State.IN_REVIEW)
    (standing,) = gate.read(kept.pk).restrictions
    assert (standing.scope.from_ms, standing.scope.to_ms) == (AT, AT + HOUR // 2)
    page = shown(signed_in, kept)
    assert "You disputed this: from 10:00 until 10:30" in page
    assert f"/requests/{request.pk}/" in page
    assert "Disputed by you" in text(signed_in.get("/requests/not-me/"))


def test_what_is_disputed_is_not_taken_in_again_and_what_lies_beside_it_is(client, signed_in, kept):
    press(signed_in, day_page(kept), "not-me", since="10:00", until="10:30")
    token = make_token("events.write", sources=["old"], name="late")
    events = [{"t": at, "type": "pointermove", "x": 1, "y": 1} for at in (AT + 5, AT + HOUR)]
    answer = send(client, token, make_batch(kept, events, source="old")).json()
    assert (answer["stored"], answer["withheld"]) == (1, {"pointer_movement": 1})


def test_the_person_takes_a_dispute_back_and_it_is_used_again(signed_in, kept):
    press(signed_in, day_page(kept), "not-me")
    press(signed_in, f"/requests/{newest().pk}/", "cancel")
    assert newest().state == State.WITHDRAWN
    assert all(not each.stands for each in gate.read(kept.pk).restrictions)
    assert "You disputed this" not in shown(signed_in, kept)
    assert "You took it back" in text(signed_in.get(f"/requests/{newest().pk}/"))


def test_a_dispute_that_is_granted_deletes_the_stretch_and_then_restricts_nothing(signed_in, hana, kept, settings):
    press(signed_in, day_page(kept), "not-me", since="10:00", until="10:30")
    dispute = newest()
    handling.approve(request=dispute, by=person(hana))
    erasure = newest()
    assert (erasure.kind, erasure.ground) == (Kind.ERASURE, "processing_unlawful")
    finish(erasure, settings)
    assert erasure.certificate["certificate"]["erased"]["events"] == 8
    tasks.lift_due()
    assert all(not each.stands for each in gate.read(kept.pk).restrictions)
    assert f"/requests/{erasure.pk}/" in text(signed_in.get(f"/requests/{dispute.pk}/"))


def test_a_dispute_can_ask_for_a_note_alone_which_goes_into_every_copy(signed_in, hana, kept):
    press(signed_in, "/requests/not-me/", "not-me", day=DAY, wrong="inaccurate", wish="note", note="The clock was off.")
    request = newest()
    assert request.details["text"] == "The clock was off."
    handling.approve(request=request, by=person(hana))
    assert all(not each.stands for each in gate.read(kept.pk).restrictions)
    (note,) = exporting.disputes(kept.pk)
    assert (note["note"], note["wrong"], note["out_of_use"]) == ("The clock was off.", "inaccurate", False)
    assert note["scope"] == request.scope


def test_a_refused_dispute_is_told_and_ends_a_week_later(signed_in, hana, hugo, kept):
    press(signed_in, day_page(kept), "not-me")
    request = newest()
    for handler in (hana, hugo):
        handling.refuse(request=request, by=person(handler), ground="manifestly_unfounded", note="You were seen.")
    page = text(signed_in.get(f"/requests/{request.pk}/"))
    assert "It ends on" in page
    assert "You were seen." in page
    assert "the Commissioner in Berlin" in page
    assert gate.read(kept.pk).restrictions[0].stands


@pytest.mark.parametrize("wrong", [{"day": ""}, {"since": "11:00", "until": "10:00"}, {"collector": "\0"}])
def test_a_stretch_that_cannot_be_read_disputes_nothing(signed_in, kept, wrong):
    answer = press(signed_in, "/requests/not-me/", "not-me", **({"day": DAY} | wrong))
    assert answer.status_code in (400, 422)
    assert newest() is None


# --- corrections


def test_a_correction_has_before_and_after_and_is_applied_when_it_is_granted(signed_in, hana, kept):
    press(signed_in, "/requests/correct/", "correct", field="working_hours", right="Mo-Fr 09:00-17:00", why="I moved.")
    request = newest()
    page = text(signed_in.get(f"/requests/{request.pk}/"))
    assert "Mo-Fr 09:00-17:00" in page
    assert "I moved." in page
    assert Employee.objects.get(pk=kept.pk).working_hours == ""
    handling.approve(request=request, by=person(hana))
    assert Employee.objects.get(pk=kept.pk).working_hours == "Mo-Fr 09:00-17:00"
    assert "Corrected." in text(signed_in.get(f"/requests/{request.pk}/"))
    assert (request.details["before"], request.details["after"]) == ("", "Mo-Fr 09:00-17:00")


def test_a_refused_correction_changes_nothing(signed_in, hana, hugo, kept):
    press(signed_in, "/requests/correct/", "correct", field="department", right="Design")
    for handler in (hana, hugo):
        handling.refuse(request=newest(), by=person(handler), ground="manifestly_unfounded")
    assert Employee.objects.get(pk=kept.pk).department == ""


@pytest.mark.parametrize(
    ("field", "right"),
    [
        ("working_hours", "always"),
        ("time_zone", "Mars/Base"),
        ("jurisdiction", "Germany"),
        ("name", ""),
        ("department", "x" * 201),
        ("time_zone", "Europe/Berlin"),
        ("email", "a@example.org"),
    ],
)
def test_an_entry_that_cannot_be_or_stands_there_already_is_not_asked_for(signed_in, kept, field, right):
    assert press(signed_in, "/requests/correct/", "correct", field=field, right=right).status_code == 422
    assert newest() is None


# --- complaints


def test_a_complaint_is_kept_sealed_and_shows_when_it_is_answered(signed_in, kept):
    press(signed_in, "/requests/complain/", "complain", text="My manager knew.")
    request = newest()
    assert (request.kind, request.state, request.details) == (
        Kind.COMPLAINT,
        State.IN_REVIEW,
        {"text": "My manager knew."},
    )
    assert request.note == ""
    page = text(signed_in.get(f"/requests/{request.pk}/"))
    assert "My manager knew." in page
    assert request.explanation in page
    assert "What is meant" not in page
    assert SubjectRequest.objects.filter(note__contains="manager").count() == 0


def test_an_empty_complaint_is_none(signed_in, kept):
    assert press(signed_in, "/requests/complain/", "complain", text=" ").status_code == 422
    assert newest() is None


def test_the_way_to_the_authority_is_named_by_the_register(signed_in, kept):
    assert "the Commissioner in Berlin" in text(signed_in.get("/requests/complain/"))
