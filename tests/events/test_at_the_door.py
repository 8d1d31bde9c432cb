"""Only listed apps, cut texts and no day off get through the door: before anything is sealed, and whoever asks."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext

from consent import gate, marking
from consent.models import Gate
from consent.values import NotAllowed
from portal.events import blocks, ingest, reading, segments
from portal.events import focus as focus_module
from portal.events.minimising import in_force
from portal.events.models import Block, LastFocus, Segment
from portal.people.models import Employee
from portal.register.models import DoorRules, Source
from tests.events.conftest import focus, key, move, now_ms
from tests.events.test_old_answers import define, live, publish, say_yes, terms
from tests.makers import make_batch, make_collector, make_permitted, make_token, send

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "keys"])
SECRETS = ("ada@example.org", "4111", "DE89", "1234567", "s3cret", "Lovelace-token")
SPOKEN = "Pay ada@example.org 4111 1111 1111 1111 from DE89 3704 0044 0532 0130 00, +49 30 1234567 - Bank"
PAGE = "https://ada:s3cret@example.org/a/ada%40example.org?x=Lovelace-token#s3cret"


def navigate(url, t=None, **over):
    return {"t": now_ms() if t is None else t, "type": "navigate", "url": url, **over}


def blur(t=None, **over):
    return {"t": now_ms() if t is None else t, "type": "blur", **over}


def rules(**said):
    Source.objects.update(**said)


def raw(employee):
    """Return all that the store holds of a person, opened, as the bytes that were sealed."""
    found = [blocks._open(row, row.body, "body") for row in Block.objects.filter(subject_id=employee.pk) if row.body]
    opened = [blocks._codec.decompress(each[4:], int.from_bytes(each[:4], "big"), asbytes=True) for each in found]
    fronts = [str(focus_module.opened(row)).encode() for row in LastFocus.objects.filter(subject_id=employee.pk)]
    sealed = [str(segments.read(row.name)[1].to_pylist()).encode() for row in Segment.objects.all()]
    return b"\n".join([*opened, *fronts, *sealed])


def rows(employee):
    return [row for day in reading.stored_days(employee.pk) for row in reading.page(employee.pk, day).rows]


def dropped(employee):
    return {
        (category, reason): n
        for day in reading.days(employee.pk)
        for category, reasons in day.withheld.items()
        for reason, n in reasons.items()
    }


class TestTexts:
    EVENTS = (
        lambda: focus("Bank", title=SPOKEN),
        lambda: blur(title=SPOKEN),
        lambda: blur(app="Bank", title=SPOKEN),
        lambda: navigate(PAGE),
        lambda: navigate(PAGE.upper(), app="Browser"),
        lambda: navigate(f"data:text/html,{SPOKEN}"),
        lambda: move(app="Mail of ada@example.org, +49 30 1234567"),
        lambda: focus("4111111111111111 DE89370400440532013000"),
        lambda: move(),
    )

    def test_nothing_of_them_is_sealed(self, put, ada, seal):
        rules(redaction={"urls": {"keep": "path"}})
        events = [make() for make in self.EVENTS]
        assert put(events).json()["stored"] == len(events)
        for _time in range(2):
            found = raw(ada)
            assert b"Pay" in found
            assert not [each for each in SECRETS if each.lower().encode() in found.lower()]
            with time_machine.travel(datetime.now(UTC) + timedelta(days=2)):
                seal()
        assert Segment.objects.exists()

    def test_of_a_recording_that_is_handed_in_neither(self, client, ada):
        source = make_permitted(ada, source="files", kind="import")
        rules(redaction={"urls": {"keep": "path"}})
        token = make_token("events.write", sources=[source.key])
        old = now_ms() - 400 * 86_400_000
        events = [focus("Bank", old, title=SPOKEN), navigate(PAGE, old + 1)]
        assert send(client, token, make_batch(ada, events, source="files")).json()["stored"] == 2
        assert not [each for each in SECRETS if each.encode() in raw(ada)]

    def test_a_collector_of_the_persons_own_is_cut_as_well(self, client, ada, agent):
        token = make_collector(ada, agent)
        batch = make_batch(ada, [focus("Bank", title=SPOKEN)])
        batch.pop("subject")
        assert send(client, token, batch).json()["stored"] == 1
        assert not [each for each in SECRETS if each.encode() in raw(ada)]

    def test_an_apps_own_rule_holds_for_a_title_that_comes_without_its_name(self, put, ada):
        rules(redaction={"titles": {"keep": "first_part", "apps": {"Mail": "nothing", "Editor": "all"}}})
        put([blur(title="Before - any window")])
        put([focus("Mail", title="To Ada - Mail"), blur(title="To Ada - Mail")])
        put([focus("Editor", title="Draft - Editor"), blur(app="Mail", title="To Ada - Mail")])
        put([blur(title="Draft - Editor"), focus("Calc", title="Sheet - Calc")])
        assert [row["title"] for row in rows(ada) if row.get("title")] == ["Draft - Editor", "Draft - Editor", "Sheet"]
        assert b"To Ada" not in raw(ada)

    def test_the_counts_say_how_many_were_cut_and_an_erasure_takes_them_with_it(self, put, ada):
        put([focus("Bank", title=SPOKEN), focus("Bank", title="Plain"), navigate(PAGE), navigate("https://x.org/")])
        [day] = reading.days(ada.pk)
        assert day.cut == {"titles": 1, "urls": 1}


class TestListedApps:
    @pytest.fixture(autouse=True)
    def listed(self, agent):
        rules(allowed_apps=["Editor", "Calc"])

    def test_only_what_they_send_is_kept(self, put, ada):
        answer = put([focus("Editor"), move(), focus("Bank"), move(), key(), focus("Calc"), move()]).json()
        assert (answer["stored"], answer["withheld"]) == (
            4,
            {"app_usage": 1, "pointer_movement": 1, "keystroke_timing": 1},
        )
        assert dropped(ada) == {
            ("app_usage", "unlisted_app"): 1,
            ("pointer_movement", "unlisted_app"): 1,
            ("keystroke_timing", "unlisted_app"): 1,
        }
        assert b"Bank" not in raw(ada)

    def test_what_nobody_named_is_not_on_it(self, put):
        assert put([move(), move(app="unknown"), navigate("https://x.org/")]).json()["stored"] == 0

    def test_an_event_that_names_a_listed_app_while_another_is_in_front_is_dropped(self, put):
        assert put([move(app="Editor")]).json()["stored"] == 1
        assert put([focus("Bank"), move(app="Editor")]).json()["stored"] == 0
        assert put([move(app="Editor")]).json()["stored"] == 0
        assert put([focus("Editor"), move(app="Editor"), move(app="Bank")]).json()["stored"] == 2

    def test_other_spellings_of_its_name_are_others(self, put):
        assert put([move(app=each) for each in ("editor", "Editor ", "Editor\u200b", "Еditor")]).json()["stored"] == 0

    def test_a_blocked_or_private_window_of_a_listed_app_stays_out(self, put):
        rules(blocked_apps=["Calc"])
        answer = put([focus("CALC.exe"), move(), focus("Editor", private=True), move(), blur(private=True)])
        assert answer.json()["stored"] == 0

    def test_where_windows_may_not_be_kept_the_next_batch_still_knows_that_it_was_listed(self, client, ada):
        make_permitted(ada, ("scrolling",), purpose="lists", source="wheels")
        rules(allowed_apps=["Editor"])
        token = make_token("events.write", sources=["wheels"])

        def told(events):
            return send(client, token, make_batch(ada, events, source="wheels")).json()["stored"]

        wheel = {"type": "wheel", "deltaX": 0, "deltaY": 1}
        told([focus("Editor")])
        assert told([{"t": now_ms(), **wheel}]) == 1
        assert b"Editor" not in raw(ada)
        rules(allowed_apps=["Calc"])
        assert told([{"t": now_ms(), **wheel}]) == 0

    def test_permissions_name_them_and_ask_for_one_of_them(self, client, ada, agent):
        headers = {"authorization": f"Bearer {make_token('events.write', sources=[agent.key])}"}

        def asked(**of):
            query = {"subject": str(ada.pk), "source": agent.key, **of}
            return client.get("/api/v1/permissions", query, headers=headers).json()

        assert asked()["apps"] == {"blocked": [], "allowed": ["Calc", "Editor"]}
        assert asked()["categories"]["pointer_movement"]["allowed"]
        assert asked(app="Editor")["categories"]["pointer_movement"]["allowed"]
        assert asked(app="Bank")["categories"]["pointer_movement"]["reason"] == "unlisted_app"
        rules(allowed_apps=None)
        assert asked()["apps"] == {"blocked": []}

    def test_typed_text_needs_both_lists(self, put, ada):
        assert put([key(key="a", app="editor")]).json()["stored"] == 0
        rules(allowed_apps=["editor"])
        assert put([key(key="a", app="editor"), key(key="b", app="Editor")]).json()["stored"] == 1


class TestOldAnswers:
    """What was answered under stricter rules keeps them; what is stricter now holds at once."""

    @pytest.fixture
    def told(self, client, ada):
        token = make_token("events.write", sources=["agent"])
        return lambda *events: send(client, token, make_batch(ada, list(events))).json()

    def said(self, purpose="train", **door):
        found = terms(purpose)
        found["sources"]["agent"] |= door
        return found

    def test_an_app_that_came_onto_the_list_later_stays_out_until_it_is_answered(self, told, ada, client):
        define()
        publish(self.said(allowed_apps=["Editor"]))
        say_yes(ada)
        live()
        rules(allowed_apps=["Editor", "Bank"])
        publish(self.said(allowed_apps=["Editor", "Bank"]))
        assert told(focus("Bank"), move(), move(app="Bank"), move(app="Editor"))["stored"] == 0
        assert told(move())["stored"] == 0
        assert told(focus("Editor"), move())["stored"] == 2
        assert told(move())["stored"] == 1
        rules(allowed_apps=None)
        assert told(move(app="Bank"))["stored"] == 0
        say_yes(ada)
        assert told(focus("Bank"), move())["stored"] == 2

    def test_for_a_purpose_answered_anew_it_is_kept(self, told, ada):
        define()
        publish(self.said(allowed_apps=["Editor"]))
        say_yes(ada)
        define("study")
        live()
        live(purpose="study")
        publish(self.said("study"), "study")
        say_yes(ada, "study")
        assert told(focus("Bank"), move())["stored"] == 2
        assert told(move())["stored"] == 1
        assert {row["purposes"] for row in rows(ada)} == {"study"}

    def test_texts_are_cut_as_was_answered_and_the_strictest_purpose_decides(self, told, ada):
        strict = {"version": 1, "titles": {"keep": "first_part"}}
        define()
        publish(self.said(redaction=strict))
        say_yes(ada)
        live()
        rules(redaction={"version": 2})
        publish(self.said(redaction={"version": 2}))
        define("study")
        live(purpose="study")
        publish(self.said("study", redaction={"version": 2}), "study")
        say_yes(ada, "study")
        told(focus("Editor", title="Draft - Ada"))
        assert [row["title"] for row in rows(ada)] == ["Draft"]
        [day] = reading.days(ada.pk)
        assert day.rules == {"agent": ("2+1",)}
        say_yes(ada)
        told(focus("Editor", title="Draft - Ada"))
        assert [row["title"] for row in rows(ada)] == ["Draft", "Draft - Ada"]

    def test_an_answer_that_says_nothing_of_titles_and_addresses_has_the_rules_of_every_source(self, told, ada):
        define()
        publish(terms())
        say_yes(ada)
        live(named=("app_usage", "pointer_movement"))
        rules(redaction={"titles": {"keep": "nothing"}})
        told(focus("Editor", title="Draft"))
        assert [row.get("title") for row in rows(ada)] == [None]


class TestRulesOfADay:
    def test_the_day_says_by_which_version_it_was_taken_and_what_that_says(self, put, ada, agent):
        DoorRules.objects.create(source=agent, version=1, rules={"blocked_apps": ["Bank"]})
        newer = {"allowed_apps": ["Editor"], "titles": {"keep": "nothing"}, "urls": {"keep": "host"}}
        DoorRules.objects.create(source=agent, version=2, rules=newer)
        rules(blocked_apps=["Bank"], redaction={"version": 1})
        put([focus("Editor", title="A")])
        [first] = in_force.of_day(reading.days(ada.pk)[0])
        assert (first.source, first.versions) == ("Agent", (1,))
        assert first.lines[0] == "Nothing is kept while one of these apps is in front: Bank."
        assert "e-mail address" in first.lines[1]
        rules(redaction={"version": 2, "titles": {"keep": "nothing"}, "urls": {"keep": "host"}})
        put([focus("Editor", title="A")])
        [day] = reading.days(ada.pk)
        assert day.rules == {"agent": ("1", "2")}
        assert [each.versions for each in in_force.in_force(ada.pk, day.day)] == [(1,), (2,)]
        assert in_force.in_force(ada.pk, day.day)[1].lines[0].startswith("Only what happens in these apps is kept")

    def test_no_clear_column_says_it(self, put, ada, agent):
        rules(redaction={"version": 77})
        put([move()])
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM events_block WHERE counts::text LIKE '%%rules%%'")
            assert cursor.fetchone() == (0,)


class TestDaysOff:
    def today(self, ada):
        return datetime.now(ZoneInfo(ada.time_zone)).date()

    def off(self, ada, *days):
        marking.mark(subject_id=ada.pk, days=days or [self.today(ada)], today=self.today(ada))

    def test_nothing_of_a_marked_day_is_kept_though_flows_allow_every_hour(self, put, ada, agent):
        assert put([move()]).json()["stored"] == 1
        self.off(ada)
        assert put([move(), key(key="a", app="editor"), focus("editor")]).json()["stored"] == 0
        assert {reason for _category, reason in dropped(ada)} == {"day_off"}

    def test_what_is_older_than_the_mark_stays_out_as_well_and_the_day_before_comes_in(self, put, ada, agent):
        self.off(ada)
        yesterday = now_ms() - 86_400_000
        Gate.objects.filter(pk=ada.pk).update(grants=_older(ada))
        assert put([move(now_ms() - 60_000), move(yesterday)]).json()["stored"] == 1

    def test_it_is_the_day_where_the_person_is(self, put, ada, agent):
        """Noon where she is; in Kiritimati, 14 hours ahead, and on Niue the date may be another."""
        self.off(ada)
        for zone in ("Pacific/Kiritimati", "Pacific/Niue", ada.time_zone):
            Employee.objects.filter(pk=ada.pk).update(time_zone=zone)
            here = datetime.now(ZoneInfo(zone)).date() == self.today(ada)
            assert put([move()]).json()["stored"] == (0 if here else 1)

    def test_an_import_of_it_stays_out(self, client, ada):
        source = make_permitted(ada, source="files", kind="import")
        token = make_token("events.write", sources=[source.key])
        self.off(ada)
        assert send(client, token, make_batch(ada, [move()], source="files")).json()["stored"] == 0

    def test_permissions_say_so_and_until_when(self, client, ada, agent):
        headers = {"authorization": f"Bearer {make_token('events.write', sources=[agent.key])}"}
        query = {"subject": str(ada.pk), "source": agent.key}
        before = client.get("/api/v1/permissions", query, headers=headers)
        assert before.json()["day_off_until"] is None
        today = self.today(ada)
        self.off(ada, today, today + timedelta(days=1), today + timedelta(days=3))
        after = client.get("/api/v1/permissions", query, headers={**headers, "if-none-match": before["ETag"]})
        assert after.status_code == 200
        said = after.json()
        assert {each["reason"] for each in said["categories"].values()} == {"day_off"}
        ends = datetime.fromisoformat(said["day_off_until"]).astimezone(ZoneInfo(ada.time_zone))
        assert (ends.date(), ends.hour, ends.minute) == (today + timedelta(days=2), 0, 0)

    def test_a_batch_that_was_read_before_the_mark_commits_nothing_after_it(self, put, ada, agent, monkeypatch):
        real = ingest.sift

        def slowly(*args):
            monkeypatch.setattr(ingest, "sift", real)
            sifted = real(*args)
            self.off(ada)
            return sifted

        monkeypatch.setattr(ingest, "sift", slowly)
        assert put([move()]).json()["stored"] == 0

    def test_ingest_asks_nothing_more(self, put, ada, agent):
        put([move()])
        with CaptureQueriesContext(connection) as before:
            put([move()])
        self.off(ada, self.today(ada) + timedelta(days=1))
        put([move()])
        with CaptureQueriesContext(connection) as after:
            put([move()])
        assert len(after) <= len(before)

    def test_no_clear_column_holds_a_date_and_its_length_none_of_their_number(self, ada):
        today = self.today(ada)
        self.off(ada, today + timedelta(days=5))
        one = bytes(Gate.objects.get(pk=ada.pk).days_off)
        self.off(ada, *[today + timedelta(days=n) for n in range(5, 30)])
        many = bytes(Gate.objects.get(pk=ada.pk).days_off)
        assert len(one) == len(many)
        wanted = (today + timedelta(days=5)).isoformat()
        with connection.cursor() as cursor:
            cursor.execute("SELECT g::text FROM consent_gate g UNION ALL SELECT a::text FROM audit_act a")
            assert not [text for (text,) in cursor.fetchall() if wanted in text]
        assert wanted.encode() not in many

    def test_only_today_and_days_to_come_are_marked_and_only_those_to_come_are_let_go(self, ada):
        today = self.today(ada)
        for days in ([], [today - timedelta(days=1)], [today + timedelta(days=401)]):
            with pytest.raises(NotAllowed):
                marking.mark(subject_id=ada.pk, days=days, today=today)
        self.off(ada, today, today + timedelta(days=2))
        with pytest.raises(NotAllowed):
            marking.unmark(subject_id=ada.pk, days=[today], today=today)
        marking.unmark(subject_id=ada.pk, days=[today + timedelta(days=2)], today=today)
        assert gate.read(ada.pk).days_off == {today}

    def test_they_are_let_go_of_31_days_later(self, ada):
        today = datetime.now(UTC).date()
        marking.mark(subject_id=ada.pk, days=[today, today + timedelta(days=9)], today=today)
        with time_machine.travel(datetime.now(UTC) + timedelta(days=31)):
            assert marking.forget_past() == 0
        with time_machine.travel(datetime.now(UTC) + timedelta(days=33)):
            assert marking.forget_past() == 1
            assert gate.read(ada.pk).days_off == {today + timedelta(days=9)}
        with time_machine.travel(datetime.now(UTC) + timedelta(days=60)):
            assert marking.forget_past() == 1
        assert bytes(Gate.objects.get(pk=ada.pk).days_off) == b""

    def test_days_that_nobody_can_read_any_more_permit_nothing(self, put, ada, agent):
        Gate.objects.filter(pk=ada.pk).update(days_off=b"damaged")
        assert put([move()]).json()["stored"] == 0


def _older(ada):
    """Have her yes be of two days ago."""
    grants = Gate.objects.get(pk=ada.pk).grants
    return {key: {**each, "since_ms": each["since_ms"] - 2 * 86_400_000} for key, each in grants.items()}
