"""A marker planted in somebody's data: it never lies anywhere in clear, and after the erasure nothing yields it."""

from __future__ import annotations

import base64
import secrets

import pytest
import redis
from django.core.management import CommandError, call_command
from django.db import connections

from consent.values import Scope
from portal import grants
from portal.events import reading
from portal.rights import searching, stores
from portal.rights.models import SubjectRequest
from portal.rights.values import Kind
from portal.vault import objects
from tests.rights.conftest import ask, at, carry_out, store, stored, unzip

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "keys"])


@pytest.fixture(autouse=True)
def at_once(soon):
    """Keys are renewed as soon as an erasure waits."""


@pytest.fixture
def marker():
    return f"Marker{secrets.token_hex(12)}"


@pytest.fixture
def marked(recorded, marker):
    """The marker stands in a title, an address and an app, sealed and not yet sealed, and in a copy."""
    t = at(3, 13)
    store(
        recorded,
        [
            {"t": t, "type": "focus", "app": f"app {marker}", "title": f"Title {marker}"},
            {"t": t + 10, "type": "navigate", "url": f"https://example.org/{marker}?q={marker}"},
        ],
    )
    call_command("seal_segments")
    store(recorded, [{"t": at(2, 13), "type": "focus", "app": "mail", "title": f"Late {marker}"}])
    return recorded


def test_after_an_erasure_no_store_has_it_and_before_it_nothing_had_it_in_clear(marked, marker):
    files = unzip(carry_out(ask(marked, format="jsonl")))
    assert marker.encode() in b"".join(files.values())
    assert marker in str(stored(marked))
    assert searching.search(marker).hits == []

    done = carry_out(ask(marked, Kind.ERASURE))
    assert (done.state, done.reason) == ("delivered", "")
    assert marker not in str(stored(marked))
    assert reading.days(marked.pk) == [] or not any(sum(day.events.values()) for day in reading.days(marked.pk))
    found = searching.search(marker)
    assert (found.hits, found.unread) == ([], [])
    assert {"default", "keys", "redis", "objects", "files"} >= set(found.read) >= {"default", "keys", "files"}


def test_of_an_erased_day_nothing_yields_it_and_of_the_others_all_is_there(marked, marker):
    day = Scope(from_ms=at(3, 0), to_ms=at(2, 0))
    carry_out(ask(marked, Kind.ERASURE, scope=day))
    [late] = [row for row in stored(marked) if marker in str(row)]
    assert late["title"] == f"Late {marker}"
    assert searching.search(marker).hits == []


def test_the_search_finds_it_wherever_it_is_put(recorded, marker, settings):
    """The way round: a search that never finds anything would be as quiet."""
    (settings.VAR / "log").mkdir(exist_ok=True)
    places = [settings.VAR / "log" / "web.log", settings.VAR / "left-over"]
    places[0].write_text(f"GET /?title={marker}\n")
    places[1].write_bytes(b"\0" * (stores.PIECE - 5) + marker.encode("utf-16-le"))
    objects.put("left/over", b"x" + base64.b64encode(b"ab" + marker.encode()))
    with (
        redis.Redis.from_url(f"{settings.REDIS_URL}/0") as queue,
        redis.Redis.from_url(settings.REDIS_URL + "/1") as cache,
    ):
        queue.lpush("left-over", f'{{"body": "{marker}"}}')
        cache.hset("left-over-too", mapping={"field": marker})
    SubjectRequest.objects.filter(pk=ask(recorded).pk).update(note=f"see {marker}", sealed_details=marker.encode())
    try:
        hits = searching.search(marker).hits
        with pytest.raises(CommandError) as refused:
            call_command("find_marker", marker)
    finally:
        for place in places:
            place.unlink()
        with (
            redis.Redis.from_url(f"{settings.REDIS_URL}/0") as queue,
            redis.Redis.from_url(f"{settings.REDIS_URL}/1") as cache,
        ):
            queue.delete("left-over")
            cache.delete("left-over-too")
        objects.delete("left/over")
    assert refused.value.returncode == 1
    said = "\n".join(hits)
    for place in ("log/web.log", "left-over", "objects: left/over", "redis: 0/left-over", "redis: 1/left-over-too"):
        assert place in said
    assert "default: public.rights_subjectrequest: 1 rows" in said


def test_a_binary_column_alone_is_enough_to_be_found(recorded, marker):
    SubjectRequest.objects.filter(pk=ask(recorded).pk).update(sealed_details=b"\0\xff" + marker.encode() + b"\0")
    assert searching.search(marker).hits == ["default: public.rights_subjectrequest: 1 rows"]


def test_a_marker_that_chance_could_find_is_refused():
    with pytest.raises(CommandError):
        call_command("find_marker", "short")


@pytest.mark.parametrize("alias", searching.DATABASES)
def test_the_role_of_the_commands_can_read_every_table(alias):
    with connections[alias].cursor() as cursor:
        cursor.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [grants.ROLE])
        if not cursor.fetchone():
            cursor.execute(f"CREATE ROLE {grants.ROLE} LOGIN PASSWORD 'app'")
        grants.grant(alias)
        as_role = searching.TABLES.replace("has_table_privilege(", f"has_table_privilege('{grants.ROLE}', ")
        cursor.execute(as_role)
        assert [table for _schema, table, readable in cursor.fetchall() if not readable] == []


def test_the_command_says_how_much_it_read(recorded, marker, capsys):
    call_command("find_marker", marker)
    said = capsys.readouterr().out
    assert "found nowhere" in said
    assert "default: " in said


def test_an_event_in_clear_in_queue_cache_or_log_keeps_the_certificate_back(marked, settings):
    (settings.VAR / "log").mkdir(exist_ok=True)
    leak = settings.VAR / "log" / "worker.log"
    leak.write_text('{"type": "pointermove", "x": 1, "y": 2}\n')
    try:
        request = ask(marked, Kind.ERASURE)
        carry_out(request, seconds=3)
        request.refresh_from_db()
        assert request.certificate is None
        assert "files and logs" in request.reason
    finally:
        leak.unlink()
    SubjectRequest.objects.filter(pk=request.pk).update(wake_at=None, failures=0, state="processing")
    assert carry_out(request).certificate is not None


def test_the_certificate_counts_each_store_before_and_says_when_it_was_read_again(marked):
    unzip(carry_out(ask(marked)))
    certificate = carry_out(ask(marked, Kind.ERASURE)).certificate["certificate"]
    read = {each["store"]: each for each in certificate["stores_read"]}
    assert read["segments"]["counted"] >= 2
    assert read["blocks"]["counted"] >= 1
    assert read["copies"]["counted"] == 1
    assert read["keys of the old epoch"]["counted"] >= 2
    assert set(read) >= {"volumes", "last apps in front", "objects", "queue and cache", "files and logs"}
    dates = certificate["dates"]
    assert all((each["found"], each["read_at"] >= dates["keys_destroyed"]) == (0, True) for each in read.values())
    order = ("received", "asked", "fenced", "keys_destroyed", "keys_renewed", "issued")
    assert [dates[name] for name in order] == sorted(dates[name] for name in order)


def test_a_store_that_keeps_something_is_named(marked, monkeypatch):
    request = ask(marked, Kind.ERASURE)
    monkeypatch.setattr(stores, "in_redis", lambda: 1)
    carry_out(request, seconds=2)
    request.refresh_from_db()
    assert "queue and cache" in request.reason
