"""The database's half of the guards: history is refused to everybody, the owner included."""

from __future__ import annotations

from django.db import migrations

from consent.guards import REFUSE, allow, refuse

ONLY_GROW = (
    "consent_ledgerleaf",
    "consent_ledgernode",
    "consent_decision",
    "consent_noticeversion",
    "consent_checkpoint",
)


class Migration(migrations.Migration):
    dependencies = [("consent", "0001_initial")]

    operations = [
        migrations.RunSQL(REFUSE, "DROP FUNCTION daylight_refuse()"),
        *(migrations.RunSQL(refuse(table), allow(table)) for table in ONLY_GROW),
        # Openings go with the account, and never change.
        migrations.RunSQL(refuse("consent_opening", "UPDATE"), allow("consent_opening")),
        migrations.RunSQL(
            "INSERT INTO consent_ledgerhead (id, size, frontier) VALUES (1, 0, ''::bytea);"
            "INSERT INTO consent_ledgerstate (id, journalled, closed_reason) VALUES (1, 0, '')",
            "DELETE FROM consent_ledgerhead; DELETE FROM consent_ledgerstate",
        ),
    ]
