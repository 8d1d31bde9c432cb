"""What ends by itself: a retired purpose calls its data back, a yes that runs out is asked for again, then acts."""

from __future__ import annotations

import html
import re
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.core import mail
from django.core.management import CommandError, call_command
from django.utils import timezone

from consent import actions as decisions
from consent import gate
from consent.models import NoticeVersion, Purpose
from portal.audit.models import Act
from portal.outbox import tasks as outbox
from portal.outbox.models import Mail
from portal.people import actions as people
from portal.register.models import PurposeRecord
from portal.rights import actions, ending, tasks
from portal.rights.models import SubjectRequest
from tests.makers import SETTING_UP, make_employee, make_notice, make_permitted, make_purpose
from tests.pages.conftest import BACKEND
from tests.rights.conftest import at, carry_out, make_events, person, store, stored

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "keys"])
DAY = timedelta(days=1)


def text(answer):
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", answer.content.decode())).split())


def requests_of(employee):
    return list(SubjectRequest.objects.for_subject(employee.pk).order_by("opened_at"))


def expiring(purpose="train", sources=None, **expires):
    """Publish a version that names when an answer runs out; what it covers stays as it was."""
    covers = NoticeVersion.objects.in_force(purpose).covers if sources is None else sources
    said = {
        "sources": {key: {"title": key, "categories": {each: {} for each in named}} for key, named in covers.items()},
        "expires": expires,
    }
    return decisions.publish_notice(purpose_key=purpose, language="en", text="It runs out.", terms=said)


def give(employee, purpose="train"):
    return decisions.give(subject_id=employee.pk, purpose_key=purpose, path="/choices/").decision


# --- a purpose that ended


def test_what_a_retired_purpose_leaves_is_deleted_by_itself_and_says_why(client, two_purposes, soon):
    decisions.retire_purpose(key="train")
    tasks.clear_ended_purposes()
    [request] = requests_of(two_purposes)
    assert (request.kind, request.ground, request.opened_by) == ("erasure", "no_longer_necessary", "system")
    assert request.state == "processing"
    assert carry_out(request).state == "delivered"
    assert [row["category"] for row in stored(two_purposes)] == ["pointer_clicks"]
    client.force_login(two_purposes, BACKEND)
    page = text(client.get(f"/requests/{request.pk}/"))
    assert "Your company ended “Train”, so nothing may be kept for it any more." in page
    assert "Asked by Daylight, because nothing covers the data any more" in page


@pytest.mark.parametrize("answers_anew", [False, True])
def test_nor_does_it_stay_where_the_purpose_is_back_before_anything_was_deleted(client, recorded, soon, answers_anew):
    decisions.retire_purpose(key="train")
    make_purpose(covers=NoticeVersion.objects.in_force("train").covers)
    if answers_anew:
        give(recorded)
        store(recorded, make_events(int(timezone.now().timestamp() * 1000)))
    tasks.clear_ended_purposes()
    [request] = requests_of(recorded)
    assert carry_out(request).state == "delivered"
    assert len(stored(recorded)) == (8 if answers_anew else 0)
    assert set(gate.read(recorded.pk).grants) == ({"train"} if answers_anew else set())
    client.force_login(recorded, BACKEND)
    page = text(client.get(f"/requests/{request.pk}/"))
    assert "Your company had ended “Train”: what was kept until then may not be kept any more." in page


def test_nobody_takes_it_back_since_nobody_asked_for_it(client, recorded):
    decisions.retire_purpose(key="train")
    ending.after_retirement()
    [request] = requests_of(recorded)
    client.force_login(recorded, BACKEND)
    assert 'data-action="cancel"' not in client.get(f"/requests/{request.pk}/").content.decode()
    client.post(f"/requests/{request.pk}/cancel/")
    request.refresh_from_db()
    assert request.state == "processing"


def test_it_is_once_for_each_person_and_goes_on_where_it_was_left(recorded, ben, monkeypatch):
    monkeypatch.setattr(ending, "BATCH", 1)
    store_for(ben)
    nobodys = make_employee("Cara")
    give(nobodys)
    decisions.retire_purpose(key="train")
    runs = [len(ending.after_retirement()) for _each in range(5)]
    assert runs == [1, 1, 0, 0, 0]
    assert [len(requests_of(each)) for each in (recorded, ben, nobodys)] == [1, 1, 0]
    assert Act.objects.filter(action="purpose.cleared", facts__purpose="train").count() == 1


def store_for(employee):
    give(employee)
    store(employee, make_events(at(2)))


def test_who_took_their_yes_back_before_is_not_left_out(recorded, soon):
    decisions.withdraw(subject_id=recorded.pk, purpose_key="train", path="elsewhere")
    decisions.retire_purpose(key="train")
    ending.after_retirement()
    [request] = requests_of(recorded)
    carry_out(request)
    assert stored(recorded) == []


def test_who_wanted_it_deleted_later_keeps_the_time_to_take_a_copy(recorded):
    named = {"subject_id": recorded.pk, "by": person(recorded), "path": "/choices/"}
    own = actions.withdraw(purpose_key="train", erase="72h", **named)[1]
    decisions.retire_purpose(key="train")
    ending.after_retirement()
    assert {each.not_before for each in requests_of(recorded)} == {own.not_before}


def test_a_purpose_that_comes_back_and_ends_again_is_cleared_again(recorded, soon):
    decisions.retire_purpose(key="train")
    ending.after_retirement()
    carry_out(requests_of(recorded)[0])
    ending.after_retirement()
    make_purpose("train", covers={"recorder": ["scrolling"]})
    give(recorded)
    store(recorded, make_events(at(2)))
    decisions.retire_purpose(key="train")
    ending.after_retirement()
    assert len(requests_of(recorded)) == 2
    carry_out(requests_of(recorded)[1])
    assert stored(recorded) == []


def test_a_withdrawal_afterwards_takes_what_the_retired_purpose_shared(two_purposes, soon):
    decisions.retire_purpose(key="train")
    named = {"subject_id": two_purposes.pk, "by": person(two_purposes), "path": "/choices/"}
    _recorded, request = actions.withdraw(purpose_key="support", **named)
    assert request.wanted.purposes == {"train", "support"}
    carry_out(request)
    assert stored(two_purposes) == []


# --- an answer that runs out


@pytest.fixture
def lapsing(recorded):
    """Ada said yes to a text by which her yes holds for a year."""
    expiring(after_days=365)
    return give(recorded)


def later(**delta):
    return time_machine.travel(datetime.now(UTC) + timedelta(**delta), tick=True)


def mails():
    outbox.sweep()
    return [each for each in mail.outbox if "Train" in each.subject]


def test_nobody_is_written_to_while_the_yes_still_holds_long(lapsing):
    with later(days=300):
        tasks.renew_answers()
        assert mails() == []


def test_a_month_before_it_runs_out_one_mail_asks_again(lapsing, recorded):
    for days in (340, 341, 370):
        with later(days=days):
            tasks.renew_answers()
    [one] = Mail.objects.filter(template="answer_runs_out")
    assert (one.subject_id, one.facts["purpose"]) == (recorded.pk, "train")
    [sent] = mails()
    assert sent.to == [recorded.email]
    assert "/choices/#train" in sent.body
    assert "You need do nothing." in sent.body


def test_whoever_answers_again_is_written_to_again_only_at_the_next_end(lapsing, recorded):
    with later(days=340):
        tasks.renew_answers()
        give(recorded)
    with later(days=400):
        tasks.renew_answers()
    assert Mail.objects.count() == 1
    with later(days=340 + 340):
        tasks.renew_answers()
    assert Mail.objects.count() == 2


def test_at_its_end_nothing_is_permitted_and_after_a_month_what_it_alone_covered_is_deleted(
    client, lapsing, recorded, soon
):
    with later(days=366):
        assert gate.read(recorded.pk).grants == {}
        tasks.renew_answers()
        assert requests_of(recorded) == []
    with later(days=365 + 31):
        tasks.renew_answers()
        tasks.renew_answers()
    [request] = requests_of(recorded)
    assert (request.ground, request.opened_by, request.purpose_key) == ("no_longer_necessary", "system", "train")
    assert carry_out(request).state == "delivered"
    assert stored(recorded) == []
    client.force_login(recorded, BACKEND)
    assert "Your consent to “Train” ran out and was not given again." in text(client.get(f"/requests/{request.pk}/"))


def test_a_consent_runs_out_also_where_the_purpose_was_put_on_another_basis_since(lapsing, recorded, soon):
    decisions.define_purpose(key="train", title="Train", basis="legitimate_interest")
    with later(days=365 + 31):
        assert gate.read(recorded.pk).grants == {}
        tasks.renew_answers()
    [request] = requests_of(recorded)
    carry_out(request)
    assert stored(recorded) == []


def test_how_long_it_waits_is_a_setting(lapsing, recorded, settings):
    settings.LAPSED_CONSENT_DAYS = 90
    with later(days=365 + 31):
        tasks.renew_answers()
        assert requests_of(recorded) == []


def test_a_yes_given_again_in_time_keeps_everything(lapsing, recorded):
    with later(days=380):
        give(recorded)
    with later(days=365 + 31):
        tasks.renew_answers()
    assert requests_of(recorded) == []


def test_a_notice_of_every_calendar_year_is_asked_again_before_each_new_one(ada):
    make_purpose("maine", basis="legal_obligation", covers={})
    expiring("maine", sources={}, each="calendar_year")
    with time_machine.travel(datetime(2027, 3, 1, 12, tzinfo=UTC), tick=True):
        decisions.acknowledge(subject_id=ada.pk, purpose_key="maine", path="/choices/")
    for day, told in (("2027-11-30", 0), ("2027-12-03", 1), ("2028-01-02", 1)):
        with time_machine.travel(datetime.fromisoformat(f"{day}T12:00+00:00"), tick=True):
            tasks.renew_answers()
        assert Mail.objects.count() == told
    with time_machine.travel(datetime(2028, 1, 3, tzinfo=UTC), tick=True):
        decisions.acknowledge(subject_id=ada.pk, purpose_key="maine", path="/choices/")
    with time_machine.travel(datetime(2028, 12, 20, tzinfo=UTC), tick=True):
        tasks.renew_answers()
    assert Mail.objects.count() == 2
    assert requests_of(ada) == []


def test_who_left_or_works_where_it_does_not_concern_them_is_not_written_to(lapsing, recorded, ben):
    give(ben)
    PurposeRecord.objects.update_or_create(purpose_key="train", defaults={"jurisdictions": ["US-ME"]})
    people.deactivate(employee=ben, by=SETTING_UP)
    with later(days=340):
        tasks.renew_answers()
    assert not Mail.objects.exists()


# --- a notice that asks for more


def widen(text="More.", **over):
    covers = {"recorder": ["scrolling", "pointer_clicks"]}
    said = {"sources": {"recorder": {"title": "R", "categories": {each: {} for each in covers["recorder"]}}}} | over
    return decisions.publish_notice(purpose_key="few", language="en", text=text, terms=said)


@pytest.fixture
def few(ada, ben):
    """Ada said yes and Ben no to a purpose of one category."""
    make_permitted(ada, purpose="few", source="recorder", categories=("scrolling",))
    decisions.refuse(subject_id=ben.pk, purpose_key="few", path="/choices/")
    return ada


def test_a_wider_notice_is_told_once_to_all_who_answered(few, ben):
    widen()
    tasks.tell_of_wider_notices()
    tasks.tell_of_wider_notices()
    assert set(Mail.objects.values_list("subject_id", flat=True)) == {few.pk, ben.pk}
    outbox.sweep()
    [to_ada] = [each for each in mail.outbox if each.to == [few.email]]
    assert to_ada.subject == "The notice of “Few” asks for more"
    assert "scroll" not in to_ada.body


def test_neither_wording_nor_a_second_language_nor_an_old_notice_tells_anybody(few):
    widen()
    with later(days=31):
        tasks.tell_of_wider_notices()
    assert not Mail.objects.exists()
    tasks.tell_of_wider_notices()
    told = Mail.objects.count()
    widen(text="The same in other words.")
    make_notice("few", covers={"recorder": ["scrolling", "pointer_clicks"]}, text="Mehr.", language="de")
    tasks.tell_of_wider_notices()
    assert Mail.objects.count() == told


def test_whoever_answered_the_wider_notice_is_not_told(few, ben):
    widen()
    give(few, "few")
    tasks.tell_of_wider_notices()
    assert list(Mail.objects.values_list("subject_id", flat=True)) == [ben.pk]


# --- to ask again


def test_legal_may_ask_again_once_in_ninety_days_and_nobody_else(lea, hana, ada, capsys):
    make_purpose()
    with pytest.raises(CommandError, match="for legal"):
        call_command("ask_again", "train", "--by", hana.employee_number)
    call_command("ask_again", "train", "--by", lea.employee_number)
    assert Purpose.objects.get(pk="train").asked_again_at is not None
    act = Act.objects.get(action="purpose.asked_again")
    assert (act.actor_id, act.facts) == (str(lea.pk), {"purpose": "train"})
    with pytest.raises(CommandError, match="less than 90 days ago"):
        call_command("ask_again", "train", "--by", lea.employee_number)
    with later(days=91):
        call_command("ask_again", "train", "--by", lea.employee_number)
    with pytest.raises(CommandError, match="no live purpose"):
        call_command("ask_again", "nothing", "--by", lea.employee_number)
    assert timezone.now() - Purpose.objects.get(pk="train").asked_again_at < -90 * DAY
