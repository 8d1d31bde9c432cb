"""Somebody who left and came back: what their earlier answers covered does not stay without an answer for long."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from consent import actions as decisions
from consent import ledger
from portal.people import actions as people
from portal.rights import ending
from portal.rights.models import SubjectRequest
from tests.makers import SETTING_UP
from tests.rights.conftest import carry_out, stored

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "keys"])
LATER = timedelta(days=31)


@pytest.fixture
def back(recorded, soon):
    """Ada, who has recordings from before she left."""
    people.deactivate(employee=recorded, by=SETTING_UP)
    profile = people.Profile(email=recorded.email, name=recorded.name, time_zone=recorded.time_zone)
    recorded.refresh_from_db()
    people.change_employee(employee=recorded, profile=profile, by=SETTING_UP)
    return recorded


def test_what_was_kept_before_goes_once_it_was_not_said_yes_to_again(back):
    assert ending.after_return() == []
    (opened,) = ending.after_return(timezone.now() + LATER)
    assert ending.after_return(timezone.now() + LATER) == []
    assert carry_out(SubjectRequest.objects.get(pk=opened)).state == "delivered"
    assert stored(back) == []
    assert ledger.verify() is None


def test_whoever_said_yes_again_keeps_it(back):
    decisions.give(subject_id=back.pk, purpose_key="train", path="/choices/")
    assert ending.after_return(timezone.now() + LATER) == []
    assert len(stored(back)) == 24
