"""An objection by letter or through a connected system stops collection as one by click does."""

from __future__ import annotations

from functools import partial

from django.db import transaction

from consent import actions as decisions
from consent.deciding import OBJECTIONABLE
from consent.models import Gate
from portal.events import devices
from portal.rights.models import SubjectRequest


def stop(wanted: SubjectRequest) -> None:
    """Record the objection to each purpose that is meant and stands on such a basis, and name these in the request.

    In the transaction that puts the request in. Where none stands nothing is collected that it could stop.
    """
    row = Gate.objects.filter(pk=wanted.subject_id).first()
    standing = row.grants.items() if row else ()
    meant = wanted.wanted
    keys = sorted(key for key, grant in standing if grant["basis"] in OBJECTIONABLE and meant.concerns(key))
    for key in keys:
        decisions.object_to(subject_id=wanted.subject_id, purpose_key=key, path=f"request:{wanted.opened_by}")
    if keys:
        transaction.on_commit(partial(devices.stopped, wanted.subject_id, set(keys)), robust=True)
    if keys and meant.purposes is None:
        wanted.scope = {**wanted.scope, "purposes": keys}
