"""The sealed form: whatever was changed, cut or moved is refused, and nothing unproved is returned."""

from __future__ import annotations

import pytest

from portal.vault.cipher import Damaged, Key, WrongKey, aad, key_id_of, open_sealed, seal
from portal.vault.keylist import Entries

KEY = Key.new()


@pytest.mark.parametrize("data", [b"", b"x", bytes(100_000)])
def test_what_was_sealed_comes_back(data):
    blob = seal(KEY, data, aad("a", 1))
    assert open_sealed(KEY, blob, aad("a", 1)) == data
    assert open_sealed(KEY, memoryview(blob), aad("a", 1)) == data
    assert key_id_of(blob) == KEY.id


def test_the_same_text_is_never_sealed_the_same_way_twice():
    assert seal(KEY, b"x", b"") != seal(KEY, b"x", b"")


def test_every_single_changed_byte_is_noticed():
    blob = seal(KEY, b"some text", b"place")
    for at in range(len(blob)):
        changed = blob[:at] + bytes([blob[at] ^ 1]) + blob[at + 1 :]
        with pytest.raises((Damaged, WrongKey)):
            open_sealed(KEY, changed, b"place")


def test_every_cut_is_noticed():
    blob = seal(KEY, b"some text", b"place")
    for length in range(len(blob)):
        with pytest.raises(Damaged):
            open_sealed(KEY, blob[:length], b"place")


def test_another_place_is_refused():
    with pytest.raises(Damaged):
        open_sealed(KEY, seal(KEY, b"x", aad("segment", "a", 1)), aad("segment", "a", 2))


def test_another_key_is_refused_even_under_the_same_name():
    blob = seal(KEY, b"x", b"")
    with pytest.raises(WrongKey):
        open_sealed(Key.new(), blob, b"")
    with pytest.raises(Damaged):
        open_sealed(Key(KEY.id, bytes(32)), blob, b"")


def test_no_two_lists_of_parts_are_bound_alike():
    assert aad("ab", "c") != aad("a", "bc")
    assert aad("a", "") != aad("a")
    assert aad(1, 2) == aad("1", "2")


def test_a_secret_is_not_printed():
    assert KEY.secret.hex() not in repr(KEY)
    assert repr(KEY.secret) not in repr(KEY)


def test_a_list_of_keys_comes_back_in_order():
    entries = Entries().with_new("2026-11-01").with_new("volume").with_new("ä" * 20)
    assert Entries.decode(entries.encode()) == entries


def test_of_two_keys_under_one_name_the_first_seals_and_both_are_kept():
    mine, theirs = Entries().with_new("a"), Entries().with_new("a").with_new("b").with_new("c")
    joined = mine.joined(theirs, {"c"}).joined(theirs, {"c"})
    assert joined.named("a") == mine.named("a")
    assert [name for name, _key in joined.pairs] == ["a", "a", "b"]
    assert [name for name, _key in joined.dropped("a").pairs] == ["b"]
