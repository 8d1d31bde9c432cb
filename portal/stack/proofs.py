"""Checks, with nothing but the files a person holds, that a copy, a certificate and a checkpoint are what they say."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import json
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import rfc8785

from consent.note import Verifier, open_note

Row = dict[str, str]


@dataclass(frozen=True)
class Archive:
    """A downloaded copy and what its manifest lists."""

    path: Path
    files: list[dict[str, Any]]

    @classmethod
    def read(cls, path: Path) -> Archive:
        with zipfile.ZipFile(path) as packed:
            return cls(path, json.loads(packed.read("manifest.json"))["files"])

    @property
    def data_files(self) -> list[dict[str, Any]]:
        return [each for each in self.files if each["path"].startswith("data/")]

    @property
    def events(self) -> int:
        return sum(each["records"] for each in self.data_files)

    def wrong(self) -> list[str]:
        """Return the names whose bytes are not those of the manifest, and those that it does not list."""
        with zipfile.ZipFile(self.path) as packed:
            listed = {each["path"]: (each["sha256"], each["bytes"]) for each in self.files}
            found = {name: _facts(packed.read(name)) for name in packed.namelist() if name != "manifest.json"}
        return sorted(name for name in listed.keys() | found.keys() if listed.get(name) != found.get(name))

    def rows(self) -> Iterator[Row]:
        """Yield every event of a copy in CSV."""
        with zipfile.ZipFile(self.path) as packed:
            for each in self.data_files:
                text = io.TextIOWrapper(packed.open(each["path"]), encoding="utf-8-sig", newline="")
                yield from csv.DictReader(text)


def _facts(content: bytes) -> tuple[str, int]:
    return hashlib.sha256(content).hexdigest(), len(content)


def certificate_holds(content: bytes, vkey: str) -> bool:
    """Whether the certificate was signed by the key that it names, one of those that we know."""
    document = json.loads(content)
    signed = rfc8785.dumps(document["certificate"])
    key = document["key"].strip()
    known = key in vkey.splitlines()
    return known and Verifier.from_text(key).accepts(signed, base64.b64decode(document["signature"]))


def checkpoint_size(note: str, vkey: str) -> int:
    """Return the size of the tree that the checkpoint signs; raises ValueError when no known key signed it."""
    return int(open_note(note, [Verifier.from_text(line) for line in vkey.splitlines()]).splitlines()[1])
