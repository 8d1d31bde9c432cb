"""Sealing with the vault on a real S3 store: the same tests as on files."""

from __future__ import annotations

import pytest

from tests.events.test_sealing import TestKilled, TestKilledAnywhere, TestOvertaken, TestSealing

__all__ = ["TestKilled", "TestKilledAnywhere", "TestOvertaken", "TestSealing"]
pytestmark = [
    pytest.mark.usefixtures("on_s3"),
    pytest.mark.django_db(transaction=True, databases=["default", "keys"]),
]
