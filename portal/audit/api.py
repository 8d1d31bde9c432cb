"""The ledger in public: its signed head, and proofs that say nothing about anybody."""

from __future__ import annotations

import base64
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from ninja import Field, Query, Router, Schema

from consent import ledger
from consent.models import Checkpoint
from portal.http import Problem

TEXT = "text/plain; charset=utf-8"
FORMAT = "c2sp.org/tlog-proof@v1"
MOST = 2**53
# The newest head moves on within a minute; what one tree adds to another never changes.
BRIEFLY, FOR_GOOD = "public, max-age=5", "public, max-age=31536000, immutable"
router = Router(tags=["ledger"])


class Extension(Schema):
    """That the tree of size `to` begins with that of size `from`: RFC 6962 hashes, base64."""

    old: int = Field(alias="from")
    new: int = Field(alias="to")
    proof: list[str]


@router.get("/checkpoint", auth=None, summary="The newest signed checkpoint (C2SP signed note)")
def checkpoint(request: HttpRequest) -> HttpResponse:
    return _text(_newest().note)


@router.get("/proof/{int:idx}", auth=None, summary="That a leaf is in the newest checkpoint (c2sp.org/tlog-proof@v1)")
def proof(request: HttpRequest, idx: int) -> HttpResponse:
    head = _newest()
    if idx >= head.size:
        raise Problem(404, "ledger.leaf.unknown", "No checkpoint covers a leaf of this index yet.")
    lines = [FORMAT, f"index {idx}", *_proved(ledger.inclusion, idx, head.size), "", head.note]
    return _text("\n".join(lines))


def _text(text: str) -> HttpResponse:
    return HttpResponse(text, content_type=TEXT, headers={"Cache-Control": BRIEFLY})


@router.get("/consistency", auth=None, response=Extension, by_alias=True)
def consistency(
    request: HttpRequest,
    response: HttpResponse,
    old: int = Query(..., alias="from", ge=1, le=MOST),
    new: int = Query(..., alias="to", ge=1, le=MOST),
) -> dict[str, object]:
    if not old <= new <= _newest().size:
        wrong = [("/from" if old > new else "/to", "from <= to <= size of the newest checkpoint")]
        raise Problem(422, "ledger.range", "There is no such pair of sizes.", wrong)
    proof = _proved(ledger.consistency, old, new)
    response["Cache-Control"] = FOR_GOOD
    return {"from": old, "to": new, "proof": proof}


def _newest() -> Checkpoint:
    found = Checkpoint.objects.order_by("-size").first()
    if found is None:
        raise Problem(404, "ledger.empty", "No checkpoint was signed yet.")
    return found


def _proved(prove: Callable[[int, int], list[bytes]], *places: int) -> list[str]:
    try:
        return [base64.b64encode(each).decode() for each in prove(*places)]
    except ValueError as error:
        raise Problem(503, "ledger.damaged", "A part of the ledger is missing; it is being looked into.") from error
