"""What one person answered is on no page and in no answer of the API that staff or a program can open."""

from __future__ import annotations

from io import StringIO
from uuid import uuid4

import pytest
from django.core.management import call_command
from django.test import Client
from django.urls import reverse

from consent import actions as decisions
from portal.people.guards import actor_for
from portal.people.roles import Role
from portal.rights import actions
from portal.rights.models import SubjectRequest
from portal.rights.values import Kind, State
from tests.makers import make_employee, make_purpose, make_token
from tests.test_matrix import NAMED, PAGES, PARAMETERS, SCOPES, operations

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "keys"])
MARK = "zebra"
ANSWERS = ("said yes to", "said no to", "took a yes back", "objected to a purpose", "consent withdrawn", "refused")
NAMES = ("Yana Yes", "Nora No", "Wanda Was", "Olga Object")
WHERE = "/choices/"


@pytest.fixture
def people():
    """Each answered in another way, and each asked for a copy, so that their names stand where names may stand."""
    make_purpose("zebra-lens", title="Zebra lens", refusal_consequence="None.", alternative="Other data.")
    make_purpose("zebra-shield", title="Zebra shield", basis="legitimate_interest")
    yana, nora, wanda, olga = found = [make_employee(name, password="", department="Zoo") for name in NAMES]
    decisions.give(subject_id=yana.pk, purpose_key="zebra-lens", path=WHERE)
    decisions.refuse(subject_id=nora.pk, purpose_key="zebra-lens", path=WHERE)
    decisions.give(subject_id=wanda.pk, purpose_key="zebra-lens", path=WHERE)
    actions.withdraw(subject_id=wanda.pk, purpose_key="zebra-lens", by=actor_for(wanda, wanda.pk), path=WHERE)
    decisions.acknowledge(subject_id=olga.pk, purpose_key="zebra-shield", path=WHERE)
    actions.object_to(subject_id=olga.pk, purpose_key="zebra-shield", by=actor_for(olga, olga.pk), path=WHERE)
    for person in found:
        actions.open_request(kind=Kind.ACCESS, subject_id=person.pk, by=actor_for(person, person.pk))
    return found


def addresses(entry, people, me):
    """Yield every address of a page: one's own, each person's, each request's."""
    for person in (me, *people):
        known = PARAMETERS | {"subject_id": person.pk, "purpose_key": "zebra-lens"}
        requests = SubjectRequest.objects.filter(subject_id=person.pk).values_list("pk", flat=True) or [uuid4()]
        for pk in requests:
            yield reverse(entry.name, kwargs={name: (known | {"pk": pk})[name] for name in NAMED[entry.name]})
    if entry.name == "queue":
        yield "/queue/?state=all"


def names(person):
    return (person.name, person.email, str(person.pk), f">{person.employee_number}<", f" {person.employee_number},")


def told(body, people):
    """Return who is named in an answer that also speaks of what was answered."""
    speaks = MARK in body.lower() or any(words in body for words in ANSWERS)
    return [person.name for person in people if speaks and any(name in body for name in names(person))]


@pytest.mark.parametrize("role", ["", *Role.values])
def test_no_page_of_staff_tells_what_somebody_answered(people, role, as_role):
    browser = as_role(role)
    found, opened = {}, 0
    for _where, entry in PAGES:
        for address in dict.fromkeys(addresses(entry, people, browser.person)):
            answer = browser.get(address)
            opened += answer.status_code == 200
            body = b"".join(answer.streaming_content) if answer.streaming else answer.content
            if who := told(body.decode(errors="replace"), people):
                found[address] = who
    assert opened > 10
    if role == Role.LEGAL:
        # Who decides on an objection reads what it is about; nobody else does.
        objection = SubjectRequest.objects.objections().get()
        meant = {"/queue/", "/queue/?state=all", f"/queue/{objection.pk}/"}
        assert set(found) <= meant
        assert found[f"/queue/{objection.pk}/"] == ["Olga Object"]
    else:
        assert found == {}


def test_a_deletion_that_needs_somebody_is_shown_without_what_was_answered(people, as_role):
    request = SubjectRequest.objects.get(kind=Kind.ERASURE)
    browser = as_role("hr")
    assert browser.get(f"/queue/{request.pk}/").status_code == 404
    SubjectRequest.objects.filter(pk=request.pk).update(state=State.NEEDS_ATTENTION, reason="No space left.")
    page = browser.get(f"/queue/{request.pk}/").content.decode()
    assert "No space left." in page and "what nothing permits" in page
    assert told(page, people) == []
    answer = browser.post(f"/queue/{request.pk}/retry/")
    assert answer["Location"] == "/queue/", "it goes on, and is nobody's to look at again"


def test_legal_decides_on_an_objection_and_sees_nothing_else_of_that_person(people, as_role):
    page = as_role("legal").get("/queue/").content.decode()
    assert "Zebra shield" in page and "Zebra lens" not in page
    assert "Zebra" not in as_role("hr").get("/queue/").content.decode()


def test_no_answer_of_the_api_tells_a_program_what_somebody_answered(people):
    token = make_token(" ".join(sorted(SCOPES)))
    found, opened = {}, 0
    for path, method, _operation in operations():
        if method != "GET":
            continue
        for person in people:
            for request in SubjectRequest.objects.filter(subject_id=person.pk):
                filled = path.replace("{uuid:request_id}", str(request.pk)).replace("{subject_id}", str(person.pk))
                filled = filled.replace("{id}", str(person.pk)).replace("{int:idx}", "0")
                if "{" in filled:
                    filled = filled[: filled.index("{")] + str(person.pk) + filled[filled.index("}") + 1 :]
                query = {"subject": str(person.pk), "source": "agent", "from": 1, "to": 1}
                answer = Client(raise_request_exception=False).get(
                    f"/api/v1{filled}", query, headers={"Authorization": f"Bearer {token}"}
                )
                opened += answer.status_code == 200
                body = b"".join(answer.streaming_content) if answer.streaming else answer.content
                if MARK in body.decode(errors="replace").lower():
                    found[filled] = body
    assert opened > 10
    # What a collector of a person may send it is told; a program only where it is bound to the source, which none is.
    assert found == {}


def test_the_register_as_a_file_names_nobody(people):
    said = StringIO()
    call_command("policy", "export", stdout=said)
    assert not any(name in said.getvalue() for person in people for name in names(person))
