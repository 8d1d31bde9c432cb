"""Mail: written with what it is about, sent later, at least once, and never in anybody's way."""

from __future__ import annotations

import smtplib
import socket
import threading
from datetime import timedelta

import pytest
from django.core import mail
from django.core.mail.backends.locmem import EmailBackend
from django.db import transaction
from django.template import TemplateDoesNotExist
from django.utils import timezone

from portal.outbox import actions, runner, tasks
from portal.outbox.models import Mail
from portal.outbox.values import MOST_ATTEMPTS, State
from portal.people.models import Employee
from tests.makers import SETTING_UP

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "keys"])


@pytest.fixture(autouse=True)
def templates(settings, tmp_path):
    """A mail of this test's own, so that no wording of the product stands here."""
    there = tmp_path / "templates" / "email"
    there.mkdir(parents=True)
    (there / "hello.subject.txt").write_text("{% load i18n %}Your request\n{{ request }}\n")
    (there / "hello.txt").write_text("See {{ origin }}/requests/{{ request }}/ & answer <soon>.\n")
    settings.TEMPLATES = [{**settings.TEMPLATES[0], "DIRS": [there.parent, *settings.TEMPLATES[0]["DIRS"]]}]


@pytest.fixture
def server(settings):
    """A mail server whose behaviour a test sets."""
    settings.EMAIL_BACKEND = f"{__name__}.Server"
    Server.opens = Server.takes = None
    return Server


class Server(EmailBackend):
    """Raises what it is told to, on connecting or on being given a mail."""

    opens: BaseException | None = None
    takes: BaseException | None = None

    def open(self):
        if Server.opens:
            raise Server.opens

    def send_messages(self, messages):
        if isinstance(Server.takes, Killed):
            super().send_messages(messages)
        if Server.takes:
            raise Server.takes
        return super().send_messages(messages)


class Killed(BaseException):
    """The worker ends between the server's yes and the record of it."""


def later(**by):
    """Let time pass for every mail: what would be due in that time is due now."""
    for row in Mail.objects.all():
        for name in ("wake_at", "lease_until"):
            if (at := getattr(row, name)) is not None:
                setattr(row, name, at - timedelta(**by))
        row.save()


def test_a_mail_goes_to_the_address_that_holds_when_it_is_sent(ada):
    actions.post("hello", to=ada.pk, facts={"request": "abc"})
    Employee.objects.filter(pk=ada.pk).update(email="new@example.org")
    tasks.sweep()
    (sent,) = mail.outbox
    assert sent.to == ["new@example.org"]
    assert sent.subject == "Your request abc"
    assert sent.body == "See http://localhost:8000/requests/abc/ & answer <soon>.\n"
    assert Mail.objects.get().state == State.SENT and Mail.objects.get().sent_at


def test_a_mail_is_sent_only_if_what_it_is_about_was_done(ada):
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        actions.post("hello", to=ada.pk)
        _ = 1 / 0
    tasks.sweep()
    assert mail.outbox == [] and not Mail.objects.exists()


def test_the_second_mail_of_the_same_once_is_dropped_even_after_the_first_was_sent_and_forgotten(ada, ben):
    assert actions.post("hello", to=ada.pk, facts={"request": 1}, once="asked:train:2")
    assert actions.post("hello", to=ada.pk, once="asked:train:2") is None
    tasks.sweep()
    Mail.objects.update(posted_at=timezone.now() - timedelta(days=32))
    tasks.forget()
    assert Mail.objects.get().facts == {}
    assert actions.post("hello", to=ben.pk, once="asked:train:2") is None
    tasks.sweep()
    assert len(mail.outbox) == 1


def test_what_was_sent_is_forgotten_after_a_month_and_what_waits_is_not(ada):
    actions.post("hello", to=ada.pk)
    tasks.sweep()
    waits = actions.post("hello", to=ada.pk, facts={"request": 2})
    Mail.objects.update(posted_at=timezone.now() - timedelta(days=32))
    tasks.forget()
    assert list(Mail.objects.values_list("pk", "facts")) == [(waits.pk, {"request": 2})]


def test_nobody_who_has_left_is_written_to(ada):
    actions.post("hello", to=ada.pk)
    Employee.objects.filter(pk=ada.pk).update(is_active=False)
    tasks.sweep()
    assert mail.outbox == [] and Mail.objects.get().state == State.NOBODY


def test_a_name_without_a_template_is_found_when_it_is_posted(ada):
    with pytest.raises(TemplateDoesNotExist):
        actions.post("no-such-mail", to=ada.pk)
    assert not Mail.objects.exists()


def test_a_server_that_is_away_costs_no_try_and_every_mail_waits(ada, ben, server):
    for person in (ada, ben):
        actions.post("hello", to=person.pk)
    server.opens = ConnectionRefusedError()
    for _ in range(MOST_ATTEMPTS + 2):
        tasks.sweep()
        assert set(Mail.objects.values_list("attempts", "lease_until", "state")) == {(0, None, State.WAITING)}
        assert not Mail.objects.due().exists()
        later(seconds=31)
    server.opens = None
    tasks.sweep()
    assert len(mail.outbox) == 2


def test_a_closed_port_keeps_nobody_waiting(settings, ada, client):
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        settings.EMAIL_HOST, settings.EMAIL_PORT = free.getsockname()
    actions.post("hello", to=ada.pk)
    tasks.sweep()
    client.force_login(ada, "allauth.account.auth_backends.AuthenticationBackend")
    assert client.get("/").status_code == 200
    assert Mail.objects.get().state == State.WAITING


def test_a_mail_that_the_server_refuses_is_tried_with_growing_waits_and_then_left_to_people(ada, ben, server):
    actions.post("hello", to=ada.pk)
    server.takes = smtplib.SMTPDataError(554, b"no")
    waits = []
    for _ in range(MOST_ATTEMPTS):
        tasks.sweep()
        row = Mail.objects.get(subject_id=ada.pk)
        waits.append(round((row.wake_at - timezone.now()).total_seconds()))
        tasks.sweep()
        assert Mail.objects.get(subject_id=ada.pk).attempts == row.attempts, "not before its time"
        later(hours=4)
    assert waits == sorted(waits) and waits[0] < 60 and waits[-1] > 3600
    server.takes = None
    actions.post("hello", to=ben.pk)
    tasks.sweep()
    stuck = Mail.objects.get(subject_id=ada.pk)
    assert (stuck.state, stuck.reason) == (State.NEEDS_ATTENTION, "SMTPDataError")
    assert [each.to for each in mail.outbox] == [[ben.email]], "one bad mail stands in nobody's way"
    assert actions.try_again(by=SETTING_UP) == 1
    tasks.sweep()
    assert [each.to for each in mail.outbox] == [[ben.email], [ada.email]]


def test_a_worker_killed_between_sending_and_recording_sends_it_twice_at_most(ada, server):
    actions.post("hello", to=ada.pk)
    server.takes = Killed()
    for _ in range(5):
        with pytest.raises(Killed) if len(mail.outbox) < 2 else threading.Lock():
            tasks.sweep()
        later(seconds=61)
    assert len(mail.outbox) == 2
    assert {each.extra_headers["Message-ID"] for each in mail.outbox} == {f"<{Mail.objects.get().pk}@localhost>"}
    assert Mail.objects.get().state == State.NEEDS_ATTENTION


def test_a_server_that_falls_silent_after_taking_the_mail_is_asked_once_more_only(ada, server):
    actions.post("hello", to=ada.pk)
    server.takes = TimeoutError()
    for _ in range(5):
        tasks.sweep()
        later(hours=4)
    row = Mail.objects.get()
    assert (row.attempts, row.state) == (2, State.NEEDS_ATTENTION)


def test_a_worker_that_wakes_after_its_lease_writes_nothing(ada, server):
    row = actions.post("hello", to=ada.pk)
    assert Mail.objects.claim(row)
    row.refresh_from_db()
    later(seconds=61)
    other = Mail.objects.get()
    assert Mail.objects.claim(other)
    runner._settle(row, State.SENT)
    assert Mail.objects.get().state == State.WAITING


def test_while_one_worker_sends_no_other_does(ada, ben):
    first = actions.post("hello", to=ada.pk)
    actions.post("hello", to=ben.pk)
    assert Mail.objects.claim(first)
    assert runner.deliver_due() == 0
    assert mail.outbox == []


def test_no_address_and_no_name_is_in_the_row_or_in_the_log(ada, server, caplog):
    actions.post("hello", to=ada.pk, facts={"request": "abc"})
    server.takes = smtplib.SMTPRecipientsRefused({ada.email: (550, b"who is that")})
    tasks.sweep()
    said = caplog.text + str(Mail.objects.values())
    assert ada.email not in said and ada.name not in said and "SMTPRecipientsRefused" in said
