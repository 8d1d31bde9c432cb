"""Renewing the key-encryption key: nothing is lost wherever it is killed, and nothing old is left when it ends."""

from __future__ import annotations

import json
import multiprocessing
import os
import threading
import time
import uuid

import pytest
from django.conf import settings as current
from django.db import connections

from portal.vault import cache, kek, kekfile, keyring, keys, lists
from portal.vault.cipher import aad
from portal.vault.models import KeyList, SubjectKey

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "keys"])
MONTH, DAY = "2026-11", "2026-11-20"
PLACE = aad("segment", 1)
FORK = multiprocessing.get_context("fork")
# What a renewal does to the world outside its own memory, in order: each of them is a place to be killed before.
STEPS = ("os.replace", "os.fsync", "COMMIT")


@pytest.fixture
def people():
    made = {}
    for _ in range(3):
        subject_id = uuid.uuid4()
        keys.make_person(subject_id)
        made[subject_id] = keys.seal_for(subject_id, 1, MONTH, DAY, subject_id.bytes, PLACE)
    return made


def assert_all_open(people):
    for subject_id, blob in people.items():
        cache.forget(subject_id)
        assert keys.open_for(subject_id, MONTH, blob, PLACE) == subject_id.bytes
        keys.seal_evidence(subject_id, b"x", b"")


def assert_each_copy_alone_opens(people):
    for path in current.KEK_FILES:
        whole = path.read_bytes()
        path.unlink()
        assert_all_open(people)
        path.write_bytes(whole)


def assert_finished():
    copies = [json.loads(path.read_text()) for path in current.KEK_FILES]
    assert copies[0] == copies[1]
    assert list(copies[0]["keys"]) == [copies[0]["newest"]]
    assert set(SubjectKey.objects.values_list("kek_id", flat=True)) == {copies[0]["newest"]}
    copied = [row for row in keyring.read() if isinstance(row, SubjectKey)]
    assert {row.kek_id for row in copied} == {copies[0]["newest"]}
    assert len(keyring.read()) == SubjectKey.objects.count() + KeyList.objects.count()


def test_after_a_renewal_only_the_new_key_is_left(people):
    before = json.loads(current.KEK_FILES[0].read_text())["newest"]
    after = kek.renew()
    assert after != before
    assert_finished()
    assert_all_open(people)


def _killed_at(step, count):
    """Run a renewal in a process that dies before its `count`-th `step`; return whether it got that far."""

    def child():
        connections["keys"].connection = None  # the parent's socket is not ours to use
        left = [count]

        def or_die(original):
            def wrapped(*args, **kwargs):
                left[0] -= 1
                if left[0] == 0:
                    os._exit(9)
                return original(*args, **kwargs)

            return wrapped

        if step == "COMMIT":
            wrapper = connections["keys"]
            wrapper._commit = or_die(wrapper._commit)
        else:
            name = step.split(".")[1]
            setattr(os, name, or_die(getattr(os, name)))
        kek.renew()
        os._exit(0)

    process = FORK.Process(target=child)
    process.start()
    process.join(30)
    assert process.exitcode in (0, 9)
    return process.exitcode == 9


@pytest.mark.parametrize("step", STEPS)
def test_killed_before_any_step_everything_opens_and_the_next_renewal_finishes(people, step):
    killed = 0
    while _killed_at(step, killed + 1):
        killed += 1
        assert_all_open(people)
        late = uuid.uuid4()
        keys.make_person(late)
        people[late] = keys.seal_for(late, 1, MONTH, DAY, late.bytes, PLACE)
        assert_each_copy_alone_opens({late: people[late]})
    assert killed >= 2
    assert_finished()
    assert_all_open(people)


def test_one_live_copy_is_enough_and_a_renewal_mends_the_other(people):
    for path in current.KEK_FILES:
        whole = path.read_bytes()
        for broken in (None, b"", whole[:40], b"{}", b'{"newest": "00", "keys": []}'):
            path.unlink() if broken is None else path.write_bytes(broken)
            assert_all_open(people)
            path.write_bytes(whole)
    current.KEK_FILES[0].unlink()
    kek.renew()
    assert_finished()
    assert_all_open(people)


def test_without_either_copy_it_says_so(people):
    for path in current.KEK_FILES:
        path.unlink()
    cache.forget(next(iter(people)))
    with pytest.raises(kekfile.NoKek):
        keys.seal_evidence(next(iter(people)), b"x", b"")


def test_the_file_is_for_its_owner_alone_after_a_renewal(people):
    kek.renew()
    for path in current.KEK_FILES:
        assert path.stat().st_mode & 0o777 == 0o600
        assert path.parent.stat().st_mode & 0o077 == 0
        assert list(path.parent.iterdir()) == [path]


def test_a_process_that_knew_the_old_file_reads_the_new_one(people):
    knew = dict(kekfile.read(current.KEK_FILES).keys)
    row = SubjectKey.objects.first()
    kek.unwrap(row)
    kek.renew()
    row.refresh_from_db()
    kek.unwrap(row)
    assert not set(knew) & set(kekfile.read(current.KEK_FILES).keys)


def test_a_row_read_before_a_renewal_is_read_again(people):
    stale = list(SubjectKey.objects.all())
    kek.renew()
    with pytest.raises(kek.UnknownKek):
        kek.unwrap(stale[0])
    assert_all_open(people)


def test_a_reader_that_a_renewal_overtakes_reads_again(people):
    read = []

    def overtaken():
        """Read rows that are re-wrapped, and the old key thrown away, before anybody comes to unwrap them."""
        read.append(list(SubjectKey.objects.data(next(iter(people)))))
        if len(read) == 1:
            kek.renew()
        return read[-1]

    assert list(lists.open_rows(overtaken)) == [("data", 1)]
    assert len(read) == 2


def renewed_until(there_is_enough):
    """Renew four times, and more often until there is enough, for half a minute at most; return the newest key's id."""
    renewed, ends = [kek.renew()], time.monotonic() + 30
    while len(renewed) < 4 or not (there_is_enough() or time.monotonic() > ends):
        renewed.append(kek.renew())
    return renewed[-1]


def test_keys_made_while_it_renews_are_neither_lost_nor_left_behind_and_destroyed_ones_stay_so(people):
    stop, made, ended = threading.Event(), {}, []

    def go_on_making():
        try:
            while not stop.is_set():
                subject_id = uuid.uuid4()
                keys.make_person(subject_id)
                made[subject_id] = keys.seal_for(subject_id, 1, MONTH, DAY, subject_id.bytes, PLACE)
                passing = uuid.uuid4()
                keys.make_person(passing)
                keys.destroy_person(passing)
            ended.append("well")
        finally:
            connections.close_all()

    threads = [threading.Thread(target=go_on_making) for _ in range(2)]
    for thread in threads:
        thread.start()
    newest = renewed_until(lambda: len(made) > 4)
    stop.set()
    for thread in threads:
        thread.join()
    assert ended == ["well", "well"]
    assert len(made) > 4
    assert not SubjectKey.objects.not_under(newest).exists()
    assert_all_open(people | made)
    assert_finished()


def test_two_renewals_at_once_follow_each_other(people):
    done = []

    def renew():
        try:
            done.append(kek.renew())
        finally:
            connections.close_all()

    threads = [threading.Thread(target=renew) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(done)) == 3
    assert_finished()
    assert_all_open(people)


def test_a_row_that_does_not_open_stops_a_renewal_before_the_old_key_goes(people):
    row = SubjectKey.objects.first()
    SubjectKey.objects.filter(pk=row.pk).update(subject_id=uuid.uuid4())
    with pytest.raises(Exception, match="damaged"):
        kek.renew()
    SubjectKey.objects.filter(pk=row.pk).update(subject_id=row.subject_id)
    assert_all_open(people)
    kek.renew()
    assert_finished()
