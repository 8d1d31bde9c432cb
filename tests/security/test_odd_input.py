"""Whatever is sent, somebody is told that it is wrong: nothing breaks, now or for whoever reads it later."""

from __future__ import annotations

import base64

import pytest

from portal.rights.models import SubjectRequest
from tests.makers import make_permitted, make_token, sign_in

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "keys"])
FAR_AWAY = 2**53


@pytest.fixture
def adas(client, ada):
    """Ada's browser."""
    make_permitted(ada)
    sign_in(client, ada)
    return client


@pytest.mark.parametrize("day", ["0001-01-01", "0001-01-02", "9999-12-31", "1899-12-31"])
def test_a_day_that_no_zone_can_hold_is_not_found(adas, ada, day):
    assert adas.get(f"/people/{ada.pk}/data/{day}/").status_code == 404


def test_a_month_long_before_anything_was_recorded_is_this_month(adas, ada):
    assert adas.get(f"/people/{ada.pk}/data/?month=0001-01").status_code == 200


@pytest.mark.parametrize("address", ["/requests/", "/who-looked/"])
def test_a_page_of_thousands_of_digits_is_not_found(adas, address):
    assert adas.get(f"{address}?page={'9' * 5000}").status_code == 404


@pytest.mark.parametrize("name", ["from_ms", "to_ms"])
def test_nobody_puts_a_request_in_that_no_list_can_show(client, hana, adas, bot, name):
    address = f"/requests/erase/confirm/?{name}={FAR_AWAY}"
    assert adas.get(address).status_code == 302
    adas.post(address, {})
    adas.post("/requests/copy/", {"what": "day", "day": "9999-12-31", "format": "csv"})
    adas.post("/requests/copy/", {"what": "day", "day": "0001-01-01", "format": "csv"})
    assert adas.get("/").status_code == adas.get("/requests/").status_code == 200
    client.logout()
    sign_in(client, hana)
    assert client.get("/queue/?state=all").status_code == 200
    asked = client.get("/api/v1/subject-requests", headers={"authorization": f"Bearer {bot}"})
    assert asked.status_code == 200


@pytest.mark.parametrize("day", ["0001-01-01", "1969-12-31", "2999-01-01", "9999-12-31"])
@pytest.mark.parametrize("address", ["/requests/copy/", "/requests/erase/"])
def test_a_day_out_of_reach_is_refused_in_its_field(adas, address, day):
    answer = adas.post(address, {"what": "day", "day": day, "format": "csv"})
    assert answer.status_code == 422
    assert not SubjectRequest.objects.exists()


@pytest.mark.parametrize("answer", ["give", "refuse", "withdraw", "acknowledge", "object"])
def test_an_answer_with_a_nul_is_a_bad_request_and_decides_nothing(adas, answer):
    assert adas.post(f"/choices/train/{answer}/", {"language": "\0"}).status_code < 500


def test_a_nul_at_the_token_endpoint_is_a_bad_request(client):
    form = {"grant_type": "client_credentials", "client_id": "\0", "client_secret": "\0"}
    basic = base64.b64encode(b"\0:x").decode()
    asked = {"grant_type": "client_credentials"}
    assert client.post("/identity/o/api/token", form).status_code == 400
    assert client.post("/identity/o/api/token", asked, headers={"authorization": f"Basic {basic}"}).status_code == 400
    assert client.get("/identity/o/authorize?client_id=%00").status_code < 500


@pytest.mark.parametrize("number", ["9" * 16, "9" * 19, "9" * 5000, "-1", "1_0", " 1 ", "٣"])
def test_a_cursor_that_we_did_not_make_is_refused(client, ada, bot, number):
    cursor = base64.urlsafe_b64encode(number.encode()).decode().rstrip("=")
    reader = make_token("consent.read", may_read_decisions=True)
    for address, token in ((f"/api/v1/subjects/{ada.pk}/decisions", reader), ("/api/v1/subject-requests", bot)):
        asked = client.get(f"{address}?cursor={cursor}", headers={"authorization": f"Bearer {token}"})
        assert asked.status_code == 422


def test_a_case_with_a_nul_is_refused_before_anything_is_read(client, ada):
    token = make_token("consent.read", may_read_decisions=True)
    address = f"/api/v1/subjects/{ada.pk}/decisions?case=%00"
    assert client.get(address, headers={"authorization": f"Bearer {token}"}).status_code == 422
