"""Verifies a receipt offline: `python verify_receipt.py FILE.tlog-proof ledger.vkey` (or the key itself).

This one file needs Python 3.11 or newer and the package `cryptography`, and nothing of the system that it checks: the
bytes of a leaf, of a receipt and of a checkpoint are read here a second time, from their descriptions alone.
"""

from __future__ import annotations

import argparse
import base64
import binascii
import hashlib
import hmac
import json
import re
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, NoReturn

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

MOST_BYTES = 64 * 1024
MOST_HASHES = MOST_SIGNATURES = 64
HASH_BYTES = 32
SAFE_INTEGER = 2**53
HEADER = "c2sp.org/tlog-proof@v1"
LEAF_FORMAT = "daylight/v1"
DASH = "\u2014"
ED25519 = b"\x01"
VKEY = re.compile(r"[^+\s]+\+[0-9a-f]{8}\+[A-Za-z0-9+/=]+")
NUMBER = re.compile(r"0|[1-9][0-9]{0,18}")
TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z")
FIELDS = {
    "decision": {"at", "kind", "notice_sha256", "notice_version", "path", "purpose", "subject_id"},
    "access": {"action", "actor_id", "actor_role", "at", "case", "purpose", "subject_id"},
    "erasure": {"at", "certificate_sha256", "kind", "subject_id"},
}
Record = dict[str, str | int]


def _(text: str) -> str:
    """Mark what a page translates; alone, this script speaks English."""
    return text


REASONS = {
    "size": _("The file is larger than any receipt."),
    "text": _("The file is not plain text in UTF-8, or a program changed its line ends."),
    "header": _("The file does not begin as a receipt does."),
    "extra": _("The line with what was recorded is missing, or cannot be read."),
    "index": _("The line with the number of the entry is missing, or cannot be read."),
    "proof": _("A line of the proof is not a hash, or there are too many."),
    "note": _("The signed checkpoint at the end is missing, or cannot be read."),
    "key": _("None of the keys that you gave signed this checkpoint."),
    "signature": _("The signature under the checkpoint is wrong."),
    "origin": _("The checkpoint is that of another log than the key that signed it."),
    "leaf": _("The entry is not in the format of this log."),
    "record": _("What was recorded has other fields than an entry of its kind."),
    "day": _("The day of the entry is not that of what was recorded."),
    "commitment": _("The entry does not belong to what was recorded: one of them was changed."),
    "inclusion": _("The proof does not lead from the entry to the checkpoint: it was not in the log like this."),
    "given_keys": _("The key to verify with cannot be read."),
    "file": _("The file cannot be read."),
}
SHOWN = {
    "decision": _(
        "This decision was recorded as entry %(index)s; it was in the log when checkpoint %(size)s was signed."
    ),
    "access": _("This look was recorded as entry %(index)s; it was in the log when checkpoint %(size)s was signed."),
    "erasure": _(
        "This deletion was recorded as entry %(index)s; it was in the log when checkpoint %(size)s was signed."
    ),
}
UNCHANGED = _("What the receipt says is, to the letter, what that entry commits to.")
NOT_SHOWN = {
    "decision": (_("That no later decision changed it."), _("That data was collected, kept or erased accordingly.")),
    "access": (_("That nobody else looked."), _("That what was read was used for nothing else.")),
    "erasure": (_("That nothing was left anywhere: the certificate says what it covers."), _("What came afterwards.")),
}
NEVER_SHOWN = (
    _("When exactly it happened: the time is the one that the company's own clock gave."),
    _("That the company showed everybody the same log: compare this checkpoint with one that somebody else kept."),
)


@dataclass(frozen=True)
class Refused:
    """It does not verify; `code` names why."""

    code: str

    @property
    def reason(self) -> str:
        return REASONS[self.code]


@dataclass(frozen=True)
class Shown:
    """What a receipt that verifies proves."""

    kind: str
    record: Record
    index: int
    origin: str
    size: int
    root: str
    key: str

    def shown(self, say: Callable[[str], str] = str) -> list[str]:
        return [say(SHOWN[self.kind]) % {"index": self.index, "size": self.size}, say(UNCHANGED)]

    def not_shown(self, say: Callable[[str], str] = str) -> list[str]:
        return [say(each) for each in (*NOT_SHOWN[self.kind], *NEVER_SHOWN)]


class _Wrong(ValueError):
    """Why it does not verify, as a code of REASONS."""


def _wrong(code: str) -> NoReturn:
    raise _Wrong(code)


def verify(receipt: bytes | str, vkeys: Iterable[str]) -> Shown | Refused:
    """Judge a receipt by the verifier keys that one trusts; raises nothing, whatever it is given."""
    try:
        return _verify(_text(receipt), [_key(each) for each in vkeys])
    except _Wrong as wrong:
        return Refused(str(wrong))


def _verify(text: str, keys: Sequence[Key]) -> Shown:
    head, blank, note = text.partition("\n\n")
    extra, index, proof = _head(head)
    origin, size, root, key = _checkpoint(note if blank else _wrong("note"), keys)
    entry, record, salt = _extra(extra)
    kind, day = _leaf(entry)
    _check_record(kind, day, record)
    if not hmac.compare_digest(hmac.digest(salt, _canonical(record), "sha256"), entry[-HASH_BYTES:]):
        _wrong("commitment")
    if not leads_to_root(index, size, leaf_hash(entry), proof, root):
        _wrong("inclusion")
    return Shown(kind, record, index, origin, size, base64.b64encode(root).decode(), key.text)


def _text(receipt: bytes | str) -> str:
    try:
        raw = receipt.encode() if isinstance(receipt, str) else receipt
        text = raw.decode("utf-8") if len(raw) <= MOST_BYTES else _wrong("size")
    except UnicodeError:
        _wrong("text")
    return _wrong("text") if re.search(r"[\x00-\x09\x0b-\x1f]", text) else text


def _base64(text: str, code: str) -> bytes:
    """Read base64 as it would be written, and in no other way."""
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        _wrong(code)
    return raw if base64.b64encode(raw).decode() == text else _wrong(code)


def _number(text: str, code: str) -> int:
    return int(text) if NUMBER.fullmatch(text) else _wrong(code)


# --- the lines before the checkpoint (c2sp.org/tlog-proof)


def _head(head: str) -> tuple[str, int, list[bytes]]:
    header, *lines = head.split("\n")
    if header != HEADER:
        _wrong("header")
    if not lines or not lines[0].startswith("extra "):
        _wrong("extra")
    if len(lines) < 2 or not lines[1].startswith("index "):
        _wrong("index")
    proof = lines[2:] if len(lines) <= 2 + MOST_HASHES else _wrong("proof")
    hashes = [_base64(each, "proof") for each in proof]
    if any(len(each) != HASH_BYTES for each in hashes):
        _wrong("proof")
    return lines[0].removeprefix("extra "), _number(lines[1].removeprefix("index "), "index"), hashes


# --- the checkpoint (c2sp.org/signed-note, c2sp.org/tlog-checkpoint)


@dataclass(frozen=True)
class Key:
    """A verifier key: whose signatures are looked at."""

    name: str
    id: bytes
    public: bytes
    text: str


def _key(text: str) -> Key:
    parts = text.strip().split("+", 2)
    if len(parts) != 3 or not _is_name(parts[0]):
        _wrong("given_keys")
    raw = _base64(parts[2], "given_keys")
    known = hashlib.sha256(parts[0].encode("utf-8", "replace") + b"\n" + raw).digest()[:4]
    if raw[:1] != ED25519 or len(raw) != 1 + HASH_BYTES or parts[1] != known.hex():
        _wrong("given_keys")
    return Key(parts[0], known, raw[1:], text.strip())


def _is_name(name: str) -> bool:
    return bool(name) and "+" not in name and not any(each.isspace() for each in name)


def _checkpoint(note: str, keys: Sequence[Key]) -> tuple[str, int, bytes, Key]:
    """Return origin, size and root that a key of that origin signed."""
    text, blank, lines = note.rpartition("\n\n")
    if not blank or not lines.endswith("\n"):
        _wrong("note")
    signers = _signers(text + "\n", lines[:-1].split("\n"), keys)
    origin, size, root = _tree_head(text.split("\n"))
    return origin, size, root, next((each for each in signers if each.name == origin), None) or _wrong("origin")


def _signers(text: str, lines: Sequence[str], keys: Sequence[Key]) -> list[Key]:
    """Return the keys that signed: unknown signatures are passed over, a wrong one by a known key is not."""
    if len(lines) > MOST_SIGNATURES:
        _wrong("note")
    known = {(each.name, each.id): each for each in keys}
    found = []
    for name, key_id, signature in [_signature(line) for line in lines]:
        key = known.get((name, key_id))
        if key and not _is_signed(text, signature, key):
            _wrong("signature")
        found += [key] if key else []
    return found or _wrong("key")


def _is_signed(text: str, signature: bytes, key: Key) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(key.public).verify(signature, text.encode())
    except (InvalidSignature, ValueError):
        return False
    return True


def _signature(line: str) -> tuple[str, bytes, bytes]:
    dash, _space, rest = line.partition(" ")
    name, _space, body = rest.partition(" ")
    if dash != DASH or not _is_name(name):
        _wrong("note")
    raw = _base64(body, "note")
    return (name, raw[:4], raw[4:]) if len(raw) > 4 else _wrong("note")


def _tree_head(lines: Sequence[str]) -> tuple[str, int, bytes]:
    if len(lines) < 3 or not all(lines):
        _wrong("note")
    root = _base64(lines[2], "note")
    return lines[0], _number(lines[1], "note"), root if len(root) == HASH_BYTES else _wrong("note")


def _extra(text: str) -> tuple[bytes, Record, bytes]:
    """Return leaf, record and salt."""
    found = _json(_base64(text, "extra"))
    if not isinstance(found, dict) or set(found) != {"entry", "record", "salt"}:
        _wrong("extra")
    if not (isinstance(found["entry"], str) and isinstance(found["salt"], str) and isinstance(found["record"], dict)):
        _wrong("extra")
    salt = _base64(found["salt"], "extra")
    return _base64(found["entry"], "leaf"), found["record"], salt if len(salt) == HASH_BYTES else _wrong("extra")


def _json(raw: bytes) -> Any:
    try:
        text = raw.decode("utf-8")
        # Blanks around it would be a second way to write the same receipt.
        return json.loads(text if text == text.strip() else _wrong("extra"), object_pairs_hook=_object)
    except (ValueError, RecursionError):
        _wrong("extra")


def _object(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    return found if len(found) == len(pairs) else _wrong("extra")


def _leaf(entry: bytes) -> tuple[str, str]:
    """Return the kind and the day of a leaf."""
    try:
        lines = entry[:-HASH_BYTES].decode("ascii").split("\n")
    except UnicodeError:
        _wrong("leaf")
    if len(lines) != 4 or lines[0] != LEAF_FORMAT or lines[1] not in FIELDS or lines[3]:
        _wrong("leaf")
    return lines[1], lines[2]


def _check_record(kind: str, day: str, record: Record) -> None:
    if set(record) != FIELDS[kind] or not all(_is_typed(*field) for field in record.items()):
        _wrong("record")
    at = str(record["at"])
    try:
        datetime.fromisoformat(at if TIME.fullmatch(at) else _wrong("record"))
    except ValueError:
        _wrong("record")
    if at[:10] != day:
        _wrong("day")


def _is_typed(name: str, value: Any) -> bool:
    if name == "notice_version":
        return type(value) is int and 0 <= value < SAFE_INTEGER
    return isinstance(value, str)


def _canonical(record: Record) -> bytes:
    """Return RFC 8785 of a record: of texts and whole numbers under names in ASCII this is all there is to it."""
    try:
        return json.dumps(record, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode()
    except UnicodeError:
        _wrong("record")


def leaf_hash(entry: bytes) -> bytes:
    return hashlib.sha256(b"\x00" + entry).digest()


def leads_to_root(index: int, size: int, leaf: bytes, proof: Sequence[bytes], root: bytes) -> bool:
    """Return whether the proof leads from the leaf's hash, at this place of a tree of this size, to the root."""
    if not 0 <= index < size:
        return False
    # Inside the tree a bit of the index says on which side the sibling is; on the right edge all are on the left.
    inner = (index ^ (size - 1)).bit_length()
    if len(proof) != inner + (index >> inner).bit_count():
        return False
    for level, sibling in enumerate(proof):
        pair = sibling + leaf if level >= inner or index >> level & 1 else leaf + sibling
        leaf = hashlib.sha256(b"\x01" + pair).digest()
    return len(root) == HASH_BYTES and leaf == root


def _lines(found: Shown | Refused) -> Iterable[str]:
    if isinstance(found, Refused):
        yield f"DOES NOT VERIFY: {found.reason}"
        return
    yield "VERIFIES."
    yield "\nWhat the receipt says:"
    yield from (f"  {name}: {value!r}" for name, value in sorted(found.record.items()))
    yield "\nWhat was shown:"
    yield from (f"  - {each}" for each in found.shown())
    yield f"  - {found.origin} signed checkpoint {found.size}, whose root is {found.root}."
    yield "\nWhat was not shown:"
    yield from (f"  - {each}" for each in found.not_shown())


def _read(path: Path, code: str) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(MOST_BYTES + 1)
    except OSError:
        _wrong(code)


def _arguments(given: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Verify a receipt offline.")
    parser.add_argument("file", type=Path, help="the receipt, FILE.tlog-proof")
    parser.add_argument("keys", nargs="*", help="verifier keys, or files of them; else ledger.vkey beside the receipt")
    parser.add_argument("--key", "--key-file", dest="named", action="append", default=[], help="the same as an option")
    parsed = parser.parse_args(given)
    parsed.keys += parsed.named
    if not parsed.keys and (beside := parsed.file.parent / "ledger.vkey").is_file():
        parsed.keys = [str(beside)]
    if not parsed.keys:
        parser.error("give a key or a file with keys: a receipt shows nothing without the key that one trusts")
    return parsed


def _judge(asked: argparse.Namespace) -> Shown | Refused:
    try:
        named = [each if VKEY.fullmatch(each) else _text(_read(Path(each), "given_keys")) for each in asked.keys]
        return verify(_read(asked.file, "file"), [line for text in named for line in text.split("\n") if line.strip()])
    except _Wrong as wrong:
        return Refused("given_keys" if str(wrong) in ("size", "text") else str(wrong))


def main(given: Sequence[str] | None = None) -> int:
    found = _judge(_arguments(given))
    # A name in another script must not stop the answer on a terminal that cannot show it.
    text = "\n".join(_lines(found)).encode(sys.stdout.encoding or "ascii", "backslashreplace")
    sys.stdout.write(text.decode(sys.stdout.encoding or "ascii") + "\n")
    return 1 if isinstance(found, Refused) else 0


if __name__ == "__main__":
    sys.exit(main())
