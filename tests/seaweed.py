"""A real S3 store for tests: SeaweedFS from its wheel, started when the first test asks for it, gone with the run."""

from __future__ import annotations

import itertools
import json
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from django.core.files.storage import storages

from portal.stack.processes import dies_with_parent

BUCKET = "vault"
KEY, SECRET = "tests", "only for tests"
READY_SECONDS = 60
START_TRIES = 5
PORTS = ("master.port", "master.port.grpc", "volume.port", "volume.port.grpc")
PORTS += ("filer.port", "filer.port.grpc", "s3.port", "s3.port.grpc")
_prefixes = itertools.count(1)


class Seaweed:
    """One server with one bucket; each test has a prefix of its own in it."""

    def __init__(self) -> None:
        self.root = Path(tempfile.mkdtemp(prefix="daylight-seaweed-"))
        self.ports = {}
        self.process = None
        self.made = None

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.ports['s3.port']}"

    def start(self) -> None:
        for _ in range(START_TRIES):
            self.ports = quiet_ports()
            self._start()
            if self._is_ready():
                return
        self.stop()
        raise RuntimeError("SeaweedFS did not start")

    def _start(self) -> None:
        told = {"name": "tests", "credentials": [{"accessKey": KEY, "secretKey": SECRET}], "actions": ["Admin"]}
        (self.root / "s3.json").write_text(json.dumps({"identities": [told]}))
        options = {
            **self.ports,
            **{"dir": self.root, "ip": "127.0.0.1", "ip.bind": "127.0.0.1", "volume.max": 20},
            # It calls nobody, and no test needs its other gateways.
            **{"master.telemetry": "false", "s3.port.iceberg": 0, "s3.port.lance": 0},
            **{"master.volumeSizeLimitMB": 64, "filer": "true", "s3": "true", "s3.config": self.root / "s3.json"},
            **{f"{each}.localSocket": self.root / f"{each}.sock" for each in ("filer", "s3")},
        }
        with (self.root / "log").open("wb") as sink:
            self.process = subprocess.Popen(
                [Path(sys.executable).parent / "weed", "-logtostderr", "server"]
                + [f"-{name}={value}" for name, value in options.items()],
                stdout=sink, stderr=sink, start_new_session=True, preexec_fn=dies_with_parent(signal.SIGKILL),
            )  # fmt: skip

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()
        shutil.rmtree(self.root, ignore_errors=True)

    def client(self):
        config = Config(connect_timeout=1, read_timeout=5, retries={"total_max_attempts": 1})
        return boto3.client(
            "s3", endpoint_url=self.endpoint, aws_access_key_id=KEY, aws_secret_access_key=SECRET,
            region_name="us-east-1", config=config,
        )  # fmt: skip

    def storage(self, prefix: str = "", endpoint: str = "", **options):
        """Return an entry of STORAGES, with a prefix that nobody else uses unless one is given."""
        return {
            "BACKEND": "portal.vault.s3.VaultS3Storage",
            "OPTIONS": {
                "bucket_name": BUCKET,
                "location": prefix or f"test-{next(_prefixes)}",
                "endpoint_url": endpoint or self.endpoint,
                "access_key": KEY,
                "secret_key": SECRET,
                "region_name": "us-east-1",
                "addressing_style": "path",
                **options,
            },
        }

    def _is_ready(self) -> bool:
        client, deadline = self.client(), time.monotonic() + READY_SECONDS
        while self.process.poll() is None and time.monotonic() < deadline:
            try:
                # The bucket is made by the way.
                client.put_object(Bucket=BUCKET, Key="ready", Body=b"x")
            except (BotoCoreError, ClientError):
                time.sleep(0.05)
            else:
                return True
        return False


def quiet_ports() -> dict[str, int]:
    """Return ports that no outgoing connection is given: several of them are bound only after seconds."""
    found: list[int] = []
    while len(found) < len(PORTS):
        port = random.randrange(20_000, 32_000)
        with suppress(OSError), socket.socket() as probe:
            probe.bind(("127.0.0.1", port))
            found.append(port)
    return dict(zip(PORTS, found, strict=True))


@pytest.fixture(scope="session")
def seaweed():
    store = Seaweed()
    store.start()
    yield store
    store.stop()


@pytest.fixture
def on_s3(settings, own_files, seaweed):
    """The vault of this test is an S3 store."""
    settings.STORAGES = {**settings.STORAGES, "vault": seaweed.storage()}
    # One client for all tests: to make one takes longer than most of them.
    vault = storages["vault"]
    vault._made = seaweed.made or vault._made
    vault.client.meta  # noqa: B018
    seaweed.made = vault._made
    return seaweed
