"""Who is asked what, and why; who is left alone; and that an answer which lapsed or ended permits nothing."""

from __future__ import annotations

import threading
from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import connection, transaction
from django.utils import timezone

from consent import actions, asking, gate
from consent.models import Gate, Purpose
from consent.values import NotAllowed
from tests.makers import make_purpose

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "keys"])
NOW = timezone.now


def terms(scrolling=30, expires=None, **over):
    flow = {"off_hours": False, "exact_timing": False, "content_apps": []}
    sources = {"agent": {"title": "Agent", "blocked_apps": ["Bank"], "categories": {"scrolling": flow}}}
    said = {"basis": "consent", "sources": sources, "retention": {"scrolling": scrolling}, "recipients": []}
    return {**said, "expires": expires or {}, **over}


def publish(text="What we do.", language="en", **over):
    return actions.publish_notice(purpose_key="train", language=language, text=text, terms=terms(**over))


@pytest.fixture
def someone():
    make_purpose(covers={})
    publish()
    subject = uuid4()
    actions.admit(subject_id=subject)
    return subject


def say(someone, verb="give", at=None):
    with pytest.MonkeyPatch.context() as patch:
        if at:
            patch.setattr("consent.deciding._now", lambda: at)
        return getattr(actions, verb)(subject_id=someone, purpose_key="train", path="/choices/")


def why(someone, now=None):
    asked = asking.questions(someone, "en", now).get("train")
    return asked.why if asked else None


def test_who_never_answered_is_asked_and_who_did_is_not(someone):
    assert why(someone) == "new"
    say(someone)
    assert why(someone) is None


@pytest.mark.parametrize("verb", ["give", "refuse"])
def test_a_change_of_wording_or_a_narrowing_asks_nobody(someone, verb):
    say(someone, verb)
    publish("What we do, in other words.")
    publish(scrolling=7)
    assert why(someone) is None


@pytest.mark.parametrize("verb", ["give", "refuse"])
def test_a_wider_text_asks_again_whatever_was_said_and_says_what_is_new(someone, verb):
    say(someone, verb)
    publish(scrolling=60)
    asked = asking.questions(someone)["train"]
    assert (asked.why, asked.since.version, asked.notice.version) == ("widened", 2, 3)
    assert [(each.code, each.before, each.after) for each in asked.changes] == [("retention", 30, 60)]


def test_widening_in_two_small_steps_is_measured_from_what_the_person_answered(someone):
    say(someone)
    publish(scrolling=20)
    publish(scrolling=30)
    assert why(someone) is None
    publish(scrolling=31)
    assert why(someone) == "widened"


def test_the_old_answer_stands_by_its_own_rules_until_the_new_text_is_answered(someone):
    say(someone)
    loose = {"agent": {"title": "Agent", "blocked_apps": [], "categories": {"scrolling": {"off_hours": True}}}}
    publish(sources=loose)
    rules = gate.read(someone).grants["train"].rules["agent"]
    assert (rules.blocked_apps, rules.flows["scrolling"].off_hours) == ({"Bank"}, False)
    say(someone)
    rules = gate.read(someone).grants["train"].rules["agent"]
    assert (rules.blocked_apps, rules.flows["scrolling"].off_hours) == (frozenset(), True)


def test_a_yes_to_more_reaches_back_to_nothing_and_a_yes_to_no_more_keeps_its_beginning(someone):
    say(someone)
    since = gate.read(someone).grants["train"].since_ms
    publish("In other words.")
    say(someone)
    assert gate.read(someone).grants["train"].since_ms == since
    publish(scrolling=60)
    say(someone)
    assert gate.read(someone).grants["train"].since_ms > since


def test_an_answer_lapses_asks_before_and_after_and_permits_nothing_then(someone):
    publish(expires={"after_days": 365})
    say(someone, at=NOW() - timedelta(days=300))
    assert why(someone) is None
    assert gate.read(someone).grants
    say(someone, "withdraw")
    say(someone, at=NOW() - timedelta(days=340))
    assert why(someone) == "renew"
    say(someone, "withdraw")
    say(someone, at=NOW() - timedelta(days=366))
    assert why(someone) == "expired"
    assert not gate.read(someone).grants


def test_a_renewal_in_time_keeps_its_beginning_and_one_too_late_begins_anew(someone):
    publish(expires={"after_days": 30})
    say(someone, at=NOW() - timedelta(days=10))
    since = gate.read(someone).grants["train"].since_ms
    say(someone)
    assert gate.read(someone).grants["train"].since_ms == since
    say(someone, "withdraw")
    say(someone, at=NOW() - timedelta(days=31))
    say(someone)
    assert gate.read(someone).grants["train"].since_ms > since


def test_an_event_after_the_end_is_refused_even_where_the_row_was_read_before_it(someone):
    publish(expires={"after_days": 1})
    say(someone)
    state = gate.read(someone)
    asked = {"purpose": "train", "category": "scrolling", "source": "agent"}
    end = state.grants["train"].until_ms
    assert gate.allows(state, t_ms=end - 1, **asked) is None
    assert gate.allows(state, t_ms=end, **asked) == "not_permitted"


def test_a_no_is_asked_again_only_when_invited_and_90_days_later(someone):
    say(someone, "refuse", at=NOW() - timedelta(days=89))
    actions.ask_again(purpose_key="train")
    assert why(someone) is None
    Purpose.objects.update(asked_again_at=None)
    say(someone, "refuse", at=NOW() - timedelta(days=91))
    assert why(someone) is None
    actions.ask_again(purpose_key="train")
    assert why(someone) == "invited"


def test_an_invitation_cannot_be_repeated_within_90_days(someone):
    actions.ask_again(purpose_key="train")
    with pytest.raises(NotAllowed, match="asked_recently"):
        actions.ask_again(purpose_key="train")


def test_retiring_a_purpose_takes_every_permission_and_bringing_it_back_asks_anew(someone):
    say(someone)
    version = gate.read(someone).version
    assert actions.retire_purpose(key="train") == 1
    assert not gate.read(someone).grants
    assert gate.read(someone).version == version + 1
    assert why(someone) is None
    make_purpose(covers={})
    assert why(someone) == "new"
    assert not gate.read(someone).grants


def test_a_yes_that_is_being_given_while_the_purpose_is_retired_does_not_survive_it(someone):
    """The answer holds the purpose: the retirement waits for it, and finds its grant."""

    def retire():
        try:
            actions.retire_purpose(key="train")
        finally:
            connection.close()

    other = threading.Thread(target=retire)
    with transaction.atomic():
        say(someone)
        other.start()
        other.join(0.3)
        assert other.is_alive()
    other.join(10)
    assert "train" not in Gate.objects.get(pk=someone).grants


def test_a_yes_to_a_retired_purpose_is_refused(someone):
    actions.retire_purpose(key="train")
    with pytest.raises(NotAllowed, match="not_live"):
        say(someone)


def test_a_yes_that_rested_on_consent_is_withdrawn_as_such_after_the_basis_has_changed(someone):
    say(someone)
    actions.define_purpose(key="train", title="Train", basis="legitimate_interest")
    publish(basis="legitimate_interest")
    assert why(someone) == "widened"
    assert gate.read(someone).grants["train"].basis == "consent"
    with pytest.raises(NotAllowed, match="purpose.on_consent"):
        say(someone, "object_to")
    say(someone, "withdraw")
    assert not gate.read(someone).grants


def test_consent_is_no_basis_where_a_no_has_a_consequence_or_nobody_says_what_happens_instead():
    free = {"key": "train", "title": "Train", "basis": "consent"}
    texts = {"refusal_consequence": "Nothing.", "alternative": "We do without."}
    for over, code in [
        ({**texts, "refusal_has_consequence": True}, "purpose.not_free"),
        ({**texts, "refusal_consequence": ""}, "purpose.consequence_missing"),
        ({**texts, "alternative": ""}, "purpose.alternative_missing"),
    ]:
        with pytest.raises(NotAllowed, match=code):
            actions.define_purpose(**free, **over)
    assert not Purpose.objects.exists()


def test_a_preview_counts_who_would_be_asked_without_saying_who(someone):
    others = [uuid4() for _ in range(3)]
    for other in others:
        actions.admit(subject_id=other)
    say(someone)
    say(others[0], "refuse")
    publish(scrolling=60)
    say(others[1])
    counted = asking.counts("train", terms(scrolling=60))
    assert counted == {"asked_yes": 1, "asked_no": 1, "left_yes": 1, "unanswered": 1}


def test_it_takes_as_many_queries_for_ten_purposes_as_for_one(someone, django_assert_num_queries):
    for number in range(9):
        make_purpose(f"train-{number}")
    say(someone)
    with django_assert_num_queries(4):
        assert len(asking.questions(someone)) == 9
