"""Two who handle requests, a person with a request, and what is sent over the pages."""

from __future__ import annotations

import html

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from portal.audit.values import Actor, ActorKind
from portal.people.guards import actor_for
from portal.rights import actions
from portal.rights.values import Kind
from tests.makers import make_employee
from tests.pages.conftest import BACKEND

BOT = Actor(ActorKind.CLIENT, "bot", label="HR automation")
PDF = b"%PDF-1.7\nscan"


def text(answer):
    return html.unescape(answer.content.decode())


def upload(content=PDF, name="letter.pdf"):
    return SimpleUploadedFile(name, content)


def staff(employee):
    return actor_for(employee)


@pytest.fixture
def rosa():
    """A second one of human resources."""
    return make_employee("Rosa Reich", roles=["hr"])


@pytest.fixture
def become(client):
    def sign(person):
        client.force_login(person, BACKEND)
        return client

    return sign


@pytest.fixture
def review(ada):
    """An erasure that a client opened for Ada: it stands in review."""
    return actions.open_request(kind=Kind.ERASURE, subject_id=ada.pk, by=BOT, opened_by="client")
