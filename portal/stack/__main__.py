"""`python -m portal.stack run` and `python -m portal.stack reset`."""

from __future__ import annotations

import fcntl
import shutil
import sys
from pathlib import Path

from portal.stack.config import CannotStart, Config
from portal.stack.postgres import Postgres
from portal.stack.supervisor import Supervisor, say


def reset(var: Path) -> None:
    """Forget the embedded services' data, keys, journal and checkpoints together: they belong to one another."""
    if not var.exists():
        return
    with (var / "run.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            message = f"Daylight runs from {var}: stop it first (Ctrl-C in its terminal)."
            raise CannotStart(message) from error
        shutil.rmtree(Postgres(var / "postgres", 0).home, ignore_errors=True)
        shutil.rmtree(var)
    say(f"Removed {var}. `make run` begins again.")


def main(arguments: list[str]) -> int:
    config = Config.read()
    try:
        if arguments == ["run"]:
            return Supervisor(config).run()
        if arguments == ["reset"]:
            reset(config.var)
            return 0
    except CannotStart as error:
        say(str(error), to=sys.stderr)
        return 1
    say("usage: python -m portal.stack run|reset", to=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
