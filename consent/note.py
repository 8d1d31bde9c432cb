"""Signed notes and checkpoints in the C2SP formats (signed-note, tlog-checkpoint), Ed25519. Pure functions."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

ED25519 = b"\x01"
SKEY_PREFIX = "PRIVATE+KEY+"
DASH = "\u2014"
# Of a note with more lines than any log and its witnesses write, nothing is verified.
MOST_SIGNATURES = 100


def _key_id(name: str, public: bytes) -> bytes:
    return sha256(name.encode() + b"\n" + ED25519 + public).digest()[:4]


def _check_name(name: str) -> None:
    if not name or "+" in name or any(each.isspace() for each in name):
        raise ValueError("a key's name may hold neither spaces nor a plus sign")


def _base64(text: str) -> bytes:
    """Raises ValueError, also for characters that base64 has not and for a second spelling of the same bytes."""
    try:
        raw = base64.b64decode(text.encode(), validate=True)
    except binascii.Error as error:
        raise ValueError("not base64") from error
    if base64.b64encode(raw).decode() != text:
        raise ValueError("not base64 as it is written")
    return raw


def _key_parts(name: str, key_id: str, body: str) -> bytes:
    raw = _base64(body)
    _check_name(name)
    if len(raw) != 33 or raw[:1] != ED25519 or len(key_id) != 8:
        raise ValueError("not an Ed25519 note key")
    return raw[1:]


@dataclass(frozen=True)
class Verifier:
    """A C2SP verifier key: name, key id and public key."""

    name: str
    key_id: bytes
    public: bytes

    @classmethod
    def from_text(cls, vkey: str) -> Verifier:
        """Raises ValueError."""
        name, key_id, body = _three(vkey.strip())
        public = _key_parts(name, key_id, body)
        if bytes.fromhex(key_id) != _key_id(name, public):
            raise ValueError("the key id is not that of this key")
        return cls(name, _key_id(name, public), public)

    def to_text(self) -> str:
        return f"{self.name}+{self.key_id.hex()}+{base64.b64encode(ED25519 + self.public).decode()}"

    def accepts(self, text: bytes, signature: bytes) -> bool:
        try:
            Ed25519PublicKey.from_public_bytes(self.public).verify(signature, text)
        except InvalidSignature:
            return False
        return True


def _three(text: str) -> tuple[str, str, str]:
    parts = text.split("+", 2)
    if len(parts) != 3:
        raise ValueError("a note key has three parts")
    return parts[0], parts[1], parts[2]


@dataclass(frozen=True)
class Signer:
    """A note key with its private half."""

    name: str
    seed: bytes

    @classmethod
    def make(cls, name: str) -> Signer:
        _check_name(name)
        return cls(name, Ed25519PrivateKey.generate().private_bytes_raw())

    @classmethod
    def from_text(cls, skey: str) -> Signer:
        """Raises ValueError."""
        text = skey.strip()
        if not text.startswith(SKEY_PREFIX):
            raise ValueError("not a private note key")
        name, key_id, body = _three(text.removeprefix(SKEY_PREFIX))
        signer = cls(name, _key_parts(name, key_id, body))
        if bytes.fromhex(key_id) != signer.verifier().key_id:
            raise ValueError("the key id is not that of this key")
        return signer

    def to_text(self) -> str:
        body = base64.b64encode(ED25519 + self.seed).decode()
        return f"{SKEY_PREFIX}{self.name}+{self.verifier().key_id.hex()}+{body}"

    def verifier(self) -> Verifier:
        public = Ed25519PrivateKey.from_private_bytes(self.seed).public_key().public_bytes_raw()
        return Verifier(self.name, _key_id(self.name, public), public)

    def signature(self, data: bytes) -> bytes:
        """Sign any bytes, not only notes: certificates are signed with the same key."""
        return Ed25519PrivateKey.from_private_bytes(self.seed).sign(data)

    def sign(self, text: str) -> str:
        """Return the signed note of a text; raises ValueError for a text that cannot be one."""
        return sign_note(text, [self])

    def line(self, text: str) -> str:
        signed = base64.b64encode(self.verifier().key_id + self.signature(text.encode())).decode()
        return f"{DASH} {self.name} {signed}\n"


def sign_note(text: str, signers: Sequence[Signer]) -> str:
    """Return a text with a signature line of each; raises ValueError for a text that cannot be a note."""
    _check_text(text)
    return f"{text}\n" + "".join(each.line(text) for each in signers)


def _check_text(text: str) -> None:
    if not text.endswith("\n") or any(each != "\n" and ord(each) < 0x20 for each in text):
        raise ValueError("the text of a note ends in a newline and has no control characters")


def open_note(note: str, verifiers: list[Verifier]) -> str:
    """Return the text of a note that a known key signed; raises ValueError.

    Signatures by unknown keys are ignored, a wrong one by a known key is refused.
    """
    text, found = _split(note)
    known = {(each.name, each.key_id): each for each in verifiers}
    accepted = False
    for name, key_id, signature in found:
        verifier = known.get((name, key_id))
        if verifier is None:
            continue
        if not verifier.accepts(text.encode(), signature):
            raise ValueError(f"the signature by {name} is wrong")
        accepted = True
    if not accepted:
        raise ValueError("no known key signed this note")
    return text


def _split(note: str) -> tuple[str, list[tuple[str, bytes, bytes]]]:
    at = note.rfind("\n\n")
    text, lines = note[: at + 1], note[at + 2 :]
    if at < 0 or not lines.endswith("\n"):
        raise ValueError("not a signed note")
    _check_text(text)
    if lines.count("\n") > MOST_SIGNATURES:
        raise ValueError("a note has at most a hundred signatures")
    return text, [_signature(line) for line in lines[:-1].split("\n")]


def _signature(line: str) -> tuple[str, bytes, bytes]:
    parts = line.split(" ")
    if len(parts) != 3 or parts[0] != DASH:
        raise ValueError("not a signature line")
    _check_name(parts[1])
    raw = _base64(parts[2])
    if len(raw) < 5:
        raise ValueError("a signature is too short")
    return parts[1], raw[:4], raw[4:]


@dataclass(frozen=True)
class Head:
    """What a checkpoint says: whose log, how many leaves, which root."""

    origin: str
    size: int
    root: bytes

    def to_text(self) -> str:
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n"

    @classmethod
    def from_text(cls, text: str) -> Head:
        """Read the text of a note (or a whole note); raises ValueError."""
        lines = text.split("\n")
        if len(lines) < 4 or not lines[0] or not lines[1].isdecimal() or lines[1] != str(int(lines[1])):
            raise ValueError("not a checkpoint")
        head = cls(lines[0], int(lines[1]), _base64(lines[2]))
        if len(head.root) != 32:
            raise ValueError("a root has 32 bytes")
        return head
