"""What programs say of how a request came in: a channel of the list, a name that is kept sealed, a date that counts."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from portal.rights.models import SubjectRequest
from tests.makers import make_token

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "keys"])


def post(client, person, **body):
    token = make_token("requests.open")
    body = {"kind": "erasure", "subject": person.employee_number, **body}
    how = {"content_type": "application/json", "headers": {"authorization": f"Bearer {token}"}}
    return client.post("/api/v1/subject-requests", json.dumps(body), **how)


@pytest.mark.parametrize(
    ("said", "kept"), [("letter", "letter"), ("E-Mail", "email"), ("works council", "works_council"), ("", "")]
)
def test_a_channel_is_kept_as_its_code(client, ada, said, kept):
    assert post(client, ada, channel=said).status_code == 201
    assert SubjectRequest.objects.get().channel == kept


def test_a_channel_that_is_none_is_named_and_nothing_is_kept(client, ada):
    answer = post(client, ada, channel="his wife told me")
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/channel")
    assert "representative" in answer.json()["detail"]
    assert SubjectRequest.objects.count() == 0


def test_a_representative_stands_in_no_clear_column(client, ada):
    assert post(client, ada, representative="Kanzlei Roth", channel="representative").status_code == 201
    assert SubjectRequest.objects.get().details["representative"] == "Kanzlei Roth"
    with connection.cursor() as cursor:
        cursor.execute("SELECT string_agg(r::text, '') FROM rights_subjectrequest r")
        assert "Roth" not in cursor.fetchone()[0]
    assert post(client, ada, representative="x" * 201).status_code == 422


def test_the_date_counts_from_the_receipt(client, ada):
    early = timezone.now() - timedelta(days=20)
    dated = post(client, ada, received_at=early.isoformat()).json()
    assert dated["due"] < post(client, ada, scope={"categories": ["scrolling"]}).json()["due"]
