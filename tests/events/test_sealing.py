"""From blocks to a segment and back: nothing is lost, whoever is killed or overtaken between two steps."""

from __future__ import annotations

import gzip
import io
import itertools
import json
import uuid
from contextlib import suppress
from copy import copy

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from django.core.management import call_command
from django.db import OperationalError
from django.utils import timezone

from consent import actions
from consent.values import Scope
from portal.events import ingest, reading, sealing, segments, tasks, values, volumes
from portal.events.models import Block, Segment, Volume
from portal.vault import keys, objects
from tests.events.conftest import focus, key, move, now_ms
from tests.events.test_races import at_once
from tests.failing import COMMITS, MOMENTS, OBJECT_CALLS, Killed, commit_failed, failing
from tests.makers import make_batch, make_permitted, make_token, send

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "keys"])


def today(employee):
    return reading.stored_days(employee.pk)[-1]


def rows(employee):
    return reading.page(employee.pk, today(employee), limit=100_000).rows


def fill(source, employee, n, t, batches=1):
    """Bring n events in through ingest, many at a time."""
    per = n // batches
    for part in range(batches):
        events = [values.Pointermove(t=t + part * per + i, x=i, y=part) for i in range(per)]
        ingest.accept(
            writer="client:fill",
            batch_id=uuid.uuid4(),
            source=source,
            employee=employee,
            raw=str(part).encode(),
            events=events,
            arrived=timezone.now(),
            imported=source.kind == "import",
        )


class TestSealing:
    def test_generations_follow_each_other_and_the_older_object_goes(self, put, ada, seal):
        for generation in (1, 2, 3):
            put([move(now_ms(), x=generation)])
            seal()
            segment = Segment.objects.get()
            assert segment.generation == generation
            assert list(objects.names(segments.prefix_of(ada.pk))) == [segment.name]
            assert not Block.objects.exists()
        assert [row["x"] for row in rows(ada)] == [1, 2, 3]

    def test_it_is_in_order_of_time_and_of_arrival(self, put, ada, seal):
        t = now_ms()
        put([move(t + 2, x=1), move(t, x=2)])
        seal()
        put([move(t + 2, x=3), move(t + 1, x=4), move(t, x=5)])
        expected = [2, 5, 4, 1, 3]
        assert [row["x"] for row in rows(ada)] == expected
        seal()
        assert [row["x"] for row in rows(ada)] == expected

    def test_a_finished_day_is_sealed_by_itself_and_today_waits(self, client, ada, put):
        put([move()])
        make_permitted(ada, ["pointer_movement"], source="tape", kind="import", purpose="old")
        send(client, make_token("events.write", ["tape"]), make_batch(ada, [move(1000)], source="tape"))
        tasks.seal_days()
        assert [segment.day.year for segment in Segment.objects.all()] in ([1970], [1969])
        assert Block.objects.count() == 1

    def test_the_columns_are_packed_as_the_store_says(self, put, ada, seal):
        put([move(x=n) for n in range(50)])
        table = reading.stored(ada.pk, today(ada))

        found = pq.ParquetFile(pa.BufferReader(segments.to_parquet(table))).metadata.row_group(0)
        columns = {found.column(n).path_in_schema: found.column(n) for n in range(found.num_columns)}
        for name in ("t", "x", "y"):
            assert "DELTA_BINARY_PACKED" in columns[name].encodings
            assert columns[name].compression == "ZSTD"

    def test_an_object_that_was_moved_does_not_open(self, put, ada, ben, seal):
        put([move()])
        seal()
        name = Segment.objects.get().name
        other = name.replace(str(ada.pk), str(ben.pk))
        objects.put(other, objects.get(name))
        with pytest.raises(segments.Unfaithful):
            segments.read(other)

    def test_the_object_holds_nothing_in_the_clear(self, put, ada, seal):
        put([focus("secret-app"), key(code="KeyQ")])
        seal()
        blob = objects.get(Segment.objects.get().name)
        assert b"secret" not in blob
        assert b"PAR1" not in blob


class TestKilled:
    """Each step is where the process ends; another process then starts again."""

    def sealed_again(self, ada, before):
        assert rows(ada) == before, "what was there is there"
        call_command("seal_segments", stdout=io.StringIO())
        assert rows(ada) == before
        assert reading.days(ada.pk)[0].events == {"pointer_movement": len(before)}
        assert not Block.objects.exists()

    @pytest.fixture
    def before(self, put, ada, seal):
        put([move(x=1)])
        seal()
        put([move(now_ms(), x=2)])
        put([move(now_ms(), x=3)])
        return rows(ada)

    @pytest.mark.parametrize(
        ("where", "name"),
        [
            (objects, "put"),
            (segments, "read"),
            (sealing, "replace"),
            (sealing, "claim"),
            (volumes, "discard"),
            (sealing, "point"),
            (objects, "delete"),
        ],
    )
    @pytest.mark.parametrize("moment", ["before", "after"])
    def test_a_kill_loses_nothing(self, before, ada, monkeypatch, where, name, moment):
        real = getattr(where, name)

        def killed(*args, **more):
            if moment == "after":
                real(*args, **more)
            raise Killed

        with monkeypatch.context() as patch:
            patch.setattr(where, name, killed)
            with pytest.raises(Killed):
                # Reading the older generation goes through the same door as reading back.
                sealing.seal_day(ada.pk, Block.objects.first().day)
        self.sealed_again(ada, before)


class TestKilledAnywhere:
    """Before or just after each commit, and each call of the vault."""

    @pytest.mark.parametrize("moment", MOMENTS)
    @pytest.mark.parametrize(
        ("places", "error"), [(COMMITS, commit_failed), (OBJECT_CALLS, Killed)], ids=["commit", "object"]
    )
    def test_a_kill_loses_nothing_and_the_next_sealing_goes_on(self, put, ada, seal, places, error, moment):
        put([move(now_ms(), x=0)])
        seal()
        for n in itertools.count(1):
            put([move(now_ms(), x=n)])
            before = rows(ada)
            with failing(places, n, moment, error) as point, suppress(Killed, OperationalError):
                sealing.seal_day(ada.pk, today(ada))
            assert rows(ada) == before
            seal()
            assert rows(ada) == before
            assert reading.days(ada.pk)[0].events == {"pointer_movement": n + 1}
            assert not Block.objects.exists()
            if not point.happened:
                break
        assert n > 1

    def test_one_day_that_cannot_be_sealed_holds_up_no_other(self, ada, put, client, caplog):
        make_permitted(ada, ["pointer_movement"], source="tape", kind="import", purpose="old")
        token = make_token("events.write", ["tape"])
        for day in range(3):
            send(client, token, make_batch(ada, [move(day * 86_400_000 + 43_200_000)], source="tape"))
        bad = Block.objects.order_by("day").first()
        Block.objects.filter(pk=bad.pk).update(body=bytes(bad.body)[:-1] + b"x")
        for _ in range(3):
            sealing.seal(sealing.waiting())
        assert Segment.objects.count() == 2
        assert list(Block.objects.values_list("pk", flat=True)) == [bad.pk]
        assert "Damaged" in caplog.text

    def test_two_sealings_of_many_days_at_once_lose_and_double_nothing(self, ada, put, client):
        make_permitted(ada, ["pointer_movement"], source="tape", kind="import", purpose="old")
        token = make_token("events.write", ["tape"])
        sent = [day * 86_400_000 + 43_200_000 + n for day in range(12) for n in range(2)]
        for t in sent:
            send(client, token, make_batch(ada, [move(t)], source="tape"))
        days = sealing.waiting()
        answers = at_once(*[lambda: sealing.seal(days)] * 3)
        assert sum(done for done, _left in answers) == len(days) == 12
        found = [row["t"] for day in reading.stored_days(ada.pk) for row in reading.page(ada.pk, day).rows]
        assert found == sent
        assert set(objects.names("segments/")) == set(Segment.objects.values_list("name", flat=True))

    def test_it_stops_when_its_time_is_over_and_says_how_many_wait(self, put, ada):
        put([move(x=1)])
        assert sealing.seal(sealing.waiting(), seconds=-1) == (0, 1)
        assert sealing.seal(sealing.waiting(), seconds=60) == (1, 0)


class TestOvertaken:
    def test_a_batch_that_arrives_meanwhile_is_not_deleted(self, put, ada, monkeypatch):
        put([move(x=1)])
        real = segments.put

        def meanwhile(*args):
            put([move(x=2)])
            return real(*args)

        monkeypatch.setattr(segments, "put", meanwhile)
        assert sealing.seal_day(ada.pk, today(ada))
        assert [row["x"] for row in rows(ada)] == [1, 2]
        assert Block.objects.count() == 1

    def test_two_sealings_at_once_are_one(self, put, ada, monkeypatch, seal):
        put([move(x=1)])
        real = segments.put

        def meanwhile(*args):
            monkeypatch.setattr(segments, "put", real)
            seal()
            return real(*args)

        monkeypatch.setattr(segments, "put", meanwhile)
        with pytest.raises(sealing.Overtaken):
            sealing.seal_day(ada.pk, today(ada))
        assert len(rows(ada)) == 1
        assert list(objects.names(segments.prefix_of(ada.pk))) == [Segment.objects.get().name]

    def test_new_keys_meanwhile_make_it_start_again(self, put, ada, monkeypatch):
        put([move(x=1)])
        real = segments.put

        def meanwhile(*args):
            keys.begin_epoch(ada.pk, 1, set())
            actions.fence(subject_id=ada.pk, key="f", scope=Scope(to_ms=5), asked_ms=5, key_epoch=2)
            return real(*args)

        monkeypatch.setattr(segments, "put", meanwhile)
        with pytest.raises(sealing.Overtaken):
            sealing.seal_day(ada.pk, today(ada))
        assert not Segment.objects.exists()
        monkeypatch.setattr(segments, "put", real)
        assert sealing.seal_day(ada.pk, today(ada))
        assert Segment.objects.get().epoch == 2

    def test_a_reader_that_misses_an_object_looks_again(self, put, ada, monkeypatch, seal):
        put([move(x=1)])
        seal()
        put([move(x=2)])
        real, missed = objects.get, []

        def meanwhile(name):
            if not missed:
                missed.append(name)
                seal()
            return real(name)

        monkeypatch.setattr(objects, "get", meanwhile)
        assert [row["x"] for row in rows(ada)] == [1, 2]
        assert missed

    def test_what_an_erasure_will_take_is_not_sealed_anew(self, put, ada, seal):
        put([move(x=1)])
        keys.begin_epoch(ada.pk, 1, set())
        actions.fence(subject_id=ada.pk, key="f", scope=Scope(), asked_ms=now_ms() + 1000, key_epoch=2)
        seal()
        assert not Segment.objects.exists()


class TestReading:
    def test_a_page_of_a_long_day_reads_one_object(self, ada, put, seal, monkeypatch, django_assert_num_queries):
        tape = make_permitted(ada, ["pointer_movement"], source="tape", kind="import", purpose="old")
        t = now_ms() - now_ms() % 86_400_000 - 86_400_000 * 10 + 8 * 3_600_000
        fill(tape, ada, 50_000, t, batches=10)
        seal()
        day = today(ada)
        fill(tape, ada, 20, t)
        read, real = [], objects.get
        monkeypatch.setattr(objects, "get", lambda name: read.append(name) or real(name))
        keys.find(ada.pk, str(day)[:7], _day_key(ada, day))
        with django_assert_num_queries(1):
            page = reading.page(ada.pk, day, offset=49_950, limit=100)
        assert (len(read), len(page.rows), page.total) == (1, 70, 50_020)

    def test_a_page_can_be_narrowed(self, put, ada):
        t = now_ms() // 1000 * 1000 + 1000
        put([move(t + 1), key(t), focus("mail", t + 2)])
        page = reading.page(ada.pk, today(ada), categories=["app_usage", "pointer_movement"], limit=1)
        assert (page.total, page.rows[0]["type"]) == (2, "pointermove")
        assert reading.page(ada.pk, today(ada), sources=["other"]).total == 0
        assert reading.page(ada.pk, today(ada), from_ms=t + 1, to_ms=t + 2).total == 1


def _day_key(ada, day):
    return keys.key_for(ada.pk, 1, str(day)[:7], str(day)).id


class TestVolumes:
    def test_a_day_counts_the_same_before_and_after_folding_and_sealing(self, put, ada, seal):
        put([move(), key(key="a", app="editor"), move(now_ms() - 60_000)])
        before = reading.days(ada.pk)
        assert before[0].events == {"pointer_movement": 1, "keystroke_timing": 1}
        assert before[0].sources == {"agent": before[0].events}
        assert before[0].withheld == {"pointer_movement": {"before_grant": 1}}
        assert before[0].contents == 1
        tasks.fold_volumes()
        assert (reading.days(ada.pk), Volume.objects.count()) == (before, 1)
        tasks.fold_volumes()
        assert reading.days(ada.pk) == before
        seal()
        assert reading.days(ada.pk) == before

    def test_a_second_batch_adds(self, put, ada, seal):
        put([move()])
        seal()
        put([move(), move()])
        assert reading.days(ada.pk)[0].events == {"pointer_movement": 3}
        seal()
        assert reading.days(ada.pk)[0].events == {"pointer_movement": 3}
        assert reading.days(ada.pk, "1999-01") == []

    def test_charts_read_a_row_a_month(self, put, ada, seal, django_assert_num_queries):
        for _ in range(3):
            put([move()])
        seal()
        reading.days(ada.pk)
        with django_assert_num_queries(1):
            reading.days(ada.pk)


def test_a_busy_day_is_sealed_before_it_ends(put, ada, settings):
    settings.INGEST_BATCHES_PER_MINUTE = 1000
    put([move()])
    assert sealing.due(timezone.now()) == []
    block = Block.objects.get()
    another = Block(subject_id=ada.pk, day=block.day, epoch=1, receipt=block.receipt, body=b"x", counts=b"x")
    Block.objects.bulk_create(copy(another) for _ in range(sealing.MANY_BLOCKS))
    assert len(sealing.due(timezone.now())) == 1


def test_a_packed_batch_of_many_events_is_one_block(client, token, ada):
    body = make_batch(ada, [move(x=n) for n in range(5000)])
    raw = gzip.compress(json.dumps(body).encode())
    assert send(client, token, raw, content_encoding="gzip").json()["stored"] == 5000
    assert Block.objects.count() == 1
