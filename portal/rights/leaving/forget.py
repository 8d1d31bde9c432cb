"""The steps by which an erasure takes the account as well: what is kept for the person first, the certificate last."""

from __future__ import annotations

from uuid import UUID

from django.db import connection
from django.utils import timezone
from django.utils.translation import gettext as _

from consent import actions as decisions
from consent import ledger
from consent.deciding import OBJECTIONABLE
from consent.models import ONLY_ROW, Gate, LedgerState, Opening
from consent.values import Basis
from portal.people.models import Employee
from portal.rights import holding
from portal.rights.leaving import ending, forgetting, keepsakes
from portal.rights.models import StepRun, SubjectRequest
from portal.rights.values import Cursor, StepFailed, Wait

PATH = "erasure:account"
SOON = 1
BACK = 30
FORGET = "SELECT public.forget_account(%s)"


def take_back(request: SubjectRequest, cursor: Cursor) -> Cursor | None:
    """Take every yes back and object to the rest, where that is the way; no objection waits to be decided."""
    row = Gate.objects.filter(pk=request.subject_id).first()
    for key, grant in sorted(row.grants.items()) if row else ():
        if grant["basis"] == Basis.CONSENT:
            decisions.withdraw(subject_id=request.subject_id, purpose_key=key, path=PATH)
        elif grant["basis"] in OBJECTIONABLE:
            decisions.object_to(subject_id=request.subject_id, purpose_key=key, path=PATH)
    return None


def forget(request: SubjectRequest, cursor: Cursor) -> Cursor | None:
    """Keep for the person what is theirs, remove the rest in one commit, then destroy the keys."""
    if not is_forgotten(request):
        if Employee.objects.active().filter(pk=request.subject_id).exists():
            # Somebody came back: the sweep takes the request back.
            raise Wait(BACK)
        keepsakes.pack(request)
        _remove(request)
    forgetting.destroy_rest(request.subject_id)
    return None


def is_forgotten(request: SubjectRequest) -> bool:
    return not Gate.objects.filter(pk=request.subject_id).exists()


def _remove(request: SubjectRequest) -> None:
    """Remove all at one commit, with the leaf that says so: a leaf and what opens it are both journalled before."""
    ledger.settle()
    with request.fenced(), holding.clear(request):
        forgetting.remove(request.subject_id)
        ledger.append_forgotten(request.subject_id)
        if _unjournalled(request.subject_id):
            raise Wait(SOON)
        with connection.cursor() as cursor:
            cursor.execute(FORGET, [request.subject_id])


def _unjournalled(subject_id: UUID) -> bool:
    """Return whether a leaf about the person was appended a moment ago: the journal must say whose it was."""
    known = LedgerState.objects.filter(pk=ONLY_ROW).values_list("journalled", flat=True).first() or 0
    return Opening.objects.filter(subject_id=subject_id, leaf_idx__gte=known).exists()


def read_everything_again(request: SubjectRequest, cursor: Cursor) -> Cursor | None:
    """Read every table and store again; anything that has the person's number stops the certificate."""
    ledger.settle()
    if found := forgetting.left(request.subject_id):
        raise StepFailed(_("Something that names the person is left in: %(where)s.") % {"where": ", ".join(found)})
    return None


def certify_account(request: SubjectRequest, cursor: Cursor) -> Cursor | None:
    """Sign the certificate, append its leaf, and keep it for the person."""
    with request.fenced():
        if not keepsakes.has_certificate(request):
            epochs = StepRun.objects.get(request=request, name="fence").cursor
            signed = ending.signed(request, (epochs["old"], epochs["new"]), timezone.now())
            opened = ledger.append_forgotten(request.subject_id, kind=ending.KIND, sha256=signed.sha256)
            keepsakes.keep_certificate(request, signed.document | {"entry": ending.entry_of(opened)})
    return None
