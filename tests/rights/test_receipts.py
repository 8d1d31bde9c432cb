"""A person's receipts: listed, in plain words, as files, and verified by anybody; nobody else's."""

from __future__ import annotations

import io
import json
import time
from datetime import timedelta
from pathlib import Path

import pytest
from django.test import Client
from django.urls import reverse

from consent import actions, checkpoints, ledger, receipts
from consent.models import Decision, LedgerState
from consent.verify_receipt import REASONS, Shown, verify
from portal.audit import trail
from portal.audit.models import Act
from portal.audit.values import Action, Actor, ActorKind
from portal.rights.receipts import evidence
from tests.makers import make_employee, make_notice, make_purpose
from tests.rights.conftest import ask, carry_out

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "keys"])
BACKEND = "allauth.account.auth_backends.AuthenticationBackend"


def vkeys():
    return [each.to_text() for each in checkpoints.verifiers()]


@pytest.fixture
def as_ada(client, ada):
    client.force_login(ada, BACKEND)
    return client


@pytest.fixture
def train():
    return make_purpose("train", title="Train an assistant")


def no_key(settings):
    key = Path(settings.LEDGER_KEY_FILE)
    kept = key.read_text()
    key.unlink()
    return lambda: key.write_text(kept)


def press(client, action, purpose="train", **fields):
    return client.post(f"/choices/{purpose}/{action}/", {"version": "1", **fields}, follow=True)


# --- at once


@pytest.mark.parametrize("first", ["give", "refuse"])
def test_each_answer_has_a_receipt_at_once_that_verifies(as_ada, ada, train, first):
    press(as_ada, first)
    page = as_ada.get("/receipts/").content.decode()
    assert "/receipts/0/" in page and "Receipt ready" in page
    file = as_ada.get("/receipts/0.tlog-proof")
    assert file["Content-Disposition"] == 'attachment; filename="receipt-0.tlog-proof"'
    found = verify(file.content, vkeys())
    assert isinstance(found, Shown)
    assert found.record["subject_id"] == str(ada.pk)


def test_a_withdrawal_an_objection_and_an_acknowledgement_have_receipts_too(as_ada, train):
    make_purpose("protect", basis="legitimate_interest", title="Protect")
    press(as_ada, "give")
    press(as_ada, "withdraw")
    press(as_ada, "acknowledge", "protect")
    press(as_ada, "object", "protect")
    kinds = []
    for idx in Decision.objects.values_list("leaf_idx", flat=True):
        kinds.append(verify(as_ada.get(f"/receipts/{idx}.tlog-proof").content, vkeys()).record["kind"])
        assert as_ada.get(f"/receipts/{idx}.jsonld").json()["@id"].endswith(f"/receipts/{idx}/")
    assert kinds == ["given", "withdrawn", "acknowledged", "objected"]


def test_the_page_says_in_plain_words_what_was_decided_and_on_which_text(as_ada, train):
    press(as_ada, "give")
    page = as_ada.get("/receipts/0/").content.decode()
    said = [
        "You said yes: Train an assistant",
        reverse("notice", args=["train", 1]),
        "since checkpoint 1",
        "Verified just now",
    ]
    assert [each for each in said if each not in page] == []
    assert "That no later decision changed it." in page


def test_looks_and_deletions_are_listed_on_demand_and_have_receipts(as_ada, ada, hana, train):
    press(as_ada, "give")
    staff = Actor(ActorKind.PERSON, str(hana.pk), "hr", "Hana Horn")
    trail.access(Action.DATA_READ, actor=staff, subject_id=ada.pk, purpose="incident")
    record = {"at": "2026-11-21T12:00:00.000Z", "certificate_sha256": "ab" * 32, "kind": "everything"}
    ledger.append("erasure", ada.pk, record | {"subject_id": str(ada.pk)})
    ledger.settle_and_sign()
    assert "/receipts/1/" not in as_ada.get("/receipts/").content.decode()
    everything = as_ada.get("/receipts/?show=all").content.decode()
    assert "/receipts/1/" in everything and "A deletion was certified" in everything
    for idx in (1, 2):
        assert as_ada.get(f"/receipts/{idx}/").status_code == 200
        assert isinstance(verify(as_ada.get(f"/receipts/{idx}.tlog-proof").content, vkeys()), Shown)
        assert as_ada.get(f"/receipts/{idx}.jsonld").status_code == 404


def test_many_receipts_are_paged_without_a_query_for_each(as_ada, ada, train, django_assert_max_num_queries):
    for _ in range(26):
        actions.give(subject_id=ada.pk, purpose_key="train", path="tests")
        actions.withdraw(subject_id=ada.pk, purpose_key="train", path="tests")
    with django_assert_max_num_queries(20):
        page = as_ada.get("/receipts/").content.decode()
    assert page.count("Receipt ready") == 50
    assert as_ada.get("/receipts/?page=2").content.decode().count("Receipt ready") == 2
    assert as_ada.get("/receipts/?page=3").status_code == 404


# --- pending


def test_a_pending_receipt_is_visible_and_becomes_the_full_one_at_the_same_address(as_ada, train, settings):
    give_back = no_key(settings)
    assert press(as_ada, "give").status_code == 202
    assert "Pending" in as_ada.get("/receipts/").content.decode()
    page = as_ada.get("/receipts/0/")
    assert page.status_code == 202 and "The receipt is pending" in page.content.decode()
    assert as_ada.get("/receipts/0.tlog-proof").status_code == 202
    assert as_ada.get("/receipts/0.jsonld").json()["dct:source"][0]["dct:description"] == "pending"
    give_back()
    ledger.sign()
    assert as_ada.get("/receipts/0/").status_code == 200
    assert isinstance(verify(as_ada.get("/receipts/0.tlog-proof").content, vkeys()), Shown)


def test_a_withdrawal_while_the_site_is_closed_is_listed_as_pending(as_ada, ada, train):
    press(as_ada, "give")
    LedgerState.objects.update_or_create(pk=1, defaults={"closed_reason": "older than its copy"})
    assert press(as_ada, "withdraw").status_code == 202
    page = as_ada.get("/receipts/").content.decode()
    assert "Pending" in page and "becomes an entry once the site is open again" in page
    assert len(evidence.without_entry(ada.pk)) == 1
    LedgerState.objects.update(closed_reason="")
    press(as_ada, "give")
    press(as_ada, "withdraw")
    assert len(evidence.without_entry(ada.pk)) == 1


# --- whose


@pytest.mark.parametrize("address", ["/receipts/0/", "/receipts/0.tlog-proof", "/receipts/0.jsonld"])
@pytest.mark.parametrize("roles", [[], ["hr"], ["legal"], ["operator"]])
def test_somebody_elses_receipt_is_hidden_and_the_try_is_shown_to_them(ada, train, address, roles):
    actions.give(subject_id=ada.pk, purpose_key="train", path="tests")
    other = Client()
    other.force_login(make_employee("Ben", roles=roles), BACKEND)
    assert other.get(address).status_code == 404
    (act,) = Act.objects.for_subject(ada.pk).filter(action="access.refused")
    assert act.facts["path"] == address
    assert other.get(address.replace("0", "99999999999999999999999", 1)).status_code == 404


# --- what it outlives


def test_receipts_verify_after_an_erasure_of_everything_and_after_more_leaves(client, recorded, ben, soon):
    client.force_login(recorded, BACKEND)
    kept = client.get("/receipts/0.tlog-proof").content
    assert carry_out(ask(recorded, kind="erasure")).state == "delivered"
    for _ in range(3):
        actions.give(subject_id=ben.pk, purpose_key="train", path="tests")
    again = client.get("/receipts/0.tlog-proof").content
    assert kept != again
    assert isinstance(verify(kept, vkeys()), Shown) and isinstance(verify(again, vkeys()), Shown)
    assert isinstance(verify(client.get("/receipts/1.tlog-proof").content, vkeys()), Shown)
    assert "A deletion was certified" in client.get("/receipts/1/").content.decode()


# --- the page that verifies


def sent(content, client=None):
    file = io.BytesIO(content)
    file.name = "receipt.tlog-proof"
    return (client or Client()).post("/receipts/verify/", {"receipt": file})


@pytest.fixture
def good(ada, train):
    return receipts.issue(actions.give(subject_id=ada.pk, purpose_key="train", path="tests").index).text.encode()


def test_anybody_can_verify_without_script_and_is_told_what_was_shown_and_what_not(good):
    page = sent(good)
    assert page.status_code == 200 and 'data-verdict="shown"' in page.content.decode()
    assert "same log" in page.content.decode()


def test_what_was_changed_does_not_verify_and_says_why_fast(good):
    for changed in (good.replace(b"index 0", b"index 1"), good[:-9], b"", b"\xff" * 300, good + b"x" * 200_000):
        began = time.thread_time()
        page = sent(changed)
        assert time.thread_time() - began < 0.5
        assert page.status_code == 200
        assert 'data-verdict="refused"' in page.content.decode()
    assert REASONS["inclusion"] in sent(good.replace(b"index 0", b"index 1")).content.decode().replace("&#x27;", "'")


def test_no_file_at_all_is_an_answer_too():
    assert 'data-verdict="refused"' in Client().post("/receipts/verify/", {}).content.decode()
    assert 'data-verdict="refused"' in Client().post("/receipts/verify/", {"receipt": "text"}).content.decode()


def test_verifying_leaves_no_trace(good, ada):
    before = (Act.objects.count(), Decision.objects.count())
    sent(good)
    assert (Act.objects.count(), Decision.objects.count()) == before


def test_a_large_upload_is_not_even_written_to_a_temporary_file(settings):
    assert not any("Temporary" in each for each in settings.FILE_UPLOAD_HANDLERS)
    assert 'data-verdict="refused"' in sent(b"x" * 5_000_000).content.decode()


def test_the_script_and_the_keys_are_offered_to_anybody(good):
    page = Client().get("/receipts/verify/").content.decode()
    script = Client().get("/receipts/verify/verify_receipt.py")
    keys = Client().get("/receipts/verify/ledger.vkey")
    assert (
        b"".join(script.streaming_content) == Path(evidence.said.__file__).with_name("verify_receipt.py").read_bytes()
    )
    assert keys.content.decode().split() == vkeys()
    assert vkeys()[0] in page.replace("&#x2B;", "+")


# --- words


def test_every_code_of_the_verifier_has_words_for_the_browser(good):
    page = Client().get("/receipts/verify/").content.decode()
    words = json.loads(page.split('id="verify-words" type="application/json">')[1].split("</script>")[0])
    assert set(words["reasons"]) == set(REASONS)


def test_a_version_that_is_no_longer_in_force_is_still_linked(as_ada, train):
    press(as_ada, "give")
    make_notice(text="Another text.", valid_from=evidence.timezone.now() - timedelta(seconds=1))
    assert reverse("notice", args=["train", 1]) in as_ada.get("/receipts/0/").content.decode()


def test_the_page_of_a_pending_answer_leads_to_its_receipt(as_ada, train, settings):
    no_key(settings)
    assert reverse("receipt", args=[0]) in press(as_ada, "give").content.decode()
