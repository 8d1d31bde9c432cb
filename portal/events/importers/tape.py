"""JSON of any length, a value at a time: an array's elements and an object's members, never the whole."""

from __future__ import annotations

import re
from collections.abc import Iterator

import msgspec

from portal.events.importers.source import Source, Unreadable

LONGEST_VALUE = 16 << 20
SPACE = re.compile(rb"[ \t\r\n]*")
# A text that ends within the piece is passed at once; else its quote alone is found, and the rest by INSIDE.
OUTSIDE = re.compile(rb'"(?:[^"\\]++|\\.)*+"|["\[\]{}]', re.DOTALL)
INSIDE = re.compile(rb'(?:[^"\\]++|\\.)*+', re.DOTALL)
SCALAR_ENDS = re.compile(rb"[,\]} \t\r\n]")
OPENS, CLOSES = (b"[", b"{"), (b"]", b"}")


class Tape:
    """Reads on from where it stands; raises Unreadable, with the byte, where the text is no JSON or is cut off."""

    def __init__(self, source: Source) -> None:
        self.source, self.left = source, source.pieces()
        self.piece, self.at, self.before = b"", 0, 0

    def wrong(self, what: str) -> Unreadable:
        return self.source.wrong(f"at byte {self.before + self.at:,}: {what}")

    def peek(self) -> bytes:
        """Return the next byte that is no space; nothing at the end."""
        while True:
            found = SPACE.match(self.piece, self.at)
            self.at = found.end() if found else self.at
            if self.at < len(self.piece):
                return self.piece[self.at : self.at + 1]
            if not self._more():
                return b""

    def prefix(self, most: int) -> bytes:
        """Return what comes next, without passing it."""
        while len(self.piece) - self.at < most:
            piece = next(self.left, b"")
            if not piece:
                break
            self.before += self.at
            self.piece, self.at = self.piece[self.at :] + piece, 0
        return self.piece[self.at : self.at + most]

    def end(self) -> None:
        if self.peek():
            raise self.wrong("something follows")

    def expect(self, byte: bytes) -> None:
        if self.peek() != byte:
            raise self.wrong(f"{byte.decode()} is missing" if self.peek() else "the text is cut off")
        self.at += 1

    def elements(self, longest: int = LONGEST_VALUE) -> Iterator[bytes | None]:
        """Yield each element of the array as it was written; None stands for one that is longer than any record is."""
        self.expect(b"[")
        if self.peek() == b"]":
            self.at += 1
            return
        while True:
            yield self.value(longest)
            if self._ends(b"]"):
                return

    def members(self) -> Iterator[str]:
        """Yield each name of the object; whoever asks passes the value before asking for the next."""
        self.expect(b"{")
        if self.peek() == b"}":
            self.at += 1
            return
        while True:
            yield self._name()
            if self._ends(b"}"):
                return

    def _name(self) -> str:
        if self.peek() != b'"':
            raise self.wrong("a name is missing")
        try:
            name = msgspec.json.decode(self.value() or b"", type=str)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise self.wrong("a name is no text") from error
        self.expect(b":")
        return name

    def _ends(self, close: bytes) -> bool:
        if self.peek() == close:
            self.at += 1
            return True
        self.expect(b",")
        return False

    def value(self, longest: int = LONGEST_VALUE) -> bytes | None:
        """Pass one value and return it as it was written, or None if it is longer."""
        kept = Kept(longest)
        first = self.peek()
        if first in (*OPENS, b'"'):
            self._pass_nested(kept)
        else:
            self._pass_scalar(kept)
        return kept.whole()

    def _pass_scalar(self, kept: Kept) -> None:
        while True:
            found = SCALAR_ENDS.search(self.piece, self.at)
            end = found.start() if found else len(self.piece)
            self._keep(kept, end)
            if found or not self._more():
                return

    def _pass_nested(self, kept: Kept) -> None:
        depth = 0
        while True:
            found = OUTSIDE.search(self.piece, self.at)
            if found is None:
                self._next(kept)
                continue
            self._keep(kept, found.end())
            if found[0] == b'"':
                self._pass_text(kept)
            depth += (found[0] in OPENS) - (found[0] in CLOSES)
            if depth == 0:
                return

    def _pass_text(self, kept: Kept) -> None:
        """Pass the rest of a text that did not end within its first piece."""
        while True:
            found = INSIDE.match(self.piece, self.at)
            self._keep(kept, found.end() if found else self.at)
            if self.at == len(self.piece):
                self._next(kept)
                continue
            quote = self.piece[self.at : self.at + 1] == b'"'
            self._keep(kept, self.at + 1)
            if quote:
                return
            # The piece ended with a backslash: what it stands before comes first in the next.
            self._next(kept)
            self._keep(kept, self.at + 1)

    def _keep(self, kept: Kept, end: int) -> None:
        kept.add(self.piece[self.at : end])
        self.at = end

    def _next(self, kept: Kept) -> None:
        self._keep(kept, len(self.piece))
        if not self._more():
            raise self.wrong("the text is cut off")

    def _more(self) -> bool:
        self.before += len(self.piece)
        self.piece, self.at = next(self.left, b""), 0
        return bool(self.piece)


class Kept:
    """The bytes of a value, unless there are too many."""

    def __init__(self, longest: int) -> None:
        self.parts: list[bytes] = []
        self.left = longest

    def add(self, part: bytes) -> None:
        self.left -= len(part)
        if self.left >= 0:
            self.parts.append(part)
        else:
            self.parts.clear()

    def whole(self) -> bytes | None:
        return b"".join(self.parts) if self.left >= 0 else None
