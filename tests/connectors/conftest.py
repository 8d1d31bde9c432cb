"""A second system that speaks OpenDSR, small and real, over TLS; and the ways to carry on with a request."""

from __future__ import annotations

import base64
import json

import pytest

from portal.register.models import Store
from portal.rights import renewal, runner
from portal.rights.connectors.models import StoreTask
from portal.rights.models import SubjectRequest
from tests.opendsr.authority import Issuer
from tests.receivers import Receiver
from tests.rights.conftest import recorded, soon, two_purposes  # noqa: F401

ALL = ["access", "portability", "erasure"]


def make_store(kind, how, key="crm", asked_for=ALL, purposes=(), title="CRM"):
    facts = {"title": title, "holds": "Your calls.", "owner": "Sales", "purposes": list(purposes)}
    return Store.objects.create(key=key, kind=kind, how=how, asked_for=list(asked_for), **facts)


def make_manual(key="paper", title="Paper", **over):
    return make_store("manual", {"instructions": "Look into the file.", "remind_days": 3}, key, title=title, **over)


def go_on(request, rounds=40, until=None):
    """Let the workers go on as if no time had to pass; stop when it is closed, stuck, or what is waited for is so."""
    for _round in range(rounds):
        StoreTask.objects.exclude(kind="manual").update(wake_at=None)
        SubjectRequest.objects.filter(pk=request.pk, not_before=None).update(wake_at=None)
        if not runner.advance(request.pk):
            renewal.renew_if_due()
        request.refresh_from_db()
        if request.state != "processing" or (until and until()):
            break
    return request


@pytest.fixture
def issuer(tmp_path):
    return Issuer(tmp_path / "ca")


class Processor:
    """Keeps what it was asked, does each number once, and answers signed; a test may spoil any answer."""

    domain = "localhost"

    def __init__(self, issuer):
        self.issuer, self.files = issuer, issuer.issue(self.domain)
        self.asked, self.done, self.results = {}, [], {}
        self.settles = "completed"
        self.spoil = lambda call, status, said: (status, said)
        self.formats = ("raw", "sha256")
        self.receiver = Receiver(self.files)
        self.receiver.answer = self.answer

    @property
    def url(self):
        return f"https://localhost:{self.receiver.port}/v2"

    def answer(self, call):
        path = call.path.removeprefix("/v2/")
        if path == "certificate":
            return 200, {}, self.files[0].read_bytes()
        if path.startswith("results/"):
            return 200, {"Content-Type": "application/json"}, self.results[path.removeprefix("results/")]
        status, said = self.spoil(call, *self._said(call, path))
        if status is None:
            return said
        body = json.dumps(said).encode()
        return status, self.headers(body), body

    def headers(self, body):
        signed = {"X-OpenDSR-Signature": self.issuer.sign(self.domain, body), "X-OpenDSR-Processor-Domain": self.domain}
        return {"Content-Type": "application/json", **signed}

    def _said(self, call, path):
        if path == "discovery":
            kinds = ("email", "controller_customer_id")
            named = [{"identity_type": kind, "identity_format": form} for kind in kinds for form in self.formats]
            types = {"supported_identities": named, "supported_subject_request_types": ALL}
            return 200, {"api_version": "2.0", "processor_certificate": f"{self.url}/certificate", **types}
        if path == "requests":
            return self._take(call)
        return self._standing(call, path.removeprefix("requests/"))

    def _take(self, call):
        number = call.json["subject_request_id"]
        if number in self.asked:
            return 400, {"error": {"code": 400, "message": "duplicate"}}
        self.asked[number] = call.json
        self.done.append(call.json["subject_request_type"])
        encoded = base64.b64encode(call.body).decode()
        return 201, self._about(number) | {"received_time": "2026-11-22T00:00:00Z", "encoded_request": encoded}

    def _standing(self, call, number):
        if number not in self.asked:
            return 404, {"error": {"code": 404}}
        if call.method == "DELETE":
            self.asked[number]["cancelled"] = True
            return 202, self._about(number) | {"received_time": "2026-11-22T00:00:00Z"}
        results = {"results_url": f"{self.url}/results/{number}", "results_count": 2} if number in self.results else {}
        return 200, self._about(number) | {"request_status": self.settles, **results}

    def _about(self, number):
        return {
            "controller_id": "us",
            "subject_request_id": number,
            "expected_completion_time": "2026-12-22T00:00:00Z",
            "api_version": "2.0",
        }

    def finds(self, content=b'[{"call": 1}, {"call": 2}]'):
        """Have results for whatever it is asked."""

        class Always(dict):
            def __contains__(self, number):
                return True

            def __getitem__(self, number):
                return content

        self.results = Always()

    def calls(self, method):
        return [call for call in self.receiver.calls if call.method == method and "/requests" in call.path]


@pytest.fixture
def crm(settings, issuer, monkeypatch, soon):  # noqa: F811
    """Another system of the company, declared and reachable."""
    processor = Processor(issuer)
    monkeypatch.setenv("STORE_CRM_TOKEN", "the token of the CRM")
    with processor.receiver as receiver:
        settings.EGRESS_PORTS = [receiver.port]
        settings.EGRESS_INTERNAL_HOSTS = ["localhost"]
        settings.EGRESS_CA_FILE = str(issuer.file)
        how = {"url": processor.url, "token": "STORE_CRM_TOKEN", "domain": "", "identity": "email"}
        processor.store = make_store("opendsr", how)
        yield processor
