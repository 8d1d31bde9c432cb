"""Notes, messages and files of a case: sealed, told to the other side without their words, and in the person's copy."""

from __future__ import annotations

import pytest
from django.core import mail
from django.db import connection
from django.test import Client

from portal.audit.models import Act
from portal.audit.values import Action
from portal.outbox.models import Mail
from portal.outbox.runner import deliver_due
from portal.people.models import Employee
from portal.rights import actions as asking
from portal.rights.cases import actions, exporting, forgetting
from portal.rights.cases.models import Assignment, Entry, File
from portal.rights.cases.values import MOST_BYTES, Upload
from portal.rights.values import Kind, NotAllowed
from portal.vault import objects
from tests.cases.conftest import PDF, staff, text, upload
from tests.pages.conftest import BACKEND

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "keys"])
WORDS = "We ask the archive in Basel about box seven."


def post(client, request, what, words=WORDS, **more):
    return client.post(f"/queue/{request.pk}/{what}/", {"text": words, **more})


def everything_in_clear():
    """Return what a dump of the database shows of notes, files and acts."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT coalesce(string_agg(e::text, ''), '') FROM cases_entry e")
        dumped = cursor.fetchone()[0]
        cursor.execute("SELECT coalesce(string_agg(e::text, ''), '') FROM cases_file e")
        dumped += cursor.fetchone()[0]
        cursor.execute("SELECT coalesce(string_agg(e::text, ''), '') FROM audit_act e")
        return dumped + cursor.fetchone()[0]


def test_a_note_is_for_colleagues_and_the_form_says_that_the_person_gets_it(become, hana, lea, ada, review):
    page = text(become(hana).get(f"/queue/{review.pk}/"))
    assert "it is in the copy of their data" in page
    post(become(hana), review, "note")
    assert WORDS in text(become(lea).get(f"/queue/{review.pk}/"))
    assert WORDS not in text(become(ada).get(f"/requests/{review.pk}/"))
    [row] = exporting.rows(ada.pk)
    assert (row["text"], row["kind"], row["by"]) == (WORDS, "Note", "Human resources")
    assert Mail.objects.count() == 0


def test_a_message_reaches_the_person_and_their_answer_whoever_has_the_case(become, hana, lea, ada, review):
    become(hana).post(f"/queue/{review.pk}/take/")
    post(become(hana), review, "message")
    deliver_due()
    [sent] = mail.outbox
    assert sent.to == [ada.email]
    assert WORDS not in sent.body + sent.subject
    assert f"/requests/{review.pk}/" in sent.body
    assert WORDS in text(become(ada).get(f"/requests/{review.pk}/"))
    become(ada).post(f"/requests/{review.pk}/message/", {"text": "It was box eight."})
    assert "It was box eight." in text(become(lea).get(f"/queue/{review.pk}/"))
    deliver_due()
    assert mail.outbox[1].to == [hana.email]
    assert "eight" not in mail.outbox[1].body
    assert ada.name not in mail.outbox[1].body


def test_an_answer_goes_to_all_who_could_take_a_case_that_nobody_has(hana, lea, ada, review):
    Employee.objects.filter(pk=ada.pk).update(manager=lea)
    actions.answer(request=review, text="Hello?", by=staff(ada))
    actions.answer(request=review, text="Hello??", by=staff(ada))
    assert list(Mail.objects.values_list("subject_id", flat=True)) == [hana.pk]


def test_what_is_written_lies_nowhere_in_clear(become, hana, ada, review):
    post(become(hana), review, "note", file=upload(b"%PDF-1.4 Basel", "Basel box seven.pdf"))
    post(become(hana), review, "message")
    dumped = everything_in_clear()
    for word in ("Basel", "seven"):
        assert word not in dumped
    [name] = list(objects.names("cases/"))
    assert b"Basel" not in objects.get(name)


@pytest.mark.parametrize("what", ["note", "message", "take"])
def test_nobody_writes_into_what_they_opened_or_what_concerns_them(become, hana, lea, ada, what):
    opened = asking.open_request(
        kind=Kind.ERASURE, subject_id=ada.pk, by=staff(hana), opened_by="staff", received_at=None
    )
    post(become(hana), opened, what)
    Employee.objects.filter(pk=ada.pk).update(manager=lea)
    assert post(become(lea), opened, what).status_code == 404
    assert (Entry.objects.count(), Assignment.objects.count()) == (0, 0)
    own = asking.open_request(kind=Kind.ERASURE, subject_id=hana.pk, by=staff(ada), opened_by="client")
    assert post(become(hana), own, what).status_code == 404


def test_only_the_person_answers_as_the_person(become, ben, hana, review):
    assert become(ben).post(f"/requests/{review.pk}/message/", {"text": "Hello"}).status_code == 404
    with pytest.raises(NotAllowed):
        actions.answer(request=review, text="Hello", by=staff(hana))
    assert Entry.objects.count() == 0


def test_a_case_is_taken_and_given_back_and_both_are_written_down(become, hana, lea, review):
    become(hana).post(f"/queue/{review.pk}/take/")
    assert "Hana Horn has taken it" in text(become(lea).get(f"/queue/{review.pk}/"))
    assert "taken by Hana Horn" in text(become(lea).get("/queue/"))
    become(lea).post(f"/queue/{review.pk}/let-go/")
    assert Assignment.objects.get().handler_id == hana.pk
    become(lea).post(f"/queue/{review.pk}/take/")
    assert Assignment.objects.get().handler_id == lea.pk
    become(lea).post(f"/queue/{review.pk}/let-go/")
    assert Assignment.objects.count() == 0
    taken = Act.objects.filter(action__in=[Action.CASE_TAKEN, Action.CASE_LET_GO]).order_by("pk")
    assert [each.action for each in taken] == ["case.taken", "case.taken", "case.let_go"]


# --- files


def test_a_file_is_kept_by_what_it_is_and_not_by_what_it_is_called(become, hana, ada, review):
    post(become(hana), review, "message", file=upload(PDF, 'a "letter".exe'))
    file = File.objects.get()
    for who, where in ((hana, "queue"), (ada, "requests")):
        answer = become(who).get(f"/{where}/{review.pk}/files/{file.pk}")
        assert answer.content == PDF
        assert answer["Content-Type"] == "application/pdf"
        assert answer["Content-Disposition"].startswith("attachment;")
        assert ".exe" not in answer["Content-Disposition"]
        assert answer["X-Content-Type-Options"] == "nosniff"
        assert "no-store" in answer["Cache-Control"]
    read = Act.objects.filter(action=Action.FILE_READ, subject_id=ada.pk)
    assert {each.actor_id for each in read} == {str(hana.pk), str(ada.pk)}


@pytest.mark.parametrize(
    ("content", "kept"),
    [
        (PDF, True),
        (b"\x89PNG\r\n\x1a\n....", True),
        (b"\xff\xd8\xff\xe0....", True),
        ("Grüße\n".encode(), True),
        (b"MZ\x90\x00 program", False),
        (b"PK\x03\x04 an office file with macros", False),
        (b"\x00\x01\x02", False),
        ("Grüße".encode("latin-1"), False),
    ],
)
def test_only_documents_and_pictures_are_taken(become, hana, review, content, kept):
    answer = post(become(hana), review, "note", file=upload(content, "letter.pdf"))
    assert (answer.status_code, File.objects.count()) == ((302, 1) if kept else (422, 0))
    assert Entry.objects.count() == int(kept)
    if not kept:
        assert "Attach a PDF" in text(answer)


def test_a_file_that_is_too_long_is_dropped_as_it_arrives_and_the_form_says_so(become, hana, review):
    answer = post(become(hana), review, "note", file=upload(PDF + b"x" * (MOST_BYTES + 2**18)))
    assert answer.status_code == 422
    assert "at most 5 MB" in text(answer)
    assert File.objects.count() == 0
    with pytest.raises(NotAllowed):
        actions.note(request=review, text="x", by=staff(hana), files=[Upload("a", PDF + b"x" * MOST_BYTES)])


def test_whoever_may_not_see_the_case_does_not_get_the_file(become, ada, ben, hana, lea, review):
    post(become(hana), review, "note", file=upload())
    file = File.objects.get()
    assert become(ada).get(f"/requests/{review.pk}/files/{file.pk}").status_code == 404
    assert become(ben).get(f"/queue/{review.pk}/files/{file.pk}").status_code == 403
    other = asking.open_request(kind=Kind.ACCESS, subject_id=ben.pk, by=staff(ben))
    assert become(hana).get(f"/queue/{other.pk}/files/{file.pk}").status_code == 404
    Employee.objects.filter(pk=ada.pk).update(manager=lea)
    assert become(lea).get(f"/queue/{review.pk}/files/{file.pk}").status_code == 404


def test_a_form_with_a_file_needs_its_token(hana, review):
    client = Client(enforce_csrf_checks=True)
    client.force_login(hana, BACKEND)
    assert post(client, review, "note", file=upload()).status_code == 403
    assert Entry.objects.count() == 0


def test_the_copy_holds_the_files_by_number(become, hana, ada, ben, review):
    post(become(hana), review, "note", file=upload())
    [(path, content)] = exporting.files(ada.pk)
    assert content == PDF
    assert path == f"case_files/{File.objects.get().pk}.pdf" == exporting.rows(ada.pk)[0]["files"][0]
    assert list(exporting.files(ben.pk)) == exporting.rows(ben.pk) == []


def test_all_of_it_goes_with_the_account_and_twice_is_once(become, hana, ada, ben, review):
    post(become(hana), review, "note", file=upload())
    other = asking.open_request(kind=Kind.ACCESS, subject_id=ben.pk, by=staff(ben))
    actions.answer(request=other, text="Mine stays.", by=staff(ben))
    for _time in range(2):
        forgetting.forget(ada.pk)
    assert list(objects.names("cases/")) == []
    assert [each.text for each in Entry.objects.all()] == ["Mine stays."]
