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
    "consent.opening",
    "audit.act",
}
# Rows of these change, and go with the account alone.
LASTING = {"consent.gate"}
# Django's own list: `find_marker` reads every table, and says so of one that it cannot.
READ_ONLY = ("django_migrations",)
# What the role may have done for it that it may not do (leaving.0002): each guards itself.
FUNCTIONS = {"default": ("public.forget_account(uuid)",)}


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
            rights = _rights(model._meta.label_lower)
            name = connection.ops.quote_name(table)
            cursor.execute(f"REVOKE ALL ON {name} FROM {ROLE}")
            cursor.execute(f"GRANT {rights} ON {name} TO {ROLE}")
        for table in present.intersection(READ_ONLY):
            cursor.execute(f"GRANT SELECT ON {connection.ops.quote_name(table)} TO {ROLE}")
        for function in FUNCTIONS.get(using, ()):
            cursor.execute("SELECT to_regprocedure(%s) IS NOT NULL", [function])
            if cursor.fetchone()[0]:
                cursor.execute(f"GRANT EXECUTE ON FUNCTION {function} TO {ROLE}")


def _rights(label: str) -> str:
    if label in APPEND_ONLY:
        return "SELECT, INSERT"
    return "SELECT, INSERT, UPDATE" if label in LASTING else "SELECT, INSERT, UPDATE, DELETE"
