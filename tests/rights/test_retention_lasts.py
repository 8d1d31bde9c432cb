"""What went because its time was over stays gone: in copies of everything from before, and after a restore."""

from __future__ import annotations

from io import StringIO
from pathlib import Path

import pytest
from django.core.files.storage import storages
from django.core.management import call_command

from consent.models import Gate
from portal.rights.models import SubjectRequest
from portal.rights.retention import actions
from portal.rights.retention.models import Month, Run, Shortening
from portal.vault import keys
from tests.rights.conftest import at, make_events, person, store, stored
from tests.rights.test_key_erasure import copies, everything_openable, same
from tests.rights.test_restore import apply_journal, backup, programs, restore
from tests.rights.test_retention import days_of, keep, night

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "keys"])
__all__ = ["backup", "copies", "programs"]


@pytest.mark.parametrize("sealed", [True, False])
def test_dumps_vault_and_keys_of_before_yield_none_of_it_and_todays_store_all_the_rest(
    two_purposes, copies, settings, sealed
):
    keep(30)
    keep(60, "support", ["pointer_clicks"])
    keep(3, categories=["scrolling"])
    if sealed:
        call_command("seal_segments", stdout=StringIO())
    Path(storages["vault"].location).mkdir(exist_ok=True)
    before = stored(two_purposes)
    taken = copies()
    night(two_purposes)
    left = stored(two_purposes)
    gone = [row for row in before if row not in left]
    assert len(gone) == 8 + 1
    taken.restore()
    with taken.instead(settings, taken.kek_files()):
        found, closed = everything_openable(two_purposes)
        assert (same(found, before), closed) == (True, 0), "the copies are good, with the key files of then"
    with taken.instead(settings):
        found, _closed = everything_openable(two_purposes)
        assert found == [], "with the key file of now they yield nothing"
    assert same(stored(two_purposes), left)


def test_a_restored_backup_does_not_bring_back_what_is_over(recorded, backup):
    keep(30)
    call_command("seal_segments", stdout=StringIO())
    folder = backup()
    night()
    epoch = Gate.objects.get(pk=recorded.pk).key_epoch
    assert days_of(recorded) == [2, 3]

    restore(folder)
    said = apply_journal()
    assert "erased" in said
    assert days_of(recorded) == [2, 3]
    assert Gate.objects.get(pk=recorded.pk).key_epoch == epoch
    night()
    assert days_of(recorded) == [2, 3]
    assert list(keys.epochs(recorded.pk)) == [Gate.objects.get(pk=recorded.pk).key_epoch]
    assert store(recorded, make_events(at(1))).stored == 8
    assert not SubjectRequest.objects.exists(), "no request is made up for it"


def test_what_became_over_since_the_backup_goes_in_the_first_night_after_the_restore(recorded, backup):
    keep(90)
    folder = backup()
    keep(30)
    restore(folder)
    apply_journal()
    keep(30)
    night()
    assert days_of(recorded) == [2, 3]


def test_a_run_that_a_backup_caught_in_the_middle_ends_after_the_restore(recorded, backup, monkeypatch):
    keep(30)
    call_command("seal_segments", stdout=StringIO())
    with monkeypatch.context() as patch:
        patch.setattr(keys, "destroy_epoch", _dies)
        with pytest.raises(KeyboardInterrupt):
            night()
    folder = backup()
    Run.objects.update(lease_until=None)
    night()
    restore(folder)
    apply_journal()
    Run.objects.update(lease_until=None)
    night()
    assert days_of(recorded) == [2, 3]
    assert not Run.objects.running().exists()
    assert len(keys.epochs(recorded.pk)) == 1


def _dies(*args):
    raise KeyboardInterrupt


def test_a_shorter_time_that_was_chosen_after_the_backup_holds_after_the_restore(recorded, backup):
    keep(90)
    folder = backup()
    actions.shorten(employee=recorded, category="scrolling", days=3, by=person(recorded))
    restore(folder)
    assert not Shortening.objects.exists()
    apply_journal()
    assert [(each.category, each.days) for each in Shortening.objects.all()] == [("scrolling", 3)]
    keep(90)
    night()
    kept = [row["t"] for row in stored(recorded) if row["category"] == "scrolling"]
    assert all(t >= at(3, 0) for t in kept)
    assert Month.objects.exists()
