"""What the role of web and workers may do in the databases: never change history, never change tables."""

from __future__ import annotations

from typing import Any

from django.apps import apps
from django.db import connections, router

ROLE = "daylight_app"
# Rows of these are only ever added; a trigger refuses the rest even to the owner (consent and audit migrations).
APPEND_ONLY = {
    "consent.ledgerleaf",
    "consent.ledgernode",
    "consent.decision",
    "consent.checkpoint",
    "consent.noticeversion",
    "audit.act",
}


def grant(using: str = "default", **kwargs: Any) -> None:
    """After `migrate`: give the role exactly what each table needs, where the role exists."""
    connection = connections[using]
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [ROLE])
        if not cursor.fetchone():
            return
        present = set(connection.introspection.table_names(cursor))
        cursor.execute(f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {ROLE}")
        for model in apps.get_models(include_auto_created=True):
            table = model._meta.db_table
            if table not in present or not router.allow_migrate_model(using, model):
                continue
            rights = "SELECT, INSERT" if model._meta.label_lower in APPEND_ONLY else "SELECT, INSERT, UPDATE, DELETE"
            name = connection.ops.quote_name(table)
            cursor.execute(f"REVOKE ALL ON {name} FROM {ROLE}")
            cursor.execute(f"GRANT {rights} ON {name} TO {ROLE}")
