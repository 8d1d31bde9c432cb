"""Erasure, copies, backup and restore with the vault on a real S3 store: what the same tests ask of files."""

from __future__ import annotations

import io

import pytest
from django.core.checks import run_checks
from django.core.files.storage import storages
from django.core.management import CommandError, call_command

from portal.events.models import Segment
from portal.vault import objects
from tests.makers import sign_in
from tests.rights import test_key_erasure, test_restore
from tests.rights.conftest import ask, at, carry_out, unzip
from tests.rights.test_key_erasure import copies
from tests.rights.test_restore import backup, programs
from tests.seaweed import BUCKET

__all__ = ["backup", "copies", "programs"]
pytestmark = [
    pytest.mark.usefixtures("on_s3"),
    pytest.mark.django_db(transaction=True, databases=["default", "keys"]),
]


@pytest.mark.parametrize("scope", ["one category", "withdrawal"])
def test_copies_from_before_an_erasure_yield_nothing_of_it(two_purposes, copies, settings, scope):
    test_key_erasure.test_copies_from_before_yield_nothing_of_it_and_today_all_the_rest(
        two_purposes, copies, settings, scope, sealed=True
    )


def test_a_restore_brings_nothing_back_that_was_erased(two_purposes, backup):
    test_restore.test_what_was_erased_is_gone_again_and_what_stays_is_whole(two_purposes, backup)


def test_a_restore_takes_up_what_was_sealed_since(recorded, backup):
    test_restore.test_events_of_since_that_were_sealed_are_taken_up_again(recorded, backup)


def test_a_restore_puts_objects_back_that_the_store_lost(recorded, backup):
    call_command("seal_segments", stdout=io.StringIO())
    whole = {name: objects.get(name) for name in objects.names()}
    folder = backup()
    for name in whole:
        objects.delete(name)
    test_restore.restore(folder)
    assert {name: objects.get(name) for name in objects.names()} == whole


def test_a_copy_is_made_handed_out_and_removed(recorded):
    call_command("seal_segments", stdout=io.StringIO())
    files = unzip(carry_out(ask(recorded)))
    assert sum(len(body.splitlines()) - 1 for path, body in files.items() if path.startswith("data/")) == 24


def test_a_store_that_is_away_is_said_on_the_page_and_is_no_mistake_of_ours(client, recorded, settings, seaweed):
    call_command("seal_segments", stdout=io.StringIO())
    day = Segment.objects.order_by("day").last().day
    sign_in(client, recorded)
    client.raise_request_exception = False
    here = settings.STORAGES
    settings.STORAGES = {**here, "vault": seaweed.storage(bucket_name="nowhere")}
    answer = client.get(f"/people/{recorded.pk}/data/{day}/")
    assert (answer.status_code, answer["Retry-After"]) == (503, "5")
    settings.STORAGES = here
    assert client.get(f"/people/{recorded.pk}/data/{day}/").status_code == 200
    assert at(3)


class TestBucket:
    def asked(self):
        return [each.id for each in run_checks(tags=["vault"], include_deployment_checks=True)]

    def test_a_bucket_that_keeps_no_versions_is_fine(self):
        assert self.asked() == []

    @pytest.mark.parametrize("state", ["Enabled", "Suspended"])
    def test_one_that_keeps_them_or_did_is_refused(self, settings, seaweed, state):
        client, name = seaweed.client(), f"versions-{state.lower()}"
        client.create_bucket(Bucket=name)
        for each in dict.fromkeys(("Enabled", state)):
            client.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": each})
        settings.STORAGES = {**settings.STORAGES, "vault": seaweed.storage(bucket_name=name)}
        assert self.asked() == ["vault.E001"]
        with pytest.raises(CommandError, match="keeps versions"):
            call_command("check", tags=["vault"], deploy=True)

    def test_one_that_cannot_be_asked_and_a_way_without_tls_are_warned_of(self, settings, seaweed):
        settings.STORAGES = {**settings.STORAGES, "vault": seaweed.storage(secret_key="another")}
        assert self.asked() == ["vault.W002"]
        storages["vault"].endpoint_url = "http://s3.example.com"
        assert self.asked()[0] == "vault.W001"
        assert storages["vault"].bucket_name == BUCKET
