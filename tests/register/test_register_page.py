"""Every employee reads which sources are active, for what, on which basis, and who examined and agreed to them."""

from __future__ import annotations

import html
import re

import pytest

from portal.register.models import Source
from portal.register.values import State
from tests.pages.conftest import BACKEND

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "keys"])


def words(client):
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", client.get("/register/").content.decode())).split())


def test_it_shows_each_active_source_with_purposes_basis_owner_assessment_and_agreement(company, client, ada):
    company.go_live()
    client.force_login(ada, BACKEND)
    said = words(client)
    for source in company.document()["sources"]:
        for shown in (source["title"], source["owner"], source["assessment"]["title"]):
            assert shown in said
    for purpose in company.document()["purposes"]:
        if not purpose.get("must_acknowledge"):
            assert purpose["title"] in said
    assert "consent" in said and "legitimate interest" in said and "kept for" in said


def test_what_is_drafted_or_has_ended_is_not_on_it(company, client, ada):
    company.apply()
    client.force_login(ada, BACKEND)
    assert "Nothing is collected" in words(client)
    company.approve(company.legal)
    company.approve(company.council)
    ended = Source.objects.get(key="browser")
    Source.objects.filter(pk=ended.pk).update(state=State.RETIRED)
    assert ended.title not in words(client)


def test_it_costs_the_same_however_many_sources_there_are(company, client, ada, django_assert_max_num_queries):
    company.go_live()
    client.force_login(ada, BACKEND)
    client.get("/register/")
    with django_assert_max_num_queries(20):
        client.get("/register/")
