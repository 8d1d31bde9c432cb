"""`manage.py vault check`: whether the vault holds what its rows name, all of it, and nothing else."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from dataclasses import asdict
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from consent import ledger
from portal.rights import vault_check
from portal.rights.vault_check import GRACE, Check, Found

MOST_SHOWN = 20
LISTS = ("orphans", "missing", "shut", "leftovers")


class Command(BaseCommand):
    help = (
        "Compare the vault with the rows that name its objects, open each, and print as JSON what is missing, what "
        "does not open, what nobody names and what a killed writer left; exits 1 where something is wrong."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("what", choices=["check"])
        parser.add_argument(
            "--repair", action="store_true", help="remove orphans and leftovers, never what a row names"
        )
        parser.add_argument("--names-only", action="store_true", help="open nothing: much quicker")
        hours = GRACE / timedelta(hours=1)
        parser.add_argument("--grace-hours", type=float, default=hours, help=f"leave what is younger alone ({hours:g})")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["repair"] and (reason := ledger.check()):
            raise CommandError(f"nothing is removed while the site is closed: {reason}")
        found = vault_check.check(_wanted(options))
        self.stdout.write(json.dumps(_said(found), indent=1))
        if found.missing or found.shut or len(found.orphans) + len(found.leftovers) > found.removed:
            raise CommandError("the vault and its rows differ: see above", returncode=1)


def _wanted(options: dict[str, Any]) -> Check:
    opens = (lambda name: False) if options["names_only"] else (lambda name: True)
    repair = options["repair"]
    grace = timedelta(hours=options["grace_hours"])
    return Check(grace=grace, opens=opens, removes_orphans=repair, removes_leftovers=repair)


def _said(found: Found) -> dict[str, Any]:
    """Return counts, and the first names: ids and days, as they lie in the vault for everybody who can list it."""
    lists = {name: getattr(found, name) for name in LISTS}
    counts = {name: value for name, value in asdict(found).items() if name not in LISTS}
    shown = {name: names[:MOST_SHOWN] for name, names in lists.items() if names}
    return {**counts, **{name: len(names) for name, names in lists.items()}, "names": shown}
