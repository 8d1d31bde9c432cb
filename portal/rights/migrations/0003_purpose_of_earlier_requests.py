"""What the last release opened after a no names the purpose that was meant, and not all that had a no already."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.apps.registry import Apps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

# By kind of request, the answer that it follows from: both were written in one transaction.
FOLLOWS = {"objection": "objected", "erasure": "withdrawn"}
ONE_TRANSACTION = timedelta(seconds=30)


def name_purposes(apps: Apps, schema: BaseDatabaseSchemaEditor) -> None:
    requests, decisions = apps.get_model("rights", "SubjectRequest"), apps.get_model("consent", "Decision")
    for each in requests.objects.filter(kind__in=FOLLOWS, opened_by="self", purpose_key="").iterator():
        answer = _answer(each, decisions) if each.scope.get("purposes") else None
        if answer is not None:
            requests.objects.filter(pk=each.pk).update(purpose_key=answer.purpose_key)


def _answer(request: Any, decisions: Any) -> Any:
    meant = decisions.objects.filter(
        subject_id=request.subject_id,
        kind=FOLLOWS[request.kind],
        purpose_key__in=request.scope["purposes"],
        at__lte=request.opened_at,
        at__gt=request.opened_at - ONE_TRANSACTION,
    )
    return meant.order_by("-at").first()


class Migration(migrations.Migration):
    dependencies = [("rights", "0002_purpose_of_a_request"), ("consent", "0001_initial")]

    operations = [migrations.RunPython(name_purposes, migrations.RunPython.noop)]
