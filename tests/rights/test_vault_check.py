"""The vault against the rows that name its objects, on files and on a real S3 store."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import time
from datetime import date, timedelta
from pathlib import Path

import pytest
from django.core import mail
from django.core.files.base import ContentFile
from django.core.files.storage import storages
from django.core.management import CommandError, call_command
from django.db import connection

from consent import ledger
from portal.events import segments
from portal.events.models import Segment
from portal.outbox import runner as outbox
from portal.rights import tasks, vault_check
from portal.rights.models import BundlePart
from portal.rights.vault_check import NIGHTS, Check
from portal.vault import keys, objects
from tests.makers import make_employee
from tests.rights.conftest import ask, at, carry_out, make_events, store, stored

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "keys"])


EITHER = pytest.mark.parametrize("kept", ["files", "s3"], indirect=True)


@pytest.fixture
def kept(request, recorded):
    """Ada's three days, sealed, and a copy of them; in files or on S3."""
    if getattr(request, "param", "files") == "s3":
        request.getfixturevalue("on_s3")
    call_command("seal_segments", stdout=io.StringIO())
    carry_out(ask(recorded))
    return recorded


def check(*arguments):
    """Run the command; return what it printed and its exit code."""
    said = io.StringIO()
    try:
        call_command("vault", "check", *arguments, stdout=said)
    except CommandError as error:
        return json.loads(said.getvalue() or "{}"), error.returncode
    return json.loads(said.getvalue()), 0


NOW = ("--grace-hours", "-1")


def names_of(employee):
    return list(Segment.objects.for_subject(employee.pk).order_by("day").values_list("name", flat=True))


@EITHER
def test_a_whole_vault_is_whole(kept):
    there = len(list(objects.names()))
    found, code = check()
    assert code == 0
    assert (found["objects"], found["opened"]) == (there, there)
    assert there == Segment.objects.count() + BundlePart.objects.count() > 4
    assert [found[name] for name in ("young", "orphans", "missing", "shut", "leftovers", "removed")] == [0] * 6
    assert check("--names-only")[0]["opened"] == 0


@EITHER
def test_what_a_row_names_and_is_not_there_is_missing_and_is_never_mended_by_deleting(kept):
    gone = names_of(kept)[1]
    objects.delete(gone)
    for arguments in ((), ("--repair",), ("--names-only",)):
        found, code = check(*arguments)
        assert (code, found["missing"], found["names"]) == (1, 1, {"missing": [gone]})
    assert Segment.objects.count() == 3


def test_what_does_not_open_is_shut_and_stays(kept):
    first, second, third = names_of(kept)
    whole = objects.get(second)
    damage = {
        "its last byte": whole[:-1] + bytes([whole[-1] ^ 1]),
        "half of it": whole[: len(whole) // 2],
        "its header": whole[:10] + b"\xff" + whole[11:],
        "nothing of ours": b"hello",
        "nothing": b"",
        "another day": objects.get(first),
    }
    for what, data in damage.items():
        objects.put(second, data)
        found, code = check("--repair", *NOW)
        assert (code, found["shut"], found["names"]) == (1, 1, {"shut": [second]}), what
    objects.put(second, whole)
    part = BundlePart.objects.first().object_name
    objects.put(part, objects.get(third))
    assert check()[0]["names"] == {"shut": [part]}


def test_a_row_of_another_generation_than_its_object_is_shut(kept):
    Segment.objects.filter(name=names_of(kept)[0]).update(generation=7)
    assert check()[0]["names"] == {"shut": [names_of(kept)[0]]}


@EITHER
def test_what_no_row_names_goes_only_when_asked_and_only_when_it_is_old(kept):
    before = stored(kept)
    first = names_of(kept)[0]
    strays = [
        f"{first}0",
        f"segments/{make_employee().pk}/2026-01-01/1-1-00",
        "segments/nobody/at/all",
        "bundles/x",
        f"cases/{'0' * 32}",
        "odd",
    ]
    for name in strays:
        objects.put(name, objects.get(first))
    assert check("--repair")[0]["young"] == len(strays)
    found, code = check(*NOW)
    assert (code, found["orphans"], found["removed"]) == (1, len(strays), 0)
    assert sorted(found["names"]["orphans"]) == sorted(strays)
    found, code = check("--repair", *NOW)
    assert (code, found["orphans"], found["removed"]) == (0, len(strays), len(strays))
    assert not set(strays) & set(objects.names())
    assert check(*NOW)[1] == 0
    assert stored(kept) == before


@EITHER
def test_what_somebody_put_there_under_a_name_that_is_none_of_ours_stops_no_check(kept):
    for name in ("a file", "segments/..data", ".hidden"):
        storages["vault"].save(name, ContentFile(b"not ours"))
    gone = names_of(kept)[0]
    objects.delete(gone)
    for _time in range(2):
        found, code = check("--repair", *NOW)
        assert (code, found["orphans"], found["missing"], found["removed"]) == (1, 3, 1, 0)
    assert storages["vault"].exists("a file")


def test_nothing_is_removed_while_the_site_is_closed(kept, monkeypatch):
    objects.put("odd", b"x")
    monkeypatch.setattr(ledger, "check", lambda: "the tree is shorter than its last checkpoint")
    with pytest.raises(CommandError, match="closed"):
        call_command("vault", "check", "--repair", *NOW)
    assert objects.exists("odd")


def test_a_sealing_beside_it_is_neither_missing_nor_an_orphan(kept, monkeypatch):
    """The names were listed, and the rows are read only after the day was sealed anew."""
    real = vault_check._named

    def then_seal():
        rows = real()
        store(kept, make_events(at(3, 14)))
        call_command("seal_segments", stdout=io.StringIO())
        return rows

    listed = list(objects.entries())
    monkeypatch.setattr(objects, "entries", lambda: iter(listed))
    monkeypatch.setattr(vault_check, "_named", then_seal)
    found, code = check(*NOW)
    assert (code, found["missing"], found["shut"], found["orphans"]) == (0, 0, 0, 0)


def test_an_erasure_beside_it_is_neither_missing_nor_shut(kept, monkeypatch):
    real = segments.unsealed

    def gone(name):
        Segment.objects.filter(name=name).delete()
        objects.delete(name)
        raise keys.KeyGone

    monkeypatch.setattr(segments, "unsealed", gone)
    found, code = check()
    monkeypatch.setattr(segments, "unsealed", real)
    assert (code, found["missing"], found["shut"]) == (0, 0, 0)


def test_a_vault_that_does_not_answer_is_no_empty_one(recorded, settings, seaweed):
    call_command("seal_segments", stdout=io.StringIO())
    settings.STORAGES = {**settings.STORAGES, "vault": seaweed.storage(bucket_name="nowhere")}
    with pytest.raises(objects.Unanswered):
        vault_check.check(Check())


class TestNightly:
    @pytest.fixture
    def otto(self):
        return make_employee("Otto Oper", roles=["operator"])

    def test_operators_are_told_once_a_day_in_counts(self, otto, kept):
        tasks.check_vault()
        assert mail.outbox == []
        objects.delete(names_of(kept)[0])
        for _ in range(2):
            tasks.check_vault()
            outbox.deliver_due()
        [sent] = mail.outbox
        assert "Missing although a row names them: 1" in sent.body
        assert str(kept.pk) not in sent.body

    def test_orphans_stay_and_each_object_is_opened_within_four_weeks(self, kept):
        objects.put("odd", b"x")
        vault_check.check(Check(grace=timedelta(seconds=-5), removes_leftovers=True))
        assert objects.exists("odd")
        days = [date(2026, 2, 1) + timedelta(days=n) for n in range(NIGHTS)]
        for name in objects.names():
            assert sum(vault_check.is_turn(name, day) for day in days) == 1

    def test_it_looks_at_nothing_while_the_site_is_closed(self, kept, monkeypatch):
        monkeypatch.setattr(ledger, "closed", lambda: "closed")
        monkeypatch.setattr(vault_check, "check", None)
        tasks.check_vault()


KILLED_WHILE_WRITING = """
import os, sys, time
from pathlib import Path
from portal.vault.files import write_atomically
def slowly():
    yield bytes(100_000)
    sys.stdout.write("half\\n")
    sys.stdout.flush()
    time.sleep(60)
write_atomically(Path(sys.argv[1]), slowly())
"""


def test_what_kill_9_leaves_half_written_is_found_and_removed(recorded, settings):
    call_command("seal_segments", stdout=io.StringIO())
    vault = Path(storages["vault"].location)
    target = vault / "segments" / str(recorded.pk) / "2026-01-01" / "1-1-00"
    command = [sys.executable, "-c", KILLED_WHILE_WRITING, str(target)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as writer:
        assert writer.stdout.readline() == b"half\n"
        writer.send_signal(signal.SIGKILL)
    [left] = target.parent.iterdir()
    assert check("--repair")[1] == 0, "it may still be at it"
    assert left.exists()
    assert check(*NOW)[0]["names"] == {"leftovers": [left.relative_to(vault).as_posix()]}
    os.utime(left, (time.time() - 25 * 3600,) * 2)
    tasks.check_vault()
    assert not left.exists()
    assert not target.parent.exists()
    assert check(*NOW)[1] == 0


def test_it_reads_a_vault_of_any_size_without_holding_it(kept, django_assert_max_num_queries):
    """As many queries for many objects as for few."""
    with django_assert_max_num_queries(12):
        vault_check.check(Check(opens=lambda name: False))
    assert connection.connection is not None
