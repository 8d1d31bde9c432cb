"""The keys outside the databases: made once, never overwritten, readable for their owner alone."""

from __future__ import annotations

import json

import pytest
from django.core.management import call_command

from portal.vault import kekfile, serverkey
from portal.vault.cipher import Damaged, WrongKey


def all_files(settings):
    return [settings.SERVER_KEY_FILE, settings.SECRET_KEY_FILE, *settings.KEK_FILES]


def test_every_key_file_is_for_its_owner_alone(settings):
    for path in all_files(settings):
        assert path.stat().st_mode & 0o777 == 0o600
        assert path.parent.stat().st_mode & 0o077 == 0


def test_making_keys_again_changes_none(settings):
    before = [path.read_bytes() for path in all_files(settings)]
    call_command("make_keys", verbosity=0)
    assert [path.read_bytes() for path in all_files(settings)] == before


def test_both_live_copies_hold_the_same_key(settings):
    one, two = (json.loads(path.read_text()) for path in settings.KEK_FILES)
    assert one == two
    assert list(one["keys"]) == [one["newest"]]


def test_a_missing_copy_is_made_from_the_other_and_not_anew(settings):
    kept = settings.KEK_FILES[1].read_bytes()
    settings.KEK_FILES[0].unlink()
    call_command("make_keys", verbosity=0)
    assert settings.KEK_FILES[0].read_bytes() == kept


def test_it_makes_no_new_key_beside_a_damaged_one(settings):
    settings.KEK_FILES[0].write_text("damaged")
    settings.KEK_FILES[1].unlink()
    with pytest.raises(kekfile.NoKek):
        call_command("make_keys", verbosity=0)
    assert not settings.KEK_FILES[1].exists()


def test_it_says_what_it_made(settings, tmp_path, capsys):
    settings.SERVER_KEY_FILE = tmp_path / "new" / "server.key"
    call_command("make_keys")
    assert capsys.readouterr().out == f"made {tmp_path}/new/server.key\n"


def test_a_digest_depends_on_the_text_and_on_the_installation(settings):
    one = serverkey.hmac(b"a body")
    assert one == serverkey.hmac(b"a body")
    assert one != serverkey.hmac(b"another body")
    settings.SERVER_KEY_FILE.unlink()
    call_command("make_keys", verbosity=0)
    assert serverkey.hmac(b"a body") != one


def test_a_small_secret_is_sealed_and_comes_back(settings):
    sealed = serverkey.seal_secret("JBSWY3DPEHPK3PXP")
    assert "JBSWY" not in sealed
    assert serverkey.open_secret(sealed) == "JBSWY3DPEHPK3PXP"
    assert serverkey.seal_secret("JBSWY3DPEHPK3PXP") != sealed


@pytest.mark.parametrize("bad", ["", "JBSWY3DPEHPK3PXP", "not base64!"])
def test_a_secret_in_clear_is_not_taken_for_a_sealed_one(bad):
    with pytest.raises(Damaged):
        serverkey.open_secret(bad)


def test_another_installations_secret_does_not_open(settings):
    sealed = serverkey.seal_secret("x")
    settings.SERVER_KEY_FILE.unlink()
    call_command("make_keys", verbosity=0)
    with pytest.raises(WrongKey):
        serverkey.open_secret(sealed)
