"""A copy for somebody without an account: a code in two halves opens exactly that copy, three times, for some days."""

from __future__ import annotations

import io
import zipfile
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from portal.audit.models import Act
from portal.audit.values import Action
from portal.rights import codes
from portal.rights.cases import delivery, intake
from portal.rights.cases.intake import Came
from portal.rights.cases.models import HandOver
from portal.rights.models import Bundle, SubjectRequest
from portal.rights.values import Kind, NotAllowed, State
from tests.cases.conftest import staff, text
from tests.makers import make_employee
from tests.rights.conftest import ask, carry_out

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "keys"])


@pytest.fixture
def ready(hana, lea, rosa, ada):
    """A copy that Ada asked for by letter and that Hana recorded."""
    came = Came(
        kind=Kind.ACCESS,
        channel="letter",
        received_on=timezone.localdate() - timedelta(days=2),
        text="A copy, please.",
        identity="signature",
        delivery="letter",
    )
    request = intake.record(came=came, person=ada, by=staff(hana)).request
    assert carry_out(request).state == State.READY
    return request


def halves(request, first, second):
    delivery.make(request=request, by=staff(first))
    return [
        delivery.show(request=request, half="first", by=staff(first)),
        delivery.show(request=request, half="second", by=staff(second)),
    ]


def fetch(first, second):
    """Ask for the copy as somebody who is signed in nowhere."""
    return Client().post("/fetch/", {"first": first, "second": second})


def test_both_halves_open_exactly_that_copy(lea, rosa, ada, ready):
    first, second = halves(ready, lea, rosa)
    answer = fetch(first.lower().replace("-", " "), second)
    assert answer.status_code == 200
    archive = zipfile.ZipFile(io.BytesIO(b"".join(answer.streaming_content)))
    assert "manifest.json" in archive.namelist()
    assert "no-store" in answer["Cache-Control"]
    act = Act.objects.get(action=Action.BUNDLE_DOWNLOADED)
    assert (act.subject_id, act.actor_role, act.case) == (ada.pk, "code", str(ready.pk))
    assert act.leaf_idx is not None


def test_each_half_is_shown_once_and_nobody_is_shown_both(become, lea, rosa, ready):
    become(lea).post(f"/queue/{ready.pk}/code/")
    shown = text(become(lea).post(f"/queue/{ready.pk}/code/first/"))
    assert "/fetch/" in shown
    code = HandOver.objects.get()
    assert codes.digest("x") != code.digest
    assert (code.first_half, code.first_shown_to) == ("", f"person:{lea.pk}")
    for half, why in (("first", "has been shown already"), ("second", "a colleague passes this one on")):
        assert why in text(become(lea).post(f"/queue/{ready.pk}/code/{half}/", follow=True))
    assert "This is the second half" in text(become(rosa).post(f"/queue/{ready.pk}/code/second/"))
    assert become(rosa).post(f"/queue/{ready.pk}/code/third/").status_code == 302


def test_whoever_recorded_the_request_makes_no_code_but_may_pass_the_second_half_on(hana, lea, ready):
    with pytest.raises(NotAllowed):
        delivery.make(request=ready, by=staff(hana))
    delivery.make(request=ready, by=staff(lea))
    with pytest.raises(NotAllowed):
        delivery.show(request=ready, half="first", by=staff(hana))
    assert delivery.show(request=ready, half="second", by=staff(hana))


def test_nobody_of_the_line_is_shown_a_half(hana, lea, rosa, ada, ready):
    delivery.make(request=ready, by=staff(lea))
    for manager in (rosa, hana):
        type(ada).objects.filter(pk=ada.pk).update(manager=manager)
        for half in ("first", "second"):
            with pytest.raises(NotAllowed):
                delivery.show(request=ready, half=half, by=staff(manager))


def test_one_half_alone_or_a_wrong_code_opens_nothing(lea, rosa, ready):
    first, second = halves(ready, lea, rosa)
    for wrong in ((first, "AAAA-AAAA-AAAA-AAAA"), (first, first), (second, first), ("", second)):
        assert fetch(*wrong).status_code == 422
    assert not Act.objects.filter(action=Action.BUNDLE_DOWNLOADED).exists()


def test_it_opens_three_times_and_no_more(lea, rosa, ready):
    first, second = halves(ready, lea, rosa)
    assert [fetch(first, second).status_code for _time in range(4)] == [200, 200, 200, 422]


def test_what_could_not_be_handed_out_uses_nothing_up(lea, rosa, ready):
    first, second = halves(ready, lea, rosa)
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE audit_act RENAME TO audit_act_away")
        try:
            assert [fetch(first, second).status_code for _time in range(3)] == [503] * 3
        finally:
            cursor.execute("ALTER TABLE audit_act_away RENAME TO audit_act")
    assert fetch(first, second).status_code == 200


def test_what_was_fetched_three_times_is_not_kept_longer_for_a_new_code(lea, rosa, ready):
    first, second = halves(ready, lea, rosa)
    assert [fetch(first, second).status_code for _time in range(3)] == [200] * 3
    with pytest.raises(NotAllowed, match="three times"):
        delivery.make(request=ready, by=staff(lea))
    assert Bundle.objects.get().expires_at < timezone.now() + timedelta(hours=2)


@pytest.mark.parametrize("over", ["expired", "ended", "replaced", "copy removed"])
def test_its_time_can_be_over(lea, rosa, ready, over):
    first, second = halves(ready, lea, rosa)
    if over == "expired":
        HandOver.objects.update(expires_at=timezone.now())
    elif over == "ended":
        delivery.end(request=ready, by=staff(lea))
    elif over == "replaced":
        delivery.make(request=ready, by=staff(lea))
    else:
        Bundle.objects.update(expires_at=timezone.now())
    assert fetch(first, second).status_code == 422


def test_who_guesses_too_often_waits(lea, rosa, ready):
    first, second = halves(ready, lea, rosa)
    for _time in range(codes.WRONG_AN_HOUR):
        assert fetch("wrong", "wrong").status_code == 422
    assert fetch(first, second).status_code == 429


def test_the_copy_is_kept_for_as_long_as_the_code(lea, ready):
    delivery.make(request=ready, by=staff(lea))
    assert Bundle.objects.get().expires_at == HandOver.objects.get().expires_at > timezone.now() + timedelta(days=13)


def test_no_code_is_made_for_what_a_person_asked_for_in_their_account_or_what_is_not_ready(hana, lea, ada):
    own = make_employee("Own")
    asked = SubjectRequest.objects.get(pk=ask(own).pk)
    with pytest.raises(NotAllowed, match="when they sign in"):
        delivery.make(request=carry_out(asked), by=staff(lea))
    came = Came(Kind.ACCESS, "email", timezone.localdate(), "x", identity="signature", delivery="code")
    waiting = intake.record(came=came, person=ada, by=staff(hana)).request
    with pytest.raises(NotAllowed, match="not ready"):
        delivery.make(request=waiting, by=staff(lea))


def test_the_code_lies_nowhere(lea, rosa, ready):
    first, second = halves(ready, lea, rosa)
    row = HandOver.objects.get()
    assert (row.first_half, row.second_half) == ("", "")
    assert codes.tidy(first) not in str(row.__dict__)
    assert len(codes.tidy(first + second)) == 32


def test_the_page_says_who_was_shown_what(become, lea, rosa, hana, ready):
    halves(ready, lea, rosa)
    page = text(become(hana).get(f"/queue/{ready.pk}/"))
    assert "was shown to Lea Lund" in page
    assert "was shown to Rosa Reich" in page
