"""Another system asks us by OpenDSR 2.0: in, followed, taken back, answered, and every answer signed."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import uuid

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from django.db import connection

from portal.audit.models import Act
from portal.rights import handling
from portal.rights.models import SubjectRequest
from portal.rights.opendsr import signing
from portal.rights.opendsr.values import STATUS, Status
from portal.rights.values import State
from tests.makers import make_employee, make_token
from tests.opendsr.conftest import DOMAIN, asked, by_email
from tests.rights.conftest import carry_out, person, recorded, soon  # noqa: F401

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "keys"])


def proved(response):
    """Check a response's signature as a controller does: the chain, the domain, the raw bytes."""
    signing.check(response.content, response["X-OpenDSR-Signature"], _chain(response.client), DOMAIN)
    assert response["X-OpenDSR-Processor-Domain"] == response["X-OpenGDPR-Processor-Domain"] == DOMAIN
    assert response["X-OpenGDPR-Signature"] == response["X-OpenDSR-Signature"]
    return response.json()


def _chain(client):
    return client.get("/opendsr/v2/certificate").content


def test_discovery_says_what_is_spoken_and_where_the_certificate_is(controller):
    said = controller.client.get("/opendsr/v2/discovery")
    assert proved(said) == {
        "api_version": "2.0",
        "supported_identities": [
            {"identity_type": kind, "identity_format": form}
            for kind in ("email", "controller_customer_id")
            for form in ("raw", "sha256")
        ],
        "supported_subject_request_types": ["access", "portability", "erasure"],
        "processor_certificate": f"https://{DOMAIN}/opendsr/v2/certificate",
    }


def test_a_signature_holds_over_the_raw_bytes_without_any_code_of_ours(controller, ada):
    answer = controller.ask(ada)
    leaf = x509.load_pem_x509_certificate(_chain(controller.client))
    signature = base64.b64decode(answer["X-OpenDSR-Signature"])
    leaf.public_key().verify(signature, answer.content, PKCS1v15(), SHA256())


@pytest.mark.parametrize("way", ["another authority", "expired", "another domain", "another body", "no signature"])
def test_a_signature_that_proves_nothing_is_told_apart(controller, issuer, tmp_path, way):
    body, domain = b'{"request_status": "completed"}', DOMAIN
    certificate, _key = issuer.issue(DOMAIN)
    if way == "another authority":
        certificate, _key = type(issuer)(tmp_path / "other", "somebody else").issue(DOMAIN)
    if way == "expired":
        certificate, _key = issuer.issue(DOMAIN, days=(-3, -1))
    if way == "another domain":
        domain = "other.example.org"
    signature = issuer.sign(DOMAIN, b"{}" if way == "another body" else body)
    with pytest.raises(signing.Unverified):
        signing.check(body, "" if way == "no signature" else signature, certificate.read_bytes(), domain)


def test_a_request_is_taken_in_and_its_exact_bytes_come_back(controller, ada):
    body = json.dumps(asked(ada), indent=3).encode() + b"\n"
    answer = controller.call("POST", "/requests", body)
    assert answer.status_code == 201, answer.content
    said = proved(answer)
    assert base64.b64decode(said["encoded_request"]) == body
    assert said["subject_request_id"] == json.loads(body)["subject_request_id"]
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", said[name])
               for name in ("received_time", "expected_completion_time"))  # fmt: skip
    opened = SubjectRequest.objects.get()
    assert (opened.kind, opened.subject_id, opened.opened_by) == ("access", ada.pk, "client")
    assert opened.received.isoformat() == "2026-11-20T15:00:00+00:00"
    assert opened.due.isoformat() == "2026-12-21"


def test_an_erasure_waits_for_somebody_and_a_copy_begins(controller, ada):
    erasure = controller.ask(ada, "erasure").json()["subject_request_id"]
    copy = controller.ask(ada, "access").json()["subject_request_id"]
    assert controller.status(erasure) == "pending"
    assert controller.status(copy) == "in_progress"


@pytest.mark.parametrize("kind", ["email", "controller_customer_id"])
@pytest.mark.parametrize("form", ["raw", "sha256"])
def test_a_person_is_found_by_address_or_number_in_clear_or_hashed(controller, kind, form):
    someone = make_employee("Cleo Cruz", employee_number="E-77", email="cleo.cruz@example.org")
    value = "Cleo.Cruz@example.org" if kind == "email" else "E-77"
    if form == "sha256":
        value = hashlib.sha256(b"cleo.cruz@example.org" if kind == "email" else b"E-77").hexdigest().upper()
    identity = {"identity_type": kind, "identity_format": form, "identity_value": value}
    assert controller.ask(None, subject_identities=[identity]).status_code == 201
    assert SubjectRequest.objects.get().subject_id == someone.pk


def test_identities_of_two_people_are_refused_without_naming_either(controller, ada, ben):
    answer = controller.ask(None, subject_identities=[by_email(ada), by_email(ben)])
    assert answer.status_code == 400
    assert ada.email not in answer.content.decode() and ben.email not in answer.content.decode()


WRONG = {
    "no regulation": {"regulation": None},
    "an unknown regulation": {"regulation": "lgpd"},
    "no number": {"subject_request_id": None},
    "an uppercase number": {"subject_request_id": str(uuid.uuid4()).upper()},
    "a number of version 1": {"subject_request_id": str(uuid.uuid1())},
    "an unknown type": {"subject_request_type": "objection"},
    "no identity": {"subject_identities": []},
    "an identity type of phones": {
        "subject_identities": [{"identity_type": "android_id", "identity_format": "raw", "identity_value": "secret-7"}]
    },
    "an md5": {
        "subject_identities": [{"identity_type": "email", "identity_format": "md5", "identity_value": "secret-7"}]
    },
    "somebody unknown": {
        "subject_identities": [{"identity_type": "email", "identity_format": "raw", "identity_value": "secret-7@x.org"}]
    },
    "a time without a zone": {"submitted_time": "2026-11-20T15:00:00"},
    "a number as time": {"submitted_time": 1763650800},
    "a time to come": {"submitted_time": "2036-11-20T15:00:00Z"},
    "another version": {"api_version": "3.0"},
    "a callback without TLS": {"status_callback_urls": ["http://controller.example.org/secret-7"]},
    "a callback with a password": {"status_callback_urls": ["https://u:secret-7@controller.example.org/"]},
    "six callbacks": {"status_callback_urls": ["https://controller.example.org/"] * 6},
    "a text for a list": {"subject_identities": "secret-7"},
}


@pytest.mark.parametrize("way", WRONG)
def test_what_is_not_well_formed_is_refused_in_the_shape_of_the_standard(controller, ada, way):
    answer = controller.ask(ada, **WRONG[way])
    assert answer.status_code == 400
    error = proved(answer)["error"]
    assert error["code"] == 400 and isinstance(error["message"], str)
    assert all(set(each) == {"domain", "reason", "message"} for each in error["errors"]) and error["errors"]
    assert "secret-7" not in answer.content.decode()
    assert not SubjectRequest.objects.exists()


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'{"regulation": NaN}', b"\xff", b'{"a": 1, "a": 2}', b'"\\u0000"'])
def test_what_is_no_json_object_is_refused(controller, body):
    assert proved(controller.call("POST", "/requests", body))["error"]["code"] == 400


def test_a_number_is_taken_once_for_each_program(controller, ada, client):
    number = str(uuid.uuid4())
    assert controller.ask(ada, subject_request_id=number).status_code == 201
    assert controller.ask(ada, subject_request_id=number).status_code == 400
    assert controller.ask(ada, "erasure", subject_request_id=number).status_code == 400
    other = type(controller)(client, make_token("requests.open requests.read", name="other"))
    assert other.ask(ada, subject_request_id=number).status_code == 201
    assert SubjectRequest.objects.count() == 2


def test_a_program_neither_sees_nor_ends_what_another_asked(controller, ada, client):
    number = controller.ask(ada, "erasure").json()["subject_request_id"]
    other = type(controller)(client, make_token("requests.open requests.read", name="other"))
    for method in ("GET", "DELETE"):
        answer = other.call(method, f"/requests/{number}")
        assert (answer.status_code, proved(answer)["error"]["code"]) == (404, 404)
    assert controller.status(number) == "pending"


@pytest.mark.parametrize("number", ["x", "a7551968-d5d6-44b2-9831-815ac9017798", "%00", "../requests"])
def test_an_unknown_number_is_not_found(controller, number):
    assert controller.call("GET", f"/requests/{number}").status_code == 404


def test_only_what_is_pending_can_be_taken_back(controller, ada, hana):
    first, second = (controller.ask(ada, "erasure").json()["subject_request_id"] for _ in range(2))
    answer = controller.call("DELETE", f"/requests/{first}")
    assert answer.status_code == 202
    assert set(proved(answer)) == {"controller_id", "received_time", "subject_request_id", "api_version"}
    assert controller.status(first) == "cancelled"
    assert controller.call("DELETE", f"/requests/{first}").status_code == 400
    handling.approve(request=SubjectRequest.objects.get(opendsr__subject_request_id=second), by=person(hana))
    assert controller.call("DELETE", f"/requests/{second}").status_code == 400
    assert controller.status(second) == "in_progress"


def test_a_copy_is_fetched_at_the_address_of_its_results(controller, recorded, soon):  # noqa: F811
    number = controller.ask(recorded).json()["subject_request_id"]
    carry_out(SubjectRequest.objects.get())
    said = proved(controller.call("GET", f"/requests/{number}"))
    assert said["request_status"] == "in_progress"
    path = said["results_url"].removeprefix("http://localhost:8000")
    fetched = controller.client.get(path, headers={"authorization": f"Bearer {controller.token}"})
    assert fetched.status_code == 200 and b"".join(fetched.streaming_content)[:2] == b"PK"
    assert controller.status(number) == "completed"
    assert Act.objects.filter(action="bundle.downloaded", subject_id=recorded.pk).exists()


@pytest.mark.parametrize("prefix", ["", "/opendsr/v2"])
def test_the_old_addresses_and_requests_of_opengdpr_are_honoured(controller, ada, prefix):
    old = {"regulation": None, "api_version": "1.0"}
    answer = controller.ask(ada, "erasure", prefix, "/opengdpr_requests", **old)
    assert answer.status_code == 201
    number = proved(answer)["subject_request_id"]
    assert controller.call("GET", f"/opengdpr_requests/{number}", prefix=prefix).json()["request_status"] == "pending"
    assert controller.call("DELETE", f"/opengdpr_requests/{number}", prefix=prefix).status_code == 202


def test_a_token_without_the_scope_or_of_a_person_opens_nothing(controller, ada, client):
    for token in (make_token("requests.read"), make_token("requests.open requests.read", employee=ada), "nothing"):
        answer = type(controller)(client, token).ask(ada)
        assert answer.status_code == (401 if token == "nothing" else 403)
        assert proved(answer)["error"]["code"] == answer.status_code
    assert not SubjectRequest.objects.exists()


@pytest.mark.parametrize("way", ["nothing", "no such file", "another key", "another domain"])
def test_without_key_and_certificate_it_is_off_and_says_so(controller, settings, ada, issuer, way):
    if way == "nothing":
        settings.OPENDSR_KEY_FILE = ""
    if way == "no such file":
        settings.OPENDSR_CERTIFICATE_FILE = "/nowhere/certificate.pem"
    if way == "another key":
        settings.OPENDSR_KEY_FILE = str(issuer.issue("other.example.org")[1])
    if way == "another domain":
        settings.OPENDSR_DOMAIN = "other.example.org"
    for answer in (
        controller.client.get("/opendsr/v2/discovery"),
        controller.client.get("/opendsr/v2/certificate"),
        controller.ask(ada),
    ):
        assert answer.status_code == 503
        assert answer.json()["error"]["message"].startswith("OpenDSR is not set up here")
    assert not SubjectRequest.objects.exists()


def test_the_database_and_the_pages_say_the_same_status_for_each_state():
    with connection.cursor() as cursor:
        for state in State.values:
            cursor.execute("SELECT opendsr_status(%s)", [state])
            assert cursor.fetchone()[0] == STATUS[state]
    assert STATUS[State.NEEDS_ATTENTION] != Status.COMPLETED
