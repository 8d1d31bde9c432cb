"""Settings that would be unsafe in production are refused or reported."""

from __future__ import annotations

import os
import subprocess
import sys

from portal.stack.config import PROJECT


def manage(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if name != "DJANGO_ALLOW_ASYNC_UNSAFE"}
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=PROJECT, env={**kept, **environment}, capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_djangos_deployment_check_finds_nothing_with_https():
    done = manage("check", "--deploy", "--fail-level", "WARNING", DAYLIGHT_ORIGIN="https://daylight.example")
    assert done.returncode == 0, done.stderr


def test_no_migration_is_missing():
    done = manage("makemigrations", "--check", "--dry-run")
    assert done.returncode == 0, done.stdout + done.stderr


def test_it_does_not_start_without_its_keys(tmp_path):
    done = manage("check", DAYLIGHT_KEY_DIR=str(tmp_path), DAYLIGHT_SECRET_KEY="")
    assert done.returncode != 0
    assert "make_keys" in done.stderr


def test_cookies_are_bound_to_the_host_with_https():
    names = "s.SESSION_COOKIE_NAME, s.CSRF_COOKIE_NAME, s.SESSION_COOKIE_SECURE"
    script = f"from django.conf import settings as s; print({names})"
    done = manage("shell", "-v", "0", "-c", script, DAYLIGHT_ORIGIN="https://daylight.example")
    assert done.stdout.split() == ["__Host-daylight", "__Host-daylight-csrf", "True"]
