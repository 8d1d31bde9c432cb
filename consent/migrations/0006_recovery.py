"""How far a database knows the journal, and what notices say in it, so that a restored one can be brought up again."""

from __future__ import annotations

import json
from typing import Any

from django.apps.registry import Apps
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

from consent import journal, outside


def publish_with_texts(apps: Apps, schema: BaseDatabaseSchemaEditor) -> None:
    """Lines of the last release have a notice's digest alone; the next who writes the journal takes these along."""
    lines, versions = (apps.get_model("consent", name) for name in ("JournalLine", "NoticeVersion"))
    for each in versions.objects.select_related("notice__purpose").order_by("pk").iterator():
        facts = json.dumps(journal.published(each), default=str).encode()
        lines.objects.create(kind=journal.NOTICE, subject_id=journal.NOBODY, sealed=facts)


def know_all(apps: Apps, schema: BaseDatabaseSchemaEditor) -> None:
    """What the last release wrote into the journal, it wrote from this database: unless that is an older one."""
    heads, states = (apps.get_model("consent", name) for name in ("LedgerHead", "LedgerState"))
    size = heads.objects.values_list("size", flat=True).first() or 0
    if journal.size() <= size:
        states.objects.update(journal_end=outside.size(journal.path()))


class Migration(migrations.Migration):
    dependencies = [("consent", "0005_forgotten")]

    operations = [
        migrations.AddField("ledgerstate", "journal_end", models.BigIntegerField(default=0)),
        migrations.AddField("ledgerstate", "recovering", models.BooleanField(default=False)),
        migrations.RunPython(know_all, migrations.RunPython.noop),
        migrations.RunPython(publish_with_texts, migrations.RunPython.noop),
    ]
