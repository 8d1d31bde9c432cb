"""What the API says of itself beyond its types: the one shape of errors, which scope a call needs, and webhooks."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from ninja import NinjaAPI
from ninja.openapi.schema import OpenAPISchema
from ninja.operation import Operation

PROBLEM = "application/problem+json"
SCHEMA = {
    "title": "Problem",
    "description": "An error after RFC 9457; `type` is stable, `errors` point at what is wrong (at most 20).",
    "type": "object",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string", "examples": ["urn:daylight:problem:invalid"]},
        "title": {"type": "string", "examples": ["Unprocessable Entity"]},
        "status": {"type": "integer", "examples": [422]},
        "detail": {"type": "string", "examples": ["The request breaks the schema; each error says where."]},
        "errors": {
            "type": "array",
            "maxItems": 20,
            "items": {
                "type": "object",
                "required": ["pointer", "detail"],
                "properties": {
                    "pointer": {"type": "string", "examples": ["/scope/from"]},
                    "detail": {"type": "string", "examples": ["Input should have timezone info"]},
                },
            },
        },
    },
}
SAYS = {
    400: "The body is not one JSON text in UTF-8.",
    401: "There is no valid token.",
    403: "The token lacks the scope, or its program may not do this.",
    404: "There is nothing here that this program may see.",
    409: "It does not fit how things stand; `type` says how.",
    410: "It was there and is gone.",
    413: "The body is too long.",
    415: "The body does not say that it is JSON.",
    422: "Something breaks the schema or a rule for its value; `errors` say where.",
    429: "Too many calls in a minute; Retry-After says when to come again.",
    503: "The site is closed or something it needs is away; nothing was done.",
}
OF_A_TOKEN, OF_A_BODY = (401, 403, 429), (400, 413, 415, 422)


def problems(*statuses: int) -> dict[str, Any]:
    """Return how an operation describes these errors (`openapi_extra={"responses": problems(409)}`)."""
    content = {PROBLEM: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {
        str(each): {"description": SAYS.get(each, HTTPStatus(each).phrase), "content": content} for each in statuses
    }


class Described(OpenAPISchema):
    """A description that names the scope and the errors of each operation."""

    def operation_security(self, operation: Operation) -> list[dict[str, Any]] | None:
        super().operation_security(operation)
        scopes = [auth.scope for auth in operation.auth_callbacks if hasattr(auth, "scope")]
        return [{type(operation.auth_callbacks[0]).__name__: scopes}] if scopes else None

    def operation_details(self, operation: Operation) -> dict[str, Any]:
        said = super().operation_details(operation)
        known = {str(status) for status in said["responses"]}
        more = problems(*sorted(_statuses(said)))
        said["responses"] |= {status: text for status, text in more.items() if status not in known}
        return said

    def get_components(self) -> dict[str, Any]:
        found = super().get_components()
        found["schemas"]["Problem"] = SCHEMA
        return found


def _statuses(said: dict[str, Any]) -> set[int]:
    found, where = {503}, {each["in"] for each in said["parameters"]}
    named = "path" in where or "requestBody" in said or any(each["name"] == "subject" for each in said["parameters"])
    found |= {*OF_A_TOKEN} if "security" in said else set()
    found |= {*OF_A_BODY} if "requestBody" in said else set()
    found |= {404} if named else set()
    return found | ({422} if {"query", "header"} & where else set())


class DescribedAPI(NinjaAPI):
    """An API that describes itself so; an operation is called what its function is, wherever that stands."""

    def get_openapi_schema(
        self, *, path_prefix: str | None = None, path_params: dict[str, Any] | None = None
    ) -> OpenAPISchema:
        return Described(self, self.get_root_path(path_params or {}) if path_prefix is None else path_prefix)

    def get_openapi_operation_id(self, operation: Operation) -> str:
        return str(operation.view_func.__name__)
