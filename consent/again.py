"""A transaction that is begun again when the database broke it off to let another one go on."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from django.db import OperationalError, transaction

# Serialization failure and deadlock, as SQL names them. Whoever waited too long for a lock is not asked to wait again.
BROKEN_OFF = {"40001", "40P01"}
# Before it is begun again: whoever comes back at once takes the lock from the one that was to be let go on.
PAUSES = (0.05, 0.2)
Given = ParamSpec("Given")
Answer = TypeVar("Answer")


def atomic_again(action: Callable[Given, Answer]) -> Callable[Given, Answer]:
    """Run a whole action in a transaction, three times at most; within another's it is part of that one."""

    @wraps(action)
    def call(*args: Given.args, **how: Given.kwargs) -> Answer:
        pauses = [] if transaction.get_connection().in_atomic_block else list(PAUSES)
        committed: list[bool] = []
        while True:
            try:
                with transaction.atomic():
                    # Before any other hook: what one of those meets afterwards undoes nothing.
                    transaction.on_commit(lambda: committed.append(True))
                    return action(*args, **how)
            except OperationalError as error:
                if committed or not pauses or getattr(error.__cause__, "sqlstate", None) not in BROKEN_OFF:
                    raise
            time.sleep(pauses.pop(0))

    return call
