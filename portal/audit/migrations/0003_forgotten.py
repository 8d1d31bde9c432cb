"""Acts about somebody go when their account is forgotten, and with no other reason."""

from __future__ import annotations

from django.db import migrations

from consent.guards import never_forget, refuse, refuse_but_forgetting


class Migration(migrations.Migration):
    dependencies = [("audit", "0002_append_only"), ("consent", "0005_forgotten")]
    operations = [
        migrations.RunSQL(refuse_but_forgetting("audit_act"), never_forget("audit_act") + refuse("audit_act"))
    ]
