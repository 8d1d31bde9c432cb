"""How a computer joins: by a code that its person approves, or by the file of a fleet tool; and what ends it."""

from __future__ import annotations

import json
import re
import subprocess
import time
from datetime import timedelta

import pytest
from allauth.idp.oidc.models import Token
from django.utils import timezone

from portal.events.enrolment import files, reading
from tests.agent.desktop import QUICK
from tests.makers import SETTING_UP

pytestmark = [pytest.mark.django_db(transaction=True, databases=["default", "keys"])]
BACKEND = "allauth.account.auth_backends.AuthenticationBackend"
CHOSEN = {"name": "Desk", "ownership": "company", "country": ""}


@pytest.fixture
def quick(settings):
    settings.IDP_OIDC_DEVICE_CODE_INTERVAL = 1


@pytest.fixture
def answers(client, ada):
    """Ada, in the portal, on the page that a code leads to."""
    client.force_login(ada, BACKEND)
    return lambda code, action: client.post("/identity/o/device", CHOSEN | {"code": code, "action": action})


@pytest.fixture
def shown(agent):
    """Begin to enrol; return the process and the code that it shows."""
    begun = []

    def begin():
        place = ["--origin", agent.origin, "--source", "agent"]
        begun.append(agent.call("enrol", *place, stdout=subprocess.PIPE, stderr=subprocess.STDOUT))
        lines = []
        while "shows what will be collected" not in "".join(lines):
            lines.append(begun[-1].stdout.readline())
            assert lines[-1], lines
        return begun[-1], re.search(r"the code (\S+)", "".join(lines))[1]

    yield begin
    for process in begun:
        process.stdout.close()
        process.wait(timeout=20)


def test_it_joins_once_its_person_approves_and_renews_its_tokens_by_itself(
    quick, agent, desktop, ada, source, answers, shown
):
    process, code = shown()
    answers(code, "confirm")
    assert process.wait(timeout=20) == 0
    assert f"for employee number {ada.employee_number}" in process.stdout.read()
    (collector,) = reading.collectors(ada.pk)
    assert (collector.device_name, collector.state, bool(collector.account)) == ("Desk", "active", True)
    desktop.window("Browser", "A page")
    agent.start().listens()
    Token.objects.filter(type="at").update(expires_at=timezone.now() - timedelta(seconds=1))
    assert Token.objects.filter(type="at").count() == 1
    desktop.do("click 1")
    agent.sends_all()
    assert Token.objects.filter(type="at", expires_at__gt=timezone.now()).count() == 1
    agent.stop()
    again = agent.start().listens() or agent.status()
    assert again["whose"] == ada.employee_number


def test_a_no_in_the_portal_is_a_no(quick, agent, ada, source, answers, shown):
    process, code = shown()
    answers(code, "deny")
    assert process.wait(timeout=20) == 1
    assert "refused in the portal" in process.stdout.read()
    assert not agent.home.credentials.exists()


def test_a_file_of_a_fleet_tool_enrols_it_and_it_waits_for_its_person(agent, desktop, ada, source, settings, tmp_path):
    settings.ORIGIN = agent.origin
    made = files.make(employee=ada, source_key="agent", uses=1, lasts=timedelta(days=1), by=SETTING_UP)
    path = tmp_path / "enrolment.json"
    path.write_text(json.dumps(made))
    assert agent.say("enrol", "--file", str(path), "--origin", "https://elsewhere.example")[0] == 1
    path.write_text(json.dumps(made | {"uses": 2}))
    assert "not as it was made" in agent.say("enrol", "--file", str(path))[1]
    assert "not signed" in agent.say("enrol", "--file", str(path), "--key", made["key"])[1]
    path.write_text(json.dumps(made))
    assert "not signed" in agent.say("enrol", "--file", str(path), "--key", f"{made['key']}x")[1]
    assert agent.say("enrol", "--file", str(path), "--key", made["key"])[0] == 0
    assert not path.exists(), "its code is worth something"
    agent.start(*QUICK)
    said = agent.until(lambda said: said["state"] == "resting")
    assert set(said["refused"].values()) == {"device_waiting"}


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--origin", "http://portal.example.org", "--source", "agent"], "not an https address"),
        (["--origin", "http://localhost:9", "--source", "agent"], "refused"),
        (["--source", "agent"], "--origin and --source, or --file"),
        (["--file", "/nowhere"], "no enrolment file"),
    ],
)
def test_what_cannot_be_is_said_in_a_line(desktop, agent, arguments, says):
    code, written = agent.say("enrol", *arguments)
    assert (code, says in written, written.count("\n")) == (1, True, 1), written


def test_nobody_enrols_an_agent_over_another_persons(agent, ada, source, enrolled):
    begun = time.monotonic()
    code, written = agent.say("enrol", "--origin", agent.origin, "--source", "agent")
    assert (code, "enrolled already" in written) == (1, True)
    assert time.monotonic() - begun < 5
