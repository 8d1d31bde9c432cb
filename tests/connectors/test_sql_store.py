"""A request covers a database: read within a transaction that can only read, deleted in one, values bound."""

from __future__ import annotations

import csv
import io
import json
import os

import psycopg
import pytest

from portal.rights.connectors import by_sql
from portal.rights.connectors.models import StoreTask
from portal.rights.connectors.values import Person
from portal.rights.models import SubjectRequest
from portal.rights.values import Kind
from tests.connectors.conftest import go_on, make_store
from tests.rights.conftest import ask, unzip

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "keys"])
ACCESS = "select id, who, said, at from tickets where who = :email order by id"
ERASURE = "delete from tickets where who = :email"


@pytest.fixture(scope="session")
def server():
    """Return the address of a database of its own on the tests' server."""
    base = os.environ["DATABASE_URL"].rsplit("/", 1)[0]
    with psycopg.connect(f"{base}/postgres", autocommit=True) as connection:
        connection.execute("DROP DATABASE IF EXISTS tickets")
        connection.execute("CREATE DATABASE tickets")
    return f"{base}/tickets"


@pytest.fixture
def tickets(server, monkeypatch, recorded, soon):
    """Another system's tables: three tickets of Ada's, and others'."""
    monkeypatch.setenv("STORE_TICKETS_DSN", server)
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute("DROP TABLE IF EXISTS tickets")
        connection.execute("CREATE TABLE tickets (id int, who text, said text, at timestamptz, raw bytea)")
        rows = [(1, recorded.email, "=1+1"), (2, recorded.email, "it's"), (3, recorded.email, None), (4, "b", "other")]
        for row in rows:
            connection.execute("INSERT INTO tickets VALUES (%s, %s, %s, '2026-11-01T10:00:00Z', 'x')", row)
        yield connection


def declare(**over):
    how = {"dsn": "STORE_TICKETS_DSN", "access": ACCESS, "erasure": ERASURE, "rows": 100, "seconds": 5, **over}
    return make_store("sql", how, "tickets", title="Tickets")


def left(tickets):
    return [row[0] for row in tickets.execute("SELECT id FROM tickets ORDER BY id")]


def test_what_a_database_holds_is_in_the_copy_and_no_cell_is_a_formula(tickets, recorded):
    declare()
    files = unzip(go_on(ask(recorded)))
    rows = list(csv.reader(io.StringIO(files["connected/tickets/rows.csv"].decode())))
    assert rows[0] == ["id", "who", "said", "at"]
    assert [row[2] for row in rows[1:]] == ["'=1+1", "it's", ""]
    manifest = {each["path"]: each for each in json.loads(files["manifest.json"])["files"]}
    assert manifest["connected/tickets/rows.csv"]["records"] == 3


def test_it_is_lines_of_json_where_these_were_asked_for(tickets, recorded):
    declare()
    lines = unzip(go_on(ask(recorded, format="jsonl")))["connected/tickets/rows.jsonl"].decode().splitlines()
    assert [json.loads(line)["said"] for line in lines] == ["=1+1", "it's", None]


def test_only_the_persons_rows_are_deleted_and_nobody_elses(tickets, recorded):
    declare()
    assert go_on(ask(recorded, Kind.ERASURE)).state == "delivered"
    assert left(tickets) == [4]
    assert StoreTask.objects.get().state == "done"


def test_who_has_no_row_there_had_nothing(tickets, recorded):
    tickets.execute("DELETE FROM tickets WHERE id < 4")
    declare()
    for kind in (Kind.ACCESS, Kind.ERASURE):
        assert go_on(ask(recorded, kind)).state in ("ready", "delivered")
    assert set(StoreTask.objects.values_list("state", flat=True)) == {"nothing"}


EVIL = "x'; DELETE FROM tickets; --@example.org"


def test_a_value_is_bound_and_never_becomes_part_of_the_statement(tickets):
    store = declare()
    task = StoreTask(request=SubjectRequest(kind=Kind.ERASURE), tries=1)
    assert by_sql.ask(task, store, Person("id", EVIL, EVIL)).state == "nothing"
    assert left(tickets) == [1, 2, 3, 4]


@pytest.mark.parametrize(
    ("over", "says"),
    [
        ({"access": "delete from tickets where who = :email returning id"}, "failed"),
        ({"access": "select pg_sleep(9), :email::text", "seconds": 1}, "longer than 1 seconds"),
        ({"access": "select id from tickets where :email::text is not null", "rows": 2}, "more than 2 rows"),
        ({"access": "select nothing from tickets where who = :email"}, "42703"),
        ({"dsn": "STORE_NOWHERE_DSN"}, "STORE_NOWHERE_DSN is not set"),
    ],
)
def test_what_is_no_answer_fails_readably_and_changes_nothing(tickets, recorded, settings, over, says):
    settings.STORE_TRIES = 1
    declare(**over)
    request = go_on(ask(recorded))
    assert request.state == "needs_attention"
    assert request.reason.startswith("Tickets did not answer. ") and says in request.reason
    assert recorded.email not in request.reason
    assert left(tickets) == [1, 2, 3, 4]


def test_a_function_that_writes_cannot_write_where_somebody_reads(tickets, recorded, settings):
    settings.STORE_TRIES = 1
    tickets.execute(
        "CREATE OR REPLACE FUNCTION sly(text) RETURNS text LANGUAGE sql AS $$ DELETE FROM tickets RETURNING who $$"
    )
    declare(access="select sly(:email)")
    assert "would change something" in go_on(ask(recorded)).reason
    assert left(tickets) == [1, 2, 3, 4]


def test_a_database_that_is_down_is_asked_again_when_it_is_back(tickets, recorded, settings, monkeypatch, server):
    settings.STORE_TRIES = 2
    monkeypatch.setenv("STORE_TICKETS_DSN", "postgresql://postgres@127.0.0.1:1/tickets")
    declare()
    request = go_on(ask(recorded, Kind.ERASURE))
    assert request.state == "needs_attention" and "could not be reached" in request.reason
    monkeypatch.setenv("STORE_TICKETS_DSN", server)
    SubjectRequest.objects.filter(pk=request.pk).update(state="processing", failures=0)
    assert go_on(request).state == "delivered"
    assert left(tickets) == [4]


def test_a_deletion_whose_end_nobody_recorded_is_run_again_and_is_no_less_done(tickets, recorded):
    store = declare()
    task = StoreTask(request=SubjectRequest(kind=Kind.ERASURE), tries=1)
    person = Person(str(recorded.pk), recorded.employee_number, recorded.email)
    assert by_sql.ask(task, store, person).state == "done"
    task.tries = 2
    assert by_sql.ask(task, store, person).state == "done"
    assert left(tickets) == [4]


def test_a_secret_may_stand_in_a_file(tickets, recorded, monkeypatch, tmp_path, server):
    (tmp_path / "dsn").write_text(f"{server}\n")
    monkeypatch.delenv("STORE_TICKETS_DSN")
    monkeypatch.setenv("STORE_TICKETS_DSN_FILE", str(tmp_path / "dsn"))
    declare()
    assert go_on(ask(recorded, Kind.ERASURE)).state == "delivered"


def test_a_store_that_the_policy_no_longer_declares_is_not_taken_as_done(tickets, recorded, settings):
    settings.STORE_TRIES = 1
    store = declare()
    request = ask(recorded, Kind.ERASURE)
    go_on(request, until=lambda: StoreTask.objects.exists())
    store.delete()
    assert "no longer says how" in go_on(request).reason
