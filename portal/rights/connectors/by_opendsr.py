"""Asks a system that speaks OpenDSR 2.0, as its controller; what it signed alone counts as an answer."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any

from django.conf import settings
from django.utils.translation import gettext as _

from portal.outbox.fetch import Answer
from portal.register.models import Store
from portal.rights.connectors import proof
from portal.rights.connectors.calling import MOST_BYTES, Line
from portal.rights.connectors.models import StoreTask
from portal.rights.connectors.values import FIRST_WAIT_SECONDS, Found, NoAnswer, Outcome, Person, TaskState
from portal.rights.opendsr.reading import stamp
from portal.rights.opendsr.values import ALSO, TYPES, VERSION, IdentityFormat, Status

NUMBER, EMAIL = "controller_customer_id", "email"
ENDINGS = {"application/zip": "zip", "application/json": "json", "text/csv": "csv", "text/plain": "txt"}


def ask(task: StoreTask, store: Store, person: Person) -> Outcome:
    """Ask, or ask how it stands: what may have arrived before is never sent under another number."""
    line = Line(store.how)
    if task.tries > 1 and (said := _standing(line, task)) is not None:
        return _heard(line, task, said)
    body = _body(task, person, _identity(line, store, person))
    answer = line.call("POST", f"{line.base}/requests", body)
    if answer.status == 201:
        _check_taken(proof.read(line, answer.body, answer.headers), task, body)
        return Outcome(TaskState.SENT, wait_seconds=FIRST_WAIT_SECONDS)
    if (said := _standing(line, task)) is not None:
        return _heard(line, task, said)
    raise NoAnswer(_("It did not take the request (%(status)d).") % {"status": answer.status})


def _identity(line: Line, store: Store, person: Person) -> dict[str, str]:
    """Name the person as the system takes it, hashed wherever it can be."""
    kind, value = (EMAIL, person.email.lower()) if store.how["identity"] == EMAIL else (NUMBER, person.employee_number)
    formats = {form for each, form in proof.processor(line).identities if each == kind}
    if IdentityFormat.SHA256 in formats:
        form, value = "sha256", hashlib.sha256(value.lower().encode()).hexdigest()
    elif IdentityFormat.RAW in formats:
        form = "raw"
    else:
        raise NoAnswer(_("It does not know people by what the policy says."))
    return {"identity_type": kind, "identity_format": form, "identity_value": value}


def _body(task: StoreTask, person: Person, identity: dict[str, str]) -> bytes:
    request = task.request
    asked: dict[str, Any] = {
        "regulation": "ccpa" if request.rule.startswith("ccpa") else "gdpr",
        "subject_request_id": str(task.number),
        "subject_request_type": next(name for name, kind in TYPES.items() if kind == request.kind),
        "submitted_time": stamp(request.received),
        "subject_identities": [identity],
        "api_version": VERSION,
    }
    if settings.SECURE:
        asked["status_callback_urls"] = [callback_url(task)]
    return json.dumps(asked).encode()


def callback_url(task: StoreTask) -> str:
    return f"{settings.ORIGIN}/opendsr/v2/callbacks/{task.number}"


def _check_taken(said: dict[str, Any], task: StoreTask, body: bytes) -> None:
    """The system has to show what it took: another's request under our number would be answered to us."""
    if said.get("subject_request_id") != str(task.number):
        raise NoAnswer(_("It answered about another request."))
    if said.get("encoded_request") != base64.b64encode(body).decode():
        raise NoAnswer(_("It took something else than was sent."))


def _standing(line: Line, task: StoreTask) -> dict[str, Any] | None:
    """Return what it says of the request; None where it does not know it."""
    answer = line.call("GET", f"{line.base}/requests/{task.number}")
    if answer.status in {400, 404}:
        return None
    if answer.status != 200:
        raise NoAnswer(_("It answered with %(status)d.") % {"status": answer.status})
    return proof.read(line, answer.body, answer.headers)


def _heard(line: Line, task: StoreTask, said: dict[str, Any]) -> Outcome:
    if said.get("subject_request_id") != str(task.number):
        raise NoAnswer(_("It answered about another request."))
    word = str(said.get("request_status", ""))
    status = ALSO.get(word, word)
    if status == Status.CANCELLED:
        return Outcome(TaskState.FAILED, _("It cancelled the request."), again=True)
    if status not in Status.values:
        raise NoAnswer(_("It answered with a status that is not known."))
    files = _results(line, task, said)
    if status != Status.COMPLETED:
        return Outcome(TaskState.SENT, files=files)
    return _completed(task, said, files)


def _completed(task: StoreTask, said: dict[str, Any], files: list[Found]) -> Outcome:
    if said.get("results_count") == 0 and not (files or task.fetched):
        return Outcome(TaskState.NOTHING)
    if task.request.is_copy and not (files or task.fetched):
        raise NoAnswer(_("It says that it is done, and gave nothing to fetch."))
    return Outcome(TaskState.DONE, files=files)


def _results(line: Line, task: StoreTask, said: dict[str, Any]) -> list[Found]:
    """Fetch what it found, once; the system may forget it from then on."""
    url = said.get("results_url")
    if not task.request.is_copy or task.fetched or not isinstance(url, str):
        return []
    answer = line.call("GET", url, limit=MOST_BYTES)
    if answer.status != 200:
        raise NoAnswer(_("What it found could not be fetched (%(status)d).") % {"status": answer.status})
    count = said.get("results_count")
    return [Found(f"results.{_ending(answer)}", answer.body, count if isinstance(count, int) and count > 0 else 1)]


def _ending(answer: Answer) -> str:
    return ENDINGS.get(answer.headers.get("content-type", "").partition(";")[0].strip().lower(), "bin")


def take_back(task: StoreTask, store: Store) -> str:
    """Take back what has not begun there; return what the person reads of it. Raises NoAnswer."""
    line = Line(store.how)
    answer = line.call("DELETE", f"{line.base}/requests/{task.number}")
    if answer.status == 202:
        proof.read(line, answer.body, answer.headers)
        return ""
    if answer.status == 404:
        return ""
    return str(_("It had begun already, and could not be stopped."))
