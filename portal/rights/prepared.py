"""Statements that are put together once in a process: for a short answer that takes longer than to ask."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from string import Template
from typing import Any, Generic, TypeVar
from uuid import UUID

from django.db import connection
from django.db.models import Model, QuerySet

Row = TypeVar("Row", bound=Model)
# Stands for the person, or whatever else the rows are of, in a statement that is put together for everybody.
ANYBODY = UUID(int=0)
AS_TEXT = Template("(SELECT coalesce(json_agg(each), '[]')::text FROM ($rows) each)")
Statement = tuple[str, tuple[Any, ...]]


@dataclass(frozen=True)
class Texts:
    """Lists that are read in one statement, the rows of each as a JSON text.

    The same text says the same: whoever keeps what they made of it by the text itself is never behind the database.
    """

    lists: Callable[[], Sequence[QuerySet[Any, Any]]]

    def read(self) -> tuple[str, ...]:
        sql, values = self._statement
        with connection.cursor() as cursor:
            cursor.execute(sql, values)
            return tuple(cursor.fetchone() or ())

    @cached_property
    def _statement(self) -> Statement:
        parts = [each.query.sql_with_params() for each in self.lists()]
        listed = ", ".join(AS_TEXT.substitute(rows=sql) for sql, _values in parts)
        return f"SELECT {listed}", tuple(value for _sql, values in parts for value in values)


@dataclass(frozen=True)
class Rows(Generic[Row]):
    """The rows of a model that belong to one person, or to one of anything else that a UUID names."""

    rows: Callable[[UUID], QuerySet[Row, Row]]

    def of(self, key: UUID) -> list[Row]:
        sql, values = self._statement
        with connection.cursor() as cursor:
            cursor.execute(sql, [key if value == ANYBODY else value for value in values])
            return [self._made(row) for row in cursor.fetchall()]

    def _made(self, row: tuple[Any, ...]) -> Row:
        values = list(row)
        for place, field in self._read.items():
            values[place] = field.from_db_value(values[place], None, connection)
        return self._model.from_db(connection.alias, self._names, values)

    @cached_property
    def _model(self) -> type[Row]:
        return self.rows(ANYBODY).model

    @cached_property
    def _names(self) -> list[str]:
        return [field.attname for field in self._model._meta.concrete_fields]

    @cached_property
    def _read(self) -> dict[int, Any]:
        """Return the fields whose values the database has in another form, by their place."""
        fields = enumerate(self._model._meta.concrete_fields)
        return {place: field for place, field in fields if hasattr(field, "from_db_value")}

    @cached_property
    def _statement(self) -> Statement:
        return self.rows(ANYBODY).values_list(*self._names).query.sql_with_params()
