"""The commands a company begins with: passwords, roles, programs."""

from __future__ import annotations

import io
import json
import sys
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, transaction
from django.utils import timezone

from portal.audit.models import Act
from portal.people.models import ApiClient, Employee, RoleGrant
from portal.register.models import Source
from tests.makers import make_employee, sign_in

pytestmark = pytest.mark.django_db(databases=["default", "keys"])


@pytest.fixture
def person(monkeypatch):
    def run(number, password=None, **options):
        monkeypatch.setattr(sys, "stdin", io.StringIO(f"{password}\n" if password else ""))
        call_command("person", number, password_stdin=password is not None, **options)

    return run


@pytest.fixture
def live_source():
    return Source.objects.create(key="desktop", title="x", kind="agent", live_since=timezone.now())


def test_a_first_password_lets_the_person_in(person, client):
    ada = make_employee("Ada", password=None)
    person(ada.employee_number, "a passphrase of her own")
    sign_in(client, ada, "a passphrase of her own")
    assert client.session["_auth_user_id"] == str(ada.pk)
    assert Act.objects.filter(action="person.password_set", subject_id=ada.pk).exists()


@pytest.mark.parametrize("password", ["short", "password1234", ""])
def test_a_weak_password_is_refused(person, password):
    ada = make_employee("Ada", password=None)
    with pytest.raises(CommandError):
        person(ada.employee_number, password)
    assert not Employee.objects.get(pk=ada.pk).has_usable_password()


def test_after_set_up_a_password_of_ones_own_is_not_replaced(person, ada, live_source):
    with pytest.raises(CommandError, match="Forgot your password"):
        person(ada.employee_number, "a passphrase of her own")
    newcomer = make_employee("New", password=None)
    person(newcomer.employee_number, "a passphrase of his own")


def test_nobody_unknown_gets_a_password(person):
    with pytest.raises(CommandError, match="import them first"):
        person("404", "a passphrase of her own")


def test_during_set_up_it_gives_roles_for_a_year(person, ada):
    person(ada.employee_number, role=["hr", "auditor"])
    assert Employee.objects.get(pk=ada.pk).roles == {"hr", "auditor"}
    for grant in RoleGrant.objects.all():
        assert grant.ends <= timezone.now() + timedelta(days=365)
    assert Act.objects.filter(action="role.granted", subject_id=ada.pk).count() == 2


@pytest.mark.parametrize("pair", [("legal", "council"), ("operator", "legal"), ("council", "operator")])
def test_no_one_person_holds_two_of_the_three(person, ada, pair):
    with pytest.raises(CommandError, match="two of operator, legal and council"):
        person(ada.employee_number, role=list(pair))
    assert len(Employee.objects.get(pk=ada.pk).roles) == 1


def test_an_unknown_role_is_named(person, ada):
    with pytest.raises(CommandError, match="There is no role 'admin'; there are hr"):
        person(ada.employee_number, role=["admin"])


def test_after_set_up_it_gives_no_roles(person, ada, live_source):
    with pytest.raises(CommandError, match="two people"):
        person(ada.employee_number, role=["hr"])


@pytest.fixture
def role():
    def run(verb, employee, name, by, **options):
        call_command("role", verb, employee.employee_number, name, by=by.employee_number, **options)

    return run


def roles_of(employee):
    return Employee.objects.get(pk=employee.pk).roles


def test_a_role_is_granted_by_one_and_confirmed_by_another(role, ada, hana, lea):
    role("grant", ada, "auditor", by=hana)
    assert not roles_of(ada)
    role("confirm", ada, "auditor", by=lea)
    assert roles_of(ada) == {"auditor"}
    role("end", ada, "auditor", by=hana)
    assert not roles_of(ada)
    made = list(Act.objects.filter(subject_id=ada.pk, action__startswith="role.").order_by("pk"))
    assert [(act.action, act.actor_label) for act in made] == [
        ("role.granted", "Hana Horn"),
        ("role.confirmed", "Lea Lund"),
        ("role.ended", "Hana Horn"),
    ]


def test_one_person_cannot_do_both(role, ada, hana):
    role("grant", ada, "auditor", by=hana)
    with pytest.raises(CommandError, match="another person has to"):
        role("confirm", ada, "auditor", by=hana)
    assert not roles_of(ada)


def test_nobody_gives_themselves_a_role(role, hana, lea):
    with pytest.raises(CommandError, match="themselves"):
        role("grant", hana, "engineer", by=hana)
    role("grant", hana, "engineer", by=lea)
    with pytest.raises(CommandError, match="themselves"):
        role("confirm", hana, "engineer", by=hana)


def test_whoever_holds_no_role_gives_none(role, ada, ben, hana):
    with pytest.raises(CommandError, match="Only somebody who holds a role"):
        role("grant", ben, "hr", by=ada)


def test_a_grant_that_would_join_what_is_kept_apart_is_refused_at_either_step(role, ada, hana, lea, person):
    role("grant", ada, "council", by=hana)
    with pytest.raises(CommandError, match="two of operator"):
        role("grant", ada, "operator", by=hana)
    with pytest.raises(CommandError, match="two of operator"):
        person(ada.employee_number, role=["operator"])


@pytest.mark.parametrize("days", [-1, 400])
def test_a_role_ends_within_a_year(role, ada, hana, days):
    with pytest.raises(CommandError, match="within a year"):
        role("grant", ada, "auditor", by=hana, ends=timezone.localdate() + timedelta(days=days))


def test_a_role_is_gone_when_its_time_is_over_and_can_be_given_again(role, ada, hana, lea):
    role("grant", ada, "auditor", by=hana)
    role("confirm", ada, "auditor", by=lea)
    RoleGrant.objects.filter(employee=ada).update(ends=timezone.now() - timedelta(seconds=1))
    assert not roles_of(ada)
    role("grant", ada, "auditor", by=hana)


def test_there_must_be_a_grant_to_confirm_or_end(role, ada, hana):
    for verb in ("confirm", "end"):
        with pytest.raises(CommandError):
            role(verb, ada, "auditor", by=hana)


def test_the_database_holds_the_rule_of_two_people(ada, ben):
    later = timezone.now() + timedelta(days=1)
    for granter, confirmer in ((ben, ben), (ada, ben), (ben, ada)):
        with pytest.raises(IntegrityError), transaction.atomic():
            RoleGrant.objects.create(
                employee=ada, role="hr", granted_by=granter.pk, confirmed_by=confirmer.pk, ends=later
            )


def test_a_program_is_made_and_its_secret_printed_once(capsys):
    Source.objects.create(key="desktop", title="x", kind="agent")
    call_command(
        "api_client", "create", "agent", scopes="events.write consent.read", sources="desktop", may_read_decisions=True
    )
    printed = json.loads(capsys.readouterr().out)
    assert printed.keys() == {"client_id", "client_secret"}
    made = ApiClient.objects.get(client=printed["client_id"])
    assert (made.sources, made.may_read_decisions) == (["desktop"], True)
    assert made.client.get_scopes() == made.client.get_default_scopes() == ["events.write", "consent.read"]


@pytest.mark.parametrize(
    ("over", "said"),
    [
        ({"scopes": "events.write everything"}, "Unknown scopes: everything. There are: events.write"),
        ({"scopes": " "}, "needs a scope"),
        ({"sources": "nowhere"}, "Unknown sources: nowhere. There are: none yet"),
        ({"name": " "}, "needs a name"),
        ({"name": "a\x00b"}, "needs a name"),
    ],
)
def test_a_wrong_program_is_refused_clearly(over, said):
    wanted = {"name": "agent", "scopes": "events.write", "sources": ""} | over
    with pytest.raises(CommandError) as refused:
        call_command("api_client", "create", wanted["name"], scopes=wanted["scopes"], sources=wanted["sources"])
    assert said in str(refused.value)
    assert not ApiClient.objects.exists()


def test_programs_are_listed_without_their_secrets(capsys):
    call_command("api_client", "create", "Tickets", "--scopes", "requests.read", "--may-read-decisions")
    made = json.loads(capsys.readouterr().out)
    call_command("api_client", "list")
    (line,) = capsys.readouterr().out.splitlines()
    assert made["client_secret"] not in line
    assert json.loads(line) == {
        "client_id": made["client_id"],
        "name": "Tickets",
        "scopes": ["requests.read"],
        "sources": [],
        "may_read_decisions": True,
    }
