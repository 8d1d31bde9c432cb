"""Which steps answer which request, in which order, and how it ends."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from portal.audit.values import Action
from portal.rights import access, days, erasure, paging, recipients
from portal.rights.connectors import steps as stores
from portal.rights.leaving import forget
from portal.rights.models import SubjectRequest
from portal.rights.receipts import files as receipt_files
from portal.rights.values import ACCOUNT, Cursor, Kind, State

Step = Callable[[SubjectRequest, Cursor], Cursor | None]


@dataclass(frozen=True)
class Plan:
    """Each step may run again from any cursor it has returned; None means that it is done."""

    steps: tuple[Step, ...]
    ends: State
    act: Action


PLANS: dict[str, Plan] = {
    Kind.ACCESS: Plan(
        (
            access.gather,
            stores.ask_stores,
            days.write_days,
            paging.write_pages,
            receipt_files.write_receipts,
            access.write_sections,
            stores.await_stores,
            access.close_archive,
        ),
        State.READY,
        Action.REQUEST_READY,
    ),
    Kind.PORTABILITY: Plan(
        (access.gather, stores.ask_stores, days.write_days, stores.await_stores, access.close_archive),
        State.READY,
        Action.REQUEST_READY,
    ),
    Kind.ERASURE: Plan(
        (
            erasure.fence,
            stores.ask_stores,
            erasure.count,
            recipients.tell_recipients,
            erasure.rewrite_days,
            erasure.rewrite_volumes,
            erasure.delete_bundles,
            erasure.carry_keys,
            erasure.destroy_old_key,
            erasure.read_again,
            erasure.write_journal,
            erasure.await_renewal,
            stores.await_stores,
            erasure.certify,
        ),
        State.DELIVERED,
        Action.REQUEST_DONE,
    ),
}
ENDS = (erasure.await_renewal, erasure.certify)
# The account goes once the data is gone and everybody else has answered; then everything is read once more.
PLANS[ACCOUNT] = Plan(
    (
        forget.take_back,
        *(step for step in PLANS[Kind.ERASURE].steps if step not in ENDS),
        forget.forget,
        forget.read_everything_again,
        erasure.await_renewal,
        forget.certify_account,
    ),
    State.DELIVERED,
    Action.REQUEST_DONE,
)
# Steps that no plan has any more, for requests that were under way when it lost them.
FORMER: tuple[Step, ...] = (access.join_tables, access.write_schema)


def names(plan: str) -> list[str]:
    return [step.__name__ for step in PLANS[plan].steps]


def names_for(request: SubjectRequest) -> list[str]:
    """Return the steps that a request needs."""
    needless = stores.needless(request)
    return [name for name in names(request.plan_name) if name not in needless]


def step(plan: str, name: str) -> Step:
    """Return a step by its name, also one of the last release's in a request that is under way."""
    return next(each for each in (*PLANS[plan].steps, *FORMER) if each.__name__ == name)
