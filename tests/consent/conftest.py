"""Consent alone: plain ports, and one employee who was admitted."""

from __future__ import annotations

from uuid import uuid4

import pytest

from consent import actions, ports


@pytest.fixture(autouse=True)
def plain_ports(monkeypatch):
    """Without the house around it: consent must hold by itself."""
    monkeypatch.setattr(ports.installed, "sealer", ports.PlainSealer())
    monkeypatch.setattr(ports.installed, "trail", ports.NoTrail())
    monkeypatch.setattr(ports.installed, "publisher", ports.NoPublisher())


@pytest.fixture
def ada():
    subject_id = uuid4()
    actions.admit(subject_id=subject_id)
    return subject_id
