"""Lists that are nearly always empty: one statement says which have rows at all, and only those are read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import QuerySet, TextField, Value


@dataclass(frozen=True)
class Rare:
    """A list of a person: how it is found, and the rows that it is of."""

    find: Callable[[UUID], list[Any]]
    rows: Callable[[UUID], QuerySet[Any]]


def found(subject_id: UUID, lists: Mapping[str, Rare]) -> dict[str, list[Any]]:
    """Return each list, empty where nothing stands behind it."""
    there = _with_rows(subject_id, lists)
    return {name: each.find(subject_id) if name in there else [] for name, each in lists.items()}


def _with_rows(subject_id: UUID, lists: Mapping[str, Rare]) -> set[str]:
    first, *others = (_named(name, each.rows(subject_id)) for name, each in lists.items())
    return {name for (name,) in first.union(*others, all=True)}


def _named(name: str, rows: QuerySet[Any]) -> QuerySet[Any]:
    """Return the name once where there is a row."""
    return rows.order_by().values_list(Value(name, TextField()))[:1]
