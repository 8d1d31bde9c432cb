"""What an erasure does to the store: for each scope, what goes, what stays, and under which keys."""

from __future__ import annotations

import pytest

from consent import actions
from consent.values import Scope
from portal.events import blocks, reading, rewrite, sealing, segments, volumes
from portal.events.models import Block, LastFocus, Segment, Volume
from portal.vault import keys, objects
from tests.events.conftest import focus, key, move, now_ms
from tests.makers import make_batch, make_flow, make_permitted, make_purpose, make_token, send

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "keys"])

DAY = 86_400_000
T = 1_700_000_000_000  # in November 2023, in the afternoon of Berlin


def some(*names):
    return frozenset(names)


def rows(employee):
    return [row for day in reading.stored_days(employee.pk) for row in reading.page(employee.pk, day).rows]


def erase(ada, scope, asked_ms=None, key="e"):
    """Take the steps that a request takes; return how many events went and the epochs before and after."""
    asked_ms = asked_ms or now_ms() + 600_000
    found = rewrite.touched(ada.pk, scope)
    days, touched = found.days, found.keys
    promised = rewrite.count_matching(ada.pk, scope, asked_ms)
    old = max(keys.epochs(ada.pk))
    new = keys.begin_epoch(ada.pk, old, touched)
    actions.fence(subject_id=ada.pk, key=key, scope=scope, asked_ms=asked_ms, key_epoch=new)
    gone = sum(rewrite.rewrite_day(ada.pk, day, scope, asked_ms, new) for day in days)
    for month in sorted(month for month, name in touched if name == "volume"):
        rewrite.rewrite_volume(ada.pk, month, scope, new)
    keys.carry_over(ada.pk, old, new, touched)
    keys.destroy_epoch(ada.pk, old)
    assert gone == sum(promised.values())
    assert rewrite.residue(ada.pk, scope, asked_ms) == 0
    # Whatever is done again finds nothing to do.
    assert [rewrite.rewrite_day(ada.pk, day, scope, asked_ms, new) for day in days] == [0] * len(days)
    return gone


@pytest.fixture
def tape(ada):
    return make_permitted(ada, source="tape", kind="import", blocked_apps=["bank"])


@pytest.fixture
def put(client, ada, tape):
    token = make_token("events.write", ["tape"])

    def call(*events):
        answer = send(client, token, make_batch(ada, list(events), source="tape"))
        assert answer.status_code == 201, answer.content
        return answer.json()

    return call


@pytest.fixture(params=["blocks", "folded", "sealed", "both"])
def filled(request, put, ada, seal):
    """Two days of Ada's, in each state that the store knows."""
    put(focus("editor", T), move(T + 1), key(T + 2000, key="a"), move(T + 3000, app="mail"))
    put(move(T + DAY), move(T + DAY + 1, app="bank"))
    if request.param == "folded":
        volumes.fold_all()
    if request.param in ("sealed", "both"):
        seal()
    if request.param == "both":
        put(move(T + 5000), key(T + 6000, key="b", app="editor"))
        return 7
    return 5


class TestScopes:
    def test_everything(self, filled, ada):
        assert erase(ada, Scope()) == filled
        assert rows(ada) == []
        assert reading.days(ada.pk) == []
        assert not any(model.objects.exists() for model in (Block, Segment, Volume))
        assert list(objects.names(segments.prefix_of(ada.pk))) == []

    def test_one_category(self, filled, ada):
        before = rows(ada)
        erase(ada, Scope(categories=some("pointer_movement")))
        assert rows(ada) == [row for row in before if row["category"] != "pointer_movement"]
        assert {name for day in reading.days(ada.pk) for name in day.events} == {"app_usage", "keystroke_timing"}
        assert reading.days(ada.pk)[0].contents == (2 if filled == 7 else 1)

    def test_typed_text_goes_and_its_rhythm_stays(self, filled, ada):
        before = rows(ada)
        assert erase(ada, Scope(categories=some("keystroke_content"))) == (2 if filled == 7 else 1)
        assert len(rows(ada)) == len(before)
        assert not any("key" in row or "key_purposes" in row for row in rows(ada))
        assert reading.days(ada.pk)[0].contents == 0
        assert sum(reading.days(ada.pk)[0].events.values()) == filled - 1

    def test_one_hour(self, filled, ada):
        before = rows(ada)
        scope = Scope(from_ms=T + 1, to_ms=T + 3000)
        assert erase(ada, scope) == 2
        assert rows(ada) == [row for row in before if not T + 1 <= row["t"] < T + 3000]

    def test_one_app(self, filled, ada):
        before = rows(ada)
        assert erase(ada, Scope(apps=some("mail"))) == 1
        assert rows(ada) == [row for row in before if row.get("app") != "mail"]

    def test_the_app_that_an_event_belongs_to_counts(self, filled, ada):
        erase(ada, Scope(apps=some("editor")))
        assert not any(row.get("in_app") == "editor" for row in rows(ada))

    def test_one_source(self, filled, ada):
        assert erase(ada, Scope(sources=some("other"))) == 0
        assert len(rows(ada)) == filled
        assert erase(ada, Scope(sources=some("tape")), key="f") == filled

    def test_what_came_after_the_asking_stays(self, filled, ada):
        before = rows(ada)
        erase(ada, Scope(), asked_ms=T + 3000)
        assert rows(ada) == [row for row in before if row["t"] >= T + 3000]

    def test_a_second_erasure_finds_the_first_ones_keys(self, filled, ada):
        erase(ada, Scope(categories=some("pointer_movement")))
        erase(ada, Scope(categories=some("app_usage")), key="f")
        assert {row["category"] for row in rows(ada)} == {"keystroke_timing"}
        erase(ada, Scope(), key="g")
        assert rows(ada) == []


class TestPurposes:
    @pytest.fixture
    def two(self, client, ada, tape, put):
        put(move(T, x=1))
        make_flow(tape, "pointer_movement", "study")
        make_purpose("study", covers={"tape": ["pointer_movement"]})
        actions.give(subject_id=ada.pk, purpose_key="study", path="/")
        put(move(T + 1, x=2), key(T + 2000))

    def test_what_another_purpose_covers_stays_for_it_alone(self, two, ada, seal):
        seal()
        assert erase(ada, Scope(purposes=some("train"))) == 2
        assert [(row["x"], row["purposes"]) for row in rows(ada)] == [(2, "study")]

    def test_it_goes_when_the_last_purpose_goes(self, two, ada):
        erase(ada, Scope(purposes=some("study")))
        assert [row["purposes"] for row in rows(ada)] == ["train"] * 3
        assert erase(ada, Scope(purposes=some("train")), key="f") == 3

    def test_typed_text_may_lose_its_own_purpose(self, client, ada, put, tape):
        tape.flows.filter(category="keystroke_content").update(purpose_key="text")
        make_purpose("text", covers={"tape": ["keystroke_content"]})
        actions.give(subject_id=ada.pk, purpose_key="text", path="/")
        put(key(T, key="a", app="editor"))
        assert rows(ada)[0]["key_purposes"] == "text"
        assert erase(ada, Scope(purposes=some("text"))) == 1
        assert "key" not in rows(ada)[0]


class TestKeys:
    def test_an_older_copy_does_not_open_with_todays_keys(self, put, ada, seal):
        put(move(T), key(T + 1000))
        seal()
        put(move(T + 2))
        name = Segment.objects.get().name
        blob, block = objects.get(name), Block.objects.get()
        volume = Volume.objects.get()
        erase(ada, Scope(categories=some("pointer_movement")))
        objects.put(name, blob)
        for opened in (
            lambda: segments.read(name),
            lambda: blocks.body(block),
            lambda: volumes.opened(volume),
        ):
            with pytest.raises(keys.KeyGone):
                opened()

    def test_an_object_that_nobody_names_is_found_and_deleted(self, put, ada, seal):
        put(move(T))
        seal()
        name = Segment.objects.get().name
        orphan = name + "0"
        objects.put(orphan, objects.get(name))
        asked = now_ms()
        assert rewrite.residue(ada.pk, Scope(), asked) == 2
        erase(ada, Scope())
        assert list(objects.names(segments.prefix_of(ada.pk))) == []

    def test_other_days_keep_their_objects(self, put, ada, seal):
        put(move(T), move(T + 40 * DAY))
        seal()
        other = Segment.objects.latest("day").name
        erase(ada, Scope(to_ms=T + DAY))
        assert [row["t"] for row in rows(ada)] == [T + 40 * DAY]
        assert Segment.objects.get().name == other

    def test_a_sealing_that_was_quicker_makes_it_start_again(self, put, ada, seal, monkeypatch):
        put(move(T), key(T + 1000))
        scope, day = Scope(categories=some("pointer_movement")), reading.stored_days(ada.pk)[0]
        keys.begin_epoch(ada.pk, 1, rewrite.touched(ada.pk, scope).keys)
        real = segments.put

        def meanwhile(*args):
            monkeypatch.setattr(segments, "put", real)
            seal()
            return real(*args)

        monkeypatch.setattr(segments, "put", meanwhile)
        with pytest.raises(sealing.Overtaken):
            rewrite.rewrite_day(ada.pk, day, scope, now_ms(), 2)
        assert list(objects.names(segments.prefix_of(ada.pk))) == [Segment.objects.get().name]
        actions.fence(subject_id=ada.pk, key="f", scope=scope, asked_ms=now_ms(), key_epoch=2)
        assert rewrite.rewrite_day(ada.pk, day, scope, now_ms(), 2) == 1


class TestMeanwhile:
    def test_collection_goes_on_under_the_new_keys(self, put, ada):
        put(focus("mail", T), move(T + 1))
        erase(ada, Scope(to_ms=T + DAY), asked_ms=T + DAY)
        assert put(move(T + 2))["withheld"] == {"pointer_movement": 1}
        assert put(move(T + 2 * DAY))["stored"] == 1
        assert "in_app" not in rows(ada)[0], "the app in front before was erased with the rest"

    def test_a_window_hidden_before_stays_hidden(self, put, ada):
        put(focus("bank", T))
        erase(ada, Scope(to_ms=T + DAY), asked_ms=T + DAY)
        assert put(move(T + 2 * DAY))["stored"] == 0
        assert LastFocus.objects.get().epoch == 2

    def test_what_was_withheld_is_forgotten_with_its_day(self, put, ada):
        put(move(T, app="bank"))
        assert reading.days(ada.pk)[0].withheld
        erase(ada, Scope())
        assert reading.days(ada.pk) == []


class TestSecondReading:
    def test_it_finds_what_a_rewrite_left(self, filled, ada):
        asked = now_ms()
        movements = rewrite.count_matching(ada.pk, Scope(categories=some("pointer_movement")), asked)
        assert rewrite.residue(ada.pk, Scope(), asked) >= filled
        assert rewrite.residue(ada.pk, Scope(categories=some("pointer_movement")), asked) == sum(movements.values())
        assert rewrite.residue(ada.pk, Scope(from_ms=T + 9 * DAY), asked) == 0

    def test_it_finds_counts_without_events(self, put, ada):
        put(move(T))
        volumes.fold_all()
        Block.objects.all().delete()
        assert rewrite.residue(ada.pk, Scope(), now_ms()) == 1
