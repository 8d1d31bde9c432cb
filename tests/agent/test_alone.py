"""The agent is a package of its own: who installs it gets nothing of the portal, and can read all of it."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
AGENT = ROOT / "portal" / "agent"
THEIRS = {"cryptography", "Xlib", "AppKit", "Quartz"}
REQUIREMENTS = ROOT / "requirements.txt"


def imported(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module


def test_it_imports_nothing_else_of_ours():
    for path in AGENT.glob("*.py"):
        for name in imported(path):
            assert name.startswith("portal.agent") or name.split(".")[0] in sys.stdlib_module_names | THEIRS, (
                path,
                name,
            )


def test_nothing_of_ours_imports_it():
    for path in [*(ROOT / "portal").rglob("*.py"), *(ROOT / "consent").rglob("*.py")]:
        if AGENT not in path.parents:
            assert "portal.agent" not in path.read_text(), path


def test_its_folder_and_an_empty_file_are_all_that_it_needs(tmp_path):
    assert (ROOT / "portal" / "__init__.py").read_text() == ""
    shutil.copytree(AGENT, tmp_path / "portal" / "agent")
    (tmp_path / "portal" / "__init__.py").touch()
    command = [sys.executable, "-m", "portal.agent", "--home", str(tmp_path / "home"), "status"]
    done = subprocess.run(command, cwd=tmp_path, env={"PYTHONPATH": str(tmp_path)}, capture_output=True, text=True)
    assert (done.returncode, done.stdout.splitlines()[0]) == (4, "Daylight's agent is not enrolled.")


def test_what_it_needs_is_pinned_complete_and_says_why():
    lines = [line for line in (ROOT / "requirements-agent.txt").read_text().splitlines() if line[0] != "#"]
    for line in lines:
        assert re.fullmatch(r'[\w-]+==[\w.]+(; sys_platform == "\w+")?  # \w.+', line), line
    needed = {line.partition("==")[0] for line in lines}
    assert {"pynput", "python-xlib", "cryptography"} <= needed
    of_the_portal = {line.split("  ")[0] for line in (ROOT / "requirements.txt").read_text().splitlines()}
    shared = [
        line.split("  ")[0] for line in lines if any(each.startswith(line.partition("==")[0]) for each in of_the_portal)
    ]
    assert set(shared) <= of_the_portal, "one version of what both need"


def test_an_employee_can_read_it():
    sizes = {path.name: len(path.read_text().splitlines()) for path in AGENT.glob("*.py")}
    assert max(sizes.values()) < 300, sizes
