"""Who looked: every look, refused ones too, by role and purpose; newest first and page by page."""

from __future__ import annotations

import html
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from portal.audit import trail
from portal.audit.models import Act
from portal.audit.values import Action, Actor, ActorKind, ReadPurpose

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "keys"])
LEGAL = Actor(ActorKind.PERSON, "4f0c", role="legal", label="Lea Lund")


def text(answer):
    return html.unescape(answer.content.decode())


def view(ada, day, at):
    Act.objects.create(
        action=Action.DATA_VIEWED,
        actor_kind="person",
        actor_id=str(ada.pk),
        subject_id=ada.pk,
        facts={"day": day},
        at=at,
    )


def test_a_read_by_staff_names_the_role_and_the_purpose_and_opens_to_the_name(as_ada, ada):
    trail.access(Action.DATA_READ, actor=LEGAL, subject_id=ada.pk, purpose=ReadPurpose.LEGAL_CLAIM, case="A-7")
    page = text(as_ada.get("/who-looked/"))
    line, inside = page.split("<summary>")[2].split("</summary>")
    assert "<b>Legal and data protection</b> read single records of your data, for a legal claim" in line
    assert "Lea Lund" not in line
    assert "Lea Lund" in inside.split("</details>")[0]


def test_a_refused_read_is_shown_like_one_that_was_not(as_ada, ada):
    trail.refused(actor=LEGAL, subject_id=ada.pk, path=f"/people/{ada.pk}/data/")
    page = text(as_ada.get("/who-looked/"))
    assert "Refused" in page
    assert "tried to open your pages and was refused" in page
    assert f"/people/{ada.pk}/data/" in page


def test_a_connected_system_is_named(as_ada, ada):
    bot = Actor(ActorKind.CLIENT, "bot-1", label="HR automation")
    trail.access(Action.DECISIONS_READ, actor=bot, subject_id=ada.pk, purpose=ReadPurpose.SUBJECT_REQUEST)
    assert "The connected system HR automation" in text(as_ada.get("/who-looked/"))


def test_nobody_sees_who_looked_at_somebody_else(as_ada, ben):
    trail.refused(actor=LEGAL, subject_id=ben.pk, path="/people/")
    assert "Nobody has looked yet" in text(as_ada.get("/who-looked/"))


def test_looks_come_newest_first_and_page_by_page(as_ada, ada):
    now = timezone.now()
    for number in range(60):
        view(ada, f"2026-03-{number % 28 + 1:02d}", now - timedelta(hours=number))
    first, second = text(as_ada.get("/who-looked/")), text(as_ada.get("/who-looked/?page=2"))
    assert first.count("looked at single events of") == 50
    assert second.count("looked at single events of") == 10
    assert first.index("1 March 2026") < first.index("2 March 2026")
    for wrong in ("3", "0", "x", "9" * 30):
        assert as_ada.get(f"/who-looked/?page={wrong}").status_code == 404


def test_the_page_costs_the_same_whatever_there_is(as_ada, ada):
    def queries():
        with CaptureQueriesContext(connection) as seen:
            as_ada.get("/who-looked/")
        return len(seen)

    queries()
    view(ada, "2026-03-01", timezone.now())
    few = queries()
    for number in range(30):
        view(ada, "2026-03-02", timezone.now() - timedelta(hours=number))
    assert queries() == few
    assert few <= 10
