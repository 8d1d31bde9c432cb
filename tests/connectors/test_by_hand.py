"""A request covers a system that only people can look into: asked by mail, reminded, answered with a name."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core import mail
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone

from portal.audit.models import Act
from portal.outbox import runner as outbox
from portal.outbox.models import Mail
from portal.rights.connectors.models import StoreTask
from portal.rights.models import SubjectRequest
from portal.rights.values import Kind
from portal.vault import objects
from tests.connectors.conftest import go_on, make_manual
from tests.makers import sign_in
from tests.rights.conftest import ask, unzip

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "keys"])
PDF = b"%PDF-1.4 what was found about Ada"


@pytest.fixture
def waiting(hana, recorded, soon):
    """Ada's copy, which waits for somebody to look into the paper files."""
    make_manual()
    return go_on(ask(recorded))


def address(request, store="paper"):
    return f"/queue/{request.pk}/systems/{store}/"


def answer(client, request, outcome="done", file=PDF, **over):
    said = {"outcome": outcome, "note": "In annex 3.", **over}
    if file:
        said["file"] = SimpleUploadedFile("Ada's file.pdf", file)
    return client.post(address(request), said)


def test_handlers_get_a_mail_that_names_nobody_and_the_request_waits(waiting, recorded, hana):
    assert waiting.state == "processing" and waiting.current_step.name == "await_stores"
    assert list(Mail.objects.filter(template="store_waits").values_list("subject_id", flat=True)) == [hana.pk]
    outbox.deliver_due()
    (sent,) = [each for each in mail.outbox if hana.email in each.to]
    assert address(waiting) in sent.body
    assert recorded.name not in sent.body + sent.subject and recorded.email not in sent.body


def test_nobody_of_the_persons_own_line_is_asked(hana, lea, recorded, soon):
    type(recorded).objects.filter(pk=recorded.pk).update(manager=hana)
    make_manual()
    go_on(ask(recorded))
    asked = Mail.objects.filter(template="store_waits").values_list("subject_id", flat=True)
    assert set(asked) == {lea.pk}


def test_they_are_reminded_until_somebody_answered(waiting, hana, client):
    for _time in range(2):
        StoreTask.objects.update(wake_at=timezone.now() - timedelta(seconds=1))
        go_on(waiting)
    assert Mail.objects.filter(template="store_waits", subject_id=hana.pk).count() == 3
    sign_in(client, hana)
    answer(client, waiting)
    go_on(waiting)
    assert Mail.objects.filter(template="store_waits", subject_id=hana.pk).count() == 3


def test_what_was_found_is_sealed_and_in_the_copy_with_a_name_and_a_time_kept(waiting, recorded, hana, client):
    sign_in(client, hana)
    page = client.get(address(waiting)).content.decode()
    assert "Look into the file." in page and recorded.name in page
    assert answer(client, waiting).status_code == 302
    assert not any(PDF in objects.get(name) for name in objects.names("bundles/"))
    done = go_on(waiting)
    assert (done.state, done.reason) == ("ready", "")
    assert unzip(done)["connected/paper/found-1.pdf"] == PDF
    task = StoreTask.objects.get()
    assert (task.state, task.answered_by, task.note) == ("done", f"person:{hana.pk}", "In annex 3.")
    assert Act.objects.filter(action="store.answered", actor_id=str(hana.pk), subject_id=recorded.pk).exists()


def test_nothing_found_ends_it_too(waiting, hana, client):
    sign_in(client, hana)
    answer(client, waiting, "nothing", file=None)
    done = go_on(waiting)
    assert done.state == "ready" and "connected/paper/found-1.pdf" not in unzip(done)


def test_an_erasure_waits_for_the_hand_and_its_certificate_says_so(hana, recorded, soon, client):
    make_manual()
    request = go_on(ask(recorded, Kind.ERASURE))
    assert request.state == "processing" and not request.has_certificate
    assert request.steps.get(name="await_renewal").state == "done"
    sign_in(client, hana)
    assert answer(client, request, file=None).status_code == 302
    (said,) = go_on(request).certificate["certificate"]["connected"]
    assert (said["store"], said["answer"], said["by_hand"]) == ("paper", "done", True)


@pytest.mark.parametrize(
    ("outcome", "file", "says"),
    [
        ("done", None, "Attach what was found"),
        ("nothing", PDF, "attached only to what was found"),
        ("done", b"MZ\x00\x01\x02", "Attach a PDF"),
        ("done", PDF + b"x" * 5 * 1024 * 1024, "MB"),
        ("deleted", PDF, ""),
    ],
)
def test_an_answer_that_cannot_be_is_refused_and_nothing_is_settled(waiting, hana, client, outcome, file, says):
    sign_in(client, hana)
    refused = answer(client, waiting, outcome, file)
    assert refused.status_code in (400, 413, 422)
    assert says in refused.content.decode()
    assert StoreTask.objects.get().state == "sent"


def test_it_is_answered_once(waiting, hana, client):
    sign_in(client, hana)
    answer(client, waiting, "nothing", file=None)
    assert answer(client, waiting).status_code == 422
    assert StoreTask.objects.get().state == "nothing"


def test_whoever_opened_the_request_or_stands_in_the_line_answers_nothing(waiting, recorded, hana, client):
    SubjectRequest.objects.filter(pk=waiting.pk).update(opener_id=f"person:{hana.pk}")
    sign_in(client, hana)
    assert answer(client, waiting).status_code == 422
    type(recorded).objects.filter(pk=recorded.pk).update(manager=hana)
    assert answer(client, waiting).status_code == 404
    assert StoreTask.objects.get().state == "sent"


def test_what_a_program_did_not_answer_somebody_may_answer(hana, recorded, soon, client, settings):
    settings.STORE_TRIES = 1
    make_manual()
    request = ask(recorded, Kind.ERASURE)
    go_on(request, until=StoreTask.objects.filter(state="sent").exists)
    StoreTask.objects.update(kind="sql", state="failed")
    SubjectRequest.objects.update(state="needs_attention")
    sign_in(client, hana)
    assert answer(client, request, file=None).status_code == 302
    assert client.post(f"/queue/{request.pk}/retry/").status_code == 302
    assert go_on(request).state == "delivered"


def test_the_list_shows_what_waits_for_people_but_never_of_ones_own_line(waiting, recorded, hana, client):
    sign_in(client, hana)
    assert recorded.name in client.get("/queue/systems/").content.decode()
    type(recorded).objects.filter(pk=recorded.pk).update(manager=hana)
    assert recorded.name not in client.get("/queue/systems/").content.decode()


def test_the_person_sees_who_was_asked_when_and_what_they_answered(waiting, recorded, hana, client):
    sign_in(client, recorded)
    page = client.get(f"/requests/{waiting.pk}/").content.decode()
    assert "Paper" in page and "Somebody looks into it" in page
    handler = Client()
    sign_in(handler, hana)
    answer(handler, waiting)
    page = client.get(f"/requests/{waiting.pk}/").content.decode()
    assert "In the copy" in page and "In annex 3." in page and hana.name not in page


def test_those_who_handle_it_see_it_on_the_case(waiting, hana, client):
    sign_in(client, hana)
    page = client.get(f"/queue/{waiting.pk}/").content.decode()
    assert "Paper" in page and address(waiting) in page
