"""Makes and looks after the endpoints that are told what happens."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError

from portal.audit.values import Actor, ActorKind
from portal.outbox import webhooks
from portal.outbox.models import Delivery, Endpoint
from portal.outbox.values import Course, Off, Told

BY = Actor(ActorKind.COMMAND, "webhook", role="operator", label="manage.py webhook")


class Command(BaseCommand):
    help = "create, list, rotate, disable, enable, replay; create and rotate print the secret, once, as one JSON line."

    def add_arguments(self, parser: ArgumentParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        create = verbs.add_parser("create", help="tell a program of what happens")
        create.add_argument("url", metavar="URL")
        create.add_argument("--client", required=True, metavar="CLIENT_ID", help="the program that it belongs to")
        create.add_argument("--events", required=True, help=f"separated by spaces: {' '.join(Told.values)}")
        verbs.add_parser("list", help="one JSON line an endpoint")
        rotate = verbs.add_parser("rotate", help="a new secret; the one before signs too for a while")
        rotate.add_argument("--overlap", type=int, default=24, metavar="HOURS")
        replay = verbs.add_parser("replay", help="tell once more what was given up, or a single delivery")
        replay.add_argument("--delivery", type=UUID, metavar="ID")
        for verb in (rotate, replay, verbs.add_parser("disable"), verbs.add_parser("enable")):
            verb.add_argument("endpoint", type=UUID, metavar="ENDPOINT")

    def handle(self, *args: Any, verb: str, **options: Any) -> None:
        try:
            getattr(self, f"_{verb}")(options)
        except webhooks.NotPossible as error:
            raise CommandError(str(error)) from error

    def _create(self, options: dict[str, Any]) -> None:
        events = options["events"].replace(",", " ").split()
        made, secret = webhooks.create(url=options["url"], client_id=options["client"], events=events, by=BY)
        self._say(id=str(made.pk), secret=secret)

    def _list(self, options: dict[str, Any]) -> None:
        for each in Endpoint.objects.all():
            told = {"client": each.client_id, "events": each.events, "state": each.off or "on"}
            waiting = each.deliveries.waiting().count()  # type: ignore[attr-defined]
            self._say(id=str(each.pk), url=each.url, waiting=waiting, **told)

    def _rotate(self, options: dict[str, Any]) -> None:
        found, overlap = _endpoint(options), timedelta(hours=options["overlap"])
        self._say(id=str(found.pk), secret=webhooks.rotate(endpoint=found, by=BY, overlap=overlap))

    def _disable(self, options: dict[str, Any]) -> None:
        if not webhooks.disable(endpoint=_endpoint(options), why=Off.OPERATOR, by=BY):
            message = "It is told nothing already."
            raise CommandError(message)

    def _enable(self, options: dict[str, Any]) -> None:
        webhooks.enable(endpoint=_endpoint(options), by=BY)

    def _replay(self, options: dict[str, Any]) -> None:
        found = Delivery.objects.filter(endpoint=_endpoint(options))
        one = options["delivery"]
        wanted = found.filter(pk=one) if one else found.filter(state=Course.FAILED)
        count = webhooks.replay(deliveries=list(wanted.values_list("pk", flat=True)), by=BY)
        if one and not count:
            message = "There is no such delivery, it waits already, or its endpoint is off."
            raise CommandError(message)
        self._say(replayed=count)

    def _say(self, **line: Any) -> None:
        self.stdout.write(json.dumps(line))


def _endpoint(options: dict[str, Any]) -> Endpoint:
    found = Endpoint.objects.filter(pk=options["endpoint"]).first()
    if found is None:
        message = f"There is no endpoint {options['endpoint']}."
        raise CommandError(message)
    return found
