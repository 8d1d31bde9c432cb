"""What beat repeats: nothing that lets a collector in is kept once it ran out."""

from __future__ import annotations

from allauth.idp.oidc.models import Token
from celery import shared_task

from portal.events.enrolment import files


@shared_task
def forget_old() -> None:
    """Remove tokens and invitations that ran out."""
    Token.objects.expired().delete()
    files.forget_old()
