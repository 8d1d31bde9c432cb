"""`make run`: starts, says so, starts again, survives kill -9 and leaves nothing behind."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time

import psycopg
import pytest

from portal.stack.config import PROJECT
from tests.drills.stack import Stack, start_refused

pytestmark = pytest.mark.drill


def gone(stack: Stack, seconds: float = 10) -> list[int]:
    deadline = time.monotonic() + seconds
    while (left := stack.pids()) and time.monotonic() < deadline:
        time.sleep(0.1)
    return left


def test_it_runs_from_a_path_with_a_space_and_leaves_no_process(place):
    with Stack(place / "var") as stack:
        assert " " in str(stack.var)
        assert stack.browser().get("/healthz").json() == {"status": "ok"}
        assert (stack.var / "stack.json").stat().st_mode & 0o777 == 0o600
    assert gone(stack) == []


def test_ctrl_c_stops_everything(place):
    with Stack(place / "var") as stack:
        assert stack.stop(signal.SIGINT) == 0
        assert gone(stack) == []


def test_a_second_start_keeps_the_data_and_is_quick(place):
    with Stack(place / "var") as stack:
        keys = (stack.var / "keys" / "ledger.vkey").read_bytes()
        stack.stop()
        assert stack.start() < 15
        assert (stack.var / "keys" / "ledger.vkey").read_bytes() == keys


def test_it_starts_again_after_everything_was_killed(place):
    with Stack(place / "var") as stack:
        assert stack.kill() >= 6
        stack.process.wait()
        stack.start()
        assert stack.browser().get("/healthz").status == 200


def test_no_process_outlives_a_killed_supervisor(place):
    with Stack(place / "var") as stack:
        os.kill(stack.process.pid, signal.SIGKILL)
        stack.process.wait()
        assert gone(stack, 20) == []


def test_no_process_outlives_a_killed_process_manager(place):
    with Stack(place / "var") as stack:
        assert stack.kill("honcho") >= 1
        stack.process.wait(timeout=30)
        assert gone(stack) == []


def test_the_web_comes_back_when_its_worker_is_killed(place):
    with Stack(place / "var") as stack:
        main = min(stack.pids("granian"))
        for pid in stack.pids("granian"):
            if pid != main:
                os.kill(pid, signal.SIGKILL)
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            try:
                assert stack.browser().get("/healthz").status == 200
                return
            except OSError:
                time.sleep(0.2)
        pytest.fail("the web did not come back")


def test_it_says_that_the_port_is_taken(place):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        said = start_refused(place / "var", PORT=port)
    assert f"Port {port} is taken" in said and "PORT=8123 make run" in said


def test_it_refuses_http_on_an_open_address(place):
    assert "DAYLIGHT_ORIGIN=https://" in start_refused(place / "var", HOST="0.0.0.0")


def test_it_refuses_to_run_twice_in_one_directory(place):
    with Stack(place / "var") as stack:
        assert "already runs" in start_refused(place / "var", PORT=str(stack.port + 1))


def test_reset_refuses_while_it_runs_and_begins_again_afterwards(place):
    def reset(stack):
        return stack._stack("reset").wait(timeout=60)

    with Stack(place / "var") as stack:
        assert reset(stack) == 1
        stack.stop()
        assert reset(stack) == 0
        assert not stack.var.exists()
        stack.start()
        assert stack.browser().get("/healthz").status == 200


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_an_ordinary_user_can_run_it(place):
    home = place / "home"
    home.mkdir()
    os.chown(home, 65534, 65534)
    stack = Stack(home / "var", HOME=str(home))
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
    with Stack(place / "one") as lender:
        owner = (lender.var / "postgres" / "owner.password").read_text().strip()
        port = lender.services()["database"].rsplit(":", 1)[1].split("/")[0]
        url = f"postgresql://daylight:{owner}@127.0.0.1:{port}"
        with_psycopg(url, 'CREATE DATABASE "mine"', 'CREATE DATABASE "mine keys"')
        own = {
            "DATABASE_URL": f"{url}/mine",
            "KEYS_DATABASE_URL": f"{url}/mine%20keys",
            "REDIS_URL": lender.services()["redis"],
            "DATABASE_APP_URL": lender.services()["database"].replace("/daylight", "/mine"),
            "KEYS_DATABASE_APP_URL": lender.services()["database"].replace("/daylight", "/mine%20keys"),
            "VAULT_URL": f"file://{place / 'objects'}",
        }
        with Stack(place / "two", **own) as stack:
            assert stack.browser().get("/healthz").status == 200
            assert not (stack.var / "postgres").exists() and not (stack.var / "valkey").exists()


def with_psycopg(url: str, *statements: str) -> None:
    with psycopg.connect(f"{url}/postgres", autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement)
