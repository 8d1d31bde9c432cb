"""The formats that can be imported, by the name the command takes."""

from __future__ import annotations

from portal.events.importers import activitywatch, balabit, ducktrack, idfx, iweb, opencua, rrweb
from portal.events.importers.base import Format

FORMATS: dict[str, Format] = {
    module.FORMAT.name: module.FORMAT for module in (activitywatch, balabit, ducktrack, idfx, iweb, opencua, rrweb)
}
