"""What a collector is told that it may send."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from django.utils import timezone

from consent import actions
from consent.models import LedgerState
from consent.values import CATEGORIES
from tests.makers import make_permitted, make_token

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "keys"])


@pytest.fixture
def ask(client, ada):
    def call(token, headers=None, **query):
        query = {"subject": ada.employee_number, "source": "agent"} | query
        query = {name: value for name, value in query.items() if value is not None}
        headers = {"authorization": f"Bearer {token}", **(headers or {})}
        return client.get("/api/v1/permissions", query, headers=headers)

    return call


def test_it_says_what_is_allowed_and_for_what(ask, ada):
    make_permitted(ada, ["pointer_movement", "keystroke_timing", "keystroke_content"], blocked_apps=["bank"])
    found = ask(make_token("events.write", ["agent"])).json()
    assert (found["subject"], found["source"], found["paused_until"]) == (str(ada.pk), "agent", None)
    assert found["apps"] == {"blocked": ["bank"]}
    assert set(found["categories"]) == set(CATEGORIES)
    yes = {"allowed": True, "reason": None, "purposes": ["train"]}
    for category in ("pointer_movement", "keystroke_timing", "keystroke_content"):
        assert found["categories"][category] == yes
    no = {"allowed": False, "reason": "not_permitted", "purposes": []}
    assert found["categories"]["scrolling"] == no


def test_of_one_app_it_says_what_may_be_sent_of_that_one(ask, ada):
    make_permitted(ada, ["pointer_movement", "keystroke_content"], blocked_apps=["bank"])
    token = make_token("events.write", ["agent"])

    def said(app):
        found = ask(token, app=app).json()["categories"]
        return found["pointer_movement"]["allowed"], found["keystroke_content"]["allowed"]

    assert said("editor") == (True, True)
    assert said("mail") == said("unknown") == (True, False)
    assert said("bank") == (False, False)
    assert ask(token, app="bank").json()["categories"]["pointer_movement"]["reason"] == "blocked_app"
    assert ask(token, app="editor")["ETag"] != ask(token, app="mail")["ETag"]


def test_it_says_until_when_there_is_a_pause(ask, token, ada):
    until = timezone.now() + timedelta(hours=1)
    actions.pause(subject_id=ada.pk, until=until)
    found = ask(token).json()
    assert abs(datetime.fromisoformat(found["paused_until"]) - until) < timedelta(seconds=1)
    assert found["categories"]["scrolling"] == {"allowed": False, "reason": "paused", "purposes": []}


def test_a_tag_spares_the_body_until_something_changes(ask, token, ada):
    first = ask(token)
    same = ask(token, {"if-none-match": first["ETag"]})
    assert (same.status_code, same.content, same["ETag"]) == (304, b"", first["ETag"])
    assert ask(token, {"if-none-match": f'"other", W/{first["ETag"]}'}).status_code == 304
    actions.withdraw(subject_id=ada.pk, purpose_key="train", path="/")
    changed = ask(token, {"if-none-match": first["ETag"]})
    assert (changed.status_code, changed.json()["categories"]["scrolling"]["allowed"]) == (200, False)


def test_a_collector_asks_about_its_own_person(ask, agent, ada, ben):
    token = make_token("events.write", ["agent"], employee=ada)
    assert ask(token, subject=None).json()["subject"] == str(ada.pk)
    assert ask(token, subject=str(ben.pk)).status_code == 404


def test_what_is_missing_unknown_or_not_bound_is_refused(ask, agent, token):
    assert ask(token, source=None).status_code == 422
    assert ask(token, subject=None).status_code == 422
    assert ask(token, subject="nobody").status_code == 404
    assert ask(token, source="none").status_code == 404
    assert ask(token, source="a\0").status_code == 404
    assert ask(make_token("events.write", [])).status_code == 403
    assert ask(make_token("consent.read", ["agent"])).status_code == 403
    assert ask("nonsense").status_code == 401


def test_a_closed_site_permits_nothing(ask, token):
    LedgerState.objects.update(closed_reason="tampered")
    assert ask(token).status_code == 503


def test_who_asks_about_one_person_too_often_is_told_when_to_come_again(ask, ada, ben, settings):
    settings.API_CALLS_PER_MINUTE = 3
    make_permitted(ada, ["pointer_movement"])
    token = make_token("events.write", ["agent"])
    assert [ask(token).status_code for _ in range(4)] == [200, 200, 200, 429]
    answer = ask(token, subject=str(ada.pk))
    assert (answer.status_code, answer.json()["type"]) == (429, "urn:daylight:problem:calls.rate")
    assert 0 < int(answer["Retry-After"]) <= 60
    assert ask(token, subject=ben.employee_number).status_code == 200
