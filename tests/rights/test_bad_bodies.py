"""Bodies of the request API that are not one clean JSON text are refused in the one shape, and nothing is opened."""

from __future__ import annotations

import pytest
from django.test import Client

from portal.rights.models import SubjectRequest
from tests.makers import make_token

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "keys"])
PATH = "/api/v1/subject-requests"


def post(body, token, **headers):
    headers = {"Authorization": f"Bearer {token}", **headers}
    content_type = headers.pop("type", "application/json")
    return Client().generic("POST", PATH, body, content_type=content_type, headers=headers)


@pytest.mark.parametrize(
    "body",
    [
        b'{"kind": "access"',
        b'{"kind": "access", "kind": "erasure", "subject": "1000"}',
        b'{"kind": NaN, "subject": "1000"}',
        b'{"kind": "access", "subject": 9007199254740993}',
        b'{"kind": "access", "subject": "10\\u000000"}',
        b'{"kind": "access", "subject": "\\ud800"}',
        b"[" * 100_000,
        b'{"kind": ' + b"[" * 17 + b"]" * 17 + b"}",
        b'\xef\xbb\xbf{"kind": "access"}',
        b'{"kind": "\xff"}',
        b"{} {}",
    ],
    ids=["cut", "twice", "nan", "large", "nul", "surrogate", "bracket", "deep", "bom", "latin-1", "two"],
)
def test_what_is_not_one_json_text_is_400(ada, body):
    answer = post(body, make_token("requests.open"))
    assert answer.status_code == 400
    assert answer["Content-Type"] == "application/problem+json"
    assert not SubjectRequest.objects.exists()


def test_another_content_type_is_415_but_only_for_who_may_ask(ada):
    assert post(b"kind=access", make_token("requests.open"), type="text/plain").status_code == 415
    assert post(b"kind=access", "unknown", type="text/plain").status_code == 401


def test_a_schema_error_names_the_field(ada):
    answer = post(b'{"kind": "access", "subject": "1000", "surprise": 1, "format": "xml"}', make_token("requests.open"))
    assert answer.status_code == 422
    assert {each["pointer"] for each in answer.json()["errors"]} >= {"/format"}
