"""A company that is setting up: who drafts, who approves, and the example policy."""

from __future__ import annotations

import copy
from functools import cache
from io import StringIO
from pathlib import Path

import pytest
import yaml
from django.conf import settings
from django.core.management import call_command

from tests.makers import make_employee

EXAMPLE = settings.BASE_DIR / "docs" / "policy.example.yaml"


@pytest.fixture
def company(tmp_path):
    return Company(tmp_path)


@cache
def _example():
    return yaml.safe_load(EXAMPLE.read_text(encoding="utf-8"))


class Company:
    """Uses the commands, as a company does."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.drafter = make_employee("Otto Drafter", roles=["operator"]).employee_number
        self.legal = make_employee("Lea Legal", roles=["legal"]).employee_number
        self.council = make_employee("Cora Council", roles=["council"]).employee_number

    def document(self):
        return copy.deepcopy(_example())

    def apply(self, document=None, by=None):
        file = self.folder / "policy.yaml"
        text = EXAMPLE.read_text(encoding="utf-8") if document is None else document
        file.write_text(text if isinstance(text, str) else yaml.safe_dump(text), encoding="utf-8")
        call_command("policy", "apply", str(file), by=by or self.drafter)

    def approve(self, by):
        """Return what the command said."""
        said = StringIO()
        call_command("policy", "approve", by=by, stdout=said)
        return said.getvalue()

    def go_live(self, document=None):
        """Apply and approve; raises CommandError with what is missing."""
        self.apply(document)
        assert "approval of council is missing" in self.approve(self.legal)
        assert self.approve(self.council) == "live\n"
