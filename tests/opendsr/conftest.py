"""An installation that speaks OpenDSR, and a program that calls it."""

from __future__ import annotations

import json
import uuid

import pytest

from tests.makers import make_token
from tests.opendsr.authority import Issuer

DOMAIN = "opendsr.example.org"


@pytest.fixture
def issuer(tmp_path):
    return Issuer(tmp_path / "ca")


@pytest.fixture
def spoken(settings, issuer):
    """OpenDSR is set up, by a certificate of our own authority."""
    certificate, key = issuer.issue(DOMAIN)
    settings.OPENDSR_CERTIFICATE_FILE, settings.OPENDSR_KEY_FILE = str(certificate), str(key)
    settings.OPENDSR_DOMAIN = DOMAIN
    settings.EGRESS_CA_FILE = str(issuer.file)
    return issuer


@pytest.fixture
def controller(client, spoken):
    return Controller(client, make_token("requests.open requests.read bundles.read", name="controller"))


class Controller:
    """A program of the company, as it calls."""

    def __init__(self, client, token):
        self.client, self.token = client, token

    def call(self, method, path, body=b"", prefix="/opendsr/v2", **headers):
        headers = {"authorization": f"Bearer {self.token}", **headers}
        return self.client.generic(method, f"{prefix}{path}", body, content_type="application/json", headers=headers)

    def ask(self, employee, kind="access", prefix="/opendsr/v2", route="/requests", **over):
        return self.call("POST", route, json.dumps(asked(employee, kind, **over)).encode(), prefix)

    def status(self, number):
        return self.call("GET", f"/requests/{number}").json()["request_status"]


def asked(employee, kind="access", **over):
    body = {
        "regulation": "gdpr",
        "subject_request_id": str(uuid.uuid4()),
        "subject_request_type": kind,
        "submitted_time": "2026-11-20T15:00:00Z",
        "subject_identities": [by_email(employee)] if employee else [],
        "api_version": "2.0",
        **over,
    }
    return {name: value for name, value in body.items() if value is not None}


def by_email(employee):
    return {"identity_type": "email", "identity_value": employee.email, "identity_format": "raw"}
