"""After a withdrawal the page of choices says of each device when it last sent, and whether it confirmed or goes on."""

from __future__ import annotations

import html

import pytest
from django.test import Client

from portal.events import reading
from tests.events.conftest import move
from tests.makers import make_batch, make_permitted, make_token, send, sign_in

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "keys"])


@pytest.fixture
def laptop(ada):
    make_permitted(ada, title="Computer")
    return make_token("events.write", ["agent"], name="Desktop agent")


@pytest.fixture
def choices(client, ada):
    sign_in(client, ada)
    return lambda: html.unescape(client.get("/choices/").content.decode())


def asks(token, ada):
    query = {"subject": str(ada.pk), "source": "agent"}
    return Client().get("/api/v1/permissions", query, headers={"authorization": f"Bearer {token}"})


def test_each_device_is_named_with_what_it_did_since(client, choices, laptop, ada):
    assert send(Client(), laptop, make_batch(ada, [move()])).json()["stored"] == 1
    assert "Your devices since then" not in choices()
    assert client.post("/choices/train/withdraw/", {"erase": "now"}).status_code == 302
    said = choices()
    assert "Desktop agent, for Computer" in said
    assert "has not confirmed" in said
    assert "Its last event taken for this is from" in said
    asks(laptop, ada)
    assert "It confirmed at" in choices()
    send(Client(), laptop, make_batch(ada, [move()]))
    said = choices()
    assert "still sends" in said
    assert "dropped on arrival" in said


def test_it_is_nobody_elses_to_see(client, choices, laptop, ada, ben):
    send(Client(), laptop, make_batch(ada, [move()]))
    client.post("/choices/train/withdraw/", {"erase": "now"})
    other = Client()
    sign_in(other, ben)
    assert "Desktop agent" not in other.get("/choices/").content.decode()


def test_a_day_does_not_say_that_nothing_was_dropped_where_only_the_fact_is_kept(client, choices, laptop, ada):
    client.post("/choices/train/withdraw/", {"erase": "now"})
    send(Client(), laptop, make_batch(ada, [move()]))
    (day,) = [total.day for total in reading.days(ada.pk)]
    for path in (f"/people/{ada.pk}/data/{day}/", f"/people/{ada.pk}/data/"):
        said = client.get(path).content.decode()
        assert "Nothing was dropped" not in said
        assert "Of that only the fact is left" in said
