"""What every part of a policy file is made of."""

from __future__ import annotations

from collections import Counter
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, StringConstraints

Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=5000)]
Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
Key = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")]


class Part(BaseModel):
    """A part of the file: a misspelt name is an error, never ignored."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def twice(keys: Any) -> Any:
    return next((key for key, times in Counter(keys).items() if times > 1), None)
