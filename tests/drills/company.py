"""The smallest company that records: one person whose data it is, and those who set it up."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from uuid import uuid4

from portal.stack.browser import Answer, Browser
from portal.stack.program import Program
from portal.stack.smoke import GIVEN, IMPORTS, PASSWORD
from tests.drills.stack import Stack

DAY_MS = 24 * 3600 * 1000
# The same for every batch, so that the same events make the same bytes.
SENT_AT = "2026-01-01T00:00:00Z"


def put(program: Program, events: list[dict], source: str = IMPORTS, batch: str = "") -> dict:
    body = {"source": source, "subject": "1", "sent_at": SENT_AT, "events": events}
    return program.call("PUT", f"/batches/{batch or uuid4()}", body, 200, 201).json()


@dataclass
class Company:
    """Ada (number 1) has said yes to one purpose; `program` may write for the agent and the import source."""

    stack: Stack
    subjects: dict[str, str] = field(init=False)
    client: tuple[str, str] = field(init=False)

    def __post_init__(self) -> None:
        known = json.loads(self.stack.set_up())
        self.subjects, self.client = known["subjects"], tuple(known["client"])
        self.program = Program(self.stack.origin, *self.client, "events.write")
        self.ada = self.browser("ada@smoke.example")
        self.ada.press(self.ada.get("/choices/"), "give", purpose=GIVEN)

    def browser(self, email: str) -> Browser:
        browser = self.stack.browser()
        browser.sign_in(email, PASSWORD)
        return browser

    def put(self, events: list[dict], source: str = IMPORTS, batch: str = "") -> dict:
        return put(self.program, events, source, batch)

    def fill(self, days: int, events_a_day: int) -> int:
        """Send old movements through the import source; return how many were kept."""
        now = round(time.time() * 1000)
        kept = 0
        for day in range(1, days + 1):
            moved = [
                {"t": now - day * DAY_MS + i, "type": "pointermove", "x": i, "y": day} for i in range(events_a_day)
            ]
            kept += self.put(moved)["stored"]
        return kept

    def ask_for_copy(self) -> str:
        """Return the page of the request."""
        return self.ada.press(self.ada.get("/requests/"), "copy").path

    def erase_everything(self) -> str:
        asked = self.ada.press(self.ada.get("/requests/"), "erase")
        began = self.ada.press(asked, "confirm")
        page = self.ada.reauthenticate(began, PASSWORD)
        if page.path.startswith("/requests/erase"):
            page = self.ada.press(page, "confirm")
        return page.path

    def until(self, path: str, state: str, seconds: float) -> Answer:
        """Return the person's page once the request is in that state."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if self.states(path)[0][0] == state:
                return self.ada.get(path)
            time.sleep(0.3)
        raise AssertionError(f"{path} is not {state} after {seconds} s: {self.states(path)}")

    def states(self, path: str) -> list[tuple]:
        pk = path.strip("/").split("/")[1]
        return self.stack.query(
            "SELECT r.state, r.attempt, r.failures, r.reason, s.name, s.state FROM rights_subjectrequest r "
            "LEFT JOIN rights_steprun s ON s.request_id = r.id WHERE r.id = %s ORDER BY s.id",
            pk,
        )
