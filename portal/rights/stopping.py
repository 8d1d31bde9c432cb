"""Delete everything and stop collecting: one click, one transaction."""

from __future__ import annotations

from uuid import UUID

from django.db import transaction

from consent import actions as decisions
from consent.models import Decision, Purpose
from consent.values import Basis, DecisionKind
from portal.audit.values import Actor
from portal.rights import actions
from portal.rights.models import SubjectRequest
from portal.rights.values import Kind

OBJECTIONABLE = frozenset({Basis.LEGITIMATE_INTEREST, Basis.PUBLIC_TASK})
PATH = "page:erase"


@transaction.atomic
def stop_and_erase(*, subject_id: UUID, by: Actor) -> SubjectRequest:
    """Take every yes back and object where that is the way out; then erase what there is.

    Also a yes that waits for the journal: it would come into force afterwards. The withdrawals open no erasure of
    their own: this one takes everything.
    """
    bases = dict(Purpose.objects.values_list("key", "basis"))
    for each in Decision.objects.for_subject(subject_id).latest_by_purpose():
        if each.kind == DecisionKind.GIVEN:
            decisions.withdraw(subject_id=subject_id, purpose_key=each.purpose_key, path=PATH)
        elif each.kind == DecisionKind.ACKNOWLEDGED and bases[each.purpose_key] in OBJECTIONABLE:
            actions.object_to(subject_id=subject_id, purpose_key=each.purpose_key, by=by, path=PATH)
    return actions.open_request(kind=Kind.ERASURE, subject_id=subject_id, by=by)
