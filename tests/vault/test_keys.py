"""Keys of people: made once, found again, kept apart, gone when they are destroyed."""

from __future__ import annotations

import multiprocessing
import os
import threading
import uuid

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connections, transaction

from portal.vault import cache, keyring, keys
from portal.vault.cipher import Damaged, WrongKey, aad, seal
from portal.vault.models import KeyList, SubjectKey

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "keys"])
MONTH, DAY, NEXT = "2026-11", "2026-11-20", "2026-11-21"
PLACE = aad("block", DAY)
FORK = multiprocessing.get_context("fork")


@pytest.fixture
def ada():
    subject_id = uuid.uuid4()
    keys.make_person(subject_id)
    return subject_id


def test_what_is_sealed_for_a_day_is_opened_by_its_own_key_id(ada):
    blob = keys.seal_for(ada, 1, MONTH, DAY, b"moved the mouse", PLACE)
    assert b"mouse" not in blob
    assert keys.open_for(ada, MONTH, blob, PLACE) == b"moved the mouse"


def test_each_day_has_a_key_of_its_own_and_keeps_it(ada):
    first = keys.key_for(ada, 1, MONTH, DAY)
    cache.forget(ada)
    assert keys.key_for(ada, 1, MONTH, DAY) == first
    assert keys.key_for(ada, 1, MONTH, NEXT) != first


def test_a_cached_key_costs_no_query(ada, django_assert_num_queries):
    keys.key_for(ada, 1, MONTH, DAY)
    blob = keys.seal_evidence(ada, b"x", b"")
    with django_assert_num_queries(0, using="keys"), django_assert_num_queries(0):
        key = keys.key_for(ada, 1, MONTH, DAY)
        assert keys.find(ada, MONTH, key.id) == key
        assert keys.open_evidence(ada, blob, b"") == b"x"


def test_the_cache_forgets_after_its_time(ada, settings, django_assert_num_queries):
    settings.KEY_CACHE_SECONDS = 0
    keys.key_for(ada, 1, MONTH, DAY)
    with django_assert_num_queries(2, using="keys"):
        keys.key_for(ada, 1, MONTH, DAY)


def test_another_persons_key_does_not_open(ada):
    eve = uuid.uuid4()
    keys.make_person(eve)
    blob = keys.seal_for(ada, 1, MONTH, DAY, b"x", PLACE)
    with pytest.raises(keys.KeyGone):
        keys.open_for(eve, MONTH, blob, PLACE)
    sealed = keys.seal_evidence(ada, b"x", PLACE)
    with pytest.raises(WrongKey):
        keys.open_evidence(eve, sealed, PLACE)


def test_a_blob_moved_to_another_place_does_not_open(ada):
    blob = keys.seal_for(ada, 1, MONTH, DAY, b"x", PLACE)
    with pytest.raises(Damaged):
        keys.open_for(ada, MONTH, blob, aad("block", NEXT))


def test_a_list_moved_to_another_month_does_not_open(ada):
    keys.key_for(ada, 1, MONTH, DAY)
    KeyList.objects.filter(month=MONTH).update(month="2026-12")
    cache.forget(ada)
    with pytest.raises(Damaged):
        keys.key_for(ada, 1, "2026-12", "2026-12-01")


def test_a_wrapped_key_moved_to_another_person_does_not_open(ada):
    eve = uuid.uuid4()
    SubjectKey.objects.filter(subject_id=ada).update(subject_id=eve)
    with pytest.raises(Damaged):
        keys.seal_evidence(eve, b"x", b"")


def test_making_a_person_twice_changes_nothing(ada):
    before = list(SubjectKey.objects.order_by("pk").values())
    keys.make_person(ada)
    assert list(SubjectKey.objects.order_by("pk").values()) == before
    assert keys.epochs(ada) == [1]


def test_nobody_has_keys_who_was_not_made():
    with pytest.raises(keys.KeyGone):
        keys.key_for(uuid.uuid4(), 1, MONTH, DAY)
    with pytest.raises(keys.KeyGone):
        keys.seal_evidence(uuid.uuid4(), b"x", b"")
    assert not KeyList.objects.exists()


def test_the_database_refuses_a_second_row_for_the_same_key(ada):
    row = SubjectKey.objects.data(ada).get()
    with pytest.raises(IntegrityError), transaction.atomic(using="keys"):
        SubjectKey.objects.create(subject_id=ada, kind=row.kind, epoch=1, wrapped=b"", kek_id="")


def test_a_key_is_committed_even_if_the_callers_work_is_rolled_back(ada):
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        made = keys.key_for(ada, 1, MONTH, DAY)
        raise ZeroDivisionError
    cache.forget(ada)
    assert keys.find(ada, MONTH, made.id) == made


def test_it_refuses_to_make_a_key_inside_a_transaction_that_could_take_it_back(ada):
    with pytest.raises(RuntimeError), transaction.atomic(using="keys"):
        keys.key_for(ada, 1, MONTH, DAY)


def test_a_list_is_as_long_on_one_day_as_on_thirty(ada):
    keys.key_for(ada, 1, MONTH, "2026-11-01")
    one = len(KeyList.objects.get().sealed)
    for day in range(2, 31):
        keys.key_for(ada, 1, MONTH, f"2026-11-{day:02}")
    keys.key_for(ada, 1, MONTH, "volume")
    assert len(KeyList.objects.get().sealed) == one


def test_threads_that_want_the_same_new_day_get_one_key(ada):
    found, start = [], threading.Barrier(6)

    def want():
        start.wait()
        try:
            found.append(keys.key_for(ada, 1, MONTH, DAY))
        finally:
            connections.close_all()

    threads = [threading.Thread(target=want) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 6
    assert len(set(found)) == 1
    cache.forget(ada)
    assert keys.key_for(ada, 1, MONTH, DAY) == found[0]


def test_a_dropped_key_is_gone_in_every_epoch_and_others_stay(ada):
    copy, day = keys.key_for(ada, 1, "bundle", "one"), keys.key_for(ada, 1, "bundle", "two")
    keys.begin_epoch(ada, 1, [])
    keys.carry_over(ada, 1, 2, [])
    keys.drop(ada, "bundle", "one")
    keys.drop(ada, "bundle", "one")
    with pytest.raises(keys.KeyGone):
        keys.find(ada, "bundle", copy.id)
    assert keys.find(ada, "bundle", day.id) == day


def test_an_old_process_does_not_seal_under_a_destroyed_epoch(ada):
    keys.key_for(ada, 1, MONTH, DAY)
    keys.begin_epoch(ada, 1, [])
    keys.carry_over(ada, 1, 2, [])
    keys.destroy_epoch(ada, 1)
    with pytest.raises(keys.KeyGone):
        keys.key_for(ada, 1, MONTH, DAY)


def test_the_copy_outside_has_every_row_that_the_database_has(ada):
    for epoch in (1, 2):
        keys.key_for(ada, epoch, MONTH, DAY)
        keys.key_for(ada, epoch, "bundle", "one")
        if epoch == 1:
            keys.begin_epoch(ada, 1, [(MONTH, DAY)])
            keys.carry_over(ada, 1, 2, [(MONTH, DAY)])
    keys.drop(ada, "bundle", "one")
    assert _contents(keyring.read()) == _stored()
    keys.destroy_epoch(ada, 1)
    assert _contents(keyring.read()) == _stored()
    keys.destroy_person(ada)
    assert keyring.read() == []


def test_a_key_that_cannot_be_copied_outside_is_not_made(ada, settings, tmp_path):
    before = _stored()
    (tmp_path / "a file").write_text("not a folder")
    settings.KEYRING_DIR = tmp_path / "a file"
    with pytest.raises(OSError):
        keys.key_for(ada, 1, MONTH, DAY)
    cache.forget(ada)
    assert _stored() == before


def test_half_a_line_of_a_killed_writer_harms_neither_what_was_before_nor_after(ada):
    with keyring.path().open("ab") as file:
        file.write(b'{"list":["half a li')
    keys.key_for(ada, 1, MONTH, DAY)
    assert _contents(keyring.read()) == _stored()


def test_a_lost_keys_database_is_filled_from_the_copy(ada, capsys):
    blob = keys.seal_for(ada, 1, MONTH, DAY, b"still here", PLACE)
    SubjectKey.objects.all().delete()
    KeyList.objects.all().delete()
    cache.forget(ada)
    with pytest.raises(keys.KeyGone):
        keys.open_for(ada, MONTH, blob, PLACE)
    call_command("restore_keyring")
    assert capsys.readouterr().out == "restored 3 rows\n"
    assert keys.open_for(ada, MONTH, blob, PLACE) == b"still here"
    with pytest.raises(CommandError, match="not empty"):
        call_command("restore_keyring")


def test_the_copy_outside_is_for_its_owner_alone(ada):
    assert keyring.path().stat().st_mode & 0o777 == 0o600
    assert keyring.path().parent.stat().st_mode & 0o077 == 0


def test_a_sealed_blob_of_another_version_is_refused(ada):
    key = keys.key_for(ada, 1, MONTH, DAY)
    blob = bytearray(seal(key, b"x", PLACE))
    blob[3] = 2
    with pytest.raises(Damaged):
        keys.open_for(ada, MONTH, bytes(blob), PLACE)


def _stored():
    return _contents([*SubjectKey.objects.all(), *KeyList.objects.all()])


def _contents(rows):
    wanted = ("subject_id", "kind", "epoch", "month", "kek_id")
    read = lambda row: tuple(str(getattr(row, name, "")) for name in wanted)  # noqa: E731
    return sorted((*read(row), bytes(getattr(row, "sealed", b"") or getattr(row, "wrapped", b""))) for row in rows)


def test_processes_that_want_the_same_new_day_get_one_key(ada):
    results = FORK.Queue()

    def want(barrier):
        connections["keys"].connection = None  # the parent's socket is not ours to use
        barrier.wait()
        results.put(keys.key_for(ada, 1, MONTH, DAY).id)
        results.close()
        results.join_thread()
        os._exit(0)

    barrier = FORK.Barrier(4)
    children = [FORK.Process(target=want, args=(barrier,)) for _ in range(4)]
    for child in children:
        child.start()
    found = {results.get(timeout=20) for _ in children}
    for child in children:
        child.join(20)
    assert found == {keys.key_for(ada, 1, MONTH, DAY).id}
    assert _contents(keyring.read()) == _stored()
