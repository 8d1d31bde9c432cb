"""Pages of other origins may call as collectors where a live source lists them, and nowhere else."""

from __future__ import annotations

from urllib.parse import urlencode

import pytest
from django.core.management import call_command
from django.test import Client, override_settings

from portal.events.enrolment import joining
from portal.register.models import Source
from tests.makers import make_batch, make_collector, make_permitted, make_source, make_token, send

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "keys"])
DESK, OTHER, FOREIGN = "https://desk.example", "https://other.example", "https://evil.example"
ASK = "/api/v1/permissions?source=desk"
JOIN = "/identity/o/api/device/code"
ALLOW = "Access-Control-Allow-Origin"


@pytest.fixture
def token(ada):
    """A collector of a source that lists DESK; another one lists OTHER."""
    make_permitted(ada, source="desk", kind="browser", origins=[DESK])
    make_source("other", "browser", origins=[OTHER])
    return make_collector(ada, "desk")


def ask(token, origin, **headers):
    return Client().get(ASK, headers={"authorization": f"Bearer {token}", "origin": origin, **headers})


def preflight(path, origin, method):
    return Client().options(path, headers={"origin": origin, "access-control-request-method": method})


@pytest.mark.parametrize(
    ("path", "method"),
    [
        ("/api/v1/batches/0b8e6c1e-3b0e-4c39-9f3a-2f9f0a1c7d11", "PUT"),
        ("/api/v1/permissions?source=desk", "GET"),
        ("/identity/o/api/device/code", "POST"),
        ("/identity/o/api/token", "POST"),
    ],
)
def test_a_listed_origin_may_ask_first_and_no_other(token, path, method):
    answer = preflight(path, DESK, method)
    assert (answer.status_code, answer[ALLOW], answer["Access-Control-Allow-Methods"]) == (204, DESK, method)
    assert "Authorization" in answer["Access-Control-Allow-Headers"]
    assert not answer.has_header("Access-Control-Allow-Credentials")
    for origin in (FOREIGN, "null", "*", DESK + ".evil.example", "HTTPS://DESK.EXAMPLE"):
        assert not preflight(path, origin, method).has_header(ALLOW)
    assert "Origin" in Client().options(path)["Vary"]


def test_what_it_asks_and_sends_is_answered_with_its_origin_also_where_it_is_refused(token, ada):
    answer = ask(token, DESK)
    assert (answer.status_code, answer[ALLOW]) == (200, DESK)
    assert {"ETag", "Retry-After"} == set(answer["Access-Control-Expose-Headers"].split(", "))
    assert ask(token, DESK, if_none_match=answer["ETag"])[ALLOW] == DESK
    for wrong, status in (("nonsense", 401), (make_token("consent.read", ["desk"]), 403)):
        refused = ask(wrong, DESK)
        assert (refused.status_code, refused[ALLOW]) == (status, DESK)
        assert "Origin" in refused["Vary"]
    sent = send(Client(), token, make_batch(None, [], source="desk"), origin=DESK)
    assert (sent.status_code, sent[ALLOW]) == (201, DESK)
    broken = send(Client(), token, b"{", origin=DESK)
    assert (broken.status_code, broken[ALLOW]) == (400, DESK)


def test_an_origin_that_another_source_lists_gets_nothing_of_this_one(token, ada):
    for answer in (ask(token, OTHER), send(Client(), token, make_batch(None, [], source="desk"), origin=OTHER)):
        assert answer.status_code == 403
        assert "subject" not in answer.json()


def test_an_origin_that_nobody_lists_is_refused_whatever_token_it_has(token, ada):
    program = make_token("events.write", ["desk"])
    for held in (token, program, "nonsense"):
        answers = [ask(held, FOREIGN), send(Client(), held, make_batch(ada, [], source="desk"), origin=FOREIGN)]
        for answer in answers:
            assert answer.status_code == 403
            assert answer.json()["type"].endswith("origin_not_listed")
            assert not answer.has_header(ALLOW)


def test_a_source_that_is_not_live_lists_nobody(token):
    Source.objects.filter(key="desk").update(state="retired")
    assert not ask(token, DESK).has_header(ALLOW)


def test_programs_and_our_own_pages_are_asked_nothing(token, ada):
    assert Client().get(ASK, headers={"authorization": f"Bearer {token}"}).status_code == 200
    own = ask(token, "http://testserver")
    assert (own.status_code, own.has_header(ALLOW)) == (200, False)


def join(path, said, origin):
    return Client().post(path, urlencode(said), "application/x-www-form-urlencoded", headers={"origin": origin})


@pytest.mark.parametrize(("origin", "refused"), [(DESK, False), (OTHER, True), (FOREIGN, True)])
def test_a_collector_joins_only_from_where_its_source_is_at_home(token, origin, refused):
    said = {"client_id": f"{joining.PREFIX}desk", "scope": "events.write", "device_name": "Firefox on Linux"}
    answer = join(JOIN, said, origin)
    assert answer.status_code == (403 if refused else 200)
    again = join("/identity/o/api/token", {**said, "grant_type": "refresh_token", "refresh_token": "x"}, origin)
    assert again.status_code == (403 if refused else 400)
    assert answer.get(ALLOW) == again.get(ALLOW) == (None if origin == FOREIGN else origin)


def test_other_programs_are_not_readable_from_a_listed_origin(token):
    answer = join("/identity/o/api/token", {"client_id": "dsar-bot", "grant_type": "client_credentials"}, DESK)
    assert not answer.has_header(ALLOW)


@pytest.mark.parametrize(
    "path", ["/", "/healthz", "/api/v1/subject-requests", "/api/v1/ledger/checkpoint", "/accounts/login/",
             "/identity/o/device", "/api/v1/batches/", "/api/v1/permissions/"]
)  # fmt: skip
def test_no_other_address_knows_of_origins(token, path):
    for method in ("get", "options"):
        answer = getattr(Client(), method)(path, headers={"origin": DESK})
        assert not [name for name in answer.headers if name.startswith("Access-Control")]
        assert answer["Cross-Origin-Resource-Policy"] == "same-origin"


def test_the_script_keeps_its_address_and_is_the_only_file_that_other_origins_may_load(tmp_path, settings):
    there = tmp_path / "given" / "js"
    there.mkdir(parents=True)
    for name in ("collector.js", "portal.js"):
        (there / name).write_text("// a script" * 100)
    storages = {**settings.STORAGES, "staticfiles": {"BACKEND": "portal.staticstorage.PortalStaticStorage"}}
    finders = ["django.contrib.staticfiles.finders.FileSystemFinder"]
    places = {"STATICFILES_DIRS": [there.parent], "STATIC_ROOT": tmp_path / "static", "STATICFILES_FINDERS": finders}
    with override_settings(STORAGES=storages, **places):
        call_command("collectstatic", interactive=False, verbosity=0)
        client = Client()
        found = client.get("/static/js/collector.js", headers={"origin": FOREIGN, "accept-encoding": "gzip"})
        [hashed] = (tmp_path / "static" / "js").glob("portal.*.js")
        own = client.get(f"/static/js/{hashed.name}")
        assert not (tmp_path / "static" / "js" / "portal.js").exists()
    assert (found.status_code, found["Cross-Origin-Resource-Policy"]) == (200, "cross-origin")
    assert (found["Cache-Control"], found["Content-Encoding"]) == ("max-age=300, public", "gzip")
    assert found["X-Content-Type-Options"] == "nosniff"
    assert (own.status_code, own["Cross-Origin-Resource-Policy"]) == (200, "same-origin")
    assert "immutable" in own["Cache-Control"]
    assert not own.has_header(ALLOW)
    assert not found.has_header(ALLOW)
