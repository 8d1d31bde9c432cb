"""A real browser that is installed, against a real server; skipped with one clear line where there is none."""

from __future__ import annotations

import os
import shutil
import threading
import time
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.conf import settings as site

from tests.pages.conftest import BACKEND

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome") or ""
FLAGS = ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"]
LONGEST_ANSWER = 5.0
WCAG = {"runOnly": ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa", "best-practice"]}


@pytest.fixture(scope="session")
def browser_type_launch_args():
    if not Path(CHROMIUM).is_file():
        missing = "no Chromium: install one, or name it in CHROMIUM"
        (pytest.fail if os.environ.get("DAYLIGHT_NO_SKIPS") else pytest.skip)(missing)
    return {"executable_path": CHROMIUM, "args": FLAGS}


@pytest.fixture(scope="session")
def browser_context_args(browser_context_args):
    """Colours change at once: on their way from light to dark they are too close to each other for a moment."""
    return {**browser_context_args, "reduced_motion": "reduce"}


@pytest.fixture(autouse=True)
def nothing_left():
    """Let the server end what a closed page had still asked: in the next test it would meet other files and tables."""
    yield
    deadline = time.monotonic() + LONGEST_ANSWER
    for each in threading.enumerate():
        if "process_request_thread" in each.name:
            each.join(max(0, deadline - time.monotonic()))


@pytest.fixture
def complaints(page):
    """What the browser complained about: refused by the content policy, errors in scripts, files not found."""
    seen = []
    page.on("pageerror", lambda error: seen.append(f"script: {error}"))
    page.on("console", lambda line: line.type == "error" and seen.append(f"console: {line.text}"))
    page.on("response", lambda answer: answer.status >= 500 and seen.append(f"{answer.status}: {answer.url}"))
    return seen


@pytest.fixture
def sign_in(page, client, live_server):
    """Give the browser the session of a person."""

    def become(person):
        client.force_login(person, BACKEND)
        cookie = client.cookies[site.SESSION_COOKIE_NAME].value
        page.context.add_cookies([{"name": site.SESSION_COOKIE_NAME, "value": cookie, "url": live_server.url}])
        return person

    return become


@pytest.fixture
def faults(page):
    """Return a function that names what axe finds wrong with the page as it is."""

    def find():
        found = Axe().run(page, options=WCAG).response["violations"]
        return [f"{each['id']}: {node['html'][:160]}" for each in found for node in each["nodes"]]

    return find
