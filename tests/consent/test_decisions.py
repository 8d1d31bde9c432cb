"""A decision becomes a leaf, a line of the journal and a permission, in that order."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from uuid import UUID, uuid4

import pytest

from consent import actions, gate, journal, ledger, merkle, outside, ports
from consent.models import Checkpoint, Decision, LedgerLeaf, LedgerState, NoticeVersion, Opening
from consent.values import NotAllowed, Withheld
from tests.makers import make_notice, make_purpose

pytestmark = pytest.mark.django_db(transaction=True)
AFTER = 4_000_000_000_000


def why_not(subject_id, t_ms=AFTER, **over):
    about = {"purpose": "train", "category": "pointer_movement", "source": "agent", "t_ms": t_ms}
    return gate.allows(gate.read(subject_id), **(about | over))


def decide(action, ada, **over):
    return action(**({"subject_id": ada, "purpose_key": "train", "path": "choices"} | over))


def test_a_yes_is_in_force_and_signed_when_it_was_answered(ada):
    make_purpose()
    assert why_not(ada) == Withheld.NOT_PERMITTED
    recorded = decide(actions.give, ada)
    assert why_not(ada) is None
    assert (recorded.index, recorded.pending) == (0, False)
    assert Checkpoint.objects.get().size == LedgerState.objects.get().journalled == 1
    assert Decision.objects.for_subject(ada).latest_by_purpose().get().kind == "given"
    assert ledger.verify() is None


def test_a_leaf_has_the_bytes_that_anybody_can_compute(ada):
    make_purpose()
    decide(actions.give, ada)
    entry = bytes(LedgerLeaf.objects.get().entry)
    sealed = bytes(Opening.objects.get().sealed)
    opened = json.loads(ports.installed.sealer.open(ada, sealed, f"daylight/opening/{ada}/0".encode()))
    decision, notice = Decision.objects.get(), NoticeVersion.objects.get()
    at = decision.at.strftime("%Y-%m-%dT%H:%M:%S.") + f"{decision.at.microsecond // 1000:03d}Z"
    canonical = (
        f'{{"at":"{at}","kind":"given","notice_sha256":"{hashlib.sha256(notice.text.encode()).hexdigest()}",'
        f'"notice_version":1,"path":"choices","purpose":"train","subject_id":"{ada}"}}'
    )
    salt = base64.b64decode(opened["salt"])
    commitment = hmac.new(salt, canonical.encode(), hashlib.sha256).digest()
    assert entry == b"daylight/v1\ndecision\n" + at[:10].encode() + b"\n" + commitment
    assert bytes(LedgerLeaf.objects.get().leaf_hash) == hashlib.sha256(b"\x00" + entry).digest()
    assert opened["record"] == json.loads(canonical)
    assert len(salt) == 32


def test_no_leaf_names_anybody_and_no_two_are_alike(ada):
    make_purpose()
    decide(actions.give, ada)
    decide(actions.give, ada)
    one, two = (bytes(each.entry) for each in LedgerLeaf.objects.all())
    assert str(ada).encode() not in one
    assert one != two


def test_the_journal_has_the_leaf_and_its_opening_before_the_permission_counts(ada):
    make_purpose()
    decide(actions.give, ada)
    *_, line = outside.lines(journal.path())
    assert (line["kind"], line["idx"], UUID(line["subject_id"])) == ("leaf", 0, ada)
    assert base64.b64decode(line["entry"]) == bytes(LedgerLeaf.objects.get().entry)
    assert base64.b64decode(line["sealed"]) == bytes(Opening.objects.get().sealed)


def test_a_yes_that_the_journal_missed_counts_only_once_it_is_settled(ada, monkeypatch):
    make_purpose()
    with monkeypatch.context() as killed:
        killed.setattr(ledger, "settle_and_sign", lambda: None)
        recorded = decide(actions.give, ada)
    assert recorded.pending
    assert why_not(ada) == Withheld.NOT_PERMITTED
    ledger.settle()
    assert why_not(ada) is None
    ledger.sign()
    assert not recorded.pending


def test_a_withdrawal_that_the_journal_missed_acts_all_the_same(ada, monkeypatch):
    make_purpose()
    decide(actions.give, ada)
    monkeypatch.setattr(ledger, "settle_and_sign", lambda: None)
    decide(actions.withdraw, ada)
    assert why_not(ada) == Withheld.NOT_PERMITTED


def test_an_unwritable_journal_keeps_a_yes_back_and_lets_a_no_act(ada, settings, tmp_path):
    make_purpose()
    decide(actions.give, ada)
    good = settings.JOURNAL_DIR
    (tmp_path / "file").write_text("in the way")
    settings.JOURNAL_DIR = tmp_path / "file" / "journal"
    assert decide(actions.withdraw, ada).pending
    assert why_not(ada) == Withheld.NOT_PERMITTED
    assert decide(actions.give, ada).pending
    assert why_not(ada) == Withheld.NOT_PERMITTED
    settings.JOURNAL_DIR = good
    ledger.settle()
    assert why_not(ada) is None


def test_a_torn_last_line_of_the_journal_is_left_behind(ada):
    make_purpose()
    decide(actions.give, ada)
    with journal.path().open("ab") as file:
        file.write(b'{"leaves":99,"kind":"le')
    decide(actions.withdraw, ada)
    assert [each["idx"] for each in outside.lines(journal.path()) if each["kind"] == "leaf"] == [0, 1]
    assert journal.size() == LedgerState.objects.get().journalled == 2


def test_a_journal_that_was_lost_is_written_again_from_the_first_leaf(ada):
    make_purpose()
    decide(actions.give, ada)
    journal.path().unlink()
    decide(actions.give, ada)
    assert [each["idx"] for each in outside.lines(journal.path()) if each["kind"] == "leaf"] == [0, 1]


@pytest.mark.parametrize("no", [actions.refuse, actions.withdraw])
def test_a_no_ends_the_permission_at_once(ada, no):
    make_purpose()
    decide(actions.give, ada)
    decide(no, ada)
    assert why_not(ada) == Withheld.NOT_PERMITTED
    assert ledger.verify() is None


def test_a_purpose_on_another_basis_is_in_force_from_being_told_until_an_objection(ada):
    make_purpose(basis="legitimate_interest")
    decide(actions.acknowledge, ada)
    assert why_not(ada) is None
    decide(actions.object_to, ada)
    assert why_not(ada) == Withheld.NOT_PERMITTED


@pytest.mark.parametrize(
    ("basis", "state", "action", "code"),
    [
        ("legitimate_interest", "live", actions.give, "purpose.not_on_consent"),
        ("legitimate_interest", "live", actions.withdraw, "purpose.not_on_consent"),
        ("consent", "live", actions.acknowledge, "purpose.on_consent"),
        ("consent", "live", actions.object_to, "purpose.on_consent"),
        ("contract", "live", actions.object_to, "purpose.no_objection"),
        ("consent", "draft", actions.give, "purpose.not_live"),
        ("consent", "retired", actions.refuse, "purpose.not_live"),
    ],
)
def test_it_refuses_an_answer_that_does_not_fit_the_purpose(ada, basis, state, action, code):
    make_purpose(basis=basis, state=state)
    with pytest.raises(NotAllowed) as refused:
        decide(action, ada)
    assert refused.value.code == code
    assert not Decision.objects.exists()


def test_a_yes_to_what_is_retired_can_still_be_taken_back(ada):
    make_purpose()
    decide(actions.give, ada)
    actions.retire_purpose(key="train")
    decide(actions.withdraw, ada)
    assert why_not(ada) == Withheld.NOT_PERMITTED


def test_it_refuses_unknown_people_purposes_and_versions(ada):
    make_purpose()
    for over, code in [
        ({"subject_id": uuid4()}, "subject.unknown"),
        ({"purpose_key": "other"}, "purpose.unknown"),
        ({"version": 7}, "notice.not_in_force"),
    ]:
        with pytest.raises(NotAllowed) as refused:
            decide(actions.give, ada, **over)
        assert refused.value.code == code


def test_a_yes_to_a_text_that_has_changed_meanwhile_is_refused(ada):
    make_purpose()
    make_notice("train", text="It has changed.")
    with pytest.raises(NotAllowed):
        decide(actions.give, ada, version=1)
    assert decide(actions.give, ada, version=2).decision.notice_version == 2


def test_a_new_text_that_covers_the_same_keeps_the_grant(ada):
    make_purpose()
    decide(actions.give, ada)
    version = make_notice("train", text="In other words.")
    assert why_not(ada) is None
    assert not version.differs_from(gate.read(ada).grants["train"])


def test_a_text_that_covers_more_counts_only_once_it_was_answered(ada):
    make_purpose(covers={"agent": ["pointer_movement"]})
    decide(actions.give, ada)
    version = make_notice("train", covers={"agent": ["pointer_movement", "scrolling"]}, text="More.")
    assert why_not(ada) is None
    assert why_not(ada, category="scrolling") == Withheld.NOT_PERMITTED
    assert version.differs_from(gate.read(ada).grants["train"])
    decide(actions.give, ada)
    assert why_not(ada, category="scrolling") is None


def test_while_a_new_answer_waits_for_the_journal_the_one_before_stands(ada, monkeypatch):
    make_purpose(covers={"agent": ["pointer_movement"]})
    decide(actions.give, ada)
    make_notice("train", covers={"agent": ["pointer_movement", "scrolling"]}, text="More.")
    monkeypatch.setattr(ledger, "settle_and_sign", lambda: None)
    decide(actions.give, ada)
    decide(actions.give, ada)
    assert gate.read(ada).grants["train"].leaf == 0
    assert why_not(ada, category="scrolling") == Withheld.NOT_PERMITTED


def test_the_same_yes_again_keeps_its_beginning_and_a_wider_one_begins_anew(ada):
    make_purpose()
    decide(actions.give, ada)
    since = gate.read(ada).grants["train"].since_ms
    decide(actions.give, ada)
    assert gate.read(ada).grants["train"].since_ms == since
    decide(actions.withdraw, ada)
    decide(actions.give, ada)
    assert gate.read(ada).grants["train"].since_ms > since


def test_publishing_the_same_again_makes_no_version():
    make_purpose()
    assert make_notice("train") == NoticeVersion.objects.get()
    assert make_notice("train", text="Other.").version == 2


def test_a_notice_that_begins_later_is_not_in_force_yet(settings):
    make_purpose()
    later = make_notice("train", text="Later.", valid_from=NoticeVersion.objects.get().valid_from.replace(year=2999))
    assert NoticeVersion.objects.in_force("train").version == later.version - 1


def test_a_person_is_asked_in_their_language_or_else_in_english():
    make_purpose()
    make_notice("train", language="de", text="Was wir tun.")
    in_force = NoticeVersion.objects.in_force
    assert in_force("train", "de").text == "Was wir tun."
    assert in_force("train", "fr").notice.language == "en"
    assert in_force("other", "en") is None


def test_many_answer_in_one_commit(ada):
    make_purpose()
    people = [uuid4() for _ in range(40)]
    for each in people:
        actions.admit(subject_id=each)
    recorded = actions.give_many(subject_ids=people, purpose_key="train", path="bulk")
    assert sorted(each.index for each in recorded) == list(range(40))
    assert all(why_not(each) is None for each in people)
    assert why_not(ada) == Withheld.NOT_PERMITTED
    assert ledger.verify() is None


def test_every_answer_is_proved_against_the_checkpoint_it_came_with(ada):
    make_purpose()
    for _ in range(9):
        index = decide(actions.give, ada).index
        head = Checkpoint.objects.order_by("-size").first()
        proof = ledger.inclusion(index, head.size)
        leaf = bytes(LedgerLeaf.objects.get(pk=index).leaf_hash)
        assert merkle.verify_inclusion(index, head.size, leaf, proof, bytes(head.root))
    roots = [bytes(each.root) for each in Checkpoint.objects.order_by("size")]
    for old in range(1, 10):
        assert merkle.verify_consistency(old, 9, ledger.consistency(old, 9), roots[old - 1], roots[8])


def test_a_record_of_another_shape_becomes_no_leaf(ada):
    for record in ({"at": "2026-01-01T00:00:00.000Z"}, {}):
        with pytest.raises(ValueError):
            ledger.append("access", ada, record)
    assert not LedgerLeaf.objects.exists()
