"""Lets the n-th call of something fail, before it is done or just after, so that a test can go through every n."""

from __future__ import annotations

from contextlib import contextmanager

from django.db import OperationalError
from django.db.backends.base.base import BaseDatabaseWrapper

from portal.rights import leases
from portal.vault import objects

BEFORE, AFTER = "before", "after"
MOMENTS = [BEFORE, AFTER]
# What a worker writes of a request in one statement commits with it.
COMMITS = [(BaseDatabaseWrapper, "_commit"), (leases, "record"), (leases, "write"), (leases, "in_one")]
OBJECT_CALLS = [(objects, name) for name in ("put", "get", "open_read", "delete", "names")]


class Killed(BaseException):
    """As kill -9: nothing of ours catches it."""


def commit_failed():
    return OperationalError("the server closed the connection unexpectedly")


class Failing:
    """Counts the calls; the n-th raises."""

    def __init__(self, n, moment, error):
        self.left, self.moment, self.error = n, moment, error

    @property
    def happened(self):
        return self.left <= 0

    def instead_of(self, real):
        def call(*args, **how):
            self.left -= 1
            if self.left == 0 and self.moment == BEFORE:
                raise self.error()
            answer = real(*args, **how)
            if self.left == 0:
                raise self.error()
            return answer

        return call


@contextmanager
def failing(places, n, moment, error=Killed):
    """The n-th call of any of the (owner, name) fails within the block."""
    point = Failing(n, moment, error)
    real = {place: getattr(*place) for place in places}
    for (owner, name), function in real.items():
        setattr(owner, name, point.instead_of(function))
    try:
        yield point
    finally:
        for (owner, name), function in real.items():
            setattr(owner, name, function)
