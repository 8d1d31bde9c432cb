"""Django's cache on Redis, which a stopped Redis must not turn into an error page."""

from __future__ import annotations

import logging
from typing import Any

import redis
from django.core.cache.backends.redis import RedisCache, RedisCacheClient

log = logging.getLogger(__name__)


class _LastingClient(RedisCacheClient):
    """Keeps its one client of Redis: to make one takes longer than to ask it."""

    _made: redis.Redis | None = None

    def get_client(self, key: str | None = None, *, write: bool = False) -> redis.Redis:
        if self._made is None:
            self._made = super().get_client(key, write=write)
        return self._made


class PatientRedisCache(RedisCache):
    """Answer as an empty cache while Redis is away; sessions and requests live in PostgreSQL.

    allauth's rate limits are lost for that time; passwords stay slow to check, and `docs/threat-model.md` says so.
    """

    def __init__(self, server: str, params: dict[str, Any]) -> None:
        super().__init__(server, params)
        self._class = _LastingClient

    def _try(self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any], missing: Any) -> Any:
        try:
            return getattr(super(), name)(*args, **kwargs)
        # Away, frozen, still loading or refusing writes: to a page it is all the same.
        except redis.exceptions.RedisError as error:
            log.warning("cache away: %s", type(error).__name__)
            return missing

    def get(self, key: str, default: Any = None, version: int | None = None) -> Any:
        return self._try("get", (key, default, version), {}, default)

    def set(self, *args: Any, **kwargs: Any) -> Any:
        return self._try("set", args, kwargs, None)

    def add(self, *args: Any, **kwargs: Any) -> Any:
        return self._try("add", args, kwargs, True)

    def delete(self, *args: Any, **kwargs: Any) -> Any:
        return self._try("delete", args, kwargs, False)
