"""Every table is accounted for: what a copy holds of it, what erases it, or why it is kept."""

from __future__ import annotations

import pytest
from django.apps import apps

from portal.rights import plans
from portal.rights.inventory import INVENTORY
from portal.rights.values import STEP_LABELS, Kind


def test_every_table_is_in_the_inventory_and_nothing_else():
    assert {model._meta.label for model in apps.get_models()} == set(INVENTORY)


@pytest.mark.parametrize("label", INVENTORY)
def test_each_is_erased_by_a_step_or_kept_for_a_reason(label):
    entry = INVENTORY[label]
    assert bool(entry.erased) != bool(entry.kept)
    if entry.erased:
        assert entry.erased in plans.names(Kind.ERASURE)


def test_every_step_has_words_for_people():
    for kind in plans.PLANS:
        assert set(plans.names(kind)) <= set(STEP_LABELS)
