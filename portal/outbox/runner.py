"""Sends what is due, one mail after the other: claim, send, record.

A mail is sent at least once while its person can be reached and the server takes it. It may arrive twice where a worker
died between sending and recording, or the server fell silent; it has the same Message-ID then, and is not tried again.
"""

from __future__ import annotations

import logging
import smtplib
from datetime import timedelta
from urllib.parse import urlsplit

from django.conf import settings
from django.core.mail import EmailMessage, get_connection
from django.db.models import F
from django.db.models.functions import Now
from django.template import Context, Engine
from django.utils import translation

from portal.outbox import ports
from portal.outbox.models import Mail
from portal.outbox.ports import Addressee
from portal.outbox.values import AWAY, MOST_ATTEMPTS, State, wait_after

AT_ONCE = 100
KEPT = timedelta(days=31)
log = logging.getLogger(__name__)


def deliver_due() -> int:
    """Send what is due until the server is away; return how many were sent.

    One worker at a time: a server that answers nothing would else keep every worker waiting.
    """
    if Mail.objects.being_sent().exists():
        return 0
    _give_up()
    sent = 0
    for mail in Mail.objects.unclaimed()[:AT_ONCE]:
        try:
            sent += deliver(mail)
        except ServerAway as error:
            log.warning("mail waits: the server is away (%s)", error)
            Mail.objects.due().update(wake_at=Now() + AWAY)
            break
    return sent


class ServerAway(Exception):
    """No mail can be sent now."""


def deliver(mail: Mail) -> bool:
    """Send one mail and record it; return whether it was sent. Raises ServerAway, which costs the mail no try."""
    if not Mail.objects.claim(mail):
        return False
    mail.refresh_from_db()
    addressee = _addressee(mail)
    if addressee is None:
        _settle(mail, State.NOBODY)
        return False
    return _send(mail, written(mail, addressee))


def _addressee(mail: Mail) -> Addressee | None:
    if mail.recipient:
        return ports.installed.recipients.find(mail.recipient, mail.about)
    return ports.installed.directory.find(mail.subject_id) if mail.subject_id else None


def _send(mail: Mail, message: EmailMessage) -> bool:
    connection = get_connection()
    try:
        connection.open()
    except OSError as error:
        Mail.objects.held(mail).update(lease_until=None, attempts=F("attempts") - 1)
        raise ServerAway(type(error).__name__) from error
    try:
        connection.send_messages([message])
    except OSError as error:  # smtplib's own errors are of this kind too
        _failed(mail, error)
        return False
    finally:
        connection.close()
    _settle(mail, State.SENT, sent_at=Now())
    return True


def _failed(mail: Mail, error: OSError) -> None:
    """Try again later; where the server broke off, nobody knows whether it took the mail."""
    refused = isinstance(error, smtplib.SMTPException) and not isinstance(error, smtplib.SMTPServerDisconnected)
    reason = type(error).__name__
    log.warning("mail %s: try %s failed: %s", mail.pk, mail.attempts, reason)
    Mail.objects.held(mail).update(
        lease_until=None,
        wake_at=Now() + wait_after(mail.attempts),
        unclear=F("unclear") + int(not refused),
        reason=reason,
    )


def _settle(mail: Mail, state: State, **more: object) -> None:
    Mail.objects.held(mail).update(state=state, lease_until=None, wake_at=None, reason="", **more)


def _give_up() -> None:
    spent = Mail.objects.spent().update(state=State.NEEDS_ATTENTION, lease_until=None)
    if spent:
        log.error("%s mails need attention: tried %s times, or twice without knowing the end", spent, MOST_ATTEMPTS)


def written(mail: Mail, addressee: Addressee) -> EmailMessage:
    """Return the mail in the person's language; it names nobody, so that it tells nothing to whoever else reads it."""
    with translation.override(addressee.language):
        subject = " ".join(_rendered(mail, "subject.txt", addressee).split())
        body = _rendered(mail, "txt", addressee).strip() + "\n"
    host = urlsplit(settings.ORIGIN).hostname
    return EmailMessage(subject, body, to=[addressee.address], headers={"Message-ID": f"<{mail.pk}@{host}>"})


def _rendered(mail: Mail, part: str, addressee: Addressee) -> str:
    context = Context({**mail.facts, **addressee.says, "origin": settings.ORIGIN}, autoescape=False)
    return Engine.get_default().get_template(f"email/{mail.template}.{part}").render(context)


def forget() -> None:
    """Empty what was settled long ago: of a mail that may be sent once only, the mark stays."""
    old = Mail.objects.settled_for(KEPT)
    old.filter(once=None).delete()
    old.exclude(facts={}).update(facts={})
