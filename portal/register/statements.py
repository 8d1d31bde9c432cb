"""SQL of a policy file: which of a person's names a statement asks for, and how a driver binds them. No database."""

from __future__ import annotations

import re
from collections.abc import Iterator

PARAMETERS = ("subject_id", "employee_number", "email")
# What a colon may stand in without naming anything, then a cast, then a name.
TOKENS = re.compile(
    r"""(?P<text>'(?:[^']|'')*'|"(?:[^"]|"")*"|\$(?P<tag>\w*)\$.*?\$(?P=tag)\$|--[^\n]*|/\*.*?\*/)"""
    r"|(?P<cast>::)|:(?P<name>[A-Za-z_]\w*)|(?P<end>;)",
    re.DOTALL,
)


def names(statement: str) -> list[str]:
    """Return the names that a statement binds, in the order in which they stand in it."""
    return [match["name"] for match in TOKENS.finditer(statement) if match["name"]]


def faults(statement: str) -> Iterator[str]:
    """Say what keeps a statement from being run for one person alone."""
    if unknown := sorted(set(names(statement)) - set(PARAMETERS)):
        yield f":{unknown[0]} is not known; there are {', '.join(f':{name}' for name in PARAMETERS)}"
    if not set(names(statement)) & set(PARAMETERS):
        yield "names nobody: bind :subject_id, :employee_number or :email, or it would be about everybody"
    if any(match["end"] for match in TOKENS.finditer(statement.strip().removesuffix(";"))):
        yield "is more than one statement: give one"


def for_driver(statement: str) -> str:
    """Return the statement as psycopg binds it: values are sent beside it and never become part of it."""
    written, after = [], 0
    for match in TOKENS.finditer(statement):
        if match["name"]:
            written += [statement[after : match.start()].replace("%", "%%"), f"%({match['name']})s"]
            after = match.end()
    return "".join([*written, statement[after:].replace("%", "%%")]).strip().removesuffix(";")
