"""What the documents promise is there."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DOCS = [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]
TEXT = "\n".join(path.read_text() for path in DOCS)
READ_ELSEWHERE = {"PYTHON"}


def test_every_setting_that_the_documents_name_is_read():
    """From the environment by its name, or by consent alone from Django's settings."""
    code = "\n".join(path.read_text() for part in ("portal", "consent") for path in (ROOT / part).rglob("*.py"))
    named = set(re.findall(r"^\| (`[A-Z_`, ]+`)", TEXT, re.M))
    settings = {name for cell in named for name in re.findall(r"[A-Z][A-Z_]+", cell)}
    assert settings
    assert [name for name in sorted(settings) if f'"{name}"' not in code and f"settings.{name}" not in code] == []


def test_every_setting_that_is_read_is_documented():
    code = "\n".join((ROOT / "portal" / name).read_text() for name in ("settings.py", "stack/config.py"))
    read = set(re.findall(r'env\.(?:text|flag|number|names)\(\s*"([A-Z_]+)"', code))
    internal = {"DAYLIGHT_AS_OWNER", "DATABASE_POOL", "DAYLIGHT_SECRET_KEY", "FOLD_SECONDS", "CHECKPOINT_SECONDS",
                "KEY_CACHE_SECONDS", "INGEST_BATCHES_PER_MINUTE"}  # fmt: skip
    assert read - internal - set(re.findall(r"[A-Z][A-Z_]+", TEXT)) == set()


def test_every_make_target_that_the_documents_name_exists():
    targets = set(re.findall(r"^([a-z-]+):.*##", (ROOT / "Makefile").read_text(), re.M))
    named = {target for line in re.findall(r"\bmake ([a-z][a-z ]*)", TEXT) for target in line.split()[:1]}
    assert {"run", "test"} <= named
    assert named <= targets | {"are", "it", "that"}


def test_every_command_that_the_readme_shows_exists():
    there = {path.stem for path in ROOT.glob("*/management/commands/*.py")}
    there |= {path.stem for path in ROOT.glob("portal/**/management/commands/*.py")} | {"migrate", "check"}
    assert set(re.findall(r"manage\.py ([a-z_]+)", TEXT)) <= there


def test_every_file_that_the_documents_name_exists():
    for name in re.findall(r"`(docs/[\w.-]+)`|\]\((docs/[\w.-]+)\)", TEXT):
        path = next(filter(None, name))
        assert (ROOT / path).exists(), path


def test_every_requirement_is_pinned_and_says_why():
    for name in ("requirements.txt", "requirements-dev.txt"):
        for line in (ROOT / name).read_text().splitlines():
            assert line.startswith("-r ") or re.match(r"[\w\[\],.-]+==[\w.]+  # \w.+", line), line
