"""Every erasure is a key erasure: what was touched is gone for good, and everything else opens as before."""

from __future__ import annotations

import threading
import uuid

import psycopg
import pytest
from django.conf import settings as current
from django.db import connections

from portal.vault import cache, kek, kekfile, keyring, keys
from portal.vault.cipher import Key, aad, key_id_of, open_sealed
from portal.vault.keylist import Entries
from portal.vault.models import KeyList, SubjectKey

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "keys"])
MONTH, OTHER_MONTH = "2026-11", "2026-10"
ERASED, KEPT, EARLIER = "2026-11-20", "2026-11-21", "2026-10-03"
PLACE = aad("segment", 1)


@pytest.fixture
def ada():
    subject_id = uuid.uuid4()
    keys.make_person(subject_id)
    return subject_id


@pytest.fixture
def blobs(ada):
    return {
        ERASED: keys.seal_for(ada, 1, MONTH, ERASED, b"erased", PLACE),
        KEPT: keys.seal_for(ada, 1, MONTH, KEPT, b"kept", PLACE),
        EARLIER: keys.seal_for(ada, 1, OTHER_MONTH, EARLIER, b"earlier", PLACE),
    }


def erase(subject_id, current_epoch=1, touched=((MONTH, ERASED),)):
    """Every step twice, as after a killed worker."""
    for _ in range(2):
        new = keys.begin_epoch(subject_id, current_epoch, touched)
    for _ in range(2):
        keys.carry_over(subject_id, current_epoch, new, touched)
    for _ in range(2):
        keys.destroy_epoch(subject_id, current_epoch)
        keys.carry_over(subject_id, current_epoch, new, touched)
    return new


def dump():
    """What a backup of database `keys` would hold."""
    with connections["keys"].cursor() as cursor:
        cursor.execute("SELECT subject_id, kind, epoch, wrapped FROM vault_subjectkey")
        subject_keys = cursor.fetchall()
        cursor.execute("SELECT subject_id, epoch, month, sealed FROM vault_keylist")
        return subject_keys, cursor.fetchall()


def openable(dumped):
    """Every day key that somebody gets out of a dump with the key-encryption keys as they are now."""
    subject_keys, lists = dumped
    keks = kekfile.read(current.KEK_FILES).keys
    data_keys = {}
    for subject_id, kind, epoch, wrapped in subject_keys:
        if (named := key_id_of(bytes(wrapped))) in keks:
            raw = open_sealed(keks[named], bytes(wrapped), aad("subject-key", subject_id, kind, epoch))
            data_keys[subject_id, epoch, kind] = Key(raw[:16], raw[16:])
    return [
        pair
        for subject_id, epoch, month, sealed in lists
        if (key := data_keys.get((subject_id, epoch, "data")))
        for pair in Entries.decode(open_sealed(key, bytes(sealed), aad("key-list", subject_id, epoch, month))).pairs
    ]


def test_what_was_touched_is_gone_and_the_rest_opens_under_the_new_epoch(ada, blobs):
    assert erase(ada) == 2
    assert keys.epochs(ada) == [2]
    with pytest.raises(keys.KeyGone):
        keys.open_for(ada, MONTH, blobs[ERASED], PLACE)
    assert keys.open_for(ada, MONTH, blobs[KEPT], PLACE) == b"kept"
    assert keys.open_for(ada, OTHER_MONTH, blobs[EARLIER], PLACE) == b"earlier"
    again = keys.seal_for(ada, 2, MONTH, ERASED, b"what stays of the day", PLACE)
    assert keys.open_for(ada, MONTH, again, PLACE) == b"what stays of the day"


def test_a_dump_from_before_opens_nothing_with_the_file_as_it_is_after(ada, blobs):
    eve = uuid.uuid4()
    keys.make_person(eve)
    eves = keys.seal_for(eve, 1, MONTH, ERASED, b"eve's", PLACE)
    before = dump()
    copy_before = keyring.path().read_bytes()
    assert len(openable(before)) == 4
    erase(ada)
    assert len(openable(before)) == 4, "until the renewal the old key still opens an old dump"
    kek.renew()
    assert openable(before) == []
    keyring.path().write_bytes(copy_before)
    with pytest.raises(kek.UnknownKek):
        kek.unwrap(next(row for row in keyring.read() if isinstance(row, SubjectKey)))
    cache.forget(ada)
    cache.forget(eve)
    assert keys.open_for(ada, MONTH, blobs[KEPT], PLACE) == b"kept"
    assert keys.open_for(ada, OTHER_MONTH, blobs[EARLIER], PLACE) == b"earlier"
    assert keys.open_for(eve, MONTH, eves, PLACE) == b"eve's"
    with pytest.raises(keys.KeyGone):
        keys.open_for(ada, MONTH, blobs[ERASED], PLACE)


def test_a_dump_from_the_middle_of_an_erasure_opens_nothing_either(ada, blobs):
    touched = [(MONTH, ERASED)]
    keys.begin_epoch(ada, 1, touched)
    half = dump()
    keys.carry_over(ada, 1, 2, touched)
    keys.destroy_epoch(ada, 1)
    kek.renew()
    assert openable(half) == []


def test_a_day_that_went_on_under_the_new_epoch_keeps_its_older_key_too(ada, blobs):
    keys.begin_epoch(ada, 1, [(MONTH, ERASED)])
    newer = keys.seal_for(ada, 2, MONTH, KEPT, b"arrived after the fence", PLACE)
    keys.carry_over(ada, 1, 2, [(MONTH, ERASED)])
    keys.destroy_epoch(ada, 1)
    cache.forget(ada)
    assert keys.open_for(ada, MONTH, newer, PLACE) == b"arrived after the fence"
    assert keys.open_for(ada, MONTH, blobs[KEPT], PLACE) == b"kept"
    assert keys.key_for(ada, 2, MONTH, KEPT).id == key_id_of(newer)


def test_while_both_epochs_live_everything_opens(ada, blobs):
    keys.begin_epoch(ada, 1, [(MONTH, ERASED)])
    for day, month in ((ERASED, MONTH), (KEPT, MONTH), (EARLIER, OTHER_MONTH)):
        cache.forget(ada)
        assert keys.open_for(ada, month, blobs[day], PLACE)
    assert keys.key_for(ada, 1, MONTH, ERASED) != keys.key_for(ada, 2, MONTH, ERASED)


def test_erasing_data_never_touches_the_evidence_key(ada, blobs):
    opening = keys.seal_evidence(ada, b"said no", PLACE)
    erase(ada)
    kek.renew()
    cache.forget(ada)
    assert keys.open_evidence(ada, opening, PLACE) == b"said no"


def test_a_second_erasure_takes_what_arrived_since_the_first(ada, blobs):
    new = erase(ada)
    late = keys.seal_for(ada, new, MONTH, ERASED, b"late", PLACE)
    assert erase(ada, new) == 3
    with pytest.raises(keys.KeyGone):
        keys.open_for(ada, MONTH, late, PLACE)
    assert keys.open_for(ada, MONTH, blobs[KEPT], PLACE) == b"kept"


def test_the_newest_epoch_is_not_destroyed(ada):
    with pytest.raises(keys.OnlyEpoch):
        keys.destroy_epoch(ada, 1)
    assert keys.epochs(ada) == [1]


def test_a_key_is_not_made_in_an_epoch_that_is_being_destroyed(ada):
    keys.begin_epoch(ada, 1, [])
    found = []

    def want():
        try:
            keys.key_for(ada, 1, MONTH, ERASED)
        except keys.KeyGone:
            found.append("gone")
        finally:
            connections.close_all()

    place = connections["keys"].get_connection_params()
    wanted = {name: place[name] for name in ("dbname", "user", "password", "host", "port")}
    with psycopg.connect(**wanted) as other:
        other.execute("DELETE FROM vault_subjectkey WHERE kind = 'data' AND epoch = 1")
        maker = threading.Thread(target=want)
        maker.start()
        maker.join(0.3)
        assert maker.is_alive(), "it waits for the one who destroys"
    maker.join(10)
    assert found == ["gone"]
    assert not KeyList.objects.exists()


def test_an_epoch_does_not_begin_where_the_one_before_is_gone(ada):
    keys.destroy_person(ada)
    with pytest.raises(keys.KeyGone):
        keys.begin_epoch(ada, 1, [(MONTH, ERASED)])
    assert not SubjectKey.objects.exists()


def test_an_erased_person_leaves_no_row_and_no_evidence(ada, blobs):
    opening = keys.seal_evidence(ada, b"said no", PLACE)
    for _ in range(2):
        keys.destroy_person(ada)
    assert not SubjectKey.objects.exists()
    assert not KeyList.objects.exists()
    with pytest.raises(keys.KeyGone):
        keys.open_evidence(ada, opening, PLACE)
    with pytest.raises(keys.KeyGone):
        keys.open_for(ada, MONTH, blobs[KEPT], PLACE)


def test_an_erasure_of_one_person_leaves_the_others_keys_as_they_are(ada, blobs):
    eve = uuid.uuid4()
    keys.make_person(eve)
    keys.key_for(eve, 1, MONTH, ERASED)
    before = list(KeyList.objects.filter(subject_id=eve).values())
    erase(ada)
    assert list(KeyList.objects.filter(subject_id=eve).values()) == before
