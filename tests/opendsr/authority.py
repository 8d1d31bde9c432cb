"""A certificate authority as OpenDSR wants one: RSA, with all that a strict verifier asks of a certificate."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

PEM, PKCS8, PLAIN = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
_keys: dict[str, rsa.RSAPrivateKey] = {}


def key_of(name: str) -> rsa.RSAPrivateKey:
    """One a name for the whole run: they take long to make."""
    if name not in _keys:
        _keys[name] = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return _keys[name]


class Issuer:
    """An authority, its file, and the certificates that it issues."""

    def __init__(self, place: Path, name: str = "authority") -> None:
        self.place, self.name = place, name
        place.mkdir(parents=True, exist_ok=True)
        self.file = place / f"{name}.ca.pem"
        self.file.write_bytes(self.certificate.public_bytes(PEM))

    @cached_property
    def subject(self) -> x509.Name:
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, self.name)])

    @cached_property
    def certificate(self) -> x509.Certificate:
        own = key_of(self.name)
        usage = x509.KeyUsage(False, False, False, False, False, True, True, False, False)
        builder = self._builder(self.subject, own).add_extension(x509.BasicConstraints(True, 0), critical=True)
        builder = builder.add_extension(usage, critical=True)
        return builder.sign(own, hashes.SHA256())

    def _builder(self, subject, key, days=(-1, 30)) -> x509.CertificateBuilder:
        now, public = datetime.now(UTC), key_of(self.name).public_key()
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self.subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now + timedelta(days=days[0]))
            .not_valid_after(now + timedelta(days=days[1]))
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(public), critical=False)
        )

    def issue(self, domain: str, days=(-1, 30)) -> tuple[Path, Path]:
        """Return the files of a certificate and of its key."""
        key = key_of(f"leaf of {domain}")
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, domain)])
        names = x509.SubjectAlternativeName([x509.DNSName(domain)])
        use = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])
        builder = self._builder(subject, key, days).add_extension(names, critical=False)
        issued = builder.add_extension(use, critical=False).sign(key_of(self.name), hashes.SHA256())
        paths = self.place / f"{domain}.{self.name}.pem", self.place / f"{domain}.key"
        paths[0].write_bytes(issued.public_bytes(PEM))
        paths[1].write_bytes(key.private_bytes(PEM, PKCS8, PLAIN))
        return paths

    def sign(self, domain: str, body: bytes) -> str:
        return base64.b64encode(key_of(f"leaf of {domain}").sign(body, PKCS1v15(), hashes.SHA256())).decode()
