"""The steps of an erasure: fence first, the old key last, then a second reading, then the certificate."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import replace
from datetime import date, timedelta
from functools import partial
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection
from django.utils.translation import gettext as _

from consent import actions as decisions
from consent import ageing, gate, journal
from consent.models import Gate
from consent.values import Scope
from portal.audit import trail
from portal.audit.values import SYSTEM, Action
from portal.events import devices, ingest, rewrite
from portal.rights import bundle, certificate, expiry, holding, leases, stores
from portal.rights.models import Bundle, SubjectRequest
from portal.rights.values import Cursor, Fenced, StepFailed, Wait
from portal.vault import keys, objects

CHUNK_SECONDS = 8.0
TURN_SECONDS = 5
POLL_SECONDS = 5
AHEAD_MS = ingest.AHEAD // timedelta(milliseconds=1)
VOLUME = "volume"
# Another erasure of the person, or a night's deletion (retention.Run.switching).
UNDER_WAY = """
SELECT EXISTS (SELECT FROM rights_steprun
                WHERE request_id = ANY(%(others)s::uuid[]) AND name = 'destroy_old_key' AND state <> 'done')
    OR EXISTS (SELECT FROM retention_run WHERE subject_id = %(me)s AND state = 'running' AND new_epoch = %(epoch)s)
"""
IMPORTS = """
SELECT FROM register_source
 WHERE kind = 'import' AND (%(sources)s::text[] IS NULL OR key = ANY(%(sources)s::text[])) LIMIT 1
"""
COPIES = "SELECT id::text FROM rights_bundle WHERE subject_id = %s"


def fence(request: SubjectRequest, cursor: Cursor) -> Cursor | None:
    """Make the new keys, then fence the scope and switch to them in one commit; one erasure of a person at a time."""
    if "new" not in cursor:
        return _begin_epoch(request)
    with request.fenced():
        row = gate.hold_exclusive(request.subject_id)
        if not _is_fenced(row, request):
            _wait_for_turn(request, row)
            if row.key_epoch != cursor["old"]:
                return {}
            _put_up(request, row, cursor["new"])
        leases.done(request, "fence")
    return None


def _begin_epoch(request: SubjectRequest) -> Cursor:
    row = gate.row(request.subject_id)
    if _is_fenced(row, request):
        return {"old": row.key_epoch - 1, "new": row.key_epoch}
    _wait_for_turn(request, row)
    touched = rewrite.touched(request.subject_id, request.wanted)
    new = keys.begin_epoch(request.subject_id, row.key_epoch, touched.keys)
    return {"old": row.key_epoch, "new": new}


def _is_fenced(row: Gate, request: SubjectRequest) -> bool:
    return any(each["key"] == str(request.pk) for each in row.fences)


def _wait_for_turn(request: SubjectRequest, row: Gate) -> None:
    if under_way(row, besides=request.pk):
        raise Wait(TURN_SECONDS)


def under_way(row: Gate, besides: UUID | None = None) -> bool:
    """Return whether something of the person is being erased: the new key is there, the old one not yet destroyed."""
    others = [each["key"] for each in ageing.others(row) if each["key"] != str(besides)]
    with connection.cursor() as cursor:
        cursor.execute(UNDER_WAY, {"others": others, "me": row.pk, "epoch": row.key_epoch})
        return bool(cursor.fetchone()[0])


def _put_up(request: SubjectRequest, row: Gate, epoch: int) -> None:
    decisions.fence(
        subject_id=request.subject_id,
        key=str(request.pk),
        scope=request.wanted,
        asked_ms=request.asked_ms,
        key_epoch=epoch,
        lasting=holding.is_split(request) or _may_be_imported(request),
        row=row,
    )
    holding.let_go(request, row)
    _act(Action.ERASURE_STARTED, request)


def _may_be_imported(request: SubjectRequest) -> bool:
    sources = request.wanted.sources
    with connection.cursor() as cursor:
        cursor.execute(IMPORTS, {"sources": None if sources is None else list(sources)})
        return cursor.fetchone() is not None


def _act(action: Action, request: SubjectRequest) -> None:
    trail.record(
        action,
        actor=SYSTEM,
        subject_id=request.subject_id,
        case=str(request.pk),
        once=f"{action}:{request.pk}",
    )


def _epochs(request: SubjectRequest) -> tuple[int, int]:
    cursor = _cursors(request)["fence"]
    return cursor["old"], cursor["new"]


def _cursors(request: SubjectRequest) -> dict[str, Cursor]:
    """Return how each step stands; those that are done stand where they are for good."""
    return {run.name: run.cursor for run in request.runs}


def _until_ms(request: SubjectRequest) -> int:
    """Return up to which time of a device's clock the scope goes.

    A clock that is ahead dates events after the asking that were here before it: where no answer from before stands
    any more, they go as well, up to the first that was given since.
    """
    state = gate.read(request.subject_id)
    grants = state.grants.values() if state else ()
    since = [grant.since_ms for grant in grants if request.wanted.concerns(grant.purpose)]
    asked = request.asked_ms
    return max(asked, min([asked + AHEAD_MS, *since]))


def count(request: SubjectRequest, cursor: Cursor) -> Cursor | None:
    """Count what goes and list what is touched, once and behind the fence, so that nothing is added later."""
    tally = request.tally
    if tally is not None and tally.get("without", []) != request.scope.get("without", []):
        _count_without(request, tally)
    if tally is None:
        devices.stopped(request.subject_id, request.wanted.purposes)
        found = rewrite.touched(request.subject_id, request.wanted)
        goes = rewrite.count_matching(request.subject_id, request.wanted, _until_ms(request), found.counted)
        tally = {"goes": dict(goes), "days": [day.isoformat() for day in found.days], "keys": sorted(found.keys)}
        tally["without"] = request.scope.get("without", [])
        tally["stores"] = stores.manifest(request, _epochs(request)[0], found)
        _keep(request, tally)
    return None


def _count_without(request: SubjectRequest, tally: dict[str, Any]) -> None:
    """Take what a hold keeps, that was placed since, out of what goes: nothing of it has gone yet."""
    before = replace(request.wanted, without=tuple(map(Scope.from_json, tally.get("without", []))))
    counted = rewrite.count_each(request.subject_id, {"before": before, "now": request.wanted}, _until_ms(request))
    goes = Counter(tally["goes"]) - (counted["before"] - counted["now"])
    _keep(request, {**tally, "goes": dict(goes), "without": request.scope.get("without", [])})


def _keep(request: SubjectRequest, tally: dict[str, Any]) -> None:
    """Write the tally, as only the newest token may; raises Fenced."""
    sealed = request.sealed("tally", tally)
    if not leases.write(request, "sealed_tally = %(tally)s", tally=sealed):
        raise Fenced


def _tally(request: SubjectRequest) -> dict[str, Any]:
    """Return the tally as this worker found it, or wrote it since: nobody writes it without the token."""
    return request.tally or {"goes": {}, "days": [], "keys": []}


def rewrite_days(request: SubjectRequest, cursor: Cursor) -> Cursor | None:
    """Take whole days out at once, and rewrite the others for some seconds a run."""
    days, epoch = [date.fromisoformat(day) for day in _tally(request)["days"]], _epochs(request)[1]
    done, began, until, ask = cursor.get("done", 0), time.monotonic(), _until_ms(request), partial(holding.ask, request)
    gone = rewrite.drop_days(request.subject_id, days[done:], request.wanted, until, epoch, ask)
    while done < len(days) and time.monotonic() - began < CHUNK_SECONDS:
        if days[done] not in gone:
            rewrite.rewrite_day(request.subject_id, days[done], request.wanted, until, epoch, ask)
        done += 1
    return {"done": done, "total": len(days)} if done < len(days) else None


def rewrite_volumes(request: SubjectRequest, cursor: Cursor) -> Cursor | None:
    months, epoch = _months(request), _epochs(request)[1]
    done, began = cursor.get("done", 0), time.monotonic()
    while done < len(months) and time.monotonic() - began < CHUNK_SECONDS:
        rewrite.rewrite_volume(request.subject_id, months[done], request.wanted, epoch, partial(holding.ask, request))
        done += 1
    return {"done": done, "total": len(months)} if done < len(months) else None


def _months(request: SubjectRequest) -> list[str]:
    return sorted({month for month, name in _tally(request)["keys"] if name == VOLUME})


def delete_bundles(request: SubjectRequest, cursor: Cursor) -> Cursor | None:
    """Remove every copy that was begun before; copies begun from now on wait until the old key is gone."""
    removed, there = cursor.get("removed", []), _copies(request)
    if not there:
        return None
    if not set(removed).issuperset(there):
        # Named before they go, so that their keys are left behind even if a worker makes them anew meanwhile.
        return {"removed": sorted({*removed, *there})}
    with holding.clear(request):
        for each in Bundle.objects.filter(subject_id=request.subject_id).select_related("request"):
            expiry.call_back(each.request, _("It was deleted together with data that it held."))
    return None


def _copies(request: SubjectRequest) -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(COPIES, [request.subject_id])
        return [pk for (pk,) in cursor.fetchall()]


def carry_keys(request: SubjectRequest, cursor: Cursor) -> Cursor | None:
    at = _cursors(request)
    old, new = at["fence"]["old"], at["fence"]["new"]
    dropped = {(month, name) for month, name in _tally(request)["keys"]}
    dropped |= {(bundle.MONTH, name) for name in at["delete_bundles"].get("removed", [])}
    with holding.clear(request):
        keys.carry_over(request.subject_id, old, new, dropped)
    return None


def destroy_old_key(request: SubjectRequest, cursor: Cursor) -> Cursor | None:
    old, _new = _epochs(request)
    with request.fenced(), holding.clear(request):
        _act(Action.ERASURE_KEYS_DESTROYED, request)
        # In here, so that no hold is placed between the asking and the deed.
        keys.destroy_epoch(request.subject_id, old)
    return None


def read_again(request: SubjectRequest, cursor: Cursor) -> Cursor | None:
    """Read every store again, apart from what the steps before believed; anything found stops the certificate."""
    at = _cursors(request)
    old, copies = at["fence"]["old"], at["delete_bundles"].get("removed", [])
    me, scope = request.subject_id, request.wanted
    found = stores.read(me, scope, request.asked_ms, old_epoch=old, copies=copies)
    for name in (name for each in copies for name in objects.names(f"bundles/{each}")):
        objects.delete(name)
    if any(each["store"] == stores.OLD_KEYS and each["found"] for each in found):
        raise StepFailed(_("The old key is still there."))
    if left := [each["store"] for each in found if each["found"]]:
        where = {"stores": ", ".join(left)}
        raise StepFailed(_("The second reading found something that should be gone, in: %(stores)s.") % where)
    _keep(request, _tally(request) | {"read": found})
    return None


def write_journal(request: SubjectRequest, cursor: Cursor) -> Cursor | None:
    """Write outside the databases that this is gone, so that a restore does not bring it back."""
    old, new = _epochs(request)
    facts = {
        "subject_id": str(request.subject_id),
        "request": str(request.pk),
        "scope": request.scope,
        "asked_ms": request.asked_ms,
        "old_epoch": old,
        "new_epoch": new,
        "tally": _tally(request),
    }
    with request.fenced():
        if leases.done(request, "write_journal"):
            journal.append("erasure", facts)
    return None


def await_renewal(request: SubjectRequest, cursor: Cursor) -> Cursor | None:
    """Wait until all keys are wrapped anew, so that copies of `keys` from before open nothing."""
    if request.waiting_since is None:
        # A renewal counts those only that wait: there was none for this one yet.
        leases.write(request, "waiting_since = statement_timestamp()")
    if not request.renewed:
        raise Wait(min(POLL_SECONDS, max(1, settings.KEK_RENEWAL_SECONDS)))
    return None


def certify(request: SubjectRequest, cursor: Cursor) -> Cursor | None:
    if "read" not in _tally(request):
        # The last release read everything again, and did not write down when.
        read_again(request, {})
    epochs = _epochs(request)
    with request.fenced():
        if not request.has_certificate:
            certificate.issue(request, _tally(request), epochs)
            _act(Action.ERASURE_CERTIFIED, request)
    return None
