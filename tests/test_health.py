"""The site says whether it can be trusted right now."""

from __future__ import annotations

import psycopg
import pytest
from django.db import connection

from tests.makers import sign_in


@pytest.mark.django_db(databases=["default", "keys"])
def test_it_says_that_it_is_well(client):
    response = client.get("/healthz")
    assert response.status_code == 200
    assert response.json() == {"status": "ok"}


@pytest.mark.django_db(transaction=True, databases=["default", "keys"])
def test_a_database_that_does_not_answer_is_said_and_is_no_mistake_of_ours(client, ada):
    """Somebody else holds what the page needs for longer than the page may wait."""
    client.raise_request_exception = False
    sign_in(client, ada)
    named = connection.get_connection_params()
    reached = {key: named[key] for key in ("host", "port", "user", "password", "dbname") if key in named}
    with psycopg.connect(**reached) as other, connection.cursor() as cursor:
        other.execute("LOCK TABLE audit_act IN ACCESS EXCLUSIVE MODE")
        cursor.execute("SET lock_timeout = '50ms'")
        answer = client.get("/")
        cursor.execute("SET lock_timeout = 0")
    assert (answer.status_code, answer["Retry-After"]) == (503, "5")
    assert "did not answer" in answer.content.decode()
    assert client.get("/").status_code == 200


@pytest.mark.django_db(databases=["default", "keys"])
@pytest.mark.parametrize("address", ["/healthz", "/accounts/login/", "/api/v1/permissions?source=agent", "/nowhere"])
def test_every_answer_says_what_a_browser_may_load(client, address):
    parts = client.get(address)["Content-Security-Policy"].split("; ")
    assert {"default-src 'none'", "script-src 'self'", "frame-ancestors 'none'", "base-uri 'none'"} <= set(parts)
