"""A decision becomes a leaf, a line of the journal and a permission, in that order."""

from __future__ import annotations

import pytest

from consent import actions, gate, ledger
from consent.models import Checkpoint, Decision, LedgerState
from consent.values import Withheld
from tests.makers import make_purpose

pytestmark = pytest.mark.django_db(transaction=True)
AFTER = 4_000_000_000_000


def why_not(subject_id, t_ms=AFTER, **over):
    about = {"purpose": "train", "category": "pointer_movement", "source": "agent", "t_ms": t_ms}
    return gate.allows(gate.read(subject_id), **(about | over))


def test_a_yes_is_in_force_and_signed_when_it_was_answered(ada):
    make_purpose()
    assert why_not(ada) == Withheld.NOT_PERMITTED
    recorded = actions.give(subject_id=ada, purpose_key="train", path="choices")
    assert why_not(ada) is None
    assert (recorded.index, recorded.pending) == (0, False)
    assert Checkpoint.objects.get().size == LedgerState.objects.get().journalled == 1
    assert Decision.objects.for_subject(ada).latest_by_purpose().get().kind == "given"
    assert ledger.verify() is None
