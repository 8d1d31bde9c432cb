"""The formats that can be imported, by the name the command takes."""

from __future__ import annotations

from portal.events.importers import ducktrack, opencua
from portal.events.importers.base import Mapper

FORMATS: dict[str, Mapper] = {"ducktrack": ducktrack.to_event, "opencua": opencua.to_event}
