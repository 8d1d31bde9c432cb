"""A receipt is verified in the browser and sent nowhere; its pages hold on a telephone, in the dark and on paper."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from django.conf import settings as site

from consent import actions, checkpoints, leaf, receipts, verify_receipt
from consent.note import Signer
from tests.browser.walking import follow
from tests.consent import test_receipts as by_hand
from tests.makers import make_employee, make_purpose
from tests.pages.conftest import BACKEND

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True, databases=["default", "keys"])]
SHOTS = os.environ.get("SHOTS", "")
DROP = """(text) => {
  const carried = new DataTransfer();
  carried.items.add(new File([text], "receipt.tlog-proof"));
  document.getElementById("verify").dispatchEvent(new DragEvent("drop", {dataTransfer: carried, bubbles: true}));
}"""


@pytest.fixture
def receipt(ada):
    make_purpose("train", title="Train an assistant")
    for each in (make_employee("Ben"), make_employee("Cleo"), ada, make_employee("Dora")):
        made = actions.give(subject_id=each.pk, purpose_key="train", path="page:choices")
    return receipts.issue(made.index - 1).text


@pytest.fixture
def verify_page(page, live_server, complaints):
    """The page, and a list of what it sends after it was loaded."""
    page.goto(f"{live_server.url}/receipts/verify/")
    page.sent = []
    page.on("request", lambda request: page.sent.append(request.url))
    return page


def verdict(page, text):
    page.evaluate("document.getElementById('verdict').removeAttribute('data-verdict')")
    page.evaluate(DROP, text)
    page.wait_for_selector("#verdict[data-verdict]")
    return page.get_attribute("#verdict", "data-verdict")


def test_a_good_receipt_is_dropped_and_verified_without_being_sent(verify_page, receipt, complaints):
    verify_page.reload()
    verify_page.sent.clear()
    assert verdict(verify_page, receipt) == "shown"
    said = verify_page.inner_text("#verdict")
    assert "This decision was recorded as entry 2" in said and "checkpoint 4" in said
    assert "compare this checkpoint" in said
    assert [each for each in verify_page.sent if not each.endswith("favicon.svg")] == []
    assert complaints == []


def test_a_tampered_receipt_is_refused_with_the_reason(verify_page, receipt, complaints):
    verify_page.reload()
    assert verdict(verify_page, receipt.replace("index 2", "index 1")) == "inclusion"
    assert verify_receipt.REASONS["inclusion"] in verify_page.inner_text("#verdict")
    assert complaints == []


def test_a_file_is_chosen_instead_of_dropped(verify_page, receipt, tmp_path):
    (tmp_path / "receipt.tlog-proof").write_text(receipt, encoding="utf-8")
    verify_page.reload()
    verify_page.set_input_files("#file", tmp_path / "receipt.tlog-proof")
    verify_page.wait_for_selector('#verdict[data-verdict="shown"]')


def hand_made(signer):
    """Receipts for every reason there is to refuse one, and what is easily read in two ways."""

    def made(**over):
        return by_hand.made(**({"signer": signer} | over))

    record, salt, good = by_hand.RECORD, by_hand.SALT, made()
    entry = leaf.make_entry("decision", record, salt)
    witness = Signer.make("witness.example").sign(good.partition("\n\n")[2].rpartition("\n\n")[0] + "\n")
    odd = record | {"path": 'caf\u00e9 \u2603 \U0001f600 "\\/\b\f\n\r\t\x01\x7f\u2028'}
    twice = b'{"entry":"AAAA","record":{"at":"x"},"salt":"A","salt":"%s"}' % by_hand.b64(salt).encode()
    yield from (good, good + witness.rpartition("\n\n")[2], made(index=0, size=1), made(index=12, size=13))
    yield made(entry=leaf.make_entry("decision", odd, salt), record=odd)
    yield from (good.replace("@v1", "@v2"), good.replace("index 5", "index 05"), good.replace("\n", "\r\n"))
    yield made(
        extra=json.dumps({"entry": by_hand.b64(entry), "record": record, "salt": by_hand.b64(salt)}).encode() + b" "
    )
    yield from (made(extra=b"[]"), made(extra=twice), good.partition("\n\n")[0], made(proof=[b"x" * 31]))
    yield from (made(signer=Signer.make(signer.name)), made(signer=Signer.make("another.example")))
    yield made(head=f"another.example\n13\n{by_hand.b64(b'x' * 32)}\n")
    yield from (made(entry=entry.replace(b"11-21", b"11-20")), made(entry=b"daylight/v2\n" + entry[12:]))
    for change in ({"kind": "refused"}, {"notice_version": 3.0}, {"notice_version": True}, {"more": ""}):
        yield made(record=record | change)
    for change in ({"at": "2026-02-30T00:00:00.000Z"}, {"purpose": "\ud800"}, {"purpose": None}, {"at": {}}):
        yield made(record=record | change)
    yield from (good[:-1], good + good.rpartition("\n\n")[2] * 80, "", "x" * 70_000, good.replace("index 5", "index 4"))
    lines = good.split("\n")
    yield from ("\n".join(lines[:at] + lines[at + 1 :]) for at in range(len(lines)))


def test_the_page_judges_as_the_script_does(verify_page):
    vkeys = [each.to_text() for each in checkpoints.verifiers()]
    judged, wanted = {}, {}
    for at, text in enumerate(hand_made(checkpoints.signer())):
        found = verify_receipt.verify(text, vkeys)
        wanted[at] = found.code if isinstance(found, verify_receipt.Refused) else "shown"
        judged[at] = verdict(verify_page, text)
    assert judged == wanted
    assert set(wanted.values()) == {*verify_receipt.REASONS, "shown"} - {"given_keys", "file"}


def test_a_browser_without_ed25519_says_so_and_the_button_still_works(verify_page, receipt, tmp_path):
    (tmp_path / "receipt.tlog-proof").write_text(receipt, encoding="utf-8")
    verify_page.add_init_script(
        """const given = crypto.subtle.importKey.bind(crypto.subtle);
        crypto.subtle.importKey = (format, key, how, ...rest) => how.name === "Ed25519"
          ? Promise.reject(new DOMException("no", "NotSupportedError")) : given(format, key, how, ...rest);"""
    )
    verify_page.reload()
    assert verdict(verify_page, receipt) == "unable"
    verify_page.set_input_files("#file", tmp_path / "receipt.tlog-proof")
    verify_page.click("#verify button")
    verify_page.wait_for_url("**/receipts/verify/")
    assert verify_page.get_attribute("#verdict", "data-verdict") == "shown"


# --- how the pages are


@pytest.mark.parametrize(("width", "scheme"), [(320, "dark"), (1280, "light")])
def test_the_pages_fit_and_are_accessible(page, live_server, sign_in, faults, complaints, ada, receipt, scheme, width):
    sign_in(ada)
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": width, "height": 900})
    for address in ("/receipts/", "/receipts/?show=all", "/receipts/2/", "/receipts/verify/"):
        page.goto(live_server.url + address)
        if address == "/receipts/verify/":
            verdict(page, receipt)
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), address
        assert faults() == [], address
        if SHOTS:
            name = address.strip("/").replace("/", "-").replace("?", "-")
            page.screenshot(path=f"{SHOTS}/{name}-{width}-{scheme}.png", full_page=True)
    assert complaints == []


@pytest.mark.parametrize("width", [320, 1280])
def test_the_page_that_verifies_holds_for_somebody_who_is_not_signed_in(page, live_server, faults, receipt, width):
    page.set_viewport_size({"width": width, "height": 900})
    page.goto(f"{live_server.url}/receipts/verify/")
    assert verdict(page, receipt.replace("index 2", "index 0")) == "inclusion"
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    assert faults() == []
    if SHOTS:
        page.screenshot(path=f"{SHOTS}/anonymous-{width}.png", full_page=True)


def test_on_paper_the_receipt_itself_is_printed_and_no_button(page, live_server, sign_in, ada, receipt):
    sign_in(ada)
    page.goto(f"{live_server.url}/receipts/2/")
    assert not page.is_visible(".paper")
    page.emulate_media(media="print")
    assert page.is_visible(".paper") and not page.is_visible(".screen")
    assert page.inner_text(".paper pre").strip() == receipt.strip()


def test_the_list_and_a_receipt_are_reached_without_javascript(browser, live_server, client, ada, receipt):
    context = browser.new_context(java_script_enabled=False)
    client.force_login(ada, BACKEND)
    cookie = client.cookies[site.SESSION_COOKIE_NAME].value
    context.add_cookies([{"name": site.SESSION_COOKIE_NAME, "value": cookie, "url": live_server.url}])
    page = context.new_page()
    page.goto(f"{live_server.url}/receipts/")
    follow(page.locator("text=You said yes"))
    assert page.url.endswith("/receipts/2/")
    with page.expect_download() as download:
        page.click("text=Download the receipt")
    assert Path(download.value.path()).read_text(encoding="utf-8") == receipt
    context.close()
