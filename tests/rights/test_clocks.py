"""What moves a date and what does not: questions to the person, more time, and who is reminded of it."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from django.core import mail
from django.utils import timezone

from portal.outbox import runner as outbox
from portal.outbox.models import Mail
from portal.people.guards import actor_for
from portal.rights import actions, deadlines, handling
from portal.rights.clocks import actions as clocks
from portal.rights.clocks import reckoning, reminding
from portal.rights.clocks.models import Clarification, MoreTime
from portal.rights.clocks.reading import clock
from portal.rights.models import SubjectRequest
from portal.rights.values import Kind, NotAllowed, OpenedBy
from tests.makers import SETTING_UP, make_employee, sign_in
from tests.rights.conftest import ask, person

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "keys"])


@pytest.fixture
def uma():
    """She works in England."""
    return make_employee("Uma Underhill", jurisdiction="GB", time_zone="Europe/London")


@pytest.fixture
def cal():
    """He works in California."""
    return make_employee("Cal Cody", jurisdiction="US-CA", time_zone="America/Los_Angeles")


def enter(client, who):
    client.logout()
    sign_in(client, who)


def noon(day):
    return min(datetime.combine(day, datetime.min.time(), UTC) + timedelta(hours=12), timezone.now())


def by_letter(employee, received, kind=Kind.RECTIFICATION):
    return actions.open_request(
        kind=kind,
        subject_id=employee.pk,
        by=SETTING_UP,
        opened_by=OpenedBy.STAFF,
        received_at=noon(received),
        channel="letter",
    )


def asked(request, hana, code="scope", *, on=None, until=None):
    """Ask, and have it answered, on those days."""
    question = clocks.ask(request=request, by=actor_for(hana), code=code, text="Which days do you mean?")
    if on:
        Clarification.objects.filter(pk=question.pk).update(asked_at=noon(on))
    if until:
        clocks.answer(request=request, by=person_of(request), text="All of March.")
        Clarification.objects.filter(pk=question.pk).update(ended_at=noon(until))
    fresh = SubjectRequest.objects.get(pk=request.pk)
    reckoning.recount(fresh)
    return fresh


def person_of(request):
    return type("P", (), {"kind": "person", "id": str(request.subject_id), "role": "employee", "label": ""})()


# --- the date


def test_a_request_keeps_by_which_rule_calendar_and_version_its_date_was_found(ada):
    request = by_letter(ada, date(2026, 3, 5))
    assert (request.due, request.rule) == (date(2026, 4, 7), "eu-1182-71")
    assert (request.calendar, request.calendar_version) == ("DE", deadlines.version())
    assert "Easter Monday" in request.explanation


def test_a_complaint_has_its_own_thirty_days(ada):
    request = by_letter(ada, date(2026, 6, 5), Kind.COMPLAINT)
    assert (request.due, request.rule) == (date(2026, 7, 5), "complaint")


def test_california_has_a_second_date_for_confirming_the_receipt(cal, ada):
    shown = clock(by_letter(cal, date(2026, 6, 5)))
    assert shown.confirm.day == date(2026, 6, 19)
    assert clock(by_letter(ada, date(2026, 6, 5))).confirm is None


def test_a_receipt_is_confirmed_once_to_whoever_did_not_ask_on_the_pages(cal, ada):
    request = by_letter(cal, timezone.now().date())
    ask(ada)
    assert clock(request).confirmed is None
    assert (reminding.confirm_receipts(), reminding.confirm_receipts()) == (1, 0)
    assert clock(request).confirmed is not None


# --- questions


@pytest.mark.parametrize(
    ("received", "first", "last", "days", "due"),
    [
        (date(2026, 3, 2), date(2026, 3, 5), date(2026, 3, 12), 8, date(2026, 4, 10)),  # V21
        (date(2026, 10, 1), date(2026, 10, 5), date(2026, 10, 5), 1, date(2026, 11, 2)),  # V22
    ],
)
def test_in_the_united_kingdom_days_of_waiting_do_not_count(uma, hana, received, first, last, days, due):
    request = by_letter(uma, received)
    before = request.due
    request = asked(request, hana, on=first, until=last)
    assert (request.stopped_days, request.due, request.first_due) == (days, due, before)
    assert "of waiting for an answer" in request.explanation
    assert request.state == "in_review"


def test_in_the_united_kingdom_the_time_runs_from_when_it_is_known_who_asks(uma, hana):
    request = asked(by_letter(uma, date(2026, 3, 2)), hana, "identity", on=date(2026, 3, 3), until=date(2026, 3, 16))
    assert (request.stopped_days, request.due) == (0, date(2026, 4, 16))  # V20


def test_in_california_no_question_stops_the_clock(cal, hana):
    request = by_letter(cal, date(2026, 6, 7))
    request = asked(request, hana, on=date(2026, 6, 10), until=date(2026, 6, 20))
    assert (request.stopped_days, request.due) == (0, date(2026, 7, 22))


def test_in_the_union_it_stops_for_a_letter_and_never_for_who_was_signed_in(ada, hana):
    letter = asked(by_letter(ada, date(2026, 3, 5)), hana, on=date(2026, 3, 9), until=date(2026, 3, 10))
    assert letter.stopped_days == 2
    own = asked(ask(ada, Kind.RECTIFICATION), hana)
    assert (own.state, own.stopped_days) == ("awaiting_subject", 0)


def test_while_it_waits_each_day_is_counted_as_it_comes(uma, hana):
    today = timezone.now().date()
    request = asked(by_letter(uma, today - timedelta(days=10)), hana, on=today - timedelta(days=4))
    due = request.due
    Clarification.objects.update(asked_at=noon(today - timedelta(days=6)))
    reminding.move_waiting()
    request.refresh_from_db()
    assert request.stopped_days == 7
    assert request.due > due


def test_work_that_needs_no_answer_goes_on_and_so_does_the_clock(uma, hana):
    copy = asked(ask(uma), hana)
    assert (copy.state, copy.stopped_days) == ("processing", 0)
    assert not Clarification.objects.get().stops


def test_a_decision_ends_the_question(uma, hana):
    request = asked(ask(uma, Kind.RESTRICTION), hana)
    handling.approve(request=request, by=actor_for(hana))
    assert Clarification.objects.get().ended_at is not None
    assert SubjectRequest.objects.get(pk=request.pk).state == "delivered"


def test_question_and_answer_are_sealed_and_in_no_mail(uma, hana):
    asked(by_letter(uma, date(2026, 3, 2)), hana, until=date(2026, 3, 5))
    question = Clarification.objects.get()
    assert (question.text, question.answer) == ("Which days do you mean?", "All of March.")
    assert b"March" not in bytes(question.sealed_answer)
    outbox.deliver_due()
    assert mail.outbox
    assert not any("Which days" in each.body or "March." in each.body for each in mail.outbox)


def test_one_question_at_a_time_and_only_by_who_may_handle(uma, hana, ben):
    request = asked(by_letter(uma, date(2026, 3, 2)), hana)
    for by in (hana, ben):
        with pytest.raises(NotAllowed):
            clocks.ask(request=request, by=actor_for(by), code="scope", text="And?")


def test_the_person_answers_on_the_page_of_the_request(client, uma, hana):
    request = asked(by_letter(uma, timezone.now().date()), hana)
    enter(client, uma)
    page = client.get(f"/requests/{request.pk}/").content.decode()
    assert "Which days do you mean?" in page
    client.post(f"/requests/{request.pk}/answer/", {"text": "All of them."})
    assert Clarification.objects.get().answer == "All of them."
    enter(client, hana)
    assert "All of them." in client.get(f"/queue/{request.pk}/").content.decode()


def test_nobody_else_answers_for_the_person(client, uma, ada, hana):
    request = asked(by_letter(uma, timezone.now().date()), hana)
    enter(client, ada)
    assert client.post(f"/requests/{request.pk}/answer/", {"text": "Mine."}).status_code == 404


# --- more time


def test_more_time_counts_from_the_receipt_and_the_person_is_told_why(ada, hana):
    received = timezone.now().date() - timedelta(days=3)
    request = by_letter(ada, received)
    first = request.first_due
    request = handling.extend(request=request, by=actor_for(hana), reason="complexity")
    rule, days_off = deadlines.rule_for("DE")
    assert request.due == deadlines.due(rule, days_off, received, extended=True).day
    assert (request.first_due, request.state) == (first, "extended")
    [told] = Mail.objects.filter(template="request_extended")
    assert (told.subject_id, told.facts["reason"]) == (ada.pk, "complexity")
    outbox.deliver_due()
    assert "because it is complex" in mail.outbox[-1].body


def test_more_time_is_taken_once_and_never_after_the_first_month(ada, hana):
    late = by_letter(ada, timezone.now().date() - timedelta(days=40))
    with pytest.raises(NotAllowed):
        handling.extend(request=late, by=actor_for(hana), reason="complexity")
    assert not Mail.objects.filter(template="request_extended").exists()
    request = by_letter(ada, timezone.now().date())
    handling.extend(request=request, by=actor_for(hana), reason="complexity")
    with pytest.raises(NotAllowed):
        handling.extend(request=request, by=actor_for(hana), reason="complexity")
    assert MoreTime.objects.count() == 1


def test_a_question_does_not_make_the_first_month_longer_for_taking_more_time(uma, hana):
    today = timezone.now().date()
    request = by_letter(uma, today - timedelta(days=40))
    request = asked(request, hana, on=today - timedelta(days=38), until=today - timedelta(days=2))
    assert request.due > today
    with pytest.raises(NotAllowed):
        handling.extend(request=request, by=actor_for(hana), reason="complexity")


def test_a_question_and_more_time_go_together(uma, hana):
    today = timezone.now().date()
    request = asked(by_letter(uma, today), hana, until=today)
    handling.extend(request=request, by=actor_for(hana), reason="complexity")
    request.refresh_from_db()
    rule, days_off = deadlines.rule_for("GB")
    assert request.due == deadlines.due(rule, days_off, today, extended=True, excluded_days=1).day


def test_a_complaint_cannot_be_extended(ada, hana):
    request = by_letter(ada, timezone.now().date(), Kind.COMPLAINT)
    with pytest.raises(NotAllowed):
        handling.extend(request=request, by=actor_for(hana), reason="complexity")


def test_a_question_keeps_its_state_when_more_time_is_taken(uma, hana):
    request = asked(by_letter(uma, timezone.now().date()), hana)
    handling.extend(request=request, by=actor_for(hana), reason="complexity")
    assert SubjectRequest.objects.get().state == "awaiting_subject"


# --- reminders


def due_in(request, days):
    SubjectRequest.objects.filter(pk=request.pk).update(due=reckoning.today_of(request) + timedelta(days=days))


def reminded(template="request_due"):
    return Mail.objects.filter(template=template).count()


def test_handlers_are_reminded_at_seven_three_and_one_days_once_each(ada, hana, lea):
    request = by_letter(ada, timezone.now().date())
    counts = []
    for days in (9, 7, 7, 6, 3, 2, 1, 0):
        due_in(request, days)
        # The date stays in truth, so that the mark of a mail does.
        Mail.objects.filter(template="request_due").update(once=None)
        reminding.remind()
        counts.append(reminded())
    assert counts[0] == 0
    assert counts[1] == 2
    due_in(request, 3)
    reminding.remind()
    again = reminded()
    reminding.remind()
    assert reminded() == again


def test_when_it_is_overdue_the_person_is_told_first(ada, hana, lea):
    request = by_letter(ada, timezone.now().date())
    due_in(request, -1)
    reminding.remind()
    first, *others = Mail.objects.filter(template__startswith="request_").order_by("posted_at")
    assert (first.subject_id, first.template) == (ada.pk, "request_late")
    assert {each.subject_id for each in others} == {hana.pk, lea.pk}
    assert {each.template for each in others} == {"request_overdue"}
    reminding.remind()
    assert Mail.objects.count() == 3


def test_no_mail_names_the_person_or_what_they_asked(ada, hana):
    due_in(by_letter(ada, timezone.now().date()), 3)
    reminding.remind()
    outbox.deliver_due()
    [sent] = mail.outbox
    assert "Ada" not in sent.body + sent.subject
    assert "orrect" not in sent.body + sent.subject


def test_nobody_of_the_line_is_reminded_and_nobody_of_what_is_private(ada, hana, lea):
    ada.manager = lea
    ada.save()
    due_in(by_letter(ada, timezone.now().date()), 3)
    private = ask(ada, Kind.ERASURE, purpose_key="train")
    due_in(private, -2)
    reminding.remind()
    assert {each.subject_id for each in Mail.objects.filter(template="request_due")} == {hana.pk}
    assert {each.subject_id for each in Mail.objects.exclude(template="request_due")} == {ada.pk}


def test_what_is_overdue_is_shown_to_everyone_concerned(client, ada, hana):
    request = by_letter(ada, timezone.now().date())
    due_in(request, -3)
    enter(client, ada)
    for page in ("/", "/requests/", f"/requests/{request.pk}/"):
        assert "overdue" in client.get(page).content.decode().lower(), page
    enter(client, hana)
    for page in ("/queue/", f"/queue/{request.pk}/"):
        assert "overdue" in client.get(page).content.decode().lower(), page


def refused(request, *by):
    for each in by:
        handling.refuse(request=request, by=actor_for(each), ground="excessive", note="Asked for every week.")
    return SubjectRequest.objects.get(pk=request.pk)


def test_a_refusal_in_the_time_that_was_taken_for_an_answer_is_late_and_both_see_it(client, ada, hana, lea):
    request = by_letter(ada, timezone.now().date() - timedelta(days=10))
    handling.extend(request=request, by=actor_for(hana), reason="complexity")
    SubjectRequest.objects.filter(pk=request.pk).update(first_due=timezone.now().date() - timedelta(days=2))
    assert clock(refused(request, hana, lea)).late_by == 2
    for who, page in ((ada, f"/requests/{request.pk}/"), (hana, f"/queue/{request.pk}/")):
        enter(client, who)
        assert "2 days late" in client.get(page).content.decode(), page


def test_an_answer_in_the_time_that_was_taken_for_it_is_in_time_and_one_after_it_is_late(ada, hana):
    request = by_letter(ada, timezone.now().date() - timedelta(days=10))
    request = handling.extend(request=request, by=actor_for(hana), reason="complexity")
    request.state, request.closed_at = "delivered", timezone.now()
    assert clock(request).late_by == 0
    request.due = timezone.now().date() - timedelta(days=1)
    assert clock(request).says == "1 day late"


def test_what_the_person_took_back_is_not_late(ada):
    request = by_letter(ada, timezone.now().date())
    due_in(request, -2)
    request.refresh_from_db()
    handling.cancel(request=request, by=person(ada))
    request.refresh_from_db()
    assert (request.state, clock(request).says) == ("withdrawn", "")


def test_the_own_target_of_twenty_eight_days_is_shown_to_both(client, ada, hana):
    request = by_letter(ada, timezone.now().date())
    target = f"{request.target.day} {request.target:%B %Y}"
    for who, page in ((ada, f"/requests/{request.pk}/"), (hana, f"/queue/{request.pk}/")):
        enter(client, who)
        assert target in client.get(page).content.decode()


assert person
