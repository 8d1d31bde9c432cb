"""A Redis that does not answer is no reason for an error page."""

from __future__ import annotations

import socket

import pytest

from portal.cache import PatientRedisCache


@pytest.fixture
def frozen():
    """A cache on a server that takes connections and says nothing, as a stopped process does."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        options = {"socket_timeout": 0.1, "socket_connect_timeout": 0.1}
        yield PatientRedisCache(f"redis://127.0.0.1:{server.getsockname()[1]}/1", {"OPTIONS": options})


def test_a_frozen_redis_is_an_empty_cache(frozen):
    frozen.set("tries", 1)
    assert (frozen.get("tries", "none"), frozen.add("tries", 2), frozen.delete("tries")) == ("none", True, False)
