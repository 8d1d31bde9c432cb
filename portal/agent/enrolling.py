"""Joining: the agent shows a code, its person approves it in the portal; or a fleet tool brought a file."""

from __future__ import annotations

import base64
import getpass
import json
import platform
import time
from collections.abc import Callable
from gettext import gettext as _
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from portal.agent.credentials import TOKEN, Credentials
from portal.agent.web import Answer, Site, Unreachable, checked

CODE = "/identity/o/api/device/code"
FILE = "/identity/o/api/enrol"
CONTEXT = b"daylight/enrolment/v1\n"
ED25519 = b"\x01"
GRANT = "urn:ietf:params:oauth:grant-type:device_code"
SLOWER_SECONDS = 5
LONGEST_NAME = 60
LONGEST_FILE = 64 * 1024
OK = 200
Say = Callable[[str], None]


class NotEnrolled(Exception):
    """It was not to be; the message says why."""


def by_code(origin: str, source: str, more: dict[str, str], say: Say) -> Credentials:
    """Show a code and wait until it is approved; raises NotEnrolled or Unreachable.

    `more` says what is known beforehand: whose the computer is, and who alone may approve.
    """
    site = Site(checked(origin))
    client = f"collector-{source}"
    answer = site.post(CODE, {"client_id": client, "scope": "events.write", **about(), **more})
    said = answer.json()
    if answer.status != OK or "device_code" not in said:
        raise NotEnrolled(_("The portal gives no code for this source ({status}).").format(status=answer.status))
    say(_("Open {link}").format(link=said["verification_uri"]))
    say(_("and enter the code {code}").format(code=said["user_code"]))
    say(_("or open {link}").format(link=said["verification_uri_complete"]))
    say(_("The portal shows what will be collected, and why, before you approve."))
    return _kept(site.origin, source, _poll(site, client, said))


def by_file(path: Path, origin: str, key: str) -> Credentials:
    """Join by a file that names portal and source; raises NotEnrolled or Unreachable.

    `origin` and `key`, where they are given, are what the fleet tool knows the portal by: another's file is refused.
    """
    try:
        document = json.loads(path.read_bytes()[:LONGEST_FILE])
        there, source = checked(document["origin"]), str(document["source"])
        genuine = not key or (document["key"] == key and _signed(document, key))
    except (OSError, ValueError, KeyError, TypeError, IndexError):
        raise NotEnrolled(_("This is no enrolment file.")) from None
    if origin and checked(origin) != there:
        raise NotEnrolled(_("This file is for {origin}.").format(origin=there))
    if not genuine:
        raise NotEnrolled(_("This file was not signed by the key that was named."))
    body = json.dumps({"file": document, **about()}).encode()
    answer = Site(there).call("POST", FILE, body=body, headers={"Content-Type": "application/json"})
    said = answer.json()
    if answer.status != OK or "access_token" not in said:
        why = said.get("error_description") or answer.status
        raise NotEnrolled(_("The portal does not take this file: {why}").format(why=why))
    return _kept(there, source, said)


def _signed(document: dict[str, Any], key: str) -> bool:
    """Whether the portal's own key signed this; `key` is what its log is verified with (ledger.vkey)."""
    about = {name: each for name, each in document.items() if name not in ("key", "signature")}
    text = json.dumps(about, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    public = base64.b64decode(key.split("+", 2)[2], validate=True)
    if public[:1] != ED25519:
        return False
    try:
        signature = base64.b64decode(document["signature"], validate=True)
        Ed25519PublicKey.from_public_bytes(public[1:]).verify(signature, CONTEXT + text)
    except InvalidSignature:
        return False
    return True


def _kept(origin: str, source: str, said: dict[str, Any]) -> Credentials:
    whose = str(said.get("employee_number", ""))
    return Credentials(origin, source, said["access_token"], said.get("refresh_token", ""), whose)


def about() -> dict[str, str]:
    """Say of this computer what its person will see in the portal."""
    system = f"{platform.system()} {platform.release()}".strip()
    said = {"device_name": platform.node() or system, "os_account": getpass.getuser(), "os": system}
    return {name: text[:LONGEST_NAME] for name, text in said.items()}


def _poll(site: Site, client: str, code: dict[str, Any]) -> dict[str, Any]:
    fields = {"grant_type": GRANT, "device_code": code["device_code"], "client_id": client}
    wait, until = float(code.get("interval", SLOWER_SECONDS)), time.monotonic() + float(code["expires_in"])
    while time.monotonic() < until:
        time.sleep(wait)
        try:
            answer = site.post(TOKEN, fields)
        except Unreachable:
            continue  # the code holds until its time is over
        said = answer.json()
        if "access_token" in said:
            return said
        wait += _slower(answer, said.get("error", ""))
    raise NotEnrolled(_("The code has expired. Start again."))


def _slower(answer: Answer, error: str) -> float:
    if error == "authorization_pending":
        return 0.0
    if error == "slow_down":
        return SLOWER_SECONDS
    if error == "access_denied":
        raise NotEnrolled(_("It was refused in the portal."))
    if error in ("expired_token", "invalid_grant"):
        raise NotEnrolled(_("The code has expired. Start again."))
    raise NotEnrolled(_("The portal answered {status}: {error}").format(status=answer.status, error=error))
