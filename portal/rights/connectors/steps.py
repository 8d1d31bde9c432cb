"""The steps that make a request cover other systems: each is asked early, and awaited before the request can end."""

from __future__ import annotations

import json
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _

from portal.planned import planned
from portal.register.models import Store
from portal.rights import bundle
from portal.rights.connectors import asking
from portal.rights.connectors.models import StoreTask
from portal.rights.connectors.values import ANSWERED, FOLDER, LONGEST_SLEEP_SECONDS, StoreFailed, TaskState
from portal.rights.models import SubjectRequest
from portal.rights.opendsr.reading import stamp
from portal.rights.values import Cursor, Wait

ASKED_FOR = "SELECT 1 FROM register_store WHERE asked_for ? %s LIMIT 1"
NAMES = ("ask_stores", "await_stores")


def covered(request: SubjectRequest) -> list[Store]:
    """Return the systems that a request is meant for.

    One for everything is meant for all. One about purposes is meant for a system that holds nothing but for these. No
    system can narrow what it is asked to some days, devices or categories, so that such a request is for none.
    """
    if not planned("daylight_stores", ("text",), ASKED_FOR, [request.kind]):
        return []
    stores = Store.objects.filter(asked_for__contains=str(request.kind)).order_by("key")
    if not request.scope:
        return list(stores)
    if set(request.scope) != {"purposes"}:
        return []
    purposes = set(request.scope["purposes"])
    return [store for store in stores if store.purposes and purposes.issuperset(store.purposes)]


def needless(request: SubjectRequest) -> frozenset[str]:
    """Return the steps that would have nothing to do, so that the plan of most requests goes without them."""
    return frozenset() if covered(request) else frozenset(NAMES)


def ask_stores(request: SubjectRequest, cursor: Cursor) -> Cursor | None:
    """Write down who is asked, then ask each once; who does not answer is asked again by the later step."""
    if "listed" not in cursor:
        _list(request)
        return {"listed": True}
    tasks = request.store_tasks.all()
    task = tasks.filter(state=TaskState.WAITING).first()
    if task is None:
        return None
    asking.once(request, task)
    left = tasks.filter(state=TaskState.WAITING).count()
    return {"listed": True, "done": len(tasks) - left, "total": len(tasks)} if left else None


def _list(request: SubjectRequest) -> None:
    with request.fenced():
        # A copy that begins again holds nothing any more of what was answered.
        begun = request.store_tasks.all()
        begun.delete()
        StoreTask.objects.bulk_create(
            [
                StoreTask(request=request, store_key=store.key, title=store.title, kind=store.kind)
                for store in covered(request)
            ]
        )


def await_stores(request: SubjectRequest, cursor: Cursor) -> Cursor | None:
    """Ask whoever is due; nothing but an answer ends this, and what fails for long needs somebody."""
    tasks = list(request.store_tasks.all())
    unsettled = [task for task in tasks if not task.is_settled]
    if not unsettled:
        _write_answers(request, tasks)
        return None
    if failed := [task.pk for task in unsettled if task.state == TaskState.FAILED]:
        # Somebody let the request go on.
        StoreTask.objects.filter(pk__in=failed).unsettled().update(
            state=TaskState.UNKNOWN, failing=0, wake_at=None, reason=""
        )
        return {"total": len(tasks)}
    task = next((each for each in unsettled if each.wake_at is None or each.wake_at <= timezone.now()), None)
    if task is None:
        raise Wait(_sleep(unsettled))
    asking.once(request, task)
    if task.state == TaskState.FAILED:
        raise StoreFailed(_("%(store)s did not answer. %(reason)s") % {"store": task.title, "reason": task.reason})
    return {"done": sum(each.is_settled for each in tasks), "total": len(tasks)}


def _sleep(tasks: list[StoreTask]) -> float:
    first = min((task.wake_at for task in tasks if task.wake_at), default=timezone.now())
    return min(LONGEST_SLEEP_SECONDS, max(1.0, (first - timezone.now()).total_seconds()))


def _write_answers(request: SubjectRequest, tasks: list[StoreTask]) -> None:
    """Put into a copy who was asked when, and what each answered."""
    if request.is_copy and tasks:
        body = json.dumps({"systems": answers(tasks)}, ensure_ascii=False, indent=1).encode()
        bundle.put_part(request, f"{FOLDER}/answers.json", 0, body, len(tasks))


def answers(tasks: list[StoreTask]) -> list[dict[str, Any]]:
    """Return what is told of each system that answered, in a copy and in a certificate."""
    return [
        {
            "store": task.store_key,
            "title": task.title,
            "asked": stamp(task.asked_at) if task.asked_at else "",
            "answered": stamp(task.answered_at) if task.answered_at else "",
            "answer": task.state,
            "by_hand": bool(task.answered_by),
        }
        for task in tasks
        if task.state in ANSWERED
    ]
