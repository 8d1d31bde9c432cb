"""The commands: enrol, run, status, stop, leave."""

from __future__ import annotations

import argparse
import signal
import sys
import time
from collections.abc import Callable
from gettext import gettext as _
from pathlib import Path

from portal.agent import credentials as kept
from portal.agent import enrolling, status
from portal.agent.credentials import Credentials
from portal.agent.enrolling import NotEnrolled
from portal.agent.home import AlreadyRuns, Home, usual
from portal.agent.queue import Queue
from portal.agent.running import ASK_SECONDS, SEND_SECONDS, Agent, forget
from portal.agent.sealed import box
from portal.agent.web import BadOrigin, Unreachable

DONE, FAILED = 0, 1
STOP_SECONDS = 15.0


def main(arguments: list[str] | None = None) -> int:
    asked = _parser().parse_args(arguments)
    home = Home(asked.home)
    try:
        return COMMANDS[asked.command](home, asked)
    except (AlreadyRuns, NotEnrolled, Unreachable, BadOrigin) as why:
        _complain(str(why) or _("An agent runs here already."))
        return FAILED


def enrol(home: Home, asked: argparse.Namespace) -> int:
    """Join as an installation of a source; nothing is recorded before `run`."""
    with home.make().held():
        sealing = box(home)
        if kept.load(home, sealing) and not asked.again:
            raise NotEnrolled(_("This agent is enrolled already. Leave first, or say --again."))
        found = _joined(asked)
        # What waits was recorded for another enrolment, maybe for another person.
        Queue(home.queue, sealing).wipe()
        kept.save(home, sealing, found)
        if asked.file:
            # Its code joins once more for each time that the file says.
            asked.file.unlink(missing_ok=True)
    if found.whose:
        _say(_("Enrolled for employee number {number}.").format(number=found.whose))
    _say(_("Nothing is recorded before it runs: python -m portal.agent run"))
    return DONE


def _joined(asked: argparse.Namespace) -> Credentials:
    if asked.file:
        return enrolling.by_file(asked.file, asked.origin, asked.key)
    if not (asked.origin and asked.source):
        raise NotEnrolled(_("Say --origin and --source, or --file."))
    more = {"ownership": "personal" if asked.personal else "", "employee": asked.employee}
    return enrolling.by_code(asked.origin, asked.source, {name: text for name, text in more.items() if text}, _say)


def run(home: Home, asked: argparse.Namespace) -> int:
    """Work until stopped."""
    with home.make().held():
        sealing = box(home)
        found = kept.load(home, sealing)
        if found is None:
            _complain(_("This agent is not enrolled."))
            return status.NOT_ENROLLED
        agent = Agent(home, sealing, found, asked.ask_every, asked.send_every)
        for name in (signal.SIGTERM, signal.SIGINT):
            signal.signal(name, lambda *_received: agent.stopping.set())
        if agent.run():
            return DONE
    _complain(_("The portal has ended this installation. Its queue and tokens are deleted."))
    return status.NOT_ENROLLED


def show_status(home: Home, asked: argparse.Namespace) -> int:
    found = status.read(home)
    _say(status.as_json(found) if asked.json else status.in_words(found))
    return status.code(found)


def stop(home: Home, asked: argparse.Namespace) -> int:
    """End the one that runs, and wait until it has."""
    if not home.runs():
        _say(_("It does not run."))
        return DONE
    home.stop.touch()
    until = time.monotonic() + STOP_SECONDS
    while home.runs():
        if time.monotonic() > until:
            _complain(_("It has not stopped yet."))
            return FAILED
        time.sleep(0.1)
    home.stop.unlink(missing_ok=True)
    _say(_("Stopped. What it had not sent yet stays sealed on this computer until it runs again."))
    return DONE


def leave(home: Home, asked: argparse.Namespace) -> int:
    """Stop for good: give the tokens back and delete everything."""
    if stop(home, asked) != DONE:
        return FAILED
    if not home.path.is_dir():
        return DONE
    with home.held():
        sealing = box(home)
        found, told = kept.load(home, sealing), True
        try:
            if found:
                kept.revoke(found)
        except Unreachable:
            told = False
        forget(home, Queue(home.queue, sealing))
        home.status.unlink(missing_ok=True)
    if not told:
        _complain(_("Deleted here, but the portal could not be told: remove this device on its Devices page."))
        return FAILED
    _say(_("Left. Queue, tokens and key are deleted."))
    return DONE


COMMANDS = {"enrol": enrol, "run": run, "status": show_status, "stop": stop, "leave": leave}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m portal.agent", description=_("Daylight's desktop agent."))
    parser.add_argument("--home", type=Path, default=usual(), help=_("where it keeps what it has"))
    commands = parser.add_subparsers(dest="command", required=True)
    for name, command in COMMANDS.items():
        commands.add_parser(name, help=(command.__doc__ or _("Say what it is doing.")).strip().splitlines()[0])
    _options(commands.choices)
    return parser


def _options(of: dict[str, argparse.ArgumentParser]) -> None:
    of["enrol"].add_argument("--origin", default="", help=_("address of the portal, https://..."))
    of["enrol"].add_argument("--source", default="", help=_("key of the source, as the portal names it"))
    of["enrol"].add_argument("--file", type=Path, help=_("the enrolment file, deleted once it was used"))
    of["enrol"].add_argument("--key", default="", help=_("verifier key of the portal's log, which signed the file"))
    of["enrol"].add_argument("--employee", default="", help=_("number of the one person who may approve the code"))
    of["enrol"].add_argument("--personal", action="store_true", help=_("this computer is the person's own"))
    of["enrol"].add_argument("--again", action="store_true", help=_("enrol anew; what waits is deleted"))
    for name, most in (("ask", ASK_SECONDS), ("send", SEND_SECONDS)):
        words = _("seconds, at most {most}").format(most=most)
        of["run"].add_argument(f"--{name}-every", type=_at_most(most), default=most, help=words)
    of["status"].add_argument("--json", action="store_true", help=_("for programs"))


def _at_most(most: float) -> Callable[[str], float]:
    def seconds(text: str) -> float:
        return min(max(float(text), 0.2), most)

    return seconds


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _complain(text: str) -> None:
    sys.stderr.write(f"{text}\n")


if __name__ == "__main__":
    sys.exit(main())
