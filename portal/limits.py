"""How many calls a minute a program may make: counted in Redis, or in this process while Redis is away."""

from __future__ import annotations

import threading
import time
from functools import lru_cache

import redis
from django.conf import settings

from portal.http import Problem

WINDOW = 60
# One question instead of three: every call asks it.
COUNT = """
local n = redis.call('INCR', KEYS[1])
redis.call('EXPIRE', KEYS[1], ARGV[1], 'NX')
return {n, redis.call('TTL', KEYS[1])}
"""
# While Redis is away each request would wait for it; so long it is not asked again.
PATIENCE = 5


class Local:
    """Counts in this process alone."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: dict[str, tuple[float, int]] = {}
        self.until = 0.0

    def count(self, key: str) -> tuple[int, int]:
        now = time.monotonic()
        with self._lock:
            if len(self._counts) > 10_000:
                self._counts = {name: each for name, each in self._counts.items() if each[0] > now}
            ends, n = self._counts.get(key, (0.0, 0))
            ends, n = (ends, n + 1) if ends > now else (now + WINDOW, 1)
            self._counts[key] = ends, n
        return n, max(1, round(ends - now))


_local = Local()


@lru_cache(maxsize=1)
def _pool(url: str) -> redis.ConnectionPool:
    return redis.ConnectionPool.from_url(f"{url}/1", socket_timeout=1, socket_connect_timeout=1)


def _shared(key: str) -> tuple[int, int]:
    """Count by a connection itself: what a client does around one takes longer than the question."""
    pool = _pool(settings.REDIS_URL)
    connection = pool.get_connection()
    try:
        connection.send_command("EVAL", COUNT, 1, key, WINDOW)
        n, left = connection.read_response()
    finally:
        pool.release(connection)
    return n, max(1, left)


def _count(key: str) -> tuple[int, int]:
    if time.monotonic() < _local.until:
        return _local.count(key)
    try:
        return _shared(key)
    except redis.exceptions.RedisError:
        _local.until = time.monotonic() + PATIENCE
        return _local.count(key)


def check(what: str, key: str, most: int) -> None:
    """Count one of `what` for whoever the key names; raises Problem 429 that says when to come again."""
    n, left = _count(f"{what}:{key}")
    if n > most:
        raise Problem(429, f"{what}.rate", f"Too many {what} in a minute.", headers={"Retry-After": str(left)})
