from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ("rights", "0001_initial"),
    ]

    operations = [
        migrations.AddField(
            model_name="subjectrequest",
            name="purpose_key",
            field=models.CharField(blank=True, default="", max_length=64),
            preserve_default=False,
        ),
        migrations.AlterField(
            model_name="subjectrequest",
            name="opened_by",
            field=models.CharField(
                choices=[
                    ("self", "the person"),
                    ("client", "a connected system"),
                    ("staff", "a colleague who handles requests"),
                    ("system", "Daylight, because nothing covers the data any more"),
                ],
                default="self",
                max_length=8,
            ),
        ),
    ]
