"""What the API says of itself: OpenAPI 3.1 with examples that hold, every error in one shape, and its webhooks."""

from __future__ import annotations

import json

import pytest

from portal.outbox.described import DATA, NOT_ALWAYS
from portal.outbox.values import Told
from portal.people.tokens import SCOPES
from tests.makers import make_employee, make_token

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "keys"])
METHODS = {"get", "put", "post", "delete", "patch"}


@pytest.fixture
def described(client):
    answer = client.get("/api/v1/openapi.json")
    assert answer.status_code == 200
    return answer.json()


def operations(described):
    return {
        (method, path): said
        for path, methods in described["paths"].items()
        for method, said in methods.items()
        if method in METHODS
    }


def resolve(described, schema):
    while "$ref" in schema:
        found = described
        for part in schema["$ref"].removeprefix("#/").split("/"):
            found = found[part]
        schema = found
    return schema


def test_it_is_openapi_31_and_every_reference_leads_somewhere(described):
    assert described["openapi"].startswith("3.1.")
    batch = described["paths"]["/api/v1/batches/{batch}"]["put"]["requestBody"]["content"]["application/json"]["schema"]
    for text in json.dumps(described).split('"$ref": "')[1:]:
        reference = text.split('"')[0]
        # The schema of a batch has an id of its own: what it refers to lies in it.
        resolve(batch if reference.startswith("#/$defs/") else described, {"$ref": reference})


def test_every_call_of_the_contract_is_described(described):
    there = {(method, path.removeprefix("/api/v1")) for method, path in operations(described)}
    assert there >= {
        ("put", "/batches/{batch}"),
        ("get", "/permissions"),
        ("get", "/subjects/{subject}/decisions"),
        ("get", "/subjects/{subject}/receipts"),
        ("post", "/subject-requests"),
        ("get", "/subject-requests"),
        ("get", "/subject-requests/{request_id}"),
        ("get", "/subject-requests/{request_id}/steps"),
        ("post", "/subject-requests/{request_id}/approve"),
        ("post", "/subject-requests/{request_id}/refuse"),
        ("post", "/subject-requests/{request_id}/extend"),
        ("post", "/subject-requests/{request_id}/cancel"),
        ("get", "/subject-requests/{request_id}/bundle"),
        ("get", "/ledger/checkpoint"),
        ("get", "/ledger/proof/{idx}"),
        ("get", "/ledger/consistency"),
    }


def test_every_call_says_which_scope_it_needs_and_what_can_go_wrong(described):
    for (method, path), said in operations(described).items():
        where = f"{method} {path}"
        assert said.get("summary") and (said.get("description") or "/ledger/" in path), where
        errors = {status: each for status, each in said["responses"].items() if int(status) >= 400}
        assert "503" in errors, where
        for each in errors.values():
            assert list(each["content"]) == ["application/problem+json"], where
        if "/ledger/" in path:
            assert "security" not in said, where
            continue
        ((_, scopes),) = said["security"][0].items()
        assert len(scopes) == 1 and scopes[0] in SCOPES, where
        assert {"401", "403", "429"} <= set(errors), where


def test_the_names_of_calls_are_unique(described):
    names = [said["operationId"] for said in operations(described).values()]
    assert len(names) == len(set(names))


def test_every_example_of_a_body_is_taken(described, client):
    """Each is sent as it stands, to a person of the number or id that it names."""
    token = make_token("requests.open requests.handle")
    body = described["paths"]["/api/v1/subject-requests"]["post"]["requestBody"]
    schema = resolve(described, body["content"]["application/json"]["schema"])
    assert len(schema["examples"]) >= 2
    for example in schema["examples"]:
        named = {**example, "subject": make_employee(f"Somebody {example['kind']}").employee_number}
        answer = client.post(
            "/api/v1/subject-requests",
            json.dumps(named),
            content_type="application/json",
            headers={"authorization": f"Bearer {token}"},
        )
        assert answer.status_code == 201, (example, answer.content)


def test_every_webhook_is_described_with_the_ids_that_it_carries(described):
    assert set(described["webhooks"]) == set(Told.values)
    for kind, methods in described["webhooks"].items():
        said = methods["post"]
        content = said["requestBody"]["content"]["application/json"]
        assert content["example"]["type"] == kind
        assert set(content["example"]["data"]) == set(DATA[kind])
        assert content["schema"]["properties"]["data"]["required"] == [
            name for name in DATA[kind] if name not in NOT_ALWAYS.get(kind, ())
        ]
        names = {each["name"] for each in said["parameters"]}
        assert names == {"webhook-id", "webhook-timestamp", "webhook-signature"}
        assert {"2XX", "410"} <= set(said["responses"])
