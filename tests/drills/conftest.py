"""Every drill has a directory that PostgreSQL's user can reach, and runs only under `make drills`."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import pytest


@pytest.fixture
def place():
    path = Path(tempfile.mkdtemp(prefix="daylight drill "))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path, ignore_errors=True)
