"""Serve plotly's one bundle out of the installed package, and nothing else of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import plotly
from django.contrib.staticfiles.finders import BaseFinder
from django.core.files.storage import FileSystemStorage

PACKAGE_DATA = Path(plotly.__file__).parent / "package_data"
BUNDLE = "plotly.min.js"


class PlotlyFinder(BaseFinder):
    """Offer `plotly/plotly.min.js`; the package's other 60 MB stay unpublished."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.storage = FileSystemStorage(PACKAGE_DATA)
        self.storage.prefix = "plotly"

    def check(self, **kwargs: Any) -> list[Any]:
        return []

    def find(self, path: str, find_all: bool = False, **kwargs: Any) -> str | list[str]:
        found = [str(PACKAGE_DATA / BUNDLE)] if path == f"plotly/{BUNDLE}" else []
        if find_all:
            return found
        return found[0] if found else []

    def list(self, ignore_patterns: Iterable[str] | None) -> Iterator[tuple[str, FileSystemStorage]]:
        yield BUNDLE, self.storage
