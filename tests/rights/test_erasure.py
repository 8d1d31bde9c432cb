"""An erasure: what goes, what stays, in which order, and the certificate that says so."""

from __future__ import annotations

import base64
import hashlib
import json
import uuid

import pytest
import rfc8785
from django.core.management import call_command

from consent import checkpoints, gate, journal
from consent.models import Gate, LedgerLeaf, Opening
from consent.note import Verifier
from consent.values import Scope
from portal.audit.models import Act
from portal.events import reading
from portal.rights import actions, handling, renewal, runner
from portal.rights.models import Bundle, StepRun, SubjectRequest
from portal.rights.values import Kind, NotAllowed
from portal.stack.proofs import certificate_holds
from portal.vault import keys, objects
from tests.rights.conftest import ask, at, carry_out, make_events, person, store, stored, unzip

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "keys"])


@pytest.fixture(autouse=True)
def at_once(soon):
    """Keys are renewed as soon as an erasure waits."""


def erase(employee, **how):
    return ask(employee, Kind.ERASURE, **how)


def test_everything_goes_and_the_certificate_says_so(recorded):
    request = carry_out(erase(recorded))
    assert (request.state, request.reason) == ("delivered", "")
    assert stored(recorded) == []
    assert not [each for each in reading.days(recorded.pk) if sum(each.events.values())]
    certificate = request.certificate["certificate"]
    assert certificate["erased"]["events"] == 24
    assert certificate["erased"]["by_category"]["pointer_movement"] == 9
    assert certificate["kind"] == "everything"


def test_the_certificate_is_signed_by_the_ledger_and_is_a_leaf_of_it(recorded):
    document = carry_out(erase(recorded)).certificate
    assert set(document) == {"certificate", "signature", "key"}
    signed = rfc8785.dumps(document["certificate"])
    verifier = Verifier.from_text(document["key"])
    assert verifier.accepts(signed, base64.b64decode(document["signature"]))
    assert document["key"] == checkpoints.vkey_path().read_text().strip()
    classes = [bytes(leaf.entry).split(b"\n")[1] for leaf in LedgerLeaf.objects.all()]
    assert classes.count(b"erasure") == 1
    assert Opening.objects.filter(subject_id=recorded.pk).count() == len(classes)
    assert len(hashlib.sha256(signed).hexdigest()) == 64


def test_during_a_handover_the_newest_key_signs_and_is_among_those_published(recorded):
    call_command("ledger_key", "--rotate", verbosity=0)
    document = carry_out(erase(recorded)).certificate
    published = checkpoints.vkey_path().read_text()
    assert document["key"] == published.splitlines()[1]
    assert certificate_holds(json.dumps(document).encode(), published)
    assert not certificate_holds(json.dumps(document).encode(), published.splitlines()[0])


def test_it_says_what_it_read_what_stays_and_what_it_cannot_cover(recorded):
    unzip(carry_out(ask(recorded)))
    certificate = carry_out(erase(recorded)).certificate["certificate"]
    assert {"blocks", "segments", "volumes", "copies"} <= {each["store"] for each in certificate["stores_read"]}
    assert all(each["why"] == "legal_obligation" for each in certificate["kept"])
    assert any("downloaded" in each["what"] for each in certificate["not_covered"])
    assert any("database" in each["what"] and each["lapses"] for each in certificate["not_covered"])


def test_one_category_goes_and_the_others_stay_exactly(recorded):
    before = stored(recorded)
    carry_out(erase(recorded, scope=Scope(categories=frozenset({"pointer_movement"}))))
    assert stored(recorded) == [row for row in before if row["category"] != "pointer_movement"]


def test_one_hour_goes_and_the_rest_stays_exactly(recorded):
    before = stored(recorded)
    scope = Scope(from_ms=at(3), to_ms=at(3) + 1050)
    request = carry_out(erase(recorded, scope=scope))
    assert stored(recorded) == [row for row in before if not at(3) <= row["t"] < at(3) + 1050]
    assert request.certificate["certificate"]["erased"]["events"] == len(before) - len(stored(recorded))


def test_a_withdrawal_erases_what_no_other_purpose_covers(two_purposes):
    before = stored(two_purposes)
    recorded, request = actions.withdraw(
        subject_id=two_purposes.pk, purpose_key="train", by=person(two_purposes), path="/choices/"
    )
    carry_out(request)
    assert recorded.decision.kind == "withdrawn"
    [stays] = [row for row in before if "support" in row["purposes"]]
    # What stays is no longer kept for the purpose that was taken back.
    assert stored(two_purposes) == [stays | {"purposes": "support"}]


def test_two_withdrawals_one_after_the_other_leave_nothing(two_purposes):
    for purpose in ("train", "support"):
        _recorded, request = actions.withdraw(
            subject_id=two_purposes.pk, purpose_key=purpose, by=person(two_purposes), path="/choices/"
        )
        carry_out(request)
    assert stored(two_purposes) == []


def test_a_withdrawal_in_72_hours_waits_and_can_be_cancelled(recorded):
    _recorded, request = actions.withdraw(
        subject_id=recorded.pk, purpose_key="train", by=person(recorded), path="/choices/", erase="72h"
    )
    assert not runner.advance(request.pk)
    assert len(stored(recorded)) == 24
    handling.cancel(request=request, by=person(recorded))
    assert SubjectRequest.objects.get().state == "withdrawn"


def test_what_arrives_late_for_an_erased_time_is_withheld(recorded):
    carry_out(erase(recorded))
    answer = store(recorded, make_events(at(2)))
    assert (answer.stored, sum(answer.withheld.values())) == (0, 8)
    assert [fence.key for fence in gate.read(recorded.pk).fences]


def test_collection_goes_on_under_a_new_key(recorded):
    carry_out(erase(recorded, scope=Scope(categories=frozenset({"scrolling"}))))
    assert store(recorded, [{"t": at(0, 0), "type": "pointermove", "x": 1, "y": 1}]).stored == 1
    assert keys.epochs(recorded.pk) == [2]
    assert gate.read(recorded.pk).key_epoch == 2


def test_copies_made_before_are_deleted_with_it(recorded):
    copy = carry_out(ask(recorded))
    carry_out(erase(recorded, scope=Scope(categories=frozenset({"scrolling"}))))
    copy.refresh_from_db()
    assert copy.state == "expired"
    assert "deleted" in copy.reason
    assert not list(objects.names("bundles/"))
    with pytest.raises(NotAllowed) as refused:
        actions.download(request=copy, by=person(recorded))
    assert refused.value.code == "bundle.gone"


def test_a_copy_begun_before_an_erasure_comes_without_what_was_erased(recorded):
    copy = ask(recorded, format="jsonl")
    while copy.current_step.name != "write_sections":
        assert runner.advance(copy.pk)
    carry_out(erase(recorded, scope=Scope(categories=frozenset({"pointer_movement"}))))
    files = unzip(carry_out(copy))
    assert "data/pointer_movement.jsonl" not in files
    assert "data/scrolling.jsonl" in files
    assert Bundle.objects.count() == 1


def test_a_copy_waits_while_an_erasure_is_half_way(recorded):
    erasure = erase(recorded)
    while erasure.current_step.name != "rewrite_days":
        assert runner.advance(erasure.pk)
    copy = ask(recorded)
    assert not runner.advance(copy.pk)
    copy.refresh_from_db()
    assert (copy.state, copy.failures, copy.current_step.name) == ("processing", 0, "gather")
    carry_out(erasure)
    assert carry_out(copy).state == "ready"


def test_two_erasures_of_one_person_take_turns(recorded):
    one = erase(recorded, scope=Scope(categories=frozenset({"pointer_movement"})))
    two = erase(recorded, scope=Scope(categories=frozenset({"scrolling"})))
    while one.current_step.name != "carry_keys":
        assert runner.advance(one.pk)
    assert not runner.advance(two.pk)
    assert carry_out(one).state == "delivered"
    assert carry_out(two).state == "delivered"
    assert {row["category"] for row in stored(recorded)}.isdisjoint({"pointer_movement", "scrolling"})
    assert keys.epochs(recorded.pk) == [3]


def test_two_erasures_that_began_together_both_end(recorded):
    one = erase(recorded, scope=Scope(categories=frozenset({"pointer_movement"})))
    two = erase(recorded, scope=Scope(categories=frozenset({"scrolling"})))
    # Both have made the same second key before either put up its fence.
    assert runner.advance(one.pk)
    assert runner.advance(two.pk)
    assert carry_out(one).state == "delivered"
    assert carry_out(two).state == "delivered"
    assert gate.read(recorded.pk).key_epoch == 3
    assert len(stored(recorded)) == 24 - 9 - 3


def test_it_waits_for_one_renewal_with_all_others_and_that_costs_no_attempt(recorded, ben, settings):
    settings.KEK_RENEWAL_SECONDS = 3600
    requests = [erase(each) for each in (recorded, ben)]
    for request in requests:
        while runner.advance(request.pk):
            pass
        request.refresh_from_db()
        assert (request.state, request.failures, request.current_step.name) == ("processing", 0, "await_renewal")
        assert request.certificate is None
    settings.KEK_RENEWAL_SECONDS = 0
    assert set(renewal.renew_if_due()) == {request.pk for request in requests}
    assert renewal.renew_if_due() == []
    assert [carry_out(request).state for request in requests] == ["delivered", "delivered"]
    assert Act.objects.filter(action="kek.renewed").count() == 1


def test_it_can_be_cancelled_until_the_fence_stands(recorded):
    request = erase(recorded)
    runner.advance(request.pk)
    assert request.can_cancel
    runner.advance(request.pk)
    assert not SubjectRequest.objects.get().can_cancel
    with pytest.raises(NotAllowed) as refused:
        handling.cancel(request=request, by=person(recorded))
    assert refused.value.code == "request.irreversible"
    assert carry_out(request).state == "delivered"


def test_an_erasure_cancelled_after_its_new_key_does_not_hinder_the_next(recorded):
    request = erase(recorded)
    runner.advance(request.pk)
    handling.cancel(request=request, by=person(recorded))
    assert not runner.advance(request.pk)
    assert len(stored(recorded)) == 24
    StepRun.objects.all().delete()
    SubjectRequest.objects.all().delete()
    assert carry_out(erase(recorded)).state == "delivered"


def test_the_dry_run_counts_what_then_goes(recorded):
    scope = Scope(categories=frozenset({"pointer_movement"}))
    would = actions.dry_run(recorded.pk, scope)
    done = carry_out(erase(recorded, scope=scope)).certificate["certificate"]["erased"]["by_category"]
    assert dict(would.goes) == done == {"pointer_movement": 9}
    assert all(code for _text, code in would.stays)


def test_the_second_reading_keeps_a_certificate_back_while_something_is_left(recorded):
    request = erase(recorded)
    while request.current_step.name != "read_again":
        assert runner.advance(request.pk)
    # Something that should be gone comes back behind the steps' back.
    row = Gate.objects.filter(subject_id=recorded.pk)
    fences = row.get().fences
    row.update(fences=[])
    store(recorded, make_events(at(2)))
    row.update(fences=fences)
    assert not runner.advance(request.pk)
    found = SubjectRequest.objects.get()
    assert found.state == "processing"
    assert "second reading" in found.reason
    assert found.certificate is None


def test_it_is_written_outside_the_databases_once(recorded):
    carry_out(erase(recorded))
    lines = journal.path().read_text().splitlines()
    assert sum('"kind":"erasure"' in line.replace(" ", "") for line in lines) == 1


def test_nothing_in_clear_counts_what_was_erased(recorded):
    request = carry_out(erase(recorded))
    row = SubjectRequest.objects.filter(pk=request.pk).values().get()
    clear = {name: value for name, value in row.items() if not name.startswith("sealed_")}
    assert "pointer_movement" not in str(clear)
    assert "24" not in str(list(StepRun.objects.values_list("cursor", flat=True)))


def test_a_batch_that_comes_again_after_its_erasure_gets_its_first_answer_and_stores_nothing(recorded):
    batch = uuid.uuid4()
    events = make_events(at(1))
    first = store(recorded, events, batch=batch)
    assert first.stored == 8
    assert carry_out(ask(recorded, Kind.ERASURE)).state == "delivered"
    again = store(recorded, events, batch=batch)
    assert (again.stored, again.withheld, again.replayed) == (first.stored, first.withheld, True)
    assert stored(recorded) == []


def test_what_was_erased_stays_out_under_a_new_batch_id(recorded):
    events = make_events(at(1))
    assert carry_out(ask(recorded, Kind.ERASURE)).state == "delivered"
    late = store(recorded, events)
    assert late.stored == 0
    assert sum(late.withheld.values()) == 8
    assert stored(recorded) == []
