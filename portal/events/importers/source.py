"""The bytes of a recording, a piece or a line at a time: packed or not, in UTF-8 or UTF-16, however large."""

from __future__ import annotations

import codecs
import gzip
import hashlib
import stat
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

GZIP_MAGIC = b"\x1f\x8b"
PIECE = 64 * 1024
LONGEST_LINE = 1 << 20
UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


class Unreadable(ValueError):
    """The file as a whole cannot be read; the text says which, what is wrong and where."""


class Source:
    """A file that can be gone through again; `digest` is that of the unpacked bytes, known after the first time."""

    def __init__(self, path: Path) -> None:
        self.path, self.name = path, path.name
        self.digest = ""

    def wrong(self, what: str) -> Unreadable:
        return Unreadable(f"{self.name}: {what}")

    def pieces(self) -> Iterator[bytes]:
        """Yield the text without its byte order mark; UTF-16 comes as UTF-8."""
        found = self._unpacked()
        first = next(found, b"")
        # A file system or an archive may hand out single bytes.
        while len(first) < len(codecs.BOM_UTF8) and (more := next(found, b"")):
            first += more
        if first.startswith(UTF16):
            yield from self._from_utf16(first, found)
            return
        yield first.removeprefix(codecs.BOM_UTF8)
        yield from found

    def lines(self, longest: int = LONGEST_LINE) -> Iterator[bytes | None]:
        """Yield each line without its end; None stands for one that is longer than any record is."""
        held, skipping = b"", False
        for piece in self.pieces():
            *whole, held = (held + piece).split(b"\n")
            for line in whole:
                yield None if skipping or len(line) > longest else line
                skipping = False
            if len(held) > longest:
                held, skipping = b"", True
        if held or skipping:
            yield None if skipping or len(held) > longest else held

    def _unpacked(self) -> Iterator[bytes]:
        digest, size = hashlib.sha256(), 0
        try:
            with _opened(self.path) as file:
                while piece := file.read(PIECE):
                    digest.update(piece)
                    size += len(piece)
                    yield piece
        except (OSError, EOFError, zlib.error) as error:
            raise self.wrong(f"cannot be read after byte {size:,}: {error}") from error
        self.digest = digest.hexdigest()

    def _from_utf16(self, first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
        decoder = codecs.getincrementaldecoder("utf-16")()
        try:
            yield decoder.decode(first).encode()
            for piece in rest:
                yield decoder.decode(piece).encode()
            decoder.decode(b"", final=True)
        except UnicodeDecodeError as error:
            raise self.wrong(f"begins as UTF-16, but is not: {error.reason}") from error


@contextmanager
def _opened(path: Path) -> Iterator[IO[bytes] | gzip.GzipFile]:
    """Open what can be read twice; what the first bytes say counts, not the name."""
    if not stat.S_ISREG(path.stat().st_mode):
        raise OSError("it is no regular file")
    with path.open("rb") as raw:
        packed = raw.read(2) == GZIP_MAGIC
        raw.seek(0)
        yield gzip.GzipFile(fileobj=raw) if packed else raw
