"""The site says whether it can be trusted right now."""

from __future__ import annotations

import pytest


@pytest.mark.django_db(databases=["default", "keys"])
def test_it_says_that_it_is_well(client):
    response = client.get("/healthz")
    assert response.status_code == 200
    assert response.json() == {"status": "ok"}
