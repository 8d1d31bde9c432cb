"""Searches every store for a text as it lies there: each column of each table, Redis, objects, files and logs."""

from __future__ import annotations

import base64
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import quote, quote_plus

from django.conf import settings
from django.db import connections

from portal.rights import stores
from portal.vault import objects

DATABASES = ("default", "keys")
SHORTEST = 8
TABLES = """
SELECT n.nspname, c.relname, has_table_privilege(c.oid, 'SELECT') FROM pg_class c
  JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relkind IN ('r', 'p', 'm') AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname !~ '^pg_'
 ORDER BY 1, 2
"""


@dataclass
class Searched:
    """Where the text was found, how much was read of each store, and what could not be."""

    hits: list[str] = field(default_factory=list)
    read: Counter[str] = field(default_factory=Counter)
    unread: list[str] = field(default_factory=list)


def search(text: str) -> Searched:
    """Read every store for a text in any of the forms it may lie in; raises ValueError for one too short to be sure."""
    if len(text) < SHORTEST:
        message = f"a marker of fewer than {SHORTEST} characters is found by chance"
        raise ValueError(message)
    found, wanted = Searched(), forms(text)
    for alias in DATABASES:
        _search_database(alias, wanted, found)
    for store, values in (("redis", stores.redis_values()), ("objects", _objects())):
        for place, value in values:
            found.read[store] += 1
            if any(form in value for form in wanted):
                found.hits.append(f"{store}: {place}")
    _search_files(wanted, found)
    return found


def forms(text: str) -> list[bytes]:
    """Return the ways a text is written: as it is, in UTF-16, in JSON, in an address, in hexadecimal, in base64."""
    raw = text.encode()
    # In base64 the letters depend on where the text begins; its ends depend on its neighbours and are left away.
    coded = [base64.b64encode(b"\0" * skip + raw)[[0, 2, 3][skip] :].rstrip(b"=")[:-1] for skip in range(3)]
    ways = [
        raw,
        text.encode("utf-16-le"),
        text.encode("utf-16-be"),
        json.dumps(text)[1:-1].encode(),
        quote(text).encode(),
        quote_plus(text).encode(),
        raw.hex().encode(),
        raw.hex().upper().encode(),
        *coded,
    ]
    return list(dict.fromkeys(ways))


def _search_database(alias: str, wanted: list[bytes], found: Searched) -> None:
    """Read each row as text: of binary columns PostgreSQL writes hexadecimal, in which every form is looked for too."""
    texts = [form.decode() for form in wanted if b"\0" not in form] + [form.hex() for form in wanted]
    with connections[alias].cursor() as cursor:
        cursor.execute(TABLES)
        for schema, table, readable in cursor.fetchall():
            place = f"{alias}: {schema}.{table}"
            if not readable:
                found.unread.append(place)
                continue
            name = ".".join(connections[alias].ops.quote_name(part) for part in (schema, table))
            matches = "SELECT count(*) FROM unnest(%s::text[]) AS form WHERE strpos(r::text, form) > 0"
            cursor.execute(
                f"SELECT count(*), count(*) FILTER (WHERE ({matches}) > 0) FROM {name} r",  # noqa: S608  quoted above
                [texts],
            )
            rows, hits = cursor.fetchone()
            found.read[alias] += rows
            if hits:
                found.hits.append(f"{place}: {hits} rows")


def _objects() -> Iterator[tuple[str, bytes]]:
    for name in objects.names():
        try:
            yield name, objects.get(name)
        except objects.Missing:
            continue


def _search_files(wanted: list[bytes], found: Searched) -> None:
    """Read every file of the installation, the databases' own among them: what was deleted may still lie there."""
    longest = max(map(len, wanted))
    for path in sorted(settings.VAR.rglob("*")):
        if not path.is_file():
            continue
        found.read["files"] += 1
        if any(form in piece for piece in stores.pieces(path, longest) for form in wanted):
            found.hits.append(f"files: {path.relative_to(settings.VAR)}")
