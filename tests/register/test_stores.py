"""Other systems are declared in the policy: checked, approved like everything else, and told before they count."""

from __future__ import annotations

from io import StringIO

import pytest
import yaml
from django.core.management import call_command
from django.core.management.base import CommandError

from portal.register import statements
from portal.register.export import live
from portal.register.models import Store
from portal.register.stores import StorePart

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "keys"])

SQL = {"dsn": "STORE_X_DSN", "access": "select * from x where n = :email", "erasure": "delete from x where n = :email"}
GOOD = {"key": "crm", "title": "CRM", "holds": "Calls.", "owner": "Sales", "sql": SQL}
OPENDSR = {"url": "https://crm.example.org/opendsr/v2/", "token": "STORE_CRM_TOKEN"}
MANUAL = {"instructions": "Look."}


def faults(**over):
    with pytest.raises(ValueError) as caught:
        StorePart.model_validate({**GOOD, **over})
    return str(caught.value)


@pytest.mark.parametrize(
    ("over", "says"),
    [
        ({"sql": None}, "has one of"),
        ({"manual": MANUAL}, "has one of"),
        ({"asked_for": []}, "asked_for"),
        ({"asked_for": ["access", "access"]}, "twice"),
        ({"asked_for": ["rectification"]}, "asked_for"),
        ({"sql": {**SQL, "erasure": None}}, "no statement for erasure"),
        ({"sql": {**SQL, "erasure": "delete from x"}}, "names nobody"),
        ({"sql": {**SQL, "erasure": "delete from x where n = ':email'"}}, "names nobody"),
        ({"sql": {**SQL, "erasure": "delete from x where n = 1 -- :email"}}, "names nobody"),
        ({"sql": {**SQL, "erasure": "delete from x where n = :name"}}, ":name is not known"),
        ({"sql": {**SQL, "erasure": "delete from x where n = :email; drop table x"}}, "more than one statement"),
        ({"sql": {**SQL, "dsn": "postgresql://u:p@h/d"}}, "sql.dsn"),
        ({"sql": {**SQL, "dsn": "DATABASE_URL"}}, "sql.dsn"),
        ({"sql": {**SQL, "seconds": 3600}}, "seconds"),
        ({"sql": None, "opendsr": {**OPENDSR, "url": "http://crm.example.org/"}}, "is no address"),
        ({"sql": None, "opendsr": {**OPENDSR, "url": "https://u:p@crm.example.org/"}}, "is no address"),
        ({"sql": None, "opendsr": {**OPENDSR, "url": "https://crm.example.org/?a=b"}}, "is no address"),
        ({"sql": None, "opendsr": {**OPENDSR, "token": "DAYLIGHT_SECRET_KEY"}}, "token"),
        ({"sql": None, "opendsr": {**OPENDSR, "password": "secret"}}, "password"),
        ({"sql": None, "manual": {"instructions": ""}}, "instructions"),
    ],
)
def test_what_cannot_be_asked_or_is_a_secret_is_refused(over, says):
    assert says in faults(**over)


def test_a_statement_binds_names_and_leaves_texts_casts_and_percent_signs_alone():
    written = (
        "select ':email', \"a:b\", x::text, $q$:email;$q$ from t -- :x\n where a = :email and b like 'a%' or c=:email;"
    )
    assert statements.names(written) == ["email", "email"]
    assert list(statements.faults(written)) == []
    bound = statements.for_driver(written)
    assert bound.count("%(email)s") == 2 and "x::text" in bound and "'a%%'" in bound and not bound.endswith(";")


def with_stores(company, *stores):
    document = company.document()
    document["stores"] = list(stores)
    return document


def test_a_store_counts_once_it_is_approved_and_comes_back_in_the_file(company):
    company.apply(with_stores(company, GOOD, {**GOOD, "key": "paper", "sql": None, "manual": MANUAL}))
    assert not Store.objects.exists()
    company.approve(company.legal)
    company.approve(company.council)
    assert sorted(Store.objects.values_list("pk", "kind")) == [("crm", "sql"), ("paper", "manual")]
    assert [store.key for store in live().stores] == ["crm", "paper"]
    assert live().stores[0].sql.erasure == SQL["erasure"]


def test_who_approves_reads_what_will_be_run_before_and_after(company, client):
    company.go_live(with_stores(company, GOOD))
    changed = {**GOOD, "sql": {**SQL, "erasure": "update x set n = null where n = :email"}}
    company.apply(with_stores(company, changed))
    said = StringIO()
    file = company.folder / "policy.yaml"
    file.write_text(yaml.safe_dump(with_stores(company, changed)))
    call_command("policy", "diff", str(file), stdout=said)
    assert "Asked otherwise: CRM" in said.getvalue() and "update x set n = null" in said.getvalue()


def test_a_store_that_is_retired_is_asked_no_more(company):
    company.go_live(with_stores(company, GOOD))
    company.go_live(with_stores(company, {**GOOD, "retired": True}))
    assert not Store.objects.exists()


def test_a_store_for_an_unknown_purpose_is_refused(company):
    with pytest.raises(CommandError, match=r"stores\[0\].purposes"):
        company.apply(with_stores(company, {**GOOD, "purposes": ["nothing-of-ours"]}))
