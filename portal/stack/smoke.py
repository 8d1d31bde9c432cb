"""`python -m portal.stack.smoke`: the main job over HTTP against a stack of its own; a figure a line."""

from __future__ import annotations

import json
import re
import secrets
import shutil
import subprocess
import sys
import time
import uuid
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any, get_args
from zoneinfo import ZoneInfo

from portal.demo.company import POLICY, recording
from portal.events.importers.base import read
from portal.events.importers.formats import FORMATS
from portal.events.values import Event as Known
from portal.stack.browser import Answer, Browser
from portal.stack.config import PROJECT, Config
from portal.stack.own import DidNotStart, OwnStack
from portal.stack.program import Program, Unexpected
from portal.stack.proofs import Archive, certificate_holds, checkpoint_size

PEOPLE = """employee_number,email,name,department,manager_number,jurisdiction,time_zone,working_hours
1,ada@smoke.example,Ada Ferris,Support,,DE,Europe/Berlin,
2,hana@smoke.example,Hana Ilves,People,,DE,Europe/Berlin,
3,lea@smoke.example,Lea Moritz,Legal,,DE,Europe/Berlin,
4,otto@smoke.example,Otto Quist,IT,,DE,Europe/Berlin,
5,cora@smoke.example,Cora Wendt,Support,,DE,Europe/Berlin,
"""
ROLES = {"2": "hr", "3": "legal", "4": "operator", "5": "council"}
AGENT, IMPORTS = "desktop-agent", "recordings"
GIVEN, REFUSED, TOLD = "assistant-training", "form-research", "tool-reliability"
PASSWORD = "curtains-drawn-well-before-noon"  # noqa: S105 (of a stack that is gone afterwards)
WARM_UP_SECONDS = 5
PATIENCE_SECONDS = 180
EVENTS_A_BATCH = 1000
COMPARED = ("x", "y", "button", "deltaX", "deltaY", "code")
BERLIN = ZoneInfo("Europe/Berlin")
CATEGORY = {known.__struct_config__.tag: known.category for known in get_args(Known)}
# Waits that a company would have longer.
QUICK = {"KEK_RENEWAL_SECONDS": "1", "SWEEP_SECONDS": "2", "FOLD_SECONDS": "5", "CHECKPOINT_SECONDS": "2"}
# Three answers, one download, one deletion.
LEAVES = 5
VERIFIER = PROJECT / "consent" / "verify_receipt.py"
Event = dict[str, Any]


class Wrong(RuntimeError):
    """Something is not as it must be."""


def require(holds: bool, otherwise: str) -> None:
    if not holds:
        raise Wrong(otherwise)


@dataclass
class Smoke:
    """One person's way through the product; `figures` keeps what was printed."""

    stack: OwnStack
    out: Path
    mark: str = field(default_factory=lambda: f"mark-{secrets.token_hex(8)}")
    figures: dict[str, int | str] = field(default_factory=dict)
    sent: list[tuple[str, Event]] = field(default_factory=list)
    answers: list[dict[str, Any]] = field(default_factory=list)
    subjects: dict[str, str] = field(default_factory=dict)

    @property
    def steps(self) -> list[Callable[[], None]]:
        return [self.set_up, self.answer, self.keep_receipt, self.send, self.import_older, self.count, self.look,
                self.refuse_staff, self.copy, self.check_looks, self.erase, self.check_ledger, self.search]  # fmt: skip

    def say(self, name: str, value: int | str) -> None:
        self.figures[name] = value
        print(f"{name}: {value}", flush=True)

    # --- a company begins

    def set_up(self) -> None:
        people = self.out / "people.csv"
        people.write_text(PEOPLE, encoding="utf-8")
        for line in self.stack.manage("import_employees", str(people)).splitlines():
            person = json.loads(line)
            require("error" not in person, line)
            self.subjects[person["employee_number"]] = person["subject_id"]
        for number, role in {"1": "", **ROLES}.items():
            roles = ["--role", role] if role else []
            self.stack.manage("person", number, "--password-stdin", *roles, given=f"{PASSWORD}\n")
        self.stack.manage("policy", "apply", str(POLICY), "--by", "4")
        # After the first yes the command says that the council's is missing.
        self.stack.manage("policy", "approve", "--by", "3")
        self.stack.manage("policy", "approve", "--by", "5")

    @cached_property
    def ada(self) -> Browser:
        return self._signed_in("ada@smoke.example")

    def _signed_in(self, email: str) -> Browser:
        browser = self.stack.browser()
        page = browser.sign_in(email, PASSWORD)
        require(page.status == 200 and "/accounts/" not in page.path, f"{email} cannot sign in: {page.path}")
        return browser

    def answer(self) -> None:
        for purpose, kind in ((GIVEN, "give"), (REFUSED, "refuse"), (TOLD, "acknowledge")):
            page = self.ada.press(self.ada.get("/choices/"), kind, purpose=purpose)
            require(page.status == 200, f"{kind} {purpose}: {page.status}")

    def keep_receipt(self) -> None:
        """Take the receipt of the first yes home, and verify it there with nothing but the script and the key."""
        oldest = re.findall(r'href="(/receipts/\d+)/"', self.ada.get("/receipts/").text)[-1]
        for ending in ("tlog-proof", "jsonld"):
            file = self.ada.get(f"{oldest}.{ending}")
            require(file.status == 200, f"the receipt as {ending} answered {file.status}")
            (self.out / f"receipt.{ending}").write_bytes(file.body)
        key = self.stack.browser().get("/receipts/verify/ledger.vkey")
        require(key.text == self.vkey, "the site hands out another key than its own")
        self.say("receipt", "verifies" if self._receipt_holds() else "does not verify")
        require(self.figures["receipt"] == "verifies", "the receipt of the first answer does not verify")

    def _receipt_holds(self) -> bool:
        command = [sys.executable, str(VERIFIER), "receipt.tlog-proof", "--key-file", "ledger.vkey"]
        return subprocess.run(command, cwd=self.out, capture_output=True, check=False).returncode == 0

    # --- collection

    @cached_property
    def program(self) -> Program:
        scopes = "events.write"
        made = self.stack.manage("api_client", "create", "smoke", "--scopes", scopes, "--sources", f"{AGENT} {IMPORTS}")
        known = json.loads(made)
        return Program(self.stack.origin, known["client_id"], known["client_secret"], scopes)

    def send(self) -> None:
        """Send what a real recorder wrote in a few seconds, moved to the time between the yes and now."""
        granted_ms = round(time.time() * 1000) + 50
        time.sleep(WARM_UP_SECONDS)
        until_ms = round(time.time() * 1000)
        events = self._in_front_of_an_app(_recorded("ducktrack", granted_ms))
        within = [event for event in events if event["t"] < until_ms]
        for start in range(0, len(within), EVENTS_A_BATCH):
            self._put(within[start : start + EVENTS_A_BATCH])

    def _in_front_of_an_app(self, events: list[Event]) -> list[Event]:
        first = events[0]["t"]
        return [
            {"t": first, "type": "focus", "app": "Ticket desk", "title": self.mark},
            {"t": first, "type": "navigate", "app": "Ticket desk", "url": f"https://example.org/{self.mark}"},
            *events,
        ]

    def _put(self, events: list[Event]) -> None:
        body = {"source": AGENT, "subject": "1", "sent_at": datetime.now(UTC).isoformat(), "events": events}
        path = f"/batches/{uuid.uuid4()}"
        first = self.program.call("PUT", path, body, 201).json()
        again = self.program.call("PUT", path, body, 200).json()
        require(first == again, "a repeated batch got another answer")
        self.sent += [(AGENT, event) for event in events]
        self.answers.append(first)

    def import_older(self) -> None:
        start = datetime.now(UTC).replace(microsecond=0) - timedelta(days=12)
        command = ["import_recording", str(recording("opencua")), "--format", "opencua", "--employee", "1",
                   "--source", IMPORTS, "--start", start.isoformat()]  # fmt: skip
        answer = json.loads(self.stack.manage(*command))
        again = json.loads(self.stack.manage(*command))
        require(again["stored"] == 0, "the same recording was stored twice")
        self.sent += [(IMPORTS, event) for event in _recorded("opencua", round(start.timestamp() * 1000))]
        self.answers.append(answer)
        self.say("imported_records", answer["records"])

    def count(self) -> None:
        stored = sum(answer["stored"] for answer in self.answers)
        withheld = sum(sum(answer["withheld"].values()) for answer in self.answers)
        self.say("sent_events", len(self.sent))
        self.say("stored_events", stored)
        self.say("withheld_events", withheld)
        require(stored + withheld == len(self.sent), "stored and withheld are not what was sent")
        require(withheld > 0, "nothing was withheld, although one purpose was refused")

    @cached_property
    def kept(self) -> Counter[tuple[Any, ...]]:
        """What the permissions say must have been kept."""
        allowed = {source: self._allowed(source) for source in (AGENT, IMPORTS)}
        return Counter(_comparable(event) for source, event in self.sent if CATEGORY[event["type"]] in allowed[source])

    def _allowed(self, source: str) -> set[str]:
        said = self.program.call("GET", f"/permissions?subject=1&source={source}").json()
        return {name for name, what in said["categories"].items() if what["allowed"]}

    # --- looking

    def look(self) -> None:
        first = next(event["t"] for source, event in self.sent if source == AGENT)
        day = datetime.fromtimestamp(first / 1000, BERLIN).date()
        page = self.ada.get(f"/people/{self.subjects['1']}/data/{day}/")
        require(page.status == 200 and self.mark in page.text, "the day does not show what was sent")

    def refuse_staff(self) -> None:
        page = self._signed_in("hana@smoke.example").get(f"/people/{self.subjects['1']}/data/")
        require(page.status == 404, f"staff got {page.status} from an employee's data")

    # --- a copy

    def copy(self) -> None:
        page = self.ada.press(self.ada.get("/requests/"), "copy")
        ready = self._until(page.path, "download")
        archive = self.ada.get(f"{ready.path}download")
        require(archive.status == 200, f"the download answered {archive.status}")
        (self.out / "export.zip").write_bytes(archive.body)
        self._check_copy(Archive.read(self.out / "export.zip"))

    def _check_copy(self, archive: Archive) -> None:
        self.say("export_events", archive.events)
        wrong = archive.wrong()
        self.say("export_digests_ok", "yes" if not wrong else "no")
        require(not wrong, f"digests differ: {wrong}")
        require(archive.events == self.figures["stored_events"], "the copy has not as many events as were stored")
        exported = Counter(_comparable(row) for row in archive.rows())
        missing, added = self.kept - exported, exported - self.kept
        require(not (missing or added), f"the copy lacks {list(missing)[:3]} and adds {list(added)[:3]}")

    def _until(self, path: str, link: str) -> Answer:
        """Wait until the request's page offers what it leads to."""
        for page in self.ada.poll(path, PATIENCE_SECONDS):
            if f"{path}{link}" in page.text:
                return page
        message = f"{path} offers no {link} after {PATIENCE_SECONDS} s"
        raise Wrong(message)

    def check_looks(self) -> None:
        page = self.ada.get("/who-looked/")
        listed = re.search(r'<ol class="rows looks">(.*?)</ol>', page.text, re.S)
        self.say("accesses_shown", listed.group(1).count("<li>") if listed else 0)
        require(self.figures["accesses_shown"] == 3, "the person must see one view, one download and one refused read")

    # --- the ledger

    @cached_property
    def vkey(self) -> str:
        shutil.copy(self.stack.var / "keys" / "ledger.vkey", self.out / "ledger.vkey")
        return (self.out / "ledger.vkey").read_text(encoding="utf-8")

    def check_ledger(self) -> None:
        """Wait until a checkpoint covers all that happened, then have every leaf hashed again."""
        for page in self.stack.browser().poll("/api/v1/ledger/checkpoint", PATIENCE_SECONDS):
            (self.out / "checkpoint.txt").write_text(page.text, encoding="utf-8")
            if checkpoint_size(page.text, self.vkey) >= LEAVES:
                break
        self.say("ledger_size", checkpoint_size(page.text, self.vkey))
        require(self.figures["ledger_size"] == LEAVES, f"the ledger should have {LEAVES} leaves")
        self.stack.manage("verify_ledger")
        self.say("ledger_ok", "yes")

    # --- deletion

    def erase(self) -> None:
        asked = self.ada.press(self.ada.get("/requests/"), "erase")
        began = self.ada.press(asked, "confirm")
        began = self.ada.reauthenticate(began, PASSWORD)
        done = self._until(began.path, "certificate.json")
        content = self.ada.get(f"{done.path}certificate.json").body
        (self.out / "certificate.json").write_bytes(content)
        require(certificate_holds(content, self.vkey), "the certificate's signature does not hold")
        erased = json.loads(content)["certificate"]["erased"]
        self.say("erased_events", erased["events"])
        require(self.figures["erased_events"] == self.figures["stored_events"], "not everything was erased")
        require(self._receipt_holds(), "the receipt does not verify after the deletion")

    def search(self) -> None:
        """Look for anything left: in clear in every file of the stack, in the tables, in a new copy."""
        found = {"files": len(self.stack.holds(self.mark)), "rows": self._rows(), "copy": self._in_new_copy()}
        self.say("residue_found", sum(found.values()))
        require(self.figures["residue_found"] == 0, f"left after the deletion: {found}")

    def _rows(self) -> int:
        """Count what could hold an event of the person, sealed or not."""
        wanted = [self.subjects["1"]]
        return sum(
            self.stack.count(f"SELECT count(*) FROM {table} WHERE subject_id = %s", wanted)  # noqa: S608 (names of ours)
            for table in ("events_block", "events_segment")
        )

    def _in_new_copy(self) -> int:
        page = self.ada.press(self.ada.get("/requests/"), "copy")
        ready = self._until(page.path, "download")
        again = self.out / "after.zip"
        again.write_bytes(self.ada.get(f"{ready.path}download").body)
        return Archive.read(again).events


def _recorded(name: str, start_ms: int) -> list[Event]:
    return read(recording(name), FORMATS[name], start_ms).events


def _comparable(event: Event) -> tuple[Any, ...]:
    """What must come back as it was sent: an event, or its row in the copy, as one value."""
    t = int(event["t"])
    if event["type"] in ("keydown", "keyup"):
        t -= t % 1000
    return (t, event["type"], *(_value(event.get(name)) for name in COMPARED))


def _value(raw: Any) -> Any:
    if raw in (None, ""):
        return None
    try:
        return float(raw)
    except ValueError:
        return raw


def run(smoke: Smoke) -> int:
    for step in smoke.steps:
        try:
            step()
        except subprocess.CalledProcessError as error:
            return _failed(step, f"{error.cmd[2:]}: {error.stdout}{error.stderr}")
        except (Wrong, Unexpected, LookupError, OSError, ValueError) as error:
            return _failed(step, f"{type(error).__name__}: {error}")
    print("smoke: ok", flush=True)
    return 0


def _failed(step: Callable[[], None], why: str) -> int:
    print(f"smoke: failed at {step.__name__}: {why}", flush=True)
    return 1


def main() -> int:
    var = Config.read().var
    out = var / "smoke"
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    try:
        with OwnStack(var / "smoke-stack", out / "stack.log", **QUICK) as stack:
            return run(Smoke(stack, out))
    except DidNotStart as error:
        print(f"smoke: failed at start: {error}", flush=True)
        return 1


if __name__ == "__main__":
    sys.exit(main())
