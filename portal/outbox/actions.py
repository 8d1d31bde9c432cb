"""Puts a mail into the outbox; nothing is sent here."""

from __future__ import annotations

from uuid import UUID

from django.db import transaction
from django.template.loader import get_template

from portal.audit import trail
from portal.audit.values import Action, Actor
from portal.outbox.models import Mail
from portal.outbox.values import Facts, State


def post(template: str, *, to: UUID, facts: Facts | None = None, once: str = "") -> Mail | None:
    """Write a mail down in the caller's transaction; of several with the same `once` the first is kept, else None.

    `facts` stand in clear: ids, keys and public texts, never a name, an address or what somebody did.
    Raises TemplateDoesNotExist for a name that has no `templates/email/<name>.txt`.
    """
    _known(template)
    return _put(Mail(subject_id=to, template=template, facts=facts or {}), once)


def post_outside(
    template: str, *, recipient: str, about: str, facts: Facts | None = None, once: str = ""
) -> Mail | None:
    """Write a mail to a recipient of the register down, by its key; where that is reached is asked when it is sent.

    `about` is handed to the directory of recipients, which knows what else the mail has to say.
    """
    _known(template)
    return _put(Mail(recipient=recipient, about=about, template=template, facts=facts or {}), once)


def _known(template: str) -> None:
    for part in ("subject.txt", "txt"):
        get_template(f"email/{template}.{part}")


def _put(mail: Mail, once: str) -> Mail | None:
    mail.once = once or None
    if not once:
        mail.save(force_insert=True)
        return mail
    Mail.objects.bulk_create([mail], ignore_conflicts=True)
    return Mail.objects.filter(pk=mail.pk).first()


@transaction.atomic
def try_again(*, by: Actor) -> int:
    """Give every mail that was given up its tries back; return how many there are."""
    fresh = {"state": State.WAITING, "attempts": 0, "unclear": 0, "wake_at": None, "lease_until": None, "reason": ""}
    again = Mail.objects.stuck().update(**fresh)
    trail.record(Action.MAIL_RETRIED, actor=by, facts={"mails": again})
    return again
