"""Until somebody answers a wider notice the rules of their old answer hold; what is narrower holds at once."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from consent import actions
from portal.events import focus as focus_module
from portal.events import ingest, reading
from portal.events.gatekeeping import Front
from portal.events.models import LastFocus
from portal.people.models import Employee
from portal.register.models import Flow, Source
from tests.events.conftest import focus, key, move, now_ms
from tests.makers import make_batch, make_flow, make_source, make_token, send

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "keys"])

CATEGORIES = ("pointer_movement", "keystroke_timing", "keystroke_content", "app_usage")
TYPED = ["editor"]


def terms(purpose="train", *, blocked=(), sources=("agent",), apps=TYPED, after_days=None, named=CATEGORIES, **rule):
    """Return what a notice says, for machines."""
    flows = {
        each: {"off_hours": True, "exact_timing": False, **rule, "content_apps": apps if "content" in each else []}
        for each in named
    }
    said = {key: {"title": key, "kind": "agent", "blocked_apps": list(blocked), "categories": flows} for key in sources}
    expires = {"after_days": after_days} if after_days else {}
    return {"purpose": {"key": purpose, "title": purpose, "description": "d"}, "sources": said, "expires": expires}


def define(key="train", basis="consent"):
    actions.define_purpose(
        key=key, title=key, basis=basis, categories=CATEGORIES, refusal_consequence="None.", alternative="Do without."
    )


def publish(said, purpose="train"):
    actions.publish_notice(purpose_key=purpose, language="en", text="Read this.", terms=said)


def say_yes(employee, purpose="train"):
    actions.give(subject_id=employee.pk, purpose_key=purpose, path="/choices/")
    time.sleep(0.002)


def live(source="agent", blocked=(), purpose="train", kind="agent", named=CATEGORIES, **rule):
    """Put into force what is collected now."""
    found = Source.objects.filter(pk=source).first() or make_source(source, kind)
    Source.objects.filter(pk=source).update(blocked_apps=list(blocked))
    Flow.objects.filter(source=found, purpose_key=purpose).delete()
    apps = rule.pop("apps", TYPED)
    for each in named:
        make_flow(found, each, purpose, content_apps=apps if "content" in each else [], **rule)


@pytest.fixture
def told(client, ada):
    """Send events about Ada; return the answer."""
    token = make_token("events.write", sources=["agent", "browser", "files"])

    def call(events, source="agent"):
        answer = send(client, token, make_batch(ada, events, source=source))
        assert answer.status_code == 201, answer.content
        return answer.json()

    call.token = token
    return call


@pytest.fixture
def allowed(client, ada, told):
    """Ask what may be sent about Ada."""

    def call(source="agent"):
        query = {"subject": str(ada.pk), "source": source}
        return client.get("/api/v1/permissions", query, headers={"authorization": f"Bearer {told.token}"}).json()

    return call


def rows(employee):
    return [row for day in reading.stored_days(employee.pk) for row in reading.page(employee.pk, day).rows]


def at_night(employee):
    """Give the person working hours that are over."""
    at = datetime.now(UTC) - timedelta(hours=3)
    hours = f"Mo-Su {at:%H}:00-{at:%H}:30"
    Employee.objects.filter(pk=employee.pk).update(time_zone="UTC", working_hours=hours)


class TestOffHours:
    def test_the_old_no_holds_until_the_wider_notice_is_answered(self, told, allowed, ada):
        define()
        publish(terms(off_hours=False))
        say_yes(ada)
        at_night(ada)
        live(off_hours=True)
        publish(terms(off_hours=True))
        assert told([move()])["stored"] == 0
        assert allowed()["categories"]["pointer_movement"]["reason"] == "off_hours"
        say_yes(ada)
        assert told([move()])["stored"] == 1
        assert allowed()["categories"]["pointer_movement"]["allowed"]

    def test_what_is_narrower_holds_at_once(self, told, ada):
        define()
        publish(terms(off_hours=True))
        say_yes(ada)
        at_night(ada)
        live(off_hours=True)
        assert told([move()])["stored"] == 1
        live(off_hours=False)
        assert told([move()])["stored"] == 0


class TestExactTiming:
    def test_keystrokes_are_timed_to_the_second_until_the_wider_notice_is_answered(self, told, ada):
        define()
        publish(terms(exact_timing=False))
        say_yes(ada)
        live(exact_timing=True)
        publish(terms(exact_timing=True))
        t = now_ms() // 1000 * 1000 + 1123
        told([key(t)])
        assert [row["t"] for row in rows(ada)] == [t - 123]
        say_yes(ada)
        later = now_ms() // 1000 * 1000 + 2123
        told([key(later)])
        assert [row["t"] for row in rows(ada)] == [t - 123, later]

    def test_what_is_narrower_holds_at_once(self, told, ada):
        define()
        publish(terms(exact_timing=True))
        say_yes(ada)
        live(exact_timing=False)
        t = now_ms() // 1000 * 1000 + 1123
        told([key(t)])
        assert [row["t"] for row in rows(ada)] == [t - 123]


class TestTypedText:
    def test_of_an_app_that_only_the_new_notice_names_nothing_typed_is_kept(self, told, allowed, ada):
        define()
        publish(terms(apps=["editor"]))
        say_yes(ada)
        live(apps=["editor", "chat"])
        publish(terms(apps=["editor", "chat"]))
        answer = told([key(key="a", app="chat"), key(key="b", app="editor")])
        assert (answer["stored"], answer["stripped"]) == (2, {"keystroke_content": 1})
        assert [row.get("key") for row in rows(ada)].count("a") == 0
        say_yes(ada)
        assert told([key(key="a", app="chat")])["stripped"] == {}

    def test_where_only_the_new_notice_names_an_app_no_text_may_be_sent(self, told, allowed, ada):
        define()
        publish(terms(apps=["editor"]))
        say_yes(ada)
        live(apps=["chat"])
        assert allowed()["categories"]["keystroke_content"]["allowed"] is False
        assert told([key(key="a", app="chat")])["stripped"] == {"keystroke_content": 1}


class TestBlockedApps:
    def freed(self, ada):
        """`bank` was blocked when she answered, and no longer is."""
        define()
        publish(terms(blocked=["bank"]))
        say_yes(ada)
        live()
        publish(terms())

    def test_an_app_freed_later_stays_blocked(self, told, allowed, ada):
        self.freed(ada)
        answer = told([focus("bank"), move(), move(app="bank"), key(app="bank"), move(app="mail")])
        assert answer["withheld"] == {"app_usage": 1, "pointer_movement": 3, "keystroke_timing": 1}
        assert allowed()["apps"] == {"blocked": ["bank"]}
        say_yes(ada)
        assert allowed()["apps"] == {"blocked": []}
        assert told([focus("bank"), move(), move(app="bank")])["stored"] == 3

    def test_it_stays_blocked_for_what_comes_in_the_next_batch(self, told, ada):
        self.freed(ada)
        told([focus("bank")])
        assert told([move()])["stored"] == 0
        told([focus("mail")])
        assert told([move()])["stored"] == 1

    def test_it_stays_blocked_after_an_erasure_has_made_windows_nameless(self, told, ada):
        self.freed(ada)
        told([focus("bank")])
        seen = focus_module.opened(LastFocus.objects.get())
        assert focus_module.bare(seen) == [Front(0, shut=("train",))]

    def test_for_a_purpose_answered_anew_it_is_kept(self, told, allowed, ada):
        self.freed(ada)
        define("study")
        live(purpose="study")
        publish(terms("study"), "study")
        say_yes(ada, "study")
        assert told([focus("bank"), move(), key(key="x", app="bank")])["stored"] == 3
        assert {row["purposes"] for row in rows(ada)} == {"study"}
        assert allowed()["apps"] == {"blocked": []}
        assert told([move()])["stored"] == 1
        told([focus("mail"), move()])
        assert {row["purposes"] for row in rows(ada) if row.get("in_app") == "mail"} == {"study,train"}

    def test_where_a_window_itself_may_not_be_kept_the_next_batch_still_knows_for_whom_it_is_blocked(self, told, ada):
        named = ("pointer_movement",)
        define()
        publish(terms(blocked=["bank"], named=named))
        say_yes(ada)
        define("study")
        publish(terms("study", named=named), "study")
        say_yes(ada, "study")
        live(named=named)
        live(named=named, purpose="study")
        told([focus("bank")])
        assert told([move()])["stored"] == 1
        assert [row["purposes"] for row in rows(ada)] == ["study"]

    def test_what_is_blocked_now_is_blocked_at_once(self, told, ada):
        define()
        publish(terms())
        say_yes(ada)
        live(blocked=["bank"])
        assert told([move(app="bank")])["withheld"] == {"pointer_movement": 1}


class TestCategoriesAndSources:
    def test_a_category_or_source_that_only_the_new_notice_names_is_not_taken(self, told, allowed, ada):
        define()
        publish(terms(named=("pointer_movement",)))
        say_yes(ada)
        live()
        live("browser", kind="browser")
        publish(terms(sources=("agent", "browser")))
        assert told([move(), focus("mail")])["withheld"] == {"app_usage": 1}
        assert told([move()], source="browser")["stored"] == 0
        assert allowed("browser")["categories"]["pointer_movement"]["allowed"] is False
        say_yes(ada)
        assert told([focus("mail")])["stored"] == 1
        assert told([move()], source="browser")["stored"] == 1

    def test_an_import_is_held_to_the_old_answer_as_well(self, told, ada):
        define()
        publish(terms(blocked=["bank"], sources=("files",)))
        say_yes(ada)
        live("files", kind="import")
        publish(terms(sources=("files",)))
        assert told([move(1000, app="bank"), move(1001, app="mail")], source="files")["stored"] == 1

    def test_an_answer_to_a_notice_without_rules_limits_nothing_further(self, told, ada):
        define()
        covers = {"agent": list(CATEGORIES)}
        actions.publish_notice(purpose_key="train", language="en", text="Old.", covers=covers)
        say_yes(ada)
        live(apps=["chat"])
        assert told([key(key="a", app="chat")])["stripped"] == {}


class TestLapsing:
    def test_an_answer_that_has_lapsed_permits_nothing(self, client, told, allowed, ada, monkeypatch):
        define()
        publish(terms(after_days=1))
        say_yes(ada)
        live()
        query = {"subject": str(ada.pk), "source": "agent"}
        headers = {"authorization": f"Bearer {told.token}"}
        before = client.get("/api/v1/permissions", query, headers=headers)
        assert before.json()["categories"]["pointer_movement"]["allowed"]
        later = timezone.now() + timedelta(days=1, seconds=1)
        monkeypatch.setattr(timezone, "now", lambda: later)
        told_later = client.get("/api/v1/permissions", query, headers={**headers, "if-none-match": before["ETag"]})
        assert told_later.status_code == 200
        assert told_later.json()["categories"]["pointer_movement"]["reason"] == "not_permitted"
        assert told([move(round(later.timestamp() * 1000))])["stored"] == 0

    def test_nothing_observed_after_it_lapsed_is_kept_though_it_stands_now(self, told, ada, monkeypatch):
        define()
        publish(terms(after_days=1))
        say_yes(ada)
        live()
        close = timezone.now() + timedelta(days=1) - timedelta(minutes=1)
        monkeypatch.setattr(timezone, "now", lambda: close)
        t = round(close.timestamp() * 1000)
        assert told([move(t), move(t + 120_000)])["withheld"] == {"pointer_movement": 1}

    def test_nothing_is_kept_where_it_lapses_between_the_reading_and_the_commit(self, told, ada, monkeypatch):
        """The clock of the database has passed the end when the batch, read before it, is to be written."""
        define()
        publish(terms(after_days=1))
        yesterday = timezone.now() - timedelta(days=1) + timedelta(milliseconds=800)
        with monkeypatch.context() as patched:
            patched.setattr(timezone, "now", lambda: yesterday)
            actions.publish_notice(purpose_key="train", language="en", text="Again.", terms=terms(after_days=1))
            say_yes(ada)
        live()
        real = ingest.sift

        def slowly(*args):
            sifted = real(*args)
            monkeypatch.setattr(ingest, "sift", real)
            time.sleep(1)
            return sifted

        monkeypatch.setattr(ingest, "sift", slowly)
        assert told([move()])["stored"] == 0
