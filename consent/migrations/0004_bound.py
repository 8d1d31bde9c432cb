"""What was published and granted before is bound as what follows is: notices in the journal, grants by their text."""

from __future__ import annotations

import json
from typing import Any

from django.apps.registry import Apps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

from consent import journal


def publish_again(apps: Apps, schema: BaseDatabaseSchemaEditor) -> None:
    """The next who writes the journal takes these lines along."""
    lines, versions = (apps.get_model("consent", name) for name in ("JournalLine", "NoticeVersion"))
    for each in versions.objects.select_related("notice").order_by("pk").iterator():
        facts = json.dumps(journal.notice_facts(each)).encode()
        lines.objects.create(kind=journal.NOTICE, subject_id=journal.NOBODY, sealed=facts)


def name_texts(apps: Apps, schema: BaseDatabaseSchemaEditor) -> None:
    gates, decisions = (apps.get_model("consent", name) for name in ("Gate", "Decision"))
    for row in gates.objects.exclude(grants={}).iterator():
        said = decisions.objects.filter(subject_id=row.pk).values_list("leaf_idx", "notice_sha256")
        named = {purpose: _named(entry, dict(said)) for purpose, entry in row.grants.items()}
        if named != row.grants:
            gates.objects.filter(pk=row.pk).update(grants=named)


def _named(entry: dict[str, Any], said: dict[int, str]) -> dict[str, Any]:
    before = {"before": _named(entry["before"], said)} if "before" in entry else {}
    return {"sha256": said.get(entry["leaf"], ""), **entry, **before}


class Migration(migrations.Migration):
    dependencies = [("consent", "0003_terms")]

    operations = [
        migrations.RunPython(publish_again, migrations.RunPython.noop),
        migrations.RunPython(name_texts, migrations.RunPython.noop),
    ]
