"""Delete everything and stop collecting: one click, one transaction."""

from __future__ import annotations

from uuid import UUID

from consent import actions as decisions
from consent.again import atomic_again
from consent.deciding import OBJECTIONABLE
from consent.models import Gate
from consent.values import Basis
from portal.audit.values import Actor
from portal.rights import actions
from portal.rights.models import SubjectRequest
from portal.rights.values import Kind

PATH = "page:erase"


@atomic_again
def stop_and_erase(*, subject_id: UUID, by: Actor) -> SubjectRequest:
    """Take every yes back and object where that is the way out, each by what it rested on; then erase what there is.

    Also a yes that waits for the journal: it would come into force afterwards. The withdrawals open no erasure of
    their own: this one takes everything.
    """
    row = Gate.objects.filter(pk=subject_id).first()
    for key, grant in sorted(row.grants.items()) if row else ():
        if grant["basis"] == Basis.CONSENT:
            decisions.withdraw(subject_id=subject_id, purpose_key=key, path=PATH)
        elif grant["basis"] in OBJECTIONABLE:
            actions.object_to(subject_id=subject_id, purpose_key=key, by=by, path=PATH)
    return actions.open_request(kind=Kind.ERASURE, subject_id=subject_id, by=by)
