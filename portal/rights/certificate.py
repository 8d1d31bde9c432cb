"""The certificate of an erasure: what went, what stayed and why, what it cannot cover; signed, and a leaf."""

from __future__ import annotations

import base64
import hashlib
from datetime import UTC, datetime, timedelta
from typing import Any

import rfc8785
from django.conf import settings
from django.db import connections, router
from django.utils import timezone
from django.utils.translation import gettext as _

from consent import checkpoints, leaf, ledger
from portal.audit.models import Act
from portal.audit.values import Action
from portal.rights import holding, leases, recipients
from portal.rights.connectors.models import StoreTask
from portal.rights.connectors.steps import NAMES, answers
from portal.rights.models import SubjectRequest
from portal.rights.values import KEPT, KEPT_FOR_OTHERS, StepFailed

FORMAT = "daylight/certificate/v1"
CONTENT = "keystroke_content"
DONE = (Action.ERASURE_STARTED, Action.ERASURE_KEYS_DESTROYED)

# A renewal is nobody's own act, so that the index of the acts of a person finds it.
MOMENTS = """
SELECT action, max(at) FROM audit_act WHERE subject_id = %s AND "case" = %s AND action = ANY(%s) GROUP BY action
UNION ALL
SELECT action, max(at) FROM audit_act WHERE subject_id IS NULL AND action = %s AND at >= %s GROUP BY action
"""
DOWNLOADED = "SELECT at FROM audit_act WHERE subject_id = %s AND action = %s"


def issue(request: SubjectRequest, tally: dict[str, Any], epochs: tuple[int, int]) -> None:
    """Sign, append the leaf and keep the certificate, in the caller's fenced transaction."""
    signer = checkpoints.signer()
    if signer is None:
        raise StepFailed(_("The key that signs certificates cannot be read."))
    body = _body(request, tally, epochs)
    signed = rfc8785.dumps(body)
    document = {
        "certificate": body,
        "signature": base64.b64encode(signer.signature(signed)).decode(),
        "key": signer.verifier().to_text(),
    }
    record = {
        "at": body["issued"],
        "certificate_sha256": hashlib.sha256(signed).hexdigest(),
        "kind": body["kind"],
        "subject_id": str(request.subject_id),
    }
    leases.write(request, "sealed_certificate = %(signed)s", signed=request.sealed("certificate", document))
    ledger.append("erasure", request.subject_id, record)


def _body(request: SubjectRequest, tally: dict[str, Any], epochs: tuple[int, int]) -> dict[str, Any]:
    now, goes = timezone.now(), tally["goes"]
    return {
        "format": FORMAT,
        "request": str(request.pk),
        "subject_id": str(request.subject_id),
        "kind": kind_of(request),
        "ground": request.ground or "unspecified",
        "scope": request.scope,
        "received": leaf.stamp(request.received),
        "asked": leaf.stamp(request.opened_at),
        "issued": leaf.stamp(now),
        "origin": settings.LEDGER_ORIGIN,
        "erased": {
            "events": sum(count for category, count in goes.items() if category != CONTENT),
            "by_category": {category: goes[category] for category in sorted(goes)},
        },
        "kept": [{"what": str(text), "why": code} for text, code in _kept(request)],
        "told": recipients.outline(request),
        "dates": _dates(request, now),
        "stores_read": _stores(tally),
        "connected": answers(_asked(request)),
        "keys": {"destroyed_epoch": epochs[0], "current_epoch": epochs[1], "renewed": request.renewed},
        "not_covered": _not_covered(request, now),
    }


def _asked(request: SubjectRequest) -> list[StoreTask]:
    """Return what was asked of other systems; the plan of most requests goes without these steps."""
    return list(request.store_tasks.all()) if any(run.name in NAMES for run in request.runs) else []


def _stores(tally: dict[str, Any]) -> list[dict[str, Any]]:
    """Return of each store how much of what is touched was in it before, and what the second reading found."""
    before = tally.get("stores", {})
    counted = {store: {"counted": count} for store, count in before.items()}
    return [{"store": each["store"], **counted.get(each["store"], {}), **each} for each in tally.get("read", [])]


def _dates(request: SubjectRequest, now: datetime) -> dict[str, str]:
    """Return when each thing was done that cannot be undone, as the trail has it.

    Of several the newest counts: a renewal that is later than the one that counted promises nothing too early.
    """
    with connections[router.db_for_read(Act)].cursor() as cursor:
        since = request.waiting_since or request.opened_at
        cursor.execute(MOMENTS, [request.subject_id, str(request.pk), list(DONE), Action.KEK_RENEWED, since])
        done = dict(cursor.fetchall())
    moments = {
        "received": request.received,
        "asked": request.opened_at,
        "fenced": done.get(Action.ERASURE_STARTED),
        "keys_destroyed": done.get(Action.ERASURE_KEYS_DESTROYED),
        "keys_renewed": done.get(Action.KEK_RENEWED),
        "issued": now,
    }
    return {name: leaf.stamp(at) for name, at in moments.items() if at}


def outline(document: dict[str, Any] | None) -> dict[str, str] | None:
    """Return what proves that there is a certificate, and which, without what it says of a person's answers."""
    if document is None:
        return None
    body = document["certificate"]
    return {"certificate_sha256": hashlib.sha256(rfc8785.dumps(body)).hexdigest(), "issued": body["issued"]}


def kind_of(request: SubjectRequest) -> str:
    scope = request.wanted
    if scope.purposes is not None:
        return "withdrawal"
    return "part" if request.scope else "everything"


def _kept(request: SubjectRequest) -> list[tuple[Any, str]]:
    rows = [*KEPT] if request.wanted.purposes is None else [*KEPT, KEPT_FOR_OTHERS]
    return [*rows, *holding.kept(request)]


def _not_covered(request: SubjectRequest, now: datetime) -> list[dict[str, str]]:
    """Say what no erasure of ours reaches, and when each lapses; empty where nobody can name a date."""
    forgotten = now + timedelta(seconds=settings.KEY_CACHE_SECONDS)
    rows = [
        {
            "what": str(_("Keys that running programs still hold in memory")),
            "lapses": forgotten.astimezone(UTC).isoformat(timespec="seconds"),
        },
        {
            "what": str(
                _(
                    "Copies of both databases that were taken together with the key file before the keys were renewed;"
                    " copies without that key file opened nothing from this date on"
                )
            ),
            "lapses": now.astimezone(UTC).date().isoformat(),
        },
    ]
    return rows + [
        {"what": str(_("A copy that was downloaded on %(day)s") % {"day": day}), "lapses": ""}
        for day in _handed_out(request)
    ]


def _handed_out(request: SubjectRequest) -> list[str]:
    with connections[router.db_for_read(Act)].cursor() as cursor:
        cursor.execute(DOWNLOADED, [request.subject_id, Action.BUNDLE_DOWNLOADED])
        return sorted({at.date().isoformat() for (at,) in cursor.fetchall()})
