"""Refresh tokens that were used: one that comes again was copied, by whoever used it first or by who does now.

Kept in the cache alone and for some days: a working device renews its token within an hour of being used.
"""

from __future__ import annotations

import time
from functools import partial
from uuid import UUID

from allauth.idp.oidc.adapter import get_adapter
from django.core.cache import cache
from django.db import transaction

KEPT_SECONDS = 4 * 24 * 3600
# An answer that was lost is asked for again at once: that is no theft.
GRACE_SECONDS = 60


def note(token: str, collector: UUID) -> None:
    """Remember at the commit that this token was used; where that fails nothing else does."""
    value = (str(collector), time.time())
    transaction.on_commit(partial(cache.set, _key(token), value, timeout=KEPT_SECONDS), robust=True)


def whose(token: str) -> UUID | None:
    """Return the collector whose token this was, if it was used before and not only just now."""
    found = cache.get(_key(token)) if token else None
    return UUID(found[0]) if found and time.time() - found[1] > GRACE_SECONDS else None


def _key(token: str) -> str:
    return f"enrolment.spent.{get_adapter().hash_token(token)}"
