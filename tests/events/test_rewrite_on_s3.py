"""What an erasure does to the store, and the second reading, with the vault on a real S3 store."""

from __future__ import annotations

import pytest

from tests.events.test_rewrite import TestScopes, filled, put, tape

__all__ = ["TestScopes", "filled", "put", "tape"]
pytestmark = [
    pytest.mark.usefixtures("on_s3"),
    pytest.mark.django_db(transaction=True, databases=["default", "keys"]),
    # Sealed days with blocks beside them: every way from and to the vault.
    pytest.mark.parametrize("filled", ["both"], indirect=True),
]
