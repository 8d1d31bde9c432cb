"""Requests that the last release opened after a no are about the purpose that was meant, and about no other."""

from __future__ import annotations

from importlib import import_module

import pytest
from django.apps import apps

from consent import actions as decisions
from portal.rights import actions, calling_back
from portal.rights.models import SubjectRequest
from portal.rights.values import Kind
from tests.makers import make_purpose
from tests.rights.conftest import person

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "keys"])
earlier = import_module("portal.rights.migrations.0003_purpose_of_earlier_requests")


def as_the_last_release_left_it(request, *purposes):
    SubjectRequest.objects.filter(pk=request.pk).update(purpose_key="", scope={"purposes": list(purposes)})


def upgrade():
    earlier.name_purposes(apps, None)


def about(request):
    return SubjectRequest.objects.get(pk=request.pk).about


@pytest.fixture
def by(recorded):
    return person(recorded)


def test_an_objection_keeps_no_other_purpose_from_being_answered(recorded, by):
    make_purpose("help")
    make_purpose("protect", basis="legitimate_interest")
    decisions.refuse(subject_id=recorded.pk, purpose_key="help", path="choices")
    decisions.acknowledge(subject_id=recorded.pk, purpose_key="protect", path="choices")
    _recorded, objection = actions.object_to(subject_id=recorded.pk, purpose_key="protect", by=by, path="choices")
    as_the_last_release_left_it(objection, "help", "protect")
    assert calling_back.undecided(recorded.pk) == {"help", "protect"}
    upgrade()
    assert calling_back.undecided(recorded.pk) == {"protect"}


def test_what_was_to_go_in_72_hours_is_not_called_back_by_another_no(recorded, by):
    _recorded, erasure = actions.withdraw(
        subject_id=recorded.pk, purpose_key="train", by=by, path="choices", erase="72h"
    )
    as_the_last_release_left_it(erasure, "train")
    assert calling_back.uncovered(recorded.pk) == {"train"}
    upgrade()
    assert calling_back.uncovered(recorded.pk) == set()


def test_what_a_person_asked_to_erase_by_themselves_follows_from_no_answer(recorded, by):
    decisions.withdraw(subject_id=recorded.pk, purpose_key="train", path="choices")
    asked = actions.open_request(kind=Kind.ERASURE, subject_id=recorded.pk, by=by)
    upgrade()
    assert about(asked) == frozenset()
