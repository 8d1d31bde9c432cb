"""Other systems for tests: a certificate authority of our own, and a server over TLS that does what a test tells it."""

from __future__ import annotations

import ipaddress
import json
import socket
import ssl
import threading
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

PEM, PKCS8, PLAIN = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()


class Authority:
    """A certificate authority whose files lie under a folder of the test."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self.place.mkdir(parents=True, exist_ok=True)
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Authority of a test")])
        self.certificate = self._signed(self.name, self.key, x509.BasicConstraints(ca=True, path_length=0))
        self.file = self._written("ca.pem", self.certificate.public_bytes(PEM))

    def _signed(self, name, key, *extensions, days=(-1, 30)):
        now = datetime.now(UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(self.name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now + timedelta(days=min(days[0], days[1] - 1)))
            .not_valid_after(now + timedelta(days=days[1]))
        )
        for extension in extensions:
            builder = builder.add_extension(extension, critical=isinstance(extension, x509.BasicConstraints))
        return builder.sign(self.key, hashes.SHA256())

    def _written(self, name: str, content: bytes) -> Path:
        path = self.place / name
        path.write_bytes(content)
        return path

    def issue(self, *names: str, days=(-1, 30)) -> tuple[Path, Path]:
        """Return the files of a certificate for these names and of its key."""
        key = ec.generate_private_key(ec.SECP256R1())
        own = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])])
        certificate = self._signed(own, key, x509.SubjectAlternativeName([_general(name) for name in names]), days=days)
        pem = certificate.public_bytes(PEM)
        return (
            self._written(f"{names[0]}.pem", pem),
            self._written(f"{names[0]}.key", key.private_bytes(PEM, PKCS8, PLAIN)),
        )


def _general(name: str):
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


@dataclass
class Call:
    """What arrived."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self):
        return json.loads(self.body)


@dataclass
class Receiver:
    """A server on loopback that keeps what arrives; `answer` and the times say how it behaves."""

    certificate: tuple[Path, Path] | None = None
    answer: tuple[int, dict[str, str], bytes] = (200, {}, b"")
    hangs: float = 0
    dribbles: float = 0
    slow_head: float = 0
    calls: list[Call] = field(default_factory=list)
    connections: int = 0

    @cached_property
    def server(self) -> ThreadingHTTPServer:
        server = _Server(("127.0.0.1", 0), _Handler)
        server.receiver = self
        if self.certificate:
            server.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            server.tls.load_cert_chain(*self.certificate)
        return server

    @property
    def port(self) -> int:
        return self.server.server_address[1]

    @property
    def url(self) -> str:
        return f"{'https' if self.certificate else 'http'}://localhost:{self.port}/hook"

    def __enter__(self) -> Receiver:
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        return self

    def __exit__(self, *args) -> None:
        self.server.shutdown()
        self.server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    receiver: Receiver
    tls: ssl.SSLContext | None = None

    def get_request(self):
        raw, address = super().get_request()
        self.receiver.connections += 1
        return raw, address

    def finish_request(self, request, client_address):
        try:
            if self.tls:
                request = self.tls.wrap_socket(request, server_side=True)
            self.RequestHandlerClass(request, client_address, self)
        except OSError:
            return

    def shutdown_request(self, request):
        try:
            super().shutdown_request(request)
        except OSError:
            return


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def _take(self):
        receiver = self.server.receiver
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        receiver.calls.append(Call(self.command, self.path, headers, body))
        time.sleep(receiver.hangs)
        status, extra, content = receiver.answer(receiver.calls[-1]) if callable(receiver.answer) else receiver.answer
        self.close_connection = True
        if receiver.slow_head:
            return self._slowly(b"HTTP/1.1 200 OK\r\nX-Slow: " + b"a" * 10_000, receiver.slow_head)
        self.send_response(status)
        for name, value in ({"Content-Length": str(len(content))} | extra).items():
            self.send_header(name, value)
        self.end_headers()
        if receiver.dribbles:
            return self._slowly(content, receiver.dribbles)
        self.wfile.write(content)

    def _slowly(self, content: bytes, wait: float):
        for byte in content:
            self.wfile.write(bytes([byte]))
            self.wfile.flush()
            time.sleep(wait)

    do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = _take

    def log_message(self, *args):
        return


def silent() -> socket.socket:
    """Return a listener that takes connections and says nothing."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(16)
    return listener
