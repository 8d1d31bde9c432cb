"""PostgreSQL's own programs for dumps: the embedded ones for the embedded server, those in PATH for any other."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from django.conf import settings
from django.db import connections
from psycopg.conninfo import make_conninfo

from portal.stack.postgres import Postgres

# Everything of ours lies in this schema; the application's role may use it, as by default.
EMPTY = "DROP SCHEMA public CASCADE; CREATE SCHEMA public; GRANT USAGE ON SCHEMA public TO PUBLIC;\n"


class Failed(Exception):
    """A program is missing or ended with an error; the text says what it said."""


def program(name: str) -> str:
    """Return where a program lies; raises Failed."""
    if settings.EMBEDDED_DATABASE:
        return Postgres(Path(settings.VAR) / "postgres", 0).bin(name)
    found = shutil.which(name)
    if found is None:
        message = f"{name} is not in PATH: install PostgreSQL's client programs, at least of the server's version"
        raise Failed(message)
    return found


@dataclass(frozen=True)
class Database:
    """How the programs reach a database, as its owner; the password travels in the environment."""

    conninfo: str
    password: str

    @classmethod
    def of(cls, alias: str) -> Database:
        at = connections[alias].settings_dict
        named = {"dbname": at["NAME"], "user": at["USER"], "host": at["HOST"], "port": at["PORT"]}
        options = {key: value for key, value in at["OPTIONS"].items() if key.startswith("ssl")}
        return cls(make_conninfo(**{key: value for key, value in named.items() if value}, **options), at["PASSWORD"])

    @property
    def environment(self) -> dict[str, str]:
        return {**os.environ, "PGPASSWORD": self.password}

    def dump(self, path: Path) -> None:
        """Write the whole database as of one moment; raises Failed."""
        self._run("pg_dump", "--format=custom", "--no-owner", f"--file={path}", "--dbname", self.conninfo)

    def load(self, path: Path, then: str) -> None:
        """Put a dump in place of what there is and run statements, all in one transaction; raises Failed."""
        script = [program("pg_restore"), "--no-owner", "--file=-", str(path)]
        into = [
            program("psql"),
            "--quiet",
            "--no-psqlrc",
            "--set=ON_ERROR_STOP=1",
            "--single-transaction",
            self.conninfo,
        ]
        quiet: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE, "text": True}
        with (
            subprocess.Popen(script, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as reads,
            subprocess.Popen(into, stdin=subprocess.PIPE, env=self.environment, **quiet) as writes,
        ):
            said = _feed(reads, writes, then)
        if reads.returncode or writes.returncode:
            raise Failed(f"the database could not be restored, and is as it was: {said.strip()[-500:]}")

    def _run(self, name: str, *arguments: str) -> None:
        done = subprocess.run(
            [program(name), *arguments], env=self.environment, check=False, capture_output=True, text=True
        )
        if done.returncode:
            raise Failed(f"{name} failed: {done.stderr.strip()[-500:]}")


def _feed(reads: subprocess.Popen[str], writes: subprocess.Popen[str], then: str) -> str:
    """Pipe a script through; what ends early is ended by an error, so that nothing of it is committed."""
    out, into = _pipe(reads.stdout), _pipe(writes.stdin)
    try:
        into.write(EMPTY)
        shutil.copyfileobj(out, into)
        reads.wait()
        into.write(then if reads.returncode == 0 else "SELECT 1/0;\n")
        into.close()
    except BrokenPipeError:
        reads.kill()
    return _pipe(writes.stderr).read() + _pipe(reads.stderr).read()


def _pipe(pipe: IO[str] | None) -> IO[str]:
    if pipe is None:
        raise Failed("no pipe to the program")
    return pipe
