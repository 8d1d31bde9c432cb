"""Requests that come by letter, by phone or through somebody else: recorded, matched, closed, by the right people."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import connection
from django.utils import timezone

from portal.audit.models import Act
from portal.audit.values import Action
from portal.people.models import Employee
from portal.rights import handling
from portal.rights.cases import forgetting, intake
from portal.rights.cases.intake import Came
from portal.rights.cases.models import Entry, File, Intake
from portal.rights.cases.values import Upload
from portal.rights.models import SubjectRequest
from portal.rights.values import Kind, NotAllowed, State
from portal.vault import objects
from tests.cases.conftest import PDF, staff, text, upload

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "keys"])


def letter(**over):
    """Return the form of a letter from Ada that arrived five days ago."""
    return {
        "number": str(uuid4()),
        "kind": "erasure",
        "channel": "letter",
        "received_on": (timezone.localdate() - timedelta(days=5)).isoformat(),
        "person": "",
        "identity": "not_yet",
        "name": "A. Abel, Hamburg",
        "contact": "Dorfstrasse 3",
        "representative": "",
        "text": "Delete what you have about me.",
        "delivery": "account",
        "format": "csv",
        **over,
    }


def known(ada, **over):
    return letter(**{"person": ada.employee_number, "identity": "known_channel", **over})


def record(client, form):
    return client.post("/queue/new/", form)


@pytest.fixture
def stranger(become, hana):
    """A letter of somebody unknown, with a scan, that Hana recorded."""
    record(become(hana), letter(file=upload()))
    return Intake.objects.get()


def match(client, found, ada, **over):
    form = {"person": ada.employee_number, "identity": "call_back", "delivery": "account", **over}
    return client.post(f"/queue/unknown/{found.pk}/match/", form)


# --- of somebody known


def test_a_letter_of_an_employee_is_their_request_and_counts_from_its_arrival(become, hana, ada):
    answer = record(become(hana), known(ada, file=upload()))
    request = SubjectRequest.objects.get()
    assert answer["Location"] == f"/queue/{request.pk}/"
    assert timezone.localdate(request.received) == timezone.localdate() - timedelta(days=5)
    assert (request.state, request.opened_by, request.channel) == (State.IN_REVIEW, "staff", "letter")
    [note] = Entry.objects.all()
    assert note.text == "Delete what you have about me."
    assert File.objects.get().content == PDF
    assert f"/requests/{request.pk}/" in text(become(ada).get("/requests/"))


def test_one_who_has_left_can_ask_too(become, hana, ada):
    Employee.objects.filter(pk=ada.pk).update(is_active=False)
    record(become(hana), known(ada))
    assert SubjectRequest.objects.get().subject_id == ada.pk


def test_whoever_recorded_it_does_not_decide_on_it(become, hana, lea, ada):
    record(become(hana), known(ada))
    request = SubjectRequest.objects.get()
    become(hana).post(f"/queue/{request.pk}/approve/")
    request.refresh_from_db()
    assert request.state == State.IN_REVIEW
    become(lea).post(f"/queue/{request.pk}/approve/")
    request.refresh_from_db()
    assert request.state == State.PROCESSING


def test_sent_twice_it_is_recorded_once(become, hana, ada):
    form = known(ada)
    assert {record(become(hana), form)["Location"] for _time in range(2)} == {
        f"/queue/{SubjectRequest.objects.get().pk}/"
    }
    assert (Intake.objects.count(), Entry.objects.count()) == (1, 1)


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"received_on": (timezone.localdate() + timedelta(days=1)).isoformat()}, "received_on"),
        ({"received_on": (timezone.localdate() - timedelta(days=5000)).isoformat()}, "received_on"),
        ({"channel": "carrier pigeon"}, "channel"),
        ({"channel": "portal"}, "channel"),
        ({"identity": "copy_of_passport"}, "identity"),
        ({"identity": "not_yet"}, "identity"),
        ({"identity": "mandate_seen"}, "representative"),
        ({"channel": "representative"}, "representative"),
        ({"person": "nobody"}, "person"),
        ({"kind": "theft"}, "kind"),
        ({"file": upload(b"MZ\x00")}, "file"),
    ],
)
def test_what_cannot_be_is_said_beside_its_field_and_nothing_is_recorded(become, hana, ada, wrong, field):
    answer = record(become(hana), known(ada) | wrong)
    assert answer.status_code == 422
    assert field in answer.context["form"].errors
    assert (Intake.objects.count(), SubjectRequest.objects.count()) == (0, 0)


def test_nobody_records_for_themselves_or_their_own_line(become, hana, ada):
    Employee.objects.filter(pk=ada.pk).update(manager=hana)
    for person in (ada, hana):
        answer = record(become(hana), known(person))
        assert "your own line" in text(answer)
    assert Intake.objects.count() == 0


def test_only_who_handles_requests_records_any(become, ada, ben):
    assert record(become(ben), known(ada)).status_code == 403
    with pytest.raises(NotAllowed):
        came = Came(
            kind=Kind.ACCESS, channel="letter", received_on=timezone.localdate(), text="Mine.", identity="signature"
        )
        intake.record(came=came, person=ada, by=staff(ben))
    assert Intake.objects.count() == 0


def test_a_representative_is_named_in_no_clear_column(become, hana, lea, ada):
    record(become(hana), known(ada, channel="representative", representative="Kanzlei Roth", identity="mandate_seen"))
    with connection.cursor() as cursor:
        cursor.execute("SELECT string_agg(r::text, '') FROM rights_subjectrequest r")
        assert "Roth" not in cursor.fetchone()[0]
    assert "Kanzlei Roth" in text(become(lea).get(f"/queue/{SubjectRequest.objects.get().pk}/"))


def test_the_form_asks_for_no_copy_of_a_document(become, hana):
    page = text(become(hana).get("/queue/new/"))
    assert "Do not ask for a copy of a document" in page
    assert "nothing was copied" in page


# --- of somebody unknown


def test_what_somebody_unknown_wrote_has_its_own_clock_and_lies_nowhere_in_clear(become, hana, lea, stranger):
    assert stranger.due > timezone.localdate()
    page = text(become(lea).get(f"/queue/unknown/{stranger.pk}/"))
    for word in ("A. Abel, Hamburg", "Delete what you have about me.", "letter.pdf"):
        assert word in page
    with connection.cursor() as cursor:
        cursor.execute("SELECT string_agg(i::text, '') FROM cases_intake i")
        row = cursor.fetchone()[0]
    assert "Hamburg" not in row
    [name] = objects.names("cases/")
    assert PDF not in objects.get(name)
    file = File.objects.get()
    answer = become(lea).get(f"/queue/unknown/{stranger.pk}/files/{file.pk}")
    assert answer.content == PDF
    assert answer["Content-Disposition"].startswith("attachment")


def test_it_is_matched_by_a_colleague_and_keeps_its_date_words_and_scan(become, lea, rosa, ada, stranger):
    become(lea).post(f"/queue/unknown/{stranger.pk}/note/", {"text": "Called the number on file."})
    answer = match(become(lea), stranger, ada)
    request = SubjectRequest.objects.get()
    assert answer["Location"] == f"/queue/{request.pk}/"
    assert request.received == stranger.received
    stranger.refresh_from_db()
    assert (stranger.state, stranger.request, stranger.sealed_body) == ("matched", request, None)
    [note] = Entry.objects.all()
    for words in ("Delete what you have", "Called the number on file.", "Dorfstrasse 3"):
        assert words in note.text
    [file] = File.objects.all()
    assert (file.content, file.intake) == (PDF, None)
    assert list(objects.names("cases/")) == [file.object_name]
    assert become(rosa).get(f"/queue/unknown/{stranger.pk}/")["Location"] == f"/queue/{request.pk}/"


def test_neither_who_recorded_it_says_whose_it_is_nor_who_said_so_decides(become, hana, lea, rosa, ada, stranger):
    assert match(become(hana), stranger, ada).status_code == 422
    match(become(lea), stranger, ada)
    request = SubjectRequest.objects.get()
    with pytest.raises(NotAllowed):
        handling.approve(request=request, by=staff(lea))
    handling.approve(request=request, by=staff(hana))


def test_it_is_matched_to_nobody_of_ones_own_line_and_to_nobody_unknown(become, lea, ada, stranger):
    Employee.objects.filter(pk=ada.pk).update(manager=lea)
    assert match(become(lea), stranger, ada).status_code == 422
    assert match(become(lea), stranger, ada, person="nobody").status_code == 422
    assert match(become(lea), stranger, ada, identity="not_yet").status_code == 422
    stranger.refresh_from_db()
    assert stranger.is_open


@pytest.mark.parametrize(
    ("ending", "words"), [("nothing_held", "We hold nothing about you there."), ("not_identified", "employee number")]
)
def test_it_is_closed_by_two_people_with_an_answer_to_send(become, hana, lea, stranger, ending, words):
    for who, state in ((lea, "open"), (lea, "open"), (hana, ending)):
        become(who).post(f"/queue/unknown/{stranger.pk}/ending/", {"ending": ending})
        stranger.refresh_from_db()
        assert stranger.state == state
    assert words in text(become(hana).get(f"/queue/unknown/{stranger.pk}/"))
    assert Act.objects.get(action=Action.INTAKE_CLOSED).facts["ending"] == ending


def test_two_who_propose_different_endings_have_not_agreed_and_a_proposal_can_be_taken_back(
    become, hana, lea, stranger
):
    propose = f"/queue/unknown/{stranger.pk}/ending/"
    become(lea).post(propose, {"ending": "nothing_held"})
    assert "Lea Lund proposed: Closed: nothing is held" in text(become(hana).get(f"/queue/unknown/{stranger.pk}/"))
    become(hana).post(propose, {"ending": "not_identified"})
    become(hana).post(f"{propose}back/")
    stranger.refresh_from_db()
    assert (stranger.state, stranger.proposed_ending) == ("open", "")
    assert become(hana).post(propose, {"ending": "lost"}).status_code == 422


def test_what_is_settled_is_not_settled_again(become, hana, lea, ada, stranger):
    for by in (hana, lea):
        intake.propose_ending(intake=stranger, ending="nothing_held", by=staff(by))
    assert match(become(lea), stranger, ada).status_code == 422
    assert SubjectRequest.objects.count() == 0


def test_what_stayed_unknown_is_emptied_after_two_years(hana, lea, stranger):
    for by in (hana, lea):
        intake.propose_ending(intake=stranger, ending="nothing_held", by=staff(by))
    assert forgetting.forget_unknown() == 0
    Intake.objects.update(closed_at=timezone.now() - timedelta(days=731))
    assert forgetting.forget_unknown() == 1
    stranger.refresh_from_db()
    assert (stranger.body, list(objects.names("cases/"))) == ({}, [])


def test_a_long_letter_with_long_notes_can_be_matched_and_loses_no_word(become, lea, hana, ada):
    words = " ".join(f"word{number:05}" for number in range(990))
    record(become(hana), letter(text=words, file=upload()))
    found = Intake.objects.get()
    become(lea).post(f"/queue/unknown/{found.pk}/note/", {"text": "Called back. " * 700})
    assert match(become(lea), found, ada).status_code == 302
    first, *others = Entry.objects.order_by("at")
    whole = "".join([first.text, *(each.text for each in others)])
    assert whole.count("word") == 990 and whole.count("Called back.") == 700
    assert len(others) == 1 and File.objects.get().entry == first


def test_a_match_that_fails_halfway_leaves_the_letter_where_it_was(lea, ada, stranger, monkeypatch):
    def away(*_args, **_how):
        raise OSError("the disk is full")

    monkeypatch.setattr("portal.vault.objects.put", away)
    with pytest.raises(OSError):
        intake.match(intake=stranger, person=ada, identity="signature", delivery="account", by=staff(lea))
    stranger.refresh_from_db()
    assert stranger.is_open
    assert SubjectRequest.objects.count() == 0


def test_a_scan_is_an_upload_of_a_kind_that_may_be(hana):
    came = Came(
        kind=Kind.ACCESS,
        channel="email",
        received_on=timezone.localdate(),
        text="x",
        files=(Upload("a.pdf", b"PK\x03\x04"),),
    )
    with pytest.raises(NotAllowed):
        intake.record(came=came, person=None, by=staff(hana))
    assert Intake.objects.count() == 0
