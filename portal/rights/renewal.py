"""Renews the key-encryption key once for all erasures that wait for it."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction
from django.db.models.functions import Now

from portal.audit import trail
from portal.audit.values import SYSTEM, Action
from portal.rights.models import SubjectRequest
from portal.vault import kek

LOCK = "daylight: one renewal at a time"


def renew_if_due() -> list[UUID]:
    """Renew if an erasure has waited long enough; return the requests that wait no longer."""
    if not _due():
        return []
    with transaction.atomic():
        return _renew() if _locked() and _due() else []


def _due() -> bool:
    long_ago = Now() - timedelta(seconds=settings.KEK_RENEWAL_SECONDS)
    return SubjectRequest.objects.awaiting_renewal().filter(waiting_since__lte=long_ago).exists()


def _locked() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(hashtextextended(%s, 0))", [LOCK])
        return bool(cursor.fetchone()[0])


def _renew() -> list[UUID]:
    # Those that begin to wait from here on need the next one: their keys may be in the old wrapping's copies.
    waiting = list(SubjectRequest.objects.awaiting_renewal().values_list("pk", flat=True))
    renewed = kek.renew()
    SubjectRequest.objects.filter(pk__in=waiting, renewed="").update(renewed=renewed, wake_at=None)
    trail.record(Action.KEK_RENEWED, actor=SYSTEM, facts={"waited": len(waiting)})
    return waiting
