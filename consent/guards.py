"""Tables that only grow: the QuerySet's half of the guard, and the SQL of the database's half."""

from __future__ import annotations

from typing import Any, NoReturn

from django.db import models

REFUSE = """
CREATE OR REPLACE FUNCTION daylight_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% on % is refused: it only grows', TG_OP, TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END $$;
"""


def refuse(table: str, operations: str = "UPDATE OR DELETE OR TRUNCATE") -> str:
    """Return SQL that makes the database refuse these operations on a table, whoever asks."""
    return (
        f"DROP TRIGGER IF EXISTS {table}_only_grows ON {table};"
        f"CREATE TRIGGER {table}_only_grows BEFORE {operations} ON {table}"
        " FOR EACH STATEMENT EXECUTE FUNCTION daylight_refuse();"
    )


FORGETTING = """
CREATE OR REPLACE FUNCTION daylight_refuse_but_forgetting() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
DECLARE whom text := coalesce(current_setting('daylight.forgetting', true), '');
BEGIN
    IF whom <> '' AND TG_OP = 'DELETE' AND to_jsonb(OLD) ->> 'subject_id' = whom THEN RETURN OLD; END IF;
    -- What they did to others' data stays, without the copy of their name.
    IF whom <> '' AND TG_OP = 'UPDATE' AND to_jsonb(OLD) ->> 'actor_id' = whom
        AND to_jsonb(NEW) = to_jsonb(OLD) || '{"actor_label": ""}' THEN RETURN NEW; END IF;
    RAISE EXCEPTION '% on % is refused: it only grows', TG_OP, TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END $$;
"""


def refuse_but_forgetting(table: str) -> str:
    """Return SQL that refuses the same but for the rows of the one person whom `forget_account` is forgetting."""
    return (
        refuse(table, "TRUNCATE")
        + f"DROP TRIGGER IF EXISTS {table}_forgets ON {table};"
        + f"CREATE TRIGGER {table}_forgets BEFORE UPDATE OR DELETE ON {table}"
        " FOR EACH ROW EXECUTE FUNCTION daylight_refuse_but_forgetting();"
    )


def never_forget(table: str) -> str:
    """Undo `refuse_but_forgetting`."""
    return f"DROP TRIGGER IF EXISTS {table}_forgets ON {table};"


def allow(table: str) -> str:
    return f"DROP TRIGGER IF EXISTS {table}_only_grows ON {table};"


class OnlyGrows(Exception):
    """A row that must stand was to be changed or removed."""


class OnlyGrowsQuerySet(models.QuerySet):
    """Refuses what the triggers refuse, earlier and with a clearer error."""

    def _refuse(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise OnlyGrows(self.model._meta.label)

    update = bulk_update = delete = update_or_create = _raw_delete = _update = _refuse


class OnlyGrowsModel(models.Model):
    """A row is written once."""

    objects = OnlyGrowsQuerySet.as_manager()

    class Meta:
        abstract = True

    def save(self, **kwargs: Any) -> None:
        if not self._state.adding:
            raise OnlyGrows(self._meta.label)
        super().save(**(kwargs | {"force_insert": True}))

    def delete(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise OnlyGrows(self._meta.label)
