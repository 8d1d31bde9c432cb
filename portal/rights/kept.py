"""Keeps requests in the journal, so that a restore of an older database brings back what was asked since."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

from django.core import serializers
from django.core.serializers.json import DjangoJSONEncoder

from consent import journal
from portal.rights.models import SubjectRequest
from portal.vault.keys import KeyGone

KIND = "request"


def keep(request: SubjectRequest) -> None:
    """Write the row as it is in the database into the journal, with the caller's transaction; the last line counts."""
    keep_saved(SubjectRequest.objects.get(pk=request.pk))


def keep_saved(row: SubjectRequest) -> None:
    """Do so with a row that the caller holds locked, or has made, and has just saved: the database has no other."""
    # Of somebody who was forgotten, or never had an account, there is no key to seal it under.
    with suppress(KeyGone):
        journal.append(KIND, {"subject_id": str(row.subject_id), "row": _written(row)})


def _written(row: SubjectRequest) -> str:
    """Return what `serialize("json")` returns, which writes into a file piece by piece."""
    return json.dumps(serializers.serialize("python", [row]), cls=DjangoJSONEncoder, ensure_ascii=False)


def put_back(facts: dict[str, Any]) -> SubjectRequest | None:
    """Write a row as the journal has it; return it. Safe to repeat."""
    for found in serializers.deserialize("json", facts["row"], ignorenonexistent=True):
        # No worker holds it any more, whatever the line says.
        found.object.lease_until = None
        found.save()
        return SubjectRequest.objects.get(pk=found.object.pk)
    return None
