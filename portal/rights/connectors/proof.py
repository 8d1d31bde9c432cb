"""Whose signature an OpenDSR system answers with: its discovery, its certificate, and the check of an answer."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from django.core.cache import cache
from django.utils.translation import gettext as _

from portal import strictjson
from portal.rights.connectors.calling import Line
from portal.rights.connectors.values import NoAnswer
from portal.rights.opendsr.signing import Unverified, check
from portal.rights.opendsr.values import DOMAIN, OLD_DOMAIN, OLD_SIGNATURE, SIGNATURE

KEPT_SECONDS = 3600


@dataclass(frozen=True)
class Processor:
    """What a system says of itself: its certificate, and as what it takes identities."""

    chain: bytes
    identities: list[list[str]]


def processor(line: Line, *, fresh: bool = False) -> Processor:
    """Return what the system says of itself, kept for an hour; raises NoAnswer."""
    place = f"opendsr-processor:{line.base}"
    kept = None if fresh else cache.get(place)
    if kept is None:
        kept = _discovered(line)
        cache.set(place, kept, KEPT_SECONDS)
    return Processor(kept["chain"].encode(), kept["identities"])


def _discovered(line: Line) -> dict[str, Any]:
    answer = line.call("GET", f"{line.base}/discovery")
    try:
        said = json.loads(answer.body)
        certificate = str(said["processor_certificate"])
        identities = [
            [str(each["identity_type"]), str(each["identity_format"])] for each in said["supported_identities"]
        ]
        host = urlsplit(certificate).hostname
    except (ValueError, KeyError, TypeError) as error:
        raise NoAnswer(_("It does not say who it is (discovery).")) from error
    # Its certificate is its own only from its own address.
    if host not in {line.domain, urlsplit(line.base).hostname}:
        raise NoAnswer(_("It names a certificate at another address."))
    return {"chain": line.call("GET", certificate).body.decode("ascii", "replace"), "identities": identities}


def read(line: Line, body: bytes, headers: dict[str, str]) -> dict[str, Any]:
    """Return what a signed answer says; nothing is parsed before the signature holds. Raises NoAnswer."""
    domain = headers.get(DOMAIN.lower()) or headers.get(OLD_DOMAIN.lower(), "")
    signature = headers.get(SIGNATURE.lower()) or headers.get(OLD_SIGNATURE.lower(), "")
    if domain != line.domain:
        raise NoAnswer(_("Its answer is signed for another address."))
    try:
        _checked(line, body, signature)
        said = strictjson.parse(body)
    except Unverified as error:
        raise NoAnswer(_("Its answer is not signed by it (%(code)s).") % {"code": error.code}) from error
    except strictjson.Malformed as error:
        raise NoAnswer(_("Its answer cannot be read.")) from error
    if not isinstance(said, dict):
        raise NoAnswer(_("Its answer cannot be read."))
    return said


def _checked(line: Line, body: bytes, signature: str) -> None:
    """Check by the certificate that is kept, and once more by a fresh one: it may have been renewed."""
    try:
        check(body, signature, processor(line).chain, line.domain)
    except Unverified:
        check(body, signature, processor(line, fresh=True).chain, line.domain)
