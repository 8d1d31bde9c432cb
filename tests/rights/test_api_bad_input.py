"""Bad input at every call of the request API: never 5xx, always one shape, and nothing is opened or changed by it."""

from __future__ import annotations

import json
import uuid
from urllib.parse import quote

import pytest
from django.test import Client

from portal.rights import actions
from portal.rights.models import SubjectRequest
from portal.rights.values import Kind
from tests.makers import SETTING_UP, make_token

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "keys"])
BASE = "/api/v1/subject-requests"
ALL = "requests.open requests.read requests.handle bundles.read consent.read"

# What reliability.md's list and others' lists of naughty input come to, for a field of JSON.
NAUGHTY = [
    None, True, False, 0, -1, 1, 2**31, 2**53, -(2**53), 1.5, 1e300, [], {}, [[]], [None], [{}], {"a": 1}, {"": ""},
    [1, 2], ["a"] * 1000, "", " ", "\t\r\n", "null", "undefined", "true", "NaN", "Infinity", "0", "-1", "1e5",
    "9" * 5000, "a" * 4097, "a" * 100_000, "ä" * 300, "日本語", "\u202egnp.exe", "\u200b\u200d\ufeff", "é" * 64,
    "💩" * 20,
    "Ω≈ç√∫˜µ≤≥÷", "\u0001\u0007\u001b[31m", "a\r\nSet-Cookie: x=1", "' OR 1=1 --", "\"; DROP TABLE x; --",
    "<script>alert(1)</script>", "{{7*7}}", "${7*7}", "%s%s%n", "../../etc/passwd", "C:\\con", "=1+1", "+1", "@SUM(1)",
    "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00", "2026-02-30T00:00:00Z", "2026-06-30T23:59:60Z",
    "2026-01-01", "2026-01-01T00:00:00", "2026-01-01T25:00:00Z", "1767225600", "20260101T000000Z", "2026-W01-1",
    "00000000-0000-0000-0000-000000000000", "access,erasure", "ACCESS", "access ", "self", "system",
]  # fmt: skip
FIELDS = ["kind", "subject", "format", "scope", "ground", "note", "received_at", "channel", "representative"]
SCOPE = ["categories", "from", "to", "sources", "apps", "purposes", "collectors"]
# No text of HTTP or of PostgreSQL may hold these.
UNWRITABLE = [
    b'"\\u0000"',
    b'"a\\u0000b"',
    b'"\\ud800"',
    b'"\\udfff\\ud800"',
    b'"\xff\xfe"',
    b"NaN",
    b"-Infinity",
    b"1e999",
]


@pytest.fixture
def send():
    token, client = make_token(ALL, name="bot"), Client(raise_request_exception=False)

    def send(method, address, body=b"", **headers):
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        headers = {"authorization": f"Bearer {token}", **headers}
        return client.generic(method, address, raw, content_type="application/json", headers=headers)

    return send


def fine(answer, *statuses):
    """A refusal in the one shape, or one of the answers that are fine here."""
    if answer.status_code in statuses:
        return True
    assert 400 <= answer.status_code < 500, (answer.status_code, answer.content[:300])
    assert answer["Content-Type"] == "application/problem+json", answer["Content-Type"]
    said = answer.json()
    assert set(said) <= {"type", "title", "status", "detail", "errors"}
    assert said["status"] == answer.status_code
    assert len(said.get("errors", [])) <= 20
    assert all(each["pointer"] == "" or each["pointer"].startswith("/") for each in said.get("errors", []))
    assert b"Traceback" not in answer.content
    return False


@pytest.mark.parametrize("field", FIELDS)
def test_each_field_of_a_request_takes_what_it_means_and_refuses_the_rest(field, send, ada):
    # What is taken costs more: of the free texts each tries every other.
    for value in NAUGHTY[FIELDS.index(field) % 2 :: 2] if field in ("note", "representative") else NAUGHTY:
        before = SubjectRequest.objects.count()
        answer = send("POST", BASE, {"kind": "complaint", "subject": str(ada.pk), field: value})
        taken = fine(answer, 201)
        assert SubjectRequest.objects.count() == before + taken, value
        assert not taken or field not in ("kind", "subject", "format"), value
    assert send("GET", f"{BASE}?limit=200").status_code == 200
    assert send("POST", BASE, {"kind": "complaint", "subject": str(ada.pk)}).status_code == 201


def test_each_field_of_a_scope_takes_what_it_means_and_refuses_the_rest(send, ada):
    for nth, name in enumerate(SCOPE):
        for value in NAUGHTY[nth % 3 :: 3]:
            fine(send("POST", BASE, {"kind": "complaint", "subject": str(ada.pk), "scope": {name: value}}), 201)
    assert send("GET", f"{BASE}?limit=200").status_code == 200


@pytest.mark.parametrize("field", ["subject", "note", "channel", "representative"])
def test_what_no_text_may_hold_is_400(field, send, ada):
    start = {"kind": "complaint", "subject": str(ada.pk)}
    for value in UNWRITABLE:
        given = {name: each for name, each in start.items() if name != field}
        raw = json.dumps(given).encode()[:-1] + b', "' + field.encode() + b'": ' + value + b"}"
        answer = send("POST", BASE, raw)
        fine(answer)
        assert answer.status_code == 400, value
    assert not SubjectRequest.objects.exists()


BODIES = [
    b"", b" ", b"null", b"true", b"1", b'"a"', b"[]", b"[{}]", b"{", b"}", b"{]", b'{"kind"}', b"{'kind': 'access'}",
    b'{"kind": "access",}', b'{"kind": "access"} {}', b"\xef\xbb\xbf{}", "{}".encode("utf-16"), b"\x00", b"{}\x00",
    b'{"a": 01}', b'{"a": .5}', b'{"a": +1}', b'{"a": 0x1}', b'{"a": 9007199254740993}', b'{"a": ' + b"9" * 400 + b"}",
    b"[" * 100_000, b'{"a":' * 17 + b"1" + b"}" * 17, b'{"a": 1, "a": 2}', b'{"kind": "access", "kind": "erasure"}',
    b'{"is_staff": true}', b'{"state": "delivered"}', b'{"id": "x", "decided_by": "me"}', b'{"account": true}',
    b'{"opened_by": "self"}', b'{"reason": {"a": []}}', b'{"reason": ["excessive"]}', b'{"reason": "because"}',
    b'{"reason": ""}', b'{"reason": null}', b'{"reason": "excessive", "extra": 1}',
]  # fmt: skip


@pytest.mark.parametrize("verb", ["", "approve", "refuse", "extend", "cancel"])
def test_no_body_is_too_odd_for_any_call_that_takes_one(verb, send, ada):
    asked = actions.open_request(
        kind=Kind.ERASURE, subject_id=ada.pk, by=SETTING_UP, opened_by="client", idempotency_key="k"
    )
    bodies = BODIES if verb in ("", "refuse", "extend") else BODIES[:30]
    for body in bodies:
        answer = send("POST", f"{BASE}/{asked.pk}/{verb}" if verb else BASE, body)
        # The calls without a body read none.
        fine(answer, *([200] if verb in ("approve", "cancel") else []))
    asked.refresh_from_db()
    assert asked.state == {"approve": "processing", "cancel": "withdrawn"}.get(verb, "in_review")
    assert SubjectRequest.objects.count() == 1


IDS = [
    "nonsense", "1", "-1", "0", "null", str(uuid.uuid4()), "00000000-0000-0000-0000-000000000000", "{}", "%00", "..",
    "%2e%2e", "%2e%2e%2f", "%c0%af", "%ff", "a" * 5000, "%F0%9F%92%A9", "' OR 1=1 --", "*", ";", "@", "~", "$(id)",
    "7d0d0f3c3b0a4a529f0a2f1f6f0f5a11", "{7d0d0f3c-3b0a-4a52-9f0a-2f1f6f0f5a11}",
]  # fmt: skip


def test_a_request_that_is_not_there_is_not_found_at_any_call(send, ada):
    for each in IDS:
        where = f"{BASE}/{quote(each, safe='%')}"
        for method, rest in [("GET", ""), ("GET", "/steps"), ("GET", "/bundle")] + [
            ("POST", f"/{verb}") for verb in ("approve", "refuse", "extend", "cancel")
        ]:
            body = (
                {"reason": "excessive"} if rest == "/refuse" else {"reason": "complexity"} if rest == "/extend" else b""
            )
            answer = send(method, where + rest, body)
            fine(answer)
            assert answer.status_code in (400, 404, 405), (each, rest, answer.status_code)


QUERIES = [
    "state=", "state=open", "state=IN_REVIEW", "state=received,ready", "state=%00", "state[]=ready",
    "kind=theft", "kind=",
    "kind=%F0%9F%92%A9", "kind=access%20", "subject=nobody", "subject=%00", "subject=%ff", "subject=" + "9" * 5000,
    "subject=%27%20OR%201=1%20--", "subject=%2e%2e", "subject=00000000-0000-0000-0000-000000000000",
    "due_before=soon", "due_before=2026-13-01", "due_before=2026-02-30", "due_before=0001-01-01",
    "due_before=9999-12-31",
    "due_before=9999-12-31T23:59:59-12:00", "due_before=0001-01-01T00:00:00%2B14:00", "due_before=2026-01-01T00:00:00",
    "due_before=1767225600", "due_before=-1", "due_before=2026-01-01T00:00:60Z", "due_before=2026-W01-1",
    "due_before=%00",
    "due_before=2026-01-01T00:00:00Z%00", "due_before=%D9%A2%D9%A0%D9%A2%D9%A6-01-01", "due_before=" + "1" * 5000,
    "due_before=2026-01-01T00:00:00%2B99:00", "due_before=--", "due_before=1e-9", "due_before=2026-01-01%20",
    "cursor=x", "cursor=%00", "cursor=AAAA", "cursor=%F0%9F%92%A9", "cursor=====", "cursor=MQ", "cursor=" + "A" * 5000,
    "cursor=MTc2NzIyNTYwMDAwMDAwMC4wMA", "cursor=OTk5OTk5OTk5OTk5OTk5OTkuMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDA",
    "cursor=%D9%A1", "limit=0", "limit=-1", "limit=201", "limit=1e2", "limit=abc", "limit=1.5", "limit=" + "9" * 5000,
    "limit=%00", "limit=", "limit=0x10", "limit=%D9%A1",
]  # fmt: skip


def test_no_filter_is_too_odd(send, ada):
    actions.open_request(kind=Kind.ACCESS, subject_id=ada.pk, by=SETTING_UP)
    passed = [query for query in QUERIES if fine(send("GET", f"{BASE}?{query}"), 200)]
    # Unknown names narrow nothing, nor does an empty subject, and Arabic digits are digits.
    assert {each for each in passed if not each.startswith("cursor=OTk5")} <= {
        "state[]=ready",
        "subject=",
        "limit=%D9%A1",
    }


@pytest.mark.parametrize("what", ["decisions", "receipts"])
def test_no_address_of_a_person_is_too_odd(what, send, ada):
    for each in IDS:
        fine(send("GET", f"/api/v1/subjects/{quote(each, safe='%')}/{what}"))
    for query in ("purpose=", "purpose=%00", "purpose=fun", "case=%00", "case=" + "a" * 99, *QUERIES[-16:]):
        fine(send("GET", f"/api/v1/subjects/{ada.pk}/{what}?{query}"))


KEYS = ["", " ", "a" * 256, "ü", "💩", "'; --", "a,b", '"a"', "\x7f", "=1+1", "a" * 255]


def test_no_key_is_too_odd(send, ada):
    for key in KEYS:
        answer = send("POST", BASE, {"kind": "complaint", "subject": str(ada.pk)}, **{"Idempotency-Key": key})
        fine(answer, 201)
    assert (
        send("POST", BASE, {"kind": "complaint", "subject": str(ada.pk)}, **{"Idempotency-Key": "a\0b"}).status_code
        == 422
    )


METHODS = ["PUT", "PATCH", "DELETE", "TRACE", "OPTIONS", "PROPFIND"]


def test_no_other_method_does_anything(send, ada):
    asked = actions.open_request(kind=Kind.ACCESS, subject_id=ada.pk, by=SETTING_UP)
    for method in METHODS:
        for where in (BASE, f"{BASE}/{asked.pk}", f"{BASE}/{asked.pk}/approve", f"{BASE}/{asked.pk}/bundle"):
            answer = send(method, where)
            fine(answer)
            assert answer.status_code == 405
    assert SubjectRequest.objects.get().state == "processing"


TOKENS = ["", "Bearer", "Bearer ", "Basic YTpi", "Bearer " + "a" * 10_000, "Bearer \xff", "bearer x y", "Bearer null"]


def test_no_token_is_too_odd(ada):
    client = Client(raise_request_exception=False)
    for token in TOKENS:
        answer = client.get(BASE, headers={"authorization": token})
        fine(answer)
        assert answer.status_code == 401, token
