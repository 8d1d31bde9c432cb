"""Starts the services, then web, worker and beat by the Procfile, and stops them in the other order."""

from __future__ import annotations

import contextlib
import fcntl
import http.client
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import IO, Any
from urllib.parse import urlsplit

from portal.stack import processes, roles
from portal.stack.config import PROJECT, CannotStart, Config
from portal.stack.postgres import Postgres, free_port
from portal.stack.valkey import Valkey

READY_SECONDS = 180
# A command costs seconds; whose files are all there need not run.
MADE_BY = {
    "make_keys": ("django.key", "oidc.pem", "server.key", "kek/kek.json", "kek-copy/kek.json"),
    "ledger_key": ("ledger.key", "ledger.vkey"),
}


class Stopped(Exception):
    """SIGINT or SIGTERM came."""


def _stop(number: int, frame: FrameType | None) -> None:
    raise Stopped


@dataclass
class Supervisor:
    """One run of the stack; `run()` returns the exit status."""

    config: Config
    postgres: Postgres | None = None
    valkey: Valkey | None = None
    honcho: subprocess.Popen[bytes] | None = None
    services: dict[str, str] = field(default_factory=dict)
    owners: dict[str, str] = field(default_factory=dict)

    def run(self) -> int:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, _stop)
        processes.adopt_orphans()
        self.config.var.mkdir(parents=True, exist_ok=True)
        with self._alone():
            self.config.check()
            try:
                self._start()
                return self._watch()
            except Stopped:
                say("Stopping.")
                return 0
            finally:
                for number in (signal.SIGINT, signal.SIGTERM):
                    signal.signal(number, signal.SIG_IGN)
                self._end()

    @contextlib.contextmanager
    def _alone(self) -> Any:
        with (self.config.var / "run.lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                message = f"Daylight already runs from {self.config.var}."
                raise CannotStart(message) from error
            yield

    def _start(self) -> None:
        began = time.monotonic()
        logs = self.config.var / "log"
        logs.mkdir(exist_ok=True)
        self._start_databases(logs)
        self._start_redis(logs)
        self.services["vault"] = os.environ.get("VAULT_URL", "")
        self.services["vault_endpoint"] = os.environ.get("VAULT_S3_ENDPOINT", "")
        self._prepare()
        write_stack(self.config, self.services)
        self.honcho = self._spawn([sys.executable, "-m", "honcho", "-f", str(PROJECT / "Procfile"), "start"])
        self._wait_until_healthy()
        self._load_demo()
        say(f"Daylight is ready at {self.config.origin} (after {time.monotonic() - began:.1f} s). Ctrl-C stops it.")

    def _start_databases(self, logs: Path) -> None:
        names = {"DATABASE_URL": "daylight", "KEYS_DATABASE_URL": "daylight_keys"}
        if any(name not in os.environ for name in names):
            self.postgres = Postgres(self.config.var / "postgres", free_port())
            self.postgres.initialise()
            self.postgres.start(log=logs / "postgres.log")
        for variable, database in names.items():
            self.owners[variable] = os.environ.get(variable) or self._embedded_database(database)
        self.services["database"] = self._app_url("DATABASE_URL", "DATABASE_APP_URL")
        self.services["keys_database"] = self._app_url("KEYS_DATABASE_URL", "KEYS_DATABASE_APP_URL")

    def _embedded_database(self, name: str) -> str:
        if self.postgres is None:
            message = "the embedded PostgreSQL is not running"
            raise RuntimeError(message)
        self.postgres.create_database(name)
        return self.postgres.url(name)

    def _app_url(self, owner: str, app: str) -> str:
        return os.environ.get(app) or roles.app_url(self.owners[owner], self.config.var)

    def _start_redis(self, logs: Path) -> None:
        if "REDIS_URL" in os.environ:
            self.services["redis"] = os.environ["REDIS_URL"]
            return
        self.valkey = Valkey(self.config.var / "valkey", free_port())
        self.valkey.start(log=logs / "valkey.log")
        self.services["redis"] = self.valkey.url

    def _environment(self, **more: str) -> dict[str, str]:
        """Web, worker and beat never see the owner's URLs."""
        own = {
            "PYTHON": sys.executable,
            "DATABASE_APP_URL": self.services["database"],
            "KEYS_DATABASE_APP_URL": self.services["keys_database"],
            "REDIS_URL": self.services["redis"],
        }
        environment = self.config.environment(**own)
        for name in ("DATABASE_URL", "KEYS_DATABASE_URL"):
            environment.pop(name, None)
        return {**environment, **more}

    def _prepare(self) -> None:
        """Keys first (the settings read them), then what only the owner may: migrations."""
        for command in ("make_keys", "ledger_key"):
            if not all((self.config.keys / name).exists() for name in MADE_BY[command]):
                self._call(["manage.py", command], self._environment())
        owner = self._environment(**self.owners, DAYLIGHT_AS_OWNER="1")
        self._call(["-m", "portal.stack.prepare"], owner)

    def _call(self, arguments: list[str], environment: dict[str, str]) -> None:
        done = subprocess.run([sys.executable, *arguments], cwd=PROJECT, env=environment, check=False)
        if done.returncode:
            message = f"{' '.join(arguments)} failed; what it said stands above."
            raise CannotStart(message)

    def _spawn(self, command: list[str]) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            command,
            cwd=PROJECT,
            env=self._environment(),
            # Out of the terminal's group: Ctrl-C reaches the supervisor alone, which stops things in order.
            start_new_session=True,
            preexec_fn=processes.dies_with_parent(signal.SIGTERM),
        )

    def _wait_until_healthy(self) -> None:
        deadline = time.monotonic() + READY_SECONDS
        while time.monotonic() < deadline:
            if self.honcho and self.honcho.poll() is not None:
                message = "Web, worker or beat did not start; what it said stands above."
                raise CannotStart(message)
            with contextlib.suppress(OSError, http.client.HTTPException):
                status, body = self._health()
                if status == 503:
                    say(f"The site is closed: {body}")
                if status in (200, 503):
                    return
            time.sleep(0.1)
        message = f"/healthz did not answer within {READY_SECONDS} s."
        raise CannotStart(message)

    def _health(self) -> tuple[int, str]:
        connection = http.client.HTTPConnection("127.0.0.1", self.config.port, timeout=5)
        host = urlsplit(self.config.origin).netloc
        connection.request("GET", "/healthz", headers={"Host": host})
        answer = connection.getresponse()
        body = answer.read(1000).decode("utf-8", "replace")
        connection.close()
        return answer.status, body

    def _load_demo(self) -> None:
        if not self.config.demo:
            return
        command = [sys.executable, "manage.py", "demo", "--json"]
        done = subprocess.run(command, cwd=PROJECT, env=self._environment(), check=False, stdout=subprocess.PIPE)
        if done.returncode:
            message = "The demo company could not be loaded; what it said stands above."
            raise CannotStart(message)
        demo = json.loads(done.stdout)
        write_stack(self.config, self.services, demo)
        show_sign_ins(demo)

    def _watch(self) -> int:
        if self.honcho is None:
            message = "nothing was started"
            raise RuntimeError(message)
        while True:
            for process, name in self._watched():
                if process.poll() is not None:
                    say(f"{name} ended by itself; stopping the rest.")
                    return 1
            time.sleep(0.5)

    def _watched(self) -> list[tuple[subprocess.Popen[bytes], str]]:
        parts = [
            (self.honcho, "Web, worker or beat"),
            (self.postgres and self.postgres.process, "PostgreSQL"),
            (self.valkey and self.valkey.process, "Valkey"),
        ]
        return [(process, name) for process, name in parts if process]

    def _end(self) -> None:
        """Web, worker and beat first: they still need the services to finish what they hold."""
        services = {process.pid for process, name in self._watched() if process is not self.honcho}
        if self.honcho and self.honcho.poll() is None:
            self.honcho.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.honcho.wait(timeout=12)
        processes.stop_children(spare=services)
        for service in (self.valkey, self.postgres):
            if service:
                service.stop()


def say(text: str, to: IO[str] | None = None) -> None:
    print(text, file=to or sys.stdout, flush=True)


def write_stack(config: Config, services: dict[str, str], demo: dict[str, Any] | None = None) -> None:
    """Leave `var/stack.json`, from which `manage.py` in a second terminal learns the services' addresses."""
    path = config.var / "stack.json"
    new = path.with_suffix(".new")
    new.touch(mode=0o600)
    content = {
        "url": config.origin,
        "services": services,
        "demo": config.demo,
        "staff_second_factor": config.staff_second_factor,
        **(demo or {}),
    }
    new.write_text(json.dumps(content, indent=1), encoding="utf-8")
    new.replace(path)


def show_sign_ins(demo: dict[str, Any]) -> None:
    say("\nSign in as one of these (the demo's passwords are public; never load it where real people are):")
    for person in demo["people"]:
        if person["password"]:
            roles_held = ", ".join(person["roles"]) or "employee"
            say(f"  {person['email']:38} {person['password']:24} {roles_held}")
    say("")
