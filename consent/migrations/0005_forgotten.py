"""What goes with an account that is forgotten, and when somebody who had left came back."""

from __future__ import annotations

from django.db import migrations, models

from consent.guards import FORGETTING, allow, never_forget, refuse, refuse_but_forgetting


class Migration(migrations.Migration):
    dependencies = [("consent", "0004_bound")]

    operations = [
        migrations.AddField(
            model_name="gate",
            name="returned_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.RunSQL(FORGETTING, "DROP FUNCTION daylight_refuse_but_forgetting()"),
        migrations.RunSQL(
            refuse_but_forgetting("consent_decision"), never_forget("consent_decision") + refuse("consent_decision")
        ),
        migrations.RunSQL(
            refuse_but_forgetting("consent_opening"),
            never_forget("consent_opening") + allow("consent_opening") + refuse("consent_opening", "UPDATE"),
        ),
    ]
