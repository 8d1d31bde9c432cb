"""Receipts: the list, one in plain words and as files, and the page on which anybody verifies one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from consent import checkpoints, verify_receipt
from consent import receipts as issuing
from consent.models import Decision
from consent.verify_receipt import MOST_BYTES, Refused, Shown
from portal.http import page_number, pager, rule
from portal.rights.guards import own_entry
from portal.rights.receipts import evidence, words

PAGE = 50
PROOF = "text/plain; charset=utf-8"
JSONLD = "application/ld+json"


# --- one's own


@require_safe
@rule("signed_in")
def receipts(request: HttpRequest) -> HttpResponse:
    number = page_number(request.GET)
    everything = request.GET.get("show") == "all"
    start = (number - 1) * PAGE
    rows = words.rows(request.user.pk, slice(start, start + PAGE + 1), everything=everything)
    if number > 1 and not rows:
        raise Http404
    shown = {
        "rows": rows[:PAGE],
        "waiting": words.waiting(request.user.pk) if number == 1 else [],
        "everything": everything,
        "pager": pager(request.GET, number, more=len(rows) > PAGE, text=_("Page %(page)d") % {"page": number}),
    }
    return render(request, "receipts/receipts.html", shown)


@require_safe
@own_entry
def receipt(request: HttpRequest, index: int) -> HttpResponse:
    return _page(request, index, _issued(index))


def _issued(index: int) -> issuing.Receipt | None:
    try:
        return issuing.issue(index)
    except LookupError as error:
        raise Http404 from error


def _page(request: HttpRequest, index: int, issued: issuing.Receipt | None) -> HttpResponse:
    found = verify_receipt.verify(issued.text, _keys()) if issued else None
    shown = {
        "row": words.row(request.user.pk, index),
        "receipt": issued,
        "found": found,
        "shown": found.shown(_) if isinstance(found, Shown) else [],
        "not_shown": found.not_shown(_) if isinstance(found, Shown) else [],
        "reason": _(found.reason) if isinstance(found, Refused) else "",
        "since": evidence.first_size(index),
    }
    return render(request, "receipts/receipt.html", shown, status=200 if issued else 202)


@require_safe
@own_entry
def proof(request: HttpRequest, index: int) -> HttpResponse:
    issued = _issued(index)
    if issued is None:
        return _page(request, index, None)
    return _file(issued.text.encode(), f"receipt-{index}.tlog-proof", PROOF)


@require_safe
@own_entry
def linked_data(request: HttpRequest, index: int) -> HttpResponse:
    decision = Decision.objects.filter(leaf_idx=index).first()
    if decision is None:
        raise Http404
    writer = evidence.Writer.of([decision], request.user.pk)
    return _file(writer.write(decision, _issued(index)), f"receipt-{index}.jsonld", JSONLD)


def _file(content: bytes, name: str, kind: str) -> HttpResponse:
    return HttpResponse(content, content_type=kind, headers={"Content-Disposition": f'attachment; filename="{name}"'})


# --- anybody's


def _keys() -> list[str]:
    try:
        return [each.to_text() for each in checkpoints.verifiers()]
    except (OSError, ValueError):
        return []


@require_http_methods(["GET", "HEAD", "POST"])
@rule("public")
def verify(request: HttpRequest) -> HttpResponse:
    """Verify in the browser, or where that cannot, here: nothing of what is sent is kept."""
    keys = _keys()
    shown: dict[str, Any] = {"keys": keys, "words": words.for_browser()}
    if request.method == "POST":
        shown["verdict"] = words.verdict(verify_receipt.verify(_sent(request), keys))
    return render(request, "receipts/verify.html", shown)


def _sent(request: HttpRequest) -> bytes:
    """Return what was sent; of what is too long for a receipt only as much as shows that."""
    file = request.FILES.get("receipt")
    return file.read(MOST_BYTES + 1) if file else b""


@require_safe
@rule("public")
def script(request: HttpRequest) -> FileResponse:
    path = Path(verify_receipt.__file__)
    return FileResponse(path.open("rb"), as_attachment=True, filename=path.name, content_type="text/x-python")


@require_safe
@rule("public")
def keys(request: HttpRequest) -> HttpResponse:
    return _file("".join(f"{each}\n" for each in _keys()).encode(), "ledger.vkey", PROOF)
