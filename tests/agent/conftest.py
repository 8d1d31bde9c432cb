"""Real input on a real X server; skipped with one clear line where there is none."""

from __future__ import annotations

import os
import shutil
import time

import pytest

from tests.agent.desktop import Agent, Desktop
from tests.events.conftest import ada  # noqa: F401
from tests.makers import make_collector, make_permitted

MISSING = [name for name in ("Xvfb", "xdotool") if not shutil.which(name)]


@pytest.fixture(scope="session")
def desktop():
    if MISSING:
        why = f"no {' and no '.join(MISSING)}: install Debian's packages xvfb and xdotool, or the like"
        (pytest.fail if os.environ.get("DAYLIGHT_NO_SKIPS") else pytest.skip)(why)
    with Desktop() as found:
        yield found


@pytest.fixture
def source(ada):  # noqa: F811
    """A live source of all categories, text from `editor` alone, and Ada's yes to it."""
    made = make_permitted(ada, blocked_apps=["Password safe"])
    time.sleep(0.002)
    return made


@pytest.fixture
def agent(desktop, tmp_path, live_server):
    """An agent that is not enrolled."""
    found = Agent(tmp_path, desktop, live_server.url)
    yield found
    found.stop()


@pytest.fixture
def enrolled(agent, ada, source):  # noqa: F811
    agent.enrol(make_collector(ada, source))
    return agent
