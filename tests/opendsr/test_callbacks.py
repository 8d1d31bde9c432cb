"""A controller is told of every change: in order, signed, again until it arrives, and nowhere else."""

from __future__ import annotations

import threading

import pytest
from django.db import connection, connections
from django.utils import timezone

from portal.rights import handling
from portal.rights.models import SubjectRequest
from portal.rights.opendsr import calling, signing
from portal.rights.opendsr.models import Callback
from tests.opendsr.conftest import DOMAIN
from tests.receivers import Receiver
from tests.rights.conftest import person

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "keys"])


@pytest.fixture
def listening(settings, issuer, spoken):
    """A controller's own server, which we may call."""
    with Receiver(issuer.issue("localhost")) as receiver:
        receiver.answer = (202, {}, b"")
        settings.EGRESS_PORTS = [receiver.port, 443]
        settings.EGRESS_INTERNAL_HOSTS = settings.OPENDSR_CALLBACK_HOSTS = ["localhost"]
        yield receiver


def now():
    Callback.objects.update(wake_at=None)


def ask(controller, ada, *urls):
    answer = controller.ask(ada, "erasure", status_callback_urls=list(urls))
    assert answer.status_code == 201, answer.content
    return SubjectRequest.objects.get(opendsr__subject_request_id=answer.json()["subject_request_id"])


def told(receiver):
    return [call.json["request_status"] for call in receiver.calls]


def test_each_change_is_told_in_order_and_signed_over_its_bytes(controller, listening, ada, hana):
    request = ask(controller, ada, listening.url)
    assert calling.deliver_due() == 0
    handling.approve(request=request, by=person(hana))
    SubjectRequest.objects.filter(pk=request.pk).update(state="delivered")
    while calling.deliver_due():
        pass
    assert told(listening) == ["in_progress", "completed"]
    chain = controller.client.get("/opendsr/v2/certificate").content
    for call in listening.calls:
        signing.check(call.body, call.headers["x-opendsr-signature"], chain, DOMAIN)
        assert call.headers["x-opendsr-processor-domain"] == call.headers["x-opengdpr-processor-domain"] == DOMAIN
        assert call.json["status_callback_url"] == listening.url
        assert call.json["subject_request_id"] == str(request.opendsr.subject_request_id)
        assert {"controller_id", "expected_completion_time"} <= set(call.json)


def test_a_change_that_is_rolled_back_is_told_to_nobody(controller, listening, ada):
    request = ask(controller, ada, listening.url)
    with connection.cursor() as cursor:
        cursor.execute("BEGIN; UPDATE rights_subjectrequest SET state = 'processing'; ROLLBACK")
    assert not Callback.objects.exists() and request.state == "in_review"


@pytest.mark.parametrize("answer", [500, 302, 404])
def test_what_was_not_taken_is_sent_again_and_a_later_change_waits(controller, listening, ada, answer):
    request = ask(controller, ada, listening.url)
    listening.answer = (answer, {"Location": "https://localhost/"}, b"")
    for state in ("processing", "delivered"):
        SubjectRequest.objects.filter(pk=request.pk).update(state=state)
    assert calling.deliver_due() == 1
    assert calling.deliver_due() == 0
    listening.answer = (200, {}, b"")
    now()
    assert [calling.deliver_due(), calling.deliver_due()] == [1, 1]
    assert told(listening) == ["in_progress", "in_progress", "completed"]
    assert set(Callback.objects.values_list("state", flat=True)) == {"sent"}


def test_an_address_that_never_answers_is_given_up_with_its_reason_and_keeps_nobody_waiting(
    controller, listening, settings, ada
):
    request = ask(controller, ada, "https://localhost/nobody", listening.url)
    SubjectRequest.objects.filter(pk=request.pk).update(state="processing")
    for _ in range(len(calling.WAITS) + 1):
        now()
        calling.deliver_due()
    dead = Callback.objects.get(url="https://localhost/nobody")
    assert (dead.state, dead.reason, dead.attempts) == ("failed", "connection", len(calling.WAITS) + 1)
    assert told(listening) == ["in_progress"]


def test_a_certificate_that_nobody_we_trust_issued_gets_nothing(controller, listening, settings, ada, issuer, tmp_path):
    other = type(issuer)(tmp_path / "other", "somebody else").issue("localhost")
    with Receiver(other) as stranger:
        settings.EGRESS_PORTS = [stranger.port]
        request = ask(controller, ada, stranger.url)
        SubjectRequest.objects.filter(pk=request.pk).update(state="processing")
        calling.deliver_due()
        assert (stranger.calls, Callback.objects.get().reason) == ([], "tls")


def test_a_program_reaches_no_system_of_the_company_that_is_not_listed(controller, listening, settings, ada):
    settings.OPENDSR_CALLBACK_HOSTS = []
    request = ask(controller, ada, listening.url)
    SubjectRequest.objects.filter(pk=request.pk).update(state="processing")
    calling.deliver_due()
    assert (listening.connections, Callback.objects.get().reason) == (0, "address.loopback")


def test_two_workers_send_it_once(controller, listening, ada):
    request = ask(controller, ada, listening.url)
    SubjectRequest.objects.filter(pk=request.pk).update(state="processing")
    listening.hangs = 0.3

    def work():
        calling.deliver_due()
        connections.close_all()

    workers = [threading.Thread(target=work) for _ in range(2)]
    for each in workers:
        each.start()
    for each in workers:
        each.join()
    assert told(listening) == ["in_progress"]


def test_a_worker_that_died_while_sending_is_followed_by_another(controller, listening, ada):
    request = ask(controller, ada, listening.url)
    SubjectRequest.objects.filter(pk=request.pk).update(state="processing")
    assert Callback.objects.claim(Callback.objects.get(), calling.LEASE)
    assert calling.deliver_due() == 0
    Callback.objects.update(lease_until=timezone.now() - calling.LEASE)
    assert calling.deliver_due() == 1
    assert told(listening) == ["in_progress"]
