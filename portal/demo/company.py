"""The demo company as its files describe it."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).resolve().parent
PEOPLE = HERE / "people.csv"
POLICY = HERE / "policy.yaml"
Numbers = dict[str, str]


@dataclass(frozen=True)
class Replay:
    """A recording that is brought in as one that this person made."""

    number: str
    format: str
    days_ago: int
    at: str

    @property
    def file(self) -> Path:
        return recording(self.format)


@dataclass(frozen=True)
class Company:
    """Who holds which role, who answered what, and what happened; people go by their employee number."""

    password: str
    roles: dict[str, list[str]]
    policy: dict[str, Any]
    clients: dict[str, dict[str, Any]]
    decisions: dict[str, dict[str, list[str]]]
    recordings: dict[str, list[tuple[str, int, str]]]
    recent: dict[str, list[str]]
    pauses: list[str]
    withdrawals: Numbers
    objections: Numbers
    copies: list[str]
    erasures_by_client: list[str]
    refused_looks: Numbers

    @property
    def numbers(self) -> list[str]:
        """Return whom the demo made: whoever came in later has a password of their own, or none."""
        with PEOPLE.open(encoding="utf-8", newline="") as lines:
            return [row["employee_number"] for row in csv.DictReader(lines)]

    @property
    def replays(self) -> list[Replay]:
        return [Replay(number, *each) for number, several in self.recordings.items() for each in several]


def company() -> Company:
    return Company(**yaml.safe_load((HERE / "company.yaml").read_text(encoding="utf-8")))


def recording(name: str) -> Path:
    return HERE / "recordings" / name / "events.jsonl.gz"
