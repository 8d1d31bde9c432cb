"""The pages of legal holds: placed by legal, vouched for by a second person, read by whom they concern."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from portal.audit.models import Act
from portal.outbox.models import Mail
from portal.rights.holds.models import Hold
from portal.rights.models import SubjectRequest
from tests.makers import make_employee, sign_in
from tests.rights.conftest import ask

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "keys"])


@pytest.fixture
def lou():
    return make_employee("Lou Lamb", roles=["legal"])


def enter(client, who):
    client.logout()
    sign_in(client, who)


def fill(*people, **over):
    return {
        "people": "\n".join(each.employee_number for each in people),
        "matter": "2026-7",
        "categories": ["pointer_clicks"],
        "first": "2026-03-01",
        "last": "2026-03-31",
        "ground": "legal_claims",
        "legal_basis": "GDPR Art. 17(3)(e)",
        "reason": "A claim about overtime in March.",
        "until": (timezone.localdate() + timedelta(days=60)).isoformat(),
        **over,
    }


def test_legal_places_one_for_several_people_and_each_is_told(client, lea, ada, ben):
    enter(client, lea)
    assert client.post("/holds/place/", fill(ada, ben))["Location"] == "/holds/"
    assert {each.subject_id for each in Hold.objects.all()} == {ada.pk, ben.pk}
    told = Mail.objects.filter(template="hold_placed")
    assert {each.subject_id for each in told} == {ada.pk, ben.pk}
    assert all("overtime" not in str(each.facts) for each in told)
    page = client.get("/holds/").content.decode()
    assert "Ada Abel" in page
    assert "To be confirmed" in page


@pytest.mark.parametrize(
    "over",
    [
        {"people": "nobody"},
        {"until": "2020-01-01"},
        {"until": "2999-01-01"},
        {"reason": ""},
        {"first": "2026-04-01"},
        {"ground": "excessive"},
    ],
)
def test_what_is_missing_or_wrong_is_said(client, lea, ada, over):
    enter(client, lea)
    assert client.post("/holds/place/", fill(ada, **over)).status_code == 422
    assert not Hold.objects.exists()


def test_a_second_person_confirms_it(client, lea, lou, ada):
    enter(client, lea)
    client.post("/holds/place/", fill(ada))
    hold = Hold.objects.get()
    client.post(f"/holds/{hold.pk}/confirm/")
    assert Hold.objects.get().confirmed_at is None
    enter(client, lou)
    assert "Confirm" in client.get(f"/holds/{hold.pk}/").content.decode()
    client.post(f"/holds/{hold.pk}/confirm/")
    assert Hold.objects.get().confirmed_by == lou.pk
    assert Act.objects.filter(action="hold.viewed", subject_id=ada.pk).count() == 1


def test_releasing_it_lets_go_on_what_it_stopped(client, lea, ada):
    enter(client, lea)
    client.post("/holds/place/", fill(ada, categories=[], first="", last=""))
    request = ask(ada, "erasure")
    assert request.state == "in_review"
    client.post(f"/holds/{Hold.objects.get().pk}/release/")
    assert SubjectRequest.objects.get().state == "processing"


def test_it_is_renewed_by_a_hold_beside_it(client, lea, ada):
    enter(client, lea)
    client.post("/holds/place/", fill(ada))
    until = timezone.localdate() + timedelta(days=200)
    client.post(f"/holds/{Hold.objects.get().pk}/renew/", {"until": until.isoformat()})
    assert Hold.objects.count() == 2


def test_the_person_reads_why_and_until_when(client, lea, ada, ben):
    enter(client, lea)
    client.post("/holds/place/", fill(ada))
    enter(client, ada)
    page = client.get("/requests/holds/").content.decode()
    assert "A claim about overtime in March." in page
    assert "GDPR Art. 17(3)(e)" in page
    enter(client, ben)
    assert "No legal hold stands on your data." in client.get("/requests/holds/").content.decode()


def test_nobody_sees_a_hold_on_their_own_line(client, lea, ada):
    lea.manager = ada
    lea.save()
    hold = Hold(subject_id=ada.pk, placed_by=ada.pk, until=timezone.now() + timedelta(days=3))
    hold.seal("Because.")
    hold.save(force_insert=True)
    enter(client, lea)
    assert "Ada Abel" not in client.get("/holds/").content.decode()
    assert client.get(f"/holds/{hold.pk}/").status_code == 404
    assert client.post("/holds/place/", fill(ada)).status_code == 422
