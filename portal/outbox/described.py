"""Webhooks as OpenAPI 3.1 describes them: what arrives, and how an answer is understood. Pure."""

from __future__ import annotations

from typing import Any

from portal.outbox.values import NEEDS, TELLS_AN_ANSWER, Told

UUID = {"type": "string", "format": "uuid"}
OF_A_REQUEST = {"request": UUID, "subject": UUID}
DATA: dict[str, dict[str, Any]] = {
    Told.REQUEST_OPENED: OF_A_REQUEST,
    Told.REQUEST_READY: OF_A_REQUEST,
    Told.REQUEST_DONE: OF_A_REQUEST,
    Told.CONSENT_WITHDRAWN: {"subject": UUID, "purpose": {"type": "string"}, "ledger_index": {"type": "integer"}},
    Told.RELEASE_CHANGED: {"release": UUID},
    Told.ACCESS_REFUSED: {"act": {"type": "string"}},
}
NOT_ALWAYS = {
    # Nobody is named any more once their account was erased.
    Told.REQUEST_DONE: {"subject"},
    # The site may be closed, and a withdrawal counts all the same: then it has no place in the ledger yet.
    Told.CONSENT_WITHDRAWN: {"ledger_index"},
}
EXAMPLES = {
    "request": "7d0d0f3c-3b0a-4a52-9f0a-2f1f6f0f5a11",
    "subject": "0b0c8a56-6a0e-4f5e-8c39-6d7a0c2f9e01",
    "purpose": "train",
    "ledger_index": 4711,
    "release": "5f6f9a1e-8a44-4d6f-a7cb-0c8f2a6f1b20",
    "act": "90210",
}
HEADERS = {
    "webhook-id": "The same at each try: who keeps it takes nothing twice.",
    "webhook-timestamp": "When this try was made, in seconds since 1970; refuse what is older than five minutes.",
    "webhook-signature": "One or two signatures `v1,<base64>` with a space between; one that holds is enough.",
}
ANSWERS = {
    "2XX": {"description": "Taken; it is not sent again."},
    "410": {"description": "Nothing more is wanted: the endpoint is switched off."},
    "default": {"description": "Not taken, a redirect too: it is tried again, ten times over 75 hours."},
}


def webhooks() -> dict[str, Any]:
    return {str(kind): {"post": _operation(kind)} for kind in Told}


def _operation(kind: Told) -> dict[str, Any]:
    needs = f"Needs the scope `{NEEDS[kind]}`." if NEEDS[kind] else "Any program may hear of it."
    answers = " Only for clients made with --may-read-decisions." if kind in TELLS_AN_ANSWER else ""
    return {
        "summary": str(kind.label),
        "description": f"{needs}{answers} Ids only: what happened is read through the API.",
        "operationId": f"webhook_{kind.name.lower()}",
        "tags": ["webhooks"],
        "parameters": [
            {"name": name, "in": "header", "required": True, "schema": {"type": "string"}, "description": text}
            for name, text in HEADERS.items()
        ],
        "requestBody": {"required": True, "content": {"application/json": _content(kind)}},
        "responses": ANSWERS,
    }


def _content(kind: Told) -> dict[str, Any]:
    data = DATA[kind]
    body = {
        "type": {"const": str(kind)},
        "timestamp": {"type": "string", "format": "date-time"},
        "data": {
            "type": "object",
            "properties": data,
            "required": [name for name in data if name not in NOT_ALWAYS.get(kind, ())],
            "additionalProperties": False,
        },
    }
    example = {
        "type": str(kind),
        "timestamp": "2026-11-22T09:12:00.123456Z",
        "data": {name: EXAMPLES[name] for name in data},
    }
    return {
        "schema": {"type": "object", "properties": body, "required": [*body], "additionalProperties": False},
        "example": example,
    }
