"""Slow, strict JSON: what the fast decoder lets pass or does not tell apart is found here."""

from __future__ import annotations

import json
from typing import Any

DEEPEST = 16
# Beyond it a JavaScript number is no longer exact.
LARGEST = 2**53


class Malformed(ValueError):
    """Not one JSON text as it is accepted here; the text says why."""


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise Malformed("A name occurs twice in one object.")
    return found


def _constant(name: str) -> float:
    raise Malformed(f"{name} is not JSON.")


def _number(value: float) -> float:
    if abs(value) > LARGEST:
        raise Malformed("A number is beyond 2^53.")
    return value


def _integer(text: str) -> int:
    # Longer ones would make Python refuse, or take its time.
    if len(text) > 20:
        raise Malformed("A number is beyond 2^53.")
    return int(_number(int(text)))


_decoder = json.JSONDecoder(
    object_pairs_hook=_pairs,
    parse_constant=_constant,
    parse_float=lambda text: _number(float(text)),
    parse_int=_integer,
)


def parse(raw: bytes) -> Any:
    """Return the value; raises Malformed."""
    try:
        text = raw.decode("utf-8")
        value = _decoder.decode(text)
    except Malformed:
        raise
    except UnicodeDecodeError:
        raise Malformed("The body is not UTF-8.") from None
    except RecursionError:
        raise Malformed(f"The body is nested deeper than {DEEPEST}.") from None
    except ValueError:
        raise Malformed("The body is not one JSON text.") from None
    _look_through(value)
    return value


def _look_through(value: Any) -> None:
    """Refuse what is nested too deep, and texts that PostgreSQL or UTF-8 cannot hold."""
    level: list[Any] = [value]
    for _depth in range(DEEPEST):
        inside: list[Any] = []
        for each in level:
            if isinstance(each, dict):
                _check_texts(each)
                inside += each.values()
            elif isinstance(each, list):
                inside += each
            elif isinstance(each, str):
                _check_texts([each])
        level = inside
    if any(isinstance(each, dict | list) for each in level):
        raise Malformed(f"The body is nested deeper than {DEEPEST}.")
    _check_texts(each for each in level if isinstance(each, str))


def _check_texts(texts: Any) -> None:
    for text in texts:
        if "\0" in text:
            raise Malformed("A text holds the character U+0000.")
        if not text.isascii() and any("\ud800" <= char <= "\udfff" for char in text):
            raise Malformed("A text holds half of a surrogate pair.")
