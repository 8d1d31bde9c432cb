"""`make run`: starts, says so, starts again, survives kill -9 and leaves nothing behind."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from urllib.parse import quote

import psycopg
import pytest

from portal.stack.config import PROJECT
from tests.drills.stack import Stack, kill, start_refused

pytestmark = pytest.mark.drill


def gone(stack: Stack, seconds: float = 10) -> list[int]:
    deadline = time.monotonic() + seconds
    while (left := stack.pids()) and time.monotonic() < deadline:
        time.sleep(0.1)
    return left


def test_it_runs_from_a_path_with_a_space_once_and_heals_or_ends_whole(place):
    with Stack(place / "var", fresh=True) as stack:
        assert " " in str(stack.var)
        assert stack.browser().get("/healthz").json() == {"status": "ok"}
        assert (stack.var / "stack.json").stat().st_mode & 0o777 == 0o600
        assert "already runs" in start_refused(stack.var, PORT=str(stack.port + 1))
        kill(stack.pids("granian")[1:])
        assert answers_again(stack), "the web did not come back after its worker was killed"
        assert stack.kill("honcho") >= 1
        stack.process.wait(timeout=40)
        assert gone(stack) == [], "processes outlive a killed process manager"


def test_it_stops_at_ctrl_c_starts_again_quickly_and_survives_kill_9(place):
    with Stack(place / "var", fresh=True) as stack:
        keys = (stack.var / "keys" / "ledger.vkey").read_bytes()
        assert reset(stack) == 1, "reset must refuse while it runs"
        assert stack.stop(signal.SIGINT) == 0
        assert gone(stack) == []
        assert stack.start() < 30
        assert (stack.var / "keys" / "ledger.vkey").read_bytes() == keys
        assert stack.kill() >= 6
        stack.process.wait()
        stack.start()
        assert stack.browser().get("/healthz").status == 200
        os.kill(stack.process.pid, signal.SIGKILL)
        stack.process.wait()
        assert gone(stack, 20) == [], "processes outlive a killed supervisor"
        assert reset(stack) == 0
        assert not stack.var.exists()


def reset(stack: Stack) -> int:
    return stack._stack("reset").wait(timeout=60)


def answers_again(stack: Stack, seconds: float = 30) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError):
            return stack.browser().get("/healthz").status == 200
        time.sleep(0.2)
    return False


def test_it_says_that_the_port_is_taken(place):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        said = start_refused(place / "var", PORT=port)
    assert f"Port {port} is taken" in said and "PORT=8123 make run" in said


def test_it_refuses_http_on_an_open_address(place):
    assert "DAYLIGHT_ORIGIN=https://" in start_refused(place / "var", HOST="0.0.0.0")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_an_ordinary_user_can_run_it(place):
    home = place / "home"
    home.mkdir()
    os.chown(home, 65534, 65534)
    stack = Stack(home / "var", fresh=True, HOME=str(home))
    # The capability only lets this user read a Python that lies in root's closed home.
    demoted = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", "--inh-caps", "+dac_override",
               "--ambient-caps", "+dac_override", "--securebits", "+no_setuid_fixup",
               sys.executable, "-m", "portal.stack", "run"]  # fmt: skip
    with stack.log.open("w") as sink:
        stack.process = subprocess.Popen(demoted, cwd=PROJECT, env=stack.environment, stdout=sink, stderr=sink)
    try:
        stack._wait_until_well()
        assert stack.browser().get("/healthz").status == 200
    finally:
        stack.stop()


def test_services_of_ones_own_replace_the_embedded_ones(place):
    with Stack(place / "one", fresh=True) as lender:
        owner = (lender.var / "postgres" / "owner.password").read_text().strip()
        port = lender.services()["database"].rsplit(":", 1)[1].split("/")[0]
        app = lender.services()["database"].rsplit("/", 1)[0]
        url = f"postgresql://daylight:{owner}@127.0.0.1:{port}"
        with_psycopg(url, 'CREATE DATABASE "mine"', 'CREATE DATABASE "mine keys"')
        own = {
            "DATABASE_URL": f"{url}/mine",
            "KEYS_DATABASE_URL": f"{url}/mine%20keys",
            "REDIS_URL": lender.services()["redis"],
            "DATABASE_APP_URL": f"{app}/mine",
            "KEYS_DATABASE_APP_URL": f"{app}/mine%20keys",
            "VAULT_URL": f"file://{quote(str(place / 'objects'))}",
        }
        with Stack(place / "two", **own) as stack:
            assert stack.browser().get("/healthz").status == 200
            assert not (stack.var / "postgres").exists() and not (stack.var / "valkey").exists()


def with_psycopg(url: str, *statements: str) -> None:
    with psycopg.connect(f"{url}/postgres", autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement)
