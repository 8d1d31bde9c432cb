"""A transaction that is begun again when the database broke it off to let another one go on."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from django.db import OperationalError, transaction

# Serialization failure and deadlock, as SQL names them. Whoever waited too long for a lock is not asked to wait again.
BROKEN_OFF = {"40001", "40P01"}
TRIES = 3
Given = ParamSpec("Given")
Answer = TypeVar("Answer")


def atomic_again(action: Callable[Given, Answer]) -> Callable[Given, Answer]:
    """Run a whole action in a transaction, three times at most; within another's it is part of that one."""

    @wraps(action)
    def call(*args: Given.args, **how: Given.kwargs) -> Answer:
        tries, committed = 1 if transaction.get_connection().in_atomic_block else TRIES, list[bool]()
        while True:
            tries -= 1
            try:
                with transaction.atomic():
                    # Before any other hook: what one of those meets afterwards undoes nothing.
                    transaction.on_commit(lambda: committed.append(True))
                    return action(*args, **how)
            except OperationalError as error:
                if committed or not tries or getattr(error.__cause__, "sqlstate", None) not in BROKEN_OFF:
                    raise

    return call
