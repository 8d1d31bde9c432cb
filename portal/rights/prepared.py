"""Statements that are put together once in a process: for a short answer that takes longer than to ask."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from string import Template
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import QuerySet

# Stands for the person in a statement that is put together for everybody.
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
