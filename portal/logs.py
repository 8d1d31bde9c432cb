"""One line a record, whatever was sent: control characters are escaped and long values cut."""

from __future__ import annotations

import logging

LONGEST = 4000


class LineFormatter(logging.Formatter):
    """JSON would be no safer here: the danger is a forged second line."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        text = super().format(record)[:LONGEST]
        return text.encode("unicode_escape").decode("ascii")
