"""Signatures of OpenDSR: RSA with SHA-256 and PKCS#1 v1.5 over the raw bytes, by a certificate that somebody issued."""

from __future__ import annotations

import base64
import binascii
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError
from django.conf import settings
from django.utils.translation import gettext as _


class NotConfigured(Exception):
    """Nothing can be signed; the text says what is missing, in plain words."""


class Unverified(Exception):
    """A signature or certificate that proves nothing; `code` says why."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True)
class Signer:
    """Our key, and the chain that says whose it is."""

    domain: str
    key: RSAPrivateKey
    chain: bytes

    def sign(self, body: bytes) -> str:
        return base64.b64encode(self.key.sign(body, PKCS1v15(), SHA256())).decode()


def signer() -> Signer:
    """Return what signs; raises NotConfigured."""
    key, certificate = settings.OPENDSR_KEY_FILE, settings.OPENDSR_CERTIFICATE_FILE
    if not key or not certificate:
        raise NotConfigured(_("OpenDSR is not set up here: no key and no certificate are configured."))
    try:
        written = (Path(key).stat().st_mtime_ns, Path(certificate).stat().st_mtime_ns)
        return _read(Path(key), Path(certificate), written, settings.OPENDSR_DOMAIN)
    except (OSError, ValueError, TypeError, UnsupportedAlgorithm, x509.ExtensionNotFound) as error:
        raise NotConfigured(_("OpenDSR is not set up here: its key or certificate cannot be read.")) from error


@lru_cache(maxsize=4)
def _read(key_file: Path, certificate_file: Path, _written: tuple[int, int], domain: str) -> Signer:
    key = load_pem_private_key(key_file.read_bytes(), password=None)
    chain = certificate_file.read_bytes()
    leaf = x509.load_pem_x509_certificates(chain)[0]
    if not isinstance(key, RSAPrivateKey) or key.public_key() != leaf.public_key():
        raise NotConfigured(_("OpenDSR is not set up here: the certificate is not that of the RSA key."))
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    if domain not in names.get_values_for_type(x509.DNSName):
        raise NotConfigured(_("OpenDSR is not set up here: the certificate does not name our domain."))
    return Signer(domain, key, chain)


# --- what others signed


def check(body: bytes, signature: str, chain: bytes, domain: str) -> None:
    """Raise Unverified unless the body was signed by a certificate that somebody we trust issued for this domain."""
    key = _trusted(chain, domain).public_key()
    if not isinstance(key, RSAPublicKey):
        raise Unverified("certificate.key")
    try:
        key.verify(base64.b64decode("".join(signature.split()), validate=True), body, PKCS1v15(), SHA256())
    except (InvalidSignature, binascii.Error, ValueError) as error:
        raise Unverified("signature.wrong" if signature else "signature.missing") from error


def _trusted(chain: bytes, domain: str) -> x509.Certificate:
    try:
        leaf, *others = x509.load_pem_x509_certificates(chain)
        verifier = PolicyBuilder().store(_roots()).time(datetime.now(UTC)).build_server_verifier(x509.DNSName(domain))
        verifier.verify(leaf, others)
    except (ValueError, VerificationError) as error:
        raise Unverified("certificate.untrusted") from error
    return leaf


def _roots() -> Store:
    """Return whom the machine trusts, or only EGRESS_CA_FILE: the same as for every call."""
    context = ssl.create_default_context(cafile=settings.EGRESS_CA_FILE or None)
    return Store([x509.load_der_x509_certificate(each) for each in context.get_ca_certs(binary_form=True)])
