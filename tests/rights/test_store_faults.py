"""Sealing and erasing while the S3 store errs, is slow and tears uploads: what is kept is whole, what went is gone."""

from __future__ import annotations

import io
import os
import time
from collections import Counter
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest
from django.core.management import call_command

from consent import actions as decisions
from consent import ledger
from consent.values import Scope
from portal.events import reading, rewrite, sealing, segments
from portal.events.models import Block, Segment
from portal.rights import vault_check
from portal.rights.models import SubjectRequest
from portal.rights.values import Kind
from portal.rights.vault_check import Check
from portal.vault import objects
from tests.makers import make_employee, make_permitted
from tests.rights.conftest import DAY_MS, ask, at, carry_out, make_events, store, stored
from tests.vault.faulty import Fault, FaultyStore

pytestmark = [
    pytest.mark.drill,
    pytest.mark.usefixtures("soon"),
    pytest.mark.django_db(transaction=True, databases=["default", "keys"]),
]
PREFIX = "faults"
# At least so many, and at most as many more as it takes until every fault was met.
ROUNDS, MOST_ROUNDS = 12, 60
SHARE = 0.45
PATIENCE = {"read_seconds": 1, "connect_seconds": 1}
# Which erasure is asked for in which round: of which person, and what.
ERASED = {
    3: (0, Scope(categories=frozenset({"scrolling"}))),
    6: (1, Scope()),
    9: (2, Scope(from_ms=at(3, 0), to_ms=at(2, 0))),
}


class Life:
    """Three people who are recorded, and what today's store has to yield of each."""

    def __init__(self, ada):
        make_permitted(ada, source="recorder", kind="import", earlier_recordings="Earlier recordings are taken in.")
        self.people = [ada, make_employee(password=""), make_employee(password="")]
        for each in self.people[1:]:
            decisions.give(subject_id=each.pk, purpose_key="train", path="/choices/")
        self.wanted = {each.pk: Counter() for each in self.people}
        self.certified = []

    def record(self, turn):
        for each in self.people:
            # Far enough from midnight that the day is the same where they live.
            events = make_events(at(2 + turn % 3, 6 + turn % 12, turn))
            kept = [event for event in events if not self.is_erased(each, event["t"], event["type"])]
            assert store(each, events).stored == len(kept)
            self.wanted[each.pk].update((event["t"], event["type"]) for event in kept)

    def is_erased(self, whose, t, kind):
        return any(lies_in(each.wanted, t, kind) for each in self.certified if each.subject_id == whose.pk)

    def erase(self, turn, copies):
        who, scope = ERASED[turn]
        whose = self.people[who]
        # Taken now, put back after the certificate, as an upload would that is very late.
        copies |= {name: objects.get(name) for name in objects.names(segments.prefix_of(whose.pk))}
        gone = {key for key in self.wanted[whose.pk] if lies_in(scope, *key)}
        return ask(whose, Kind.ERASURE, scope=scope), gone

    def assert_read_right(self, each):
        """Whatever the store does, a day is read whole or not at all."""
        for day in reading.stored_days(each.pk):
            begins = int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp() * 1000)
            with suppress(OSError, objects.Missing):
                rows = reading.page(each.pk, day, limit=10_000).rows
                wanted = {key: n for key, n in self.wanted[each.pk].items() if 0 <= key[0] - begins < DAY_MS}
                assert Counter((row["t"], row["type"]) for row in rows) == wanted


def lies_in(scope, t, kind):
    wheel = scope.categories is None or kind == "wheel"
    return wheel and (scope.from_ms is None or scope.from_ms <= t) and (scope.to_ms is None or t < scope.to_ms)


def finish(request):
    """Carry a deletion out, and try again as legal would whenever it gave up."""
    ends = time.monotonic() + 120
    while carry_out(request).state != "delivered":
        assert time.monotonic() < ends, (request.state, request.reason)
        SubjectRequest.objects.filter(pk=request.pk).update(
            state="processing", failures=0, wake_at=None, lease_until=None
        )


def test_nothing_is_lost_doubled_half_visible_or_readable_after_its_certificate(ada, settings, seaweed):
    seed = int(os.environ.get("STORM_SEED", "0")) or time.time_ns() % 10**6
    straight = {**settings.STORAGES, "vault": seaweed.storage(PREFIX)}
    life, copies = Life(ada), {}
    with FaultyStore(seaweed.endpoint, seed) as faulty:
        crooked = {**settings.STORAGES, "vault": seaweed.storage(PREFIX, faulty.endpoint, **PATIENCE)}
        for turn in range(MOST_ROUNDS):
            if turn >= ROUNDS and met_all(faulty):
                break
            settings.STORAGES, faulty.share = crooked, SHARE
            life.record(turn)
            with suppress(OSError):
                sealing.seal(sealing.waiting())
            for each in life.people:
                life.assert_read_right(each)
            if turn in ERASED:
                settings.STORAGES = straight
                request, gone = life.erase(turn, copies)
                settings.STORAGES = crooked
                finish(request)
                for key in gone:
                    del life.wanted[request.subject_id][key]
                life.certified.append(request)
        faulty.settle()
        settings.STORAGES = straight
        check_at_the_end(life, copies, seed)
        assert met_all(faulty), f"seed {seed}: too short to meet them all"


def met_all(faulty):
    return set(faulty.met) == set(Fault) - {Fault.NONE}


def check_at_the_end(life, copies, seed):
    for name, data in copies.items():
        objects.put(name, data)
    for request in life.certified:
        assert rewrite.residue(request.subject_id, request.wanted, request.asked_ms) == 0, f"seed {seed}"
    call_command("seal_segments", stdout=io.StringIO())
    assert not Block.objects.exists()
    for each in life.people:
        assert Counter((row["t"], row["type"]) for row in stored(each)) == life.wanted[each.pk], f"seed {seed}"
    found = vault_check.check(Check(grace=timedelta(seconds=-5), removes_orphans=True))
    assert (found.missing, found.shut, found.opened) == ([], [], Segment.objects.count()), f"seed {seed}"
    assert set(objects.names("segments/")) == set(Segment.objects.values_list("name", flat=True))
    assert ledger.verify() is None
