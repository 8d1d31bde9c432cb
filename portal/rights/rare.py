"""Lists that are nearly always empty: one statement says which have rows at all, and only those are read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import QuerySet, TextField, Value

from portal.rights.prepared import ANYBODY, Statement


@dataclass(frozen=True)
class Rare:
    """A list of a person: how it is found, and the rows that it is of."""

    find: Callable[[UUID], list[Any]]
    rows: Callable[[UUID], QuerySet[Any]]


@dataclass(frozen=True)
class RareLists:
    """Such lists by name."""

    by_name: Mapping[str, Rare]

    def found(self, subject_id: UUID) -> dict[str, list[Any]]:
        """Return each list, empty where nothing stands behind it."""
        there = self.with_rows(subject_id)
        return {name: each.find(subject_id) if name in there else [] for name, each in self.by_name.items()}

    def with_rows(self, subject_id: UUID) -> set[str]:
        sql, values = self._statement
        with connection.cursor() as cursor:
            cursor.execute(sql, [subject_id if value == ANYBODY else value for value in values])
            return {name for (name,) in cursor.fetchall()}

    @cached_property
    def _statement(self) -> Statement:
        first, *others = (_named(name, each.rows(ANYBODY)) for name, each in self.by_name.items())
        return first.union(*others, all=True).query.sql_with_params()


def _named(name: str, rows: QuerySet[Any]) -> QuerySet[Any]:
    """Return the name once where there is a row."""
    return rows.order_by().values_list(Value(name, TextField()))[:1]
