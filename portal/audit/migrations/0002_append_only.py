"""Acts are added and read: the database itself refuses the rest, whoever asks."""

from __future__ import annotations

from django.db import migrations

from consent.guards import allow, refuse


class Migration(migrations.Migration):
    dependencies = [("audit", "0001_initial"), ("consent", "0002_only_grows")]
    operations = [migrations.RunSQL(refuse("audit_act"), allow("audit_act"))]
