"""What a batch comes to: kept, withheld and counted, answered again."""

from __future__ import annotations

import pytest

from portal.events import reading
from tests.events.conftest import move

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "keys"])


def stored(employee):
    return [row for day in reading.stored_days(employee.pk) for row in reading.page(employee.pk, day).rows]


def test_it_stores_what_is_permitted(put, ada):
    answer = put([move(x=1.5, y=-3), move(x=7)])
    assert answer.status_code == 201, answer.content
    assert answer.json()["stored"] == 2
    assert [(row["x"], row["y"]) for row in stored(ada)] == [(1.5, -3), (7, 2)]
