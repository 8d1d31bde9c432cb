"""After "delete everything and stop collecting" no answer from before comes into force any more."""

from __future__ import annotations

import pytest

from consent import actions as decisions
from consent import gate, ledger
from portal.rights.stopping import stop_and_erase
from tests.makers import make_purpose
from tests.rights.conftest import person

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "keys"])


@pytest.mark.parametrize(
    ("basis", "answer"), [("consent", decisions.give), ("legitimate_interest", decisions.acknowledge)]
)
def test_an_answer_that_waits_for_the_journal_is_taken_back_too(ada, settings, tmp_path, basis, answer):
    make_purpose(basis=basis)
    journal, settings.JOURNAL_DIR = settings.JOURNAL_DIR, tmp_path / "no folder"
    settings.JOURNAL_DIR.write_text("the disk is away")
    answer(subject_id=ada.pk, purpose_key="train", path="/choices/")
    assert gate.read(ada.pk).grants == {}
    stop_and_erase(subject_id=ada.pk, by=person(ada))
    settings.JOURNAL_DIR = journal
    ledger.settle()
    assert gate.read(ada.pk).grants == {}
