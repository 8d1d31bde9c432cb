"""Renews the key-encryption key once for all erasures that wait for it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction

from portal.audit import trail
from portal.audit.values import SYSTEM, Action
from portal.rights.models import SubjectRequest
from portal.rights.retention.models import Run
from portal.vault import kek

NIGHT = timedelta(hours=1)
CHUNK = 1000
# A night's deletions are renewed for together, once nobody works at one; but not for longer than an hour.
DUE = """
WITH times AS (
SELECT statement_timestamp() AS at, statement_timestamp() - make_interval(secs => %(wait)s) AS long_ago)
SELECT EXISTS (
           SELECT FROM rights_subjectrequest
            WHERE state = 'processing' AND renewed = '' AND waiting_since <= long_ago)
    OR EXISTS (
           SELECT FROM retention_run
            WHERE waiting_since <= long_ago
              AND (waiting_since <= at - %(night)s
                   OR NOT EXISTS (SELECT FROM retention_run WHERE state = 'running' AND lease_until > at)))
  FROM times
"""
LOCK = "daylight: one renewal at a time"


def renew_if_due() -> list[UUID]:
    """Renew if an erasure has waited long enough; return the requests that wait no longer."""
    if not _due():
        return []
    with _alone() as mine:
        return _renew() if mine and _due() else []


def _due() -> bool:
    with connection.cursor() as cursor:
        cursor.execute(DUE, {"wait": settings.KEK_RENEWAL_SECONDS, "night": NIGHT})
        return bool(cursor.fetchone()[0])


@contextmanager
def _alone() -> Iterator[bool]:
    """Held by the session: re-wrapping the keys of very many people takes longer than a transaction may stand idle."""
    mine = _asked("SELECT pg_try_advisory_lock(hashtextextended(%s, 0))")
    try:
        yield mine
    finally:
        if mine:
            _asked("SELECT pg_advisory_unlock(hashtextextended(%s, 0))")


def _asked(question: str) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(question, [LOCK])
        return bool(cursor.fetchone()[0])


def _renew() -> list[UUID]:
    # Those that begin to wait from here on need the next one: their keys may be in the old wrapping's copies.
    waiting = list(SubjectRequest.objects.awaiting_renewal().values_list("pk", flat=True))
    over = list(Run.objects.awaiting_renewal().values_list("pk", "waiting_since"))
    renewed = kek.renew()
    with transaction.atomic():
        SubjectRequest.objects.filter(pk__in=waiting, renewed="").update(renewed=renewed, wake_at=None)
        _settle(over)
    trail.record(Action.KEK_RENEWED, actor=SYSTEM, facts={"waited": len(waiting)})
    return waiting


def _settle(over: Sequence[tuple[UUID, datetime]]) -> None:
    """Say of deletions that their keys were renewed, unless somebody had more deleted meanwhile."""
    last = max((since for _pk, since in over), default=None)
    for start in range(0, len(over), CHUNK):
        some = [pk for pk, _since in over[start : start + CHUNK]]
        Run.objects.filter(pk__in=some, waiting_since__lte=last).update(waiting_since=None)
