"""Laws that ask for a notice of monitoring, read from laws.yaml beside this file: a law changes without the code."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from functools import cache
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, TypeAdapter

from consent.models import Purpose
from portal.register.document import Jurisdiction, Name, Text
from portal.register.models import PurposeRecord
from portal.register.standing import concerns

FILE = Path(__file__).parent / "laws.yaml"


class Acknowledge(StrEnum):
    """How often somebody confirms to have been told."""

    ONCE = "once"
    YEARLY = "yearly"
    NO = "no"


class Law(BaseModel):
    """What one law asks of a notice of monitoring."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    jurisdiction: Jurisdiction
    law: Name
    acknowledge: Acknowledge
    lists_types: bool = False
    wording: tuple[Text, ...] = ()


@cache
def known() -> tuple[Law, ...]:
    return TypeAdapter(tuple[Law, ...]).validate_python(yaml.safe_load(FILE.read_text(encoding="utf-8")))


def of(jurisdictions: Iterable[str]) -> list[Law]:
    """Return the laws that hold for people of these jurisdictions; for everybody's, where none is named."""
    named = list(jurisdictions)
    return [law for law in known() if any(concerns([each], law.jurisdiction) for each in named) or not named]


def unmet(jurisdictions: Iterable[str]) -> list[Law]:
    """Return the laws that ask people of these places for a confirmation, and that no live notice keeps."""
    live = Purpose.objects.live().values("key")
    telling = PurposeRecord.objects.filter(must_acknowledge=True, purpose_key__in=live)
    told = list(telling.values_list("jurisdictions", flat=True))
    places = set(jurisdictions)
    return [
        law
        for law in known()
        if law.acknowledge != Acknowledge.NO
        and any(concerns([law.jurisdiction], each) for each in places)
        and not any(concerns(where, law.jurisdiction) for where in told)
    ]


def plain(text: str) -> str:
    """Return a text as words only, so that line breaks and marks make no difference between two."""
    return " ".join(text.replace("*", "").split()).casefold()
