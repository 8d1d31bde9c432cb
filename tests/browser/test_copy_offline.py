"""A copy opened from a disk: it asks nothing of any network, runs nothing, and everybody can read it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from portal.audit import trail
from portal.audit.values import Action
from portal.people.models import Employee
from tests.browser.walking import follow
from tests.makers import SETTING_UP
from tests.rights.conftest import ask, at, carry_out, make_events, recorded, store, unzip  # noqa: F401

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "keys"])


@pytest.fixture
def on_disk(recorded, tmp_path):  # noqa: F811
    trail.access(Action.DATA_READ, actor=SETTING_UP, subject_id=recorded.pk, purpose="incident")
    Employee.objects.filter(pk=recorded.pk).update(department="Analytical engines", working_hours="Mo-Fr 08:00-18:00")
    store(recorded, make_events(at(1), n=30))
    for path, body in unzip(carry_out(ask(recorded))).items():
        place = tmp_path / "copy" / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(body)
    return tmp_path / "copy"


@pytest.fixture
def asked(page):
    """Every address that the browser asked for."""
    found = []
    page.on("request", lambda request: found.append(request.url))
    return found


def pages_of(folder: Path):
    return [folder / "index.html", sorted((folder / "days").iterdir())[-1]]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 360])
def test_it_opens_from_a_disk_for_everybody(on_disk, page, faults, asked, complaints, width, scheme):
    page.set_viewport_size({"width": width, "height": 900})
    page.emulate_media(color_scheme=scheme)
    for place in pages_of(on_disk):
        page.goto(place.as_uri())
        assert faults() == []
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        if shots := os.environ.get("SHOTS"):
            page.screenshot(path=f"{shots}/{place.stem}-{width}-{scheme}.png", full_page=True)
    assert {url.split(":")[0] for url in asked} == {"file"}
    assert complaints == []


def test_from_the_first_page_every_day_and_file_is_a_click_away(on_disk, page, asked):
    page.goto((on_disk / "index.html").as_uri())
    targets = page.eval_on_selector_all("a[href]", "links => links.map(link => link.getAttribute('href'))")
    files = {target for target in targets if not target.startswith("#")}
    assert {path.relative_to(on_disk).as_posix() for path in on_disk.rglob("*.*") if path.is_file()} - files <= {
        "index.html",
        "manifest.json",
    }
    assert all((on_disk / target).is_file() for target in files)
    anchors = {target[1:] for target in targets if target.startswith("#")}
    assert all(page.locator(f"[id='{each}']").count() == 1 for each in anchors)
    follow(page.get_by_role("link", name="page 1").first)
    assert page.locator("tbody tr").count() == 35


def test_it_is_printed_with_everything_in_black_on_white(on_disk, page):
    page.emulate_media(media="print", color_scheme="dark")
    page.goto((on_disk / "index.html").as_uri())
    shade = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert shade == "rgb(255, 255, 255)"
    assert len(page.pdf()) > 10_000
