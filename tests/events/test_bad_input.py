"""What is refused, with which status, and where the problem says it is; each limit from both sides."""

from __future__ import annotations

import gzip
import io
import json
import time
import uuid
import zlib

import pytest
from django.test import Client
from django.test.utils import override_settings

from portal import limits
from portal.audit.models import Act
from portal.events.models import BatchReceipt, Block
from portal.wsgi import application
from tests.events.conftest import key, move, now_ms
from tests.makers import make_batch, make_employee, make_source, make_token, send

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "keys"])

HEAD = '{"source":"agent","sent_at":"2026-01-01T00:00:00Z","subject":"%s","events":[%s]}'
EVENT = '{"t":%d,"type":"pointermove","x":1,"y":2}'
FOCUS = '{"t":%d,"type":"focus","app":"%s"}'


@pytest.fixture
def raw(client, token, ada):
    """Send a body as bytes, with the text of its events put in."""

    def call(events="", **headers):
        return send(client, token, (HEAD % (ada.pk, events)).encode("utf-8", "surrogatepass"), **headers)

    return call


def pointers(answer):
    assert answer["Content-Type"] == "application/problem+json"
    assert answer.json()["status"] == answer.status_code
    return [each["pointer"] for each in answer.json().get("errors", [])]


def focused(app):
    return FOCUS % (now_ms(), app)


NOT_JSON = {
    "nothing": b"",
    "a text cut off": b'{"source":',
    "something after it": b"{} x",
    "a byte order mark": b"\xef\xbb\xbf{}",
    "UTF-16": '{"a":1}'.encode("utf-16"),
    "not UTF-8": b'{"source":"\xff"}',
    "many brackets": b"[" * 100_000,
    "many objects": b'{"a":' * 100_000,
    "a comma too many": b'{"source":"agent",}',
    "single quotes": b"{'source':'agent'}",
    "a name twice": b'{"source":"agent","source":"agent","sent_at":"2026-01-01T00:00:00Z","events":[]}',
    "depth 17": b'{"a":' + b"[" * 16 + b"]" * 16 + b"}",
    "an unknown name twice": b'{"zzz":1,"zzz":2}',
    "NaN": b'{"a":NaN}',
    "Infinity": b'{"a":-Infinity}',
    "too large": b'{"a":9007199254740993}',
    "far too large": b'{"a":1e400}',
    "five thousand digits": b'{"a":' + b"9" * 5000 + b"}",
    "a null character as a name": b'{"a\\u0000":1}',
    "half a pair as a name": b'{"\\ud800":1}',
}


class TestNotOneJsonText:
    @pytest.mark.parametrize("what", NOT_JSON)
    def test_it_is_400(self, client, token, what):
        client.get("/api/v1/openapi.json")  # a first request makes what every later one finds
        start = time.monotonic()
        answer = send(client, token, NOT_JSON[what] or b" ")
        assert answer.status_code == 400, answer.content
        assert answer["Content-Type"] == "application/problem+json"
        assert time.monotonic() - start < 1
        assert not BatchReceipt.objects.exists()

    @pytest.mark.parametrize(
        "event",
        [
            '{"t":1,"type":"pointermove","x":1,"x":2,"y":2}',
            '{"t":1,"type":"focus","type":"pointermove","x":1,"y":2}',
            '{"t":1,"type":"pointermove","x":NaN,"y":2}',
            '{"t":1,"type":"pointermove","x":1e400,"y":2}',
            '{"t":1,"type":"pointermove","x":9007199254740993,"y":2}',
            '{"t":1,"type":"pointermove","x":-1e16,"y":2}',
            '{"t":1,"type":"focus","app":"a\\u0000b"}',
            '{"t":1,"type":"focus","app":"a\\ud800b"}',
            '{"t":1,"type":"focus","app":"a\\udc00\\ud800b"}',
            '{"t":1,"type":"focus","app":"a\x00b"}',
            '{"t":1,"type":"focus","app":"a\x1fb"}',
            '{"t":1,"type":"focus","app":"a\udcffb"}',
            '{"t":1,"type":"focus","app":"a:b","app":"c"}',
            '{"t":1,"type":"focus","app":"a\\u003ab","app":"c"}',
            '{"t":1,"type":"focus","app":"ä","app":"ö"}',
            '{"t":01,"type":"focus","app":"a"}',
        ],
    )
    def test_one_such_event_is_400(self, raw, event):
        assert raw(event).status_code == 400

    def test_numbers_up_to_two_to_the_53_are_taken(self, put):
        assert put([move(x=2**53, y=-(2**53)), move(x=float(2**53))]).status_code == 201

    def test_what_looks_like_an_escape_is_not_one(self, put):
        events = [{"t": now_ms(), "type": "focus", "app": "a\\u0000b", "title": "\\ud800"}]
        assert put(events).json()["stored"] == 1

    def test_depth_16_breaks_only_the_schema(self, client, token):
        assert send(client, token, b'{"a":' + b"[" * 15 + b"]" * 15 + b"}").status_code == 422


class TestGzip:
    def body(self, ada, events=()):
        return json.dumps(make_batch(ada, list(events))).encode()

    def test_it_is_taken_apart(self, client, token, ada):
        raw = gzip.compress(self.body(ada, [move()]))
        assert send(client, token, raw, content_encoding="gzip").json()["stored"] == 1

    @pytest.mark.parametrize("damage", [lambda z: z[:-1], lambda z: z[:-9], lambda z: z + b"x", lambda z: z + z])
    def test_what_is_cut_off_or_followed_is_400(self, client, token, ada, damage):
        raw = damage(gzip.compress(self.body(ada, [move()])))
        assert send(client, token, raw, content_encoding="gzip").status_code == 400

    def test_a_wrong_checksum_is_400(self, client, token, ada):
        raw = bytearray(gzip.compress(self.body(ada)))
        raw[-5] ^= 1
        assert send(client, token, bytes(raw), content_encoding="gzip").status_code == 400

    def test_what_is_no_gzip_is_400(self, client, token, ada):
        assert send(client, token, self.body(ada), content_encoding="gzip").status_code == 400
        assert send(client, token, zlib.compress(self.body(ada)), content_encoding="gzip").status_code == 400

    @pytest.mark.parametrize("encoding", ["br", "deflate", "gzip, gzip", "br, gzip"])
    def test_other_encodings_are_415(self, client, token, ada, encoding):
        assert send(client, token, self.body(ada), content_encoding=encoding).status_code == 415

    def test_a_bomb_is_413_and_costs_little(self, client, token):
        bomb = gzip.compress(bytes(200_000_000), 1)
        start = time.monotonic()
        assert len(bomb) < 1024 * 1024
        assert send(client, token, bomb, content_encoding="gzip").status_code == 413
        assert time.monotonic() - start < 1

    def padded(self, ada, size):
        body = self.body(ada, [move()])
        return body + b" " * (size - len(body))

    def test_a_hundred_times_as_much_is_the_limit(self, client, token, ada):
        size = 10_000
        while size <= 100 * len(packed := gzip.compress(self.padded(ada, size), mtime=0)):
            size += 200
        assert send(client, token, packed, content_encoding="gzip").status_code == 413
        # The header's name field makes the packed form longer and nothing else.
        longer = packed[:3] + b"\x08" + packed[4:10] + b"n" * 20 + b"\0" + packed[10:]
        assert send(client, token, longer, content_encoding="gzip").status_code == 201

    def test_ten_mebibytes_is_the_limit(self, client, token, ada):
        for size, status in ((10 * 1024 * 1024, 201), (10 * 1024 * 1024 + 1, 413)):
            engine = zlib.compressobj(1, zlib.DEFLATED, 31)
            packed = engine.compress(self.padded(ada, size))
            packed += engine.flush()
            longer = packed[:3] + b"\x08" + packed[4:10] + b"n" * 120_000 + b"\0" + packed[10:]
            assert send(client, token, longer, content_encoding="gzip").status_code == status


class TestSize:
    def test_one_mebibyte_is_the_limit(self, client, token, ada):
        body = json.dumps(make_batch(ada, [move()])).encode()
        most = 1024 * 1024
        assert send(client, token, body + b" " * (most - len(body))).status_code == 201
        assert send(client, token, body + b" " * (most + 1 - len(body))).status_code == 413

    def test_five_thousand_events_are_the_limit(self, client, token, ada):
        t = now_ms()
        for n, status in ((5000, 201), (5001, 413)):
            raw = gzip.compress((HEAD % (ada.pk, ",".join(EVENT % (t + i) for i in range(n)))).encode())
            assert send(client, token, raw, content_encoding="gzip").status_code == status

    def test_too_many_events_are_413_also_with_a_bad_one(self, client, token, ada):
        raw = gzip.compress((HEAD % (ada.pk, ",".join(["{}"] * 5001))).encode())
        assert send(client, token, raw, content_encoding="gzip").status_code == 413

    @pytest.mark.parametrize("char", ["a", "ä", "€", "\U0001f600"])
    @pytest.mark.parametrize("escaped", [True, False])
    def test_a_text_has_at_most_four_kibibytes(self, client, token, ada, char, escaped):
        most = 4096 // len(char.encode())
        for n, status in ((most, 201), (most + 1, 422)):
            event = {"t": now_ms(), "type": "focus", "app": "a", "title": char * n}
            raw = json.dumps(make_batch(ada, [event]), ensure_ascii=escaped).encode()
            answer = send(client, token, raw)
            assert answer.status_code == status, answer.content
            if status == 422:
                assert pointers(answer) == ["/events/0/title"]


class TestTransport:
    @pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "", "application/json5"])
    def test_other_content_types_are_415(self, client, token, ada, kind):
        raw = json.dumps(make_batch(ada, [])).encode()
        assert send(client, token, raw, content_type=kind).status_code == 415

    def test_another_charset_is_415(self, client, token, ada):
        raw = json.dumps(make_batch(ada, [])).encode()
        assert send(client, token, raw, content_type="application/json; charset=latin-1").status_code == 415
        assert send(client, token, raw, content_type='application/json; charset="UTF-8"').status_code == 201

    def test_a_body_without_a_length_is_411(self, token):
        assert self.bare(token, b"{}")[0] == 411

    def test_a_body_in_chunks_is_read(self, token, ada):
        raw = json.dumps(make_batch(ada, [move()])).encode()
        status, answer = self.bare(token, raw, HTTP_TRANSFER_ENCODING="chunked")
        assert (status, answer["stored"]) == (201, 1)

    def test_chunks_have_a_limit_too(self, token, ada):
        raw = json.dumps(make_batch(ada, [move()])).encode().ljust(1024 * 1024)
        assert self.bare(token, raw, HTTP_TRANSFER_ENCODING="chunked")[0] == 201
        assert self.bare(token, raw + b" ", HTTP_TRANSFER_ENCODING="chunked")[0] == 413

    def test_a_length_over_the_limit_is_refused_unread(self, token):
        body = io.BytesIO(b"x")
        status, _answer = self.bare(token, body, CONTENT_LENGTH=str(1024 * 1024 + 1))
        assert (status, body.tell()) == (413, 0)

    def test_a_stranger_is_refused_unread(self):
        body = io.BytesIO(b"x" * 10)
        status, _answer = self.bare("wrong", body, CONTENT_LENGTH="10")
        assert (status, body.tell()) == (401, 0)

    def bare(self, token, body, **environ):
        """Call the application as the server does, below Django's test client, which would add a length."""
        found = Client()._base_environ(
            REQUEST_METHOD="PUT", PATH_INFO=f"/api/v1/batches/{uuid.uuid4()}", CONTENT_TYPE="application/json"
        )
        found |= {"HTTP_AUTHORIZATION": f"Bearer {token}", "HTTP_HOST": "localhost", **environ}
        found["wsgi.input"] = io.BytesIO(body) if isinstance(body, bytes) else body
        told = []
        answer = b"".join(application(found, lambda status, headers: told.append(int(status[:3]))))
        return told[0], json.loads(answer)


class TestSchema:
    def test_each_bad_event_is_pointed_at(self, put):
        answer = put(
            [
                move(),
                {"t": 1, "type": "nope"},
                {"t": 1, "type": "pointermove", "x": 1},
                {"t": 1, "type": "pointermove", "x": "1", "y": 2},
                {"t": 1, "type": "pointermove", "x": 1, "y": 2, "deltaX": 3, "a/b~": 1},
                {"type": "keydown", "code": "A"},
                "an event",
                {"t": 1, "type": "focus"},
                {"t": 1, "type": "focus", "app": "a", "screen": [1]},
                {"t": True, "type": "blur"},
                {"t": 1, "type": "wheel", "deltaX": None, "deltaY": 0},
                {"x": 1},
            ]
        )
        assert answer.status_code == 422
        assert pointers(answer) == [
            "/events/1/type",
            "/events/2/y",
            "/events/3/x",
            "/events/4/deltaX",
            "/events/5/t",
            "/events/6",
            "/events/7/app",
            "/events/8/screen",
            "/events/9/t",
            "/events/10/deltaX",
            "/events/11/type",
        ]
        assert not Block.objects.exists()

    def test_twenty_are_named(self, put):
        assert len(pointers(put([{"t": 1, "type": "nope"}] * 30))) == 20

    @pytest.mark.parametrize(
        ("change", "pointer"),
        [
            ({"events": None}, "/events"),
            ({"events": {}}, "/events"),
            ({"source": 1}, "/source"),
            ({"sent_at": "yesterday"}, "/sent_at"),
            ({"sent_at": "2026-01-01T00:00:00"}, "/sent_at"),
            ({"sent_at": "2026-02-30T00:00:00Z"}, "/sent_at"),
            ({"more": 1}, "/more"),
            ({"subject": 5}, "/subject"),
        ],
    )
    def test_so_is_the_envelope(self, client, token, ada, change, pointer):
        answer = send(client, token, make_batch(ada, []) | change)
        assert (answer.status_code, pointers(answer)) == (422, [pointer])

    @pytest.mark.parametrize("name", ["source", "sent_at", "events"])
    def test_a_missing_part_is_named(self, client, token, ada, name):
        body = make_batch(ada, [])
        del body[name]
        answer = send(client, token, body)
        assert (answer.status_code, pointers(answer)) == (422, [f"/{name}"])

    def test_what_is_no_object_is_422(self, client, token):
        assert send(client, token, b"[1]").status_code == 422

    def test_words_sent_are_not_repeated(self, put):
        assert b"my secret" not in put([{"t": 1, "type": "my secret"}]).content

    def test_times_outside_the_window_are_named(self, put):
        now, day = now_ms(), 24 * 3600 * 1000
        inside = [move(now - 30 * day + 5000), move(now + 5 * 60_000 - 5000)]
        assert put(inside).status_code == 201
        answer = put([move(), move(now - 30 * day - 5000), move(now + 5 * 60_000 + 5000)])
        assert (answer.status_code, pointers(answer)) == (422, ["/events/1/t", "/events/2/t"])

    def test_an_import_may_be_old_but_not_of_the_future(self, client, ada):
        make_source("tape", "import")
        token = make_token("events.write", ["tape"])
        assert send(client, token, make_batch(ada, [move(0)], source="tape")).status_code == 201
        for t in (-1, now_ms() + 6 * 60_000):
            assert send(client, token, make_batch(ada, [move(t)], source="tape")).status_code == 422


class TestWhoMay:
    def test_without_a_token_it_is_401(self, client, agent, ada):
        answer = send(client, "nonsense", make_batch(ada, []))
        assert (answer.status_code, answer["WWW-Authenticate"][:6]) == (401, "Bearer")

    def test_without_the_scope_it_is_403(self, client, agent, ada):
        assert send(client, make_token("consent.read", ["agent"]), make_batch(ada, [])).status_code == 403

    def test_without_the_binding_it_is_403(self, client, agent, ada):
        make_source("other")
        token = make_token("events.write", ["other"])
        assert send(client, token, make_batch(ada, [move()])).status_code == 403
        assert not BatchReceipt.objects.exists()

    def test_an_unknown_or_draft_source_is_404(self, client, agent, ada):
        make_source("draft").__class__.objects.filter(key="draft").update(state="draft")
        token = make_token("events.write", ["draft", "none"])
        for source in ("draft", "none"):
            assert send(client, token, make_batch(ada, [], source=source)).status_code == 404

    @pytest.mark.parametrize("subject", ["4c9d4a4e-8e0c-4a43-9a44-0f0f2d1f2a11", "000", "", "'; --"])
    def test_an_unknown_person_is_404(self, client, token, subject):
        answer = send(client, token, make_batch(None, [], subject=subject or "?"))
        assert answer.status_code == 404

    def test_a_program_must_name_the_person(self, client, token):
        answer = send(client, token, make_batch(None, []))
        assert (answer.status_code, pointers(answer)) == (422, ["/subject"])

    def test_a_person_may_be_named_by_number(self, client, token, ada):
        assert send(client, token, make_batch(None, [move()], subject=ada.employee_number)).json()["stored"] == 1

    def test_a_collector_sends_about_its_own_person_alone(self, client, agent, ada):
        ben = make_employee("Ben")
        token = make_token("events.write", ["agent"], employee=ada)
        assert send(client, token, make_batch(None, [move()])).json()["stored"] == 1
        assert send(client, token, make_batch(ada, [move()])).json()["stored"] == 1
        assert send(client, token, make_batch(ben, [move()])).status_code == 404
        assert Act.objects.filter(action="access.refused", subject_id=ben.pk).count() == 1

    def test_a_batch_id_that_is_none_is_404(self, client, token, ada):
        answer = send(client, token, make_batch(ada, []), batch="7")
        assert (answer.status_code, answer["Content-Type"]) == (404, "application/problem+json")


class TestRate:
    @override_settings(INGEST_BATCHES_PER_MINUTE=3)
    def test_more_than_the_limit_is_429(self, put, client, ada, agent):
        assert [put([]).status_code for _ in range(4)] == [201, 201, 201, 429]
        answer = put([])
        assert 1 <= int(answer["Retry-After"]) <= 60
        ben = make_employee("Ben")
        assert send(client, make_token("events.write", ["agent"]), make_batch(ben, [])).status_code == 201

    @override_settings(INGEST_BATCHES_PER_MINUTE=2)
    def test_each_person_and_each_collector_has_its_own(self, client, token, ada, agent):
        ben = make_employee("Ben")
        assert [send(client, token, make_batch(ada, [])).status_code for _ in range(3)] == [201, 201, 429]
        assert send(client, token, make_batch(ben, [])).status_code == 201
        own = make_token("events.write", ["agent"], employee=ada)
        assert [send(client, own, make_batch(None, [])).status_code for _ in range(3)] == [201, 201, 429]

    @override_settings(INGEST_BATCHES_PER_MINUTE=2, REDIS_URL="redis://127.0.0.1:1")
    def test_without_redis_this_process_counts(self, put):
        limits._local.until = 0
        try:
            assert [put([]).status_code for _ in range(3)] == [201, 201, 429]
        finally:
            limits._local.until = 0

    def test_the_limit_is_sixty(self, settings):
        assert settings.INGEST_BATCHES_PER_MINUTE == 60


def test_keys_without_a_code_are_refused(put):
    event = key()
    del event["code"]
    assert pointers(put([event])) == ["/events/0/code"]


def test_after_bad_input_good_input_is_taken(put, raw):
    assert raw("{").status_code == 400
    assert put([move()]).status_code == 201
