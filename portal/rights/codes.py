"""Codes that stand in for a sign-in: made of chance, kept as a digest, and guessed at only so often."""

from __future__ import annotations

import base64
import secrets

from allauth.account.adapter import get_adapter
from django.core.cache import cache
from django.http import HttpRequest

from portal.vault import serverkey

BYTES = 20  # 160 bits: 32 characters
GROUP = 4
HALF = 16
WRONG_AN_HOUR = 10
HOUR = 3600
# What eyes take for each other; the alphabet of base32 has neither 0 nor 1.
MISREAD = str.maketrans({"0": "O", "1": "I", "8": "B"})


def new() -> str:
    """Return a fresh code, in groups that can be read out."""
    return shown(base64.b32encode(secrets.token_bytes(BYTES)).decode())


def shown(code: str) -> str:
    return "-".join(code[start : start + GROUP] for start in range(0, len(code), GROUP))


def tidy(typed: str) -> str:
    """Return what was typed as the code's characters: without spaces and dashes, in capitals, misreadings mended."""
    plain = "".join(each for each in typed.upper() if each.isalnum() and each.isascii())
    return plain.translate(MISREAD)[: 2 * HALF]


def halves(code: str) -> tuple[str, str]:
    """Return the two parts of a code, each useless without the other (80 bits are left to guess)."""
    plain = tidy(code)
    return shown(plain[:HALF]), shown(plain[HALF:])


def digest(typed: str) -> str:
    """Return what is stored in place of a code; nobody without the server's key can test a guess against it."""
    return serverkey.hmac(b"code|" + tidy(typed).encode()).hex()


def too_many(request: HttpRequest, use: str) -> bool:
    """Return whether this address has guessed wrong too often within the hour."""
    return int(cache.get(_key(request, use), 0)) >= WRONG_AN_HOUR


def failed(request: HttpRequest, use: str) -> None:
    """Count a wrong guess of this address."""
    key = _key(request, use)
    if cache.add(key, 1, HOUR):
        return
    cache.set(key, int(cache.get(key, 0)) + 1, HOUR)


def _key(request: HttpRequest, use: str) -> str:
    # The address is kept as a digest, and for an hour only.
    address = get_adapter(request).get_client_ip(request)
    return f"codes:{use}:{serverkey.hmac(address.encode()).hex()[:32]}"
