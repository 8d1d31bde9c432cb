"""The walls of the house: each test fails when somebody breaks one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from django.apps import apps
from django.db import models
from django.urls import URLPattern, URLResolver, get_resolver
from importlinter.cli import lint_imports
from ninja.openapi.views import openapi_json, openapi_view

from portal.celery import app as celery
from portal.people.tokens import Bearer
from portal.rights.inventory import INVENTORY
from portal.urls import api
from tests.clear_columns import CLEAR_COLUMNS

ROOT = Path(__file__).resolve().parent.parent
OURS = {
    "consent",
    "vault",
    "audit",
    "outbox",
    "register",
    "people",
    "events",
    "rights",
    "oversight",
    "cases",
    "leaving",
}
OURS |= {"opendsr", "connectors", "holds", "clocks", "redress", "enrolment", "retention"}
# Pages that others wrote; allauth guards each of them itself (tests/people holds the ones that matter to that).
FOREIGN = ("allauth.",)
PUBLIC_OPERATIONS = {"/ledger/checkpoint", "/ledger/proof/{int:idx}", "/ledger/consistency"}


def patterns(resolver: URLResolver, prefix: str = "") -> Iterator[tuple[str, URLPattern]]:
    for entry in resolver.url_patterns:
        where = prefix + str(entry.pattern)
        if isinstance(entry, URLResolver):
            yield from patterns(entry, where)
        else:
            yield where, entry


def test_imports_run_one_way():
    assert lint_imports(config_filename=str(ROOT / "pyproject.toml"), no_cache=True) == 0


def test_everything_that_beat_repeats_is_a_task_that_workers_know():
    celery.loader.import_default_modules()
    assert {each["task"] for each in celery.conf.beat_schedule.values()} <= set(celery.tasks)


def test_every_part_stands_in_the_contract():
    contract = (ROOT / "pyproject.toml").read_text()
    for part in sorted(path.parent.name for path in (ROOT / "portal").glob("*/apps.py")):
        assert f"portal.{part}" in contract, f"{part} is on no floor"


def test_every_model_is_exported_erased_or_kept_for_a_reason():
    present = {model._meta.label for model in apps.get_models()}
    assert set(INVENTORY) == present


def test_every_page_says_who_may_call_it():
    without = []
    for where, entry in patterns(get_resolver()):
        view = getattr(entry.callback, "view_class", entry.callback)
        if where.startswith("api/v1/") or view.__module__.startswith(FOREIGN):
            continue
        if not hasattr(entry.callback, "rule"):
            without.append(where)
    assert without == []


def test_every_operation_of_the_api_asks_for_a_token_or_is_known_to_be_public():
    for prefix, router in api._routers:
        for path, view in router.path_operations.items():
            for operation in view.operations:
                where = f"{prefix}{path}"
                if where in PUBLIC_OPERATIONS:
                    continue
                assert operation.auth_callbacks, f"{where} has no auth"
                assert all(isinstance(auth, Bearer) for auth in operation.auth_callbacks), where


def test_nothing_else_is_mounted_under_the_api():
    for where, entry in patterns(get_resolver()):
        if where.startswith("api/v1/"):
            callback = entry.callback
            inner = getattr(callback, "func", callback)
            assert "ninja" in inner.__module__ or inner in (openapi_json, openapi_view), where


CAN_COUNT_OR_TELL_TIME = (
    models.IntegerField,
    models.FloatField,
    models.DecimalField,
    models.DateField,  # DateTimeField too
    models.TimeField,
    models.DurationField,
    models.JSONField,
    models.AutoField,
)


def test_every_clear_column_that_could_hold_a_persons_count_or_time_is_named_with_its_reason():
    could = {
        f"{model._meta.label}.{field.name}"
        for model in apps.get_models()
        if model._meta.app_label in OURS
        for field in model._meta.concrete_fields
        if isinstance(field, CAN_COUNT_OR_TELL_TIME)
    }
    assert could == set(CLEAR_COLUMNS)
    assert all(len(reason) > 10 for reason in CLEAR_COLUMNS.values())


def test_no_colour_stands_outside_root():
    for path in (ROOT / "static").rglob("*.css"):
        body = re.sub(r"/\*.*?\*/", "", path.read_text(), flags=re.S)
        body = re.sub(r":root[^{]*\{[^}]*\}", "", body)
        assert re.findall(r"#[0-9a-fA-F]{3,8}\b|(?:rgb|hsl|oklch)a?\([^)]*\)", body) == [], path


def test_no_page_has_an_inline_style_script_or_handler():
    for path in (ROOT / "templates").rglob("*.html"):
        body = path.read_text()
        assert not re.search(r"<style|\sstyle=|\son[a-z]+=", body), path
        assert not re.search(r"<script(?![^>]*\bsrc=)[^>]*>", body), path


def test_no_address_of_a_third_party_is_asked_for():
    for path in [*(ROOT / "templates").rglob("*.html"), *(ROOT / "static").rglob("*.*s")]:
        asked = re.findall(r"(?:src|href|action|url\()\s*=?\s*[\"']?(https?://[^\"')\s]+)", path.read_text())
        assert asked == [], path
