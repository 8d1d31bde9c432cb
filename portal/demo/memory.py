"""What loading the demo has done so far, kept beside the stack so that a second run changes nothing."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass
class Memory:
    """A file that only its owner reads: when loading began, the clients' secrets, the steps that are done."""

    path: Path
    content: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def read(cls, path: Path, *, afresh: bool) -> Memory:
        """Return what is known; `afresh` when the database is empty, so that whatever the file says is of another."""
        known = {} if afresh or not path.exists() else json.loads(path.read_text(encoding="utf-8"))
        return cls(path, known or {"begun_ms": time.time_ns() // 1_000_000, "clients": {}, "done": []})

    @property
    def begun_ms(self) -> int:
        return int(self.content["begun_ms"])

    @property
    def clients(self) -> dict[str, dict[str, str]]:
        return dict(self.content["clients"])

    def keep_client(self, name: str, credentials: dict[str, str]) -> None:
        self.content["clients"][name] = credentials
        self._write()

    def once(self, name: str, make: Callable[[], Any]) -> Any:
        """Return what was made under this name, now or in a run that was broken off."""
        if name not in self.content:
            self.content[name] = make()
            self._write()
        return self.content[name]

    def is_done(self, step: str) -> bool:
        return step in self.content["done"]

    def finish(self, step: str) -> None:
        self.content["done"].append(step)
        self._write()

    def _write(self) -> None:
        new = self.path.with_suffix(".new")
        new.touch(mode=0o600)
        new.write_text(json.dumps(self.content), encoding="utf-8")
        new.replace(self.path)
