"""A company with one source and two purposes: one on consent, one on its legitimate interest."""

from __future__ import annotations

import pytest

from consent.models import LedgerState
from portal.register.models import Flow, Source
from portal.register.values import State
from tests.makers import make_purpose

BACKEND = "allauth.account.auth_backends.AuthenticationBackend"
POINTER = ["pointer_movement", "pointer_clicks"]


def make_source(key="agent", title="Desktop agent", kind="agent"):
    return Source.objects.create(
        key=key, title=title, kind=kind, description="Runs on the computer.", owner="IT", state=State.LIVE
    )


def make_flows(source, purpose_key, categories, **over):
    over.setdefault("off_hours", True)
    for category in categories:
        Flow.objects.create(
            source=source, category=category, purpose_key=purpose_key, state=State.LIVE, why="Because.", **over
        )


@pytest.fixture
def agent():
    return make_source()


@pytest.fixture
def train(agent):
    """Asks for consent."""
    make_flows(agent, "train", POINTER)
    return make_purpose(
        "train",
        title="Train AI to use a computer",
        refusal_consequence="No has no consequence.",
        alternative="Recorded sessions on a test computer.",
    )


@pytest.fixture
def protect(agent):
    """Rests on legitimate interest."""
    make_flows(agent, "protect", ["pointer_clicks"])
    return make_purpose(
        "protect", basis="legitimate_interest", title="Protect our systems", covers={"agent": ["pointer_clicks"]}
    )


@pytest.fixture
def as_ada(client, ada):
    client.force_login(ada, BACKEND)
    return client


@pytest.fixture
def closed():
    """The copy kept outside says that there was more than the database now has."""

    def close():
        LedgerState.objects.update_or_create(pk=1, defaults={"closed_reason": "the tree is older than its copy"})

    return close
