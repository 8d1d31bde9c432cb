"""The page of a notice: every version for good, its text made harmless, and what differs between two."""

from __future__ import annotations

import re

import pytest

from consent import actions
from consent.models import NoticeVersion
from tests.makers import make_notice, make_purpose

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "keys"])

HOSTILE = """# Why

<script>alert(1)</script>

<img src="https://evil.example/a.png" onerror="alert(1)">

![a picture](https://evil.example/b.png) ![c](javascript:alert(1))

[one](javascript:alert(1)) [two](JaVaScRiPt:alert(1)) [three](data:text/html,<b>x</b>) [four](vbscript:x)
[five](&#106;avascript:alert(1)) [six](//evil.example/) <javascript:alert(1)> [seven][ref]
[eight](https://example.org/" onmouseover="alert(1))

[ref]: javascript:alert(1)

<a href="https://evil.example">raw</a> <iframe src="//evil.example"></iframe> <style>*{display:none}</style>

- one
- **two** and [a law](https://example.org/law)
"""


def terms(**over):
    flow = {"off_hours": False, "exact_timing": False, "content_apps": []}
    known = {
        "purpose": {"key": "train", "title": "Train", "description": "To train it."},
        "basis": "consent",
        "sources": {
            "agent": {
                "title": "Desktop agent",
                "blocked_apps": [],
                "categories": {"pointer_movement": flow, "pointer_clicks": flow},
            }
        },
        "recipients": [],
        "processors": [],
        "retention": {"pointer_clicks": 30},
    }
    return known | over


def shown(client, address):
    answer = client.get(address)
    assert answer.status_code == 200
    return re.search(r"<main.*</main>", answer.content.decode(), re.DOTALL)[0]


def plain(html):
    return " ".join(re.sub(r"<[^>]+>", " ", html).split())


def test_each_version_stays_readable_with_its_fingerprint(as_ada, train):
    make_notice("train", text="Another text.")
    for version, text in ((1, "What we do, and why."), (2, "Another text.")):
        page = shown(as_ada, f"/choices/train/notices/{version}/")
        assert text in page
        assert NoticeVersion.objects.get(version=version).sha256 in page
    assert as_ada.get("/choices/train/notices/3/").status_code == 404
    assert as_ada.get(f"/choices/train/notices/{10**30}/").status_code == 404


def test_it_says_which_version_is_in_force_and_lists_the_others(as_ada, train):
    make_notice("train", text="Another text.")
    assert "it is not the one in force" in plain(shown(as_ada, "/choices/train/notices/1/"))
    page = shown(as_ada, "/choices/train/notices/2/")
    assert "Notice, version 2, in force since" in plain(page)
    assert 'href="/choices/train/notices/1/?language=en"' in page
    assert 'href="/choices/train/notices/2/?since=1&amp;language=en"' in page


def test_the_address_of_before_leads_on(as_ada, train):
    assert as_ada.get("/choices/train/notice/1/").headers["Location"] == "/choices/train/notices/1/"


def test_a_notice_of_a_draft_is_not_shown(as_ada, agent):
    make_purpose("secret", state="draft")
    assert as_ada.get("/choices/secret/notices/1/").status_code == 404


def test_a_notice_of_what_is_retired_stays_readable(as_ada, train):
    actions.retire_purpose(key="train")
    assert as_ada.get("/choices/train/notices/1/").status_code == 200


@pytest.mark.parametrize("address", ["/choices/train/notices/2/", "/choices/train/notices/2/?since=1", "/choices/"])
def test_hostile_markdown_does_nothing(as_ada, train, address):
    make_notice("train", text=HOSTILE)
    page = shown(as_ada, address)
    tags = re.findall(r"<[a-z/][^>]*>", page)
    notice = [tag for tag in tags if "evil.example" in tag or "javascript" in tag.lower() or "vbscript" in tag]
    assert notice == []
    assert not [tag for tag in tags if re.match(r"<(script|img|iframe|style|object|link|base)\b", tag)]
    assert not [tag for tag in tags if re.search(r"\son\w+\s*=|\sstyle\s*=", re.sub(r'="[^"]*"', "=", tag))]
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page


def test_markdown_that_means_no_harm_is_kept(as_ada, train):
    make_notice("train", text=HOSTILE)
    page = shown(as_ada, "/choices/train/notices/2/")
    assert "<h2>Why</h2>" in page
    assert "<strong>two</strong>" in page
    assert '<a href="https://example.org/law" rel="noopener noreferrer nofollow">a law</a>' in page
    assert "a picture" in page


def test_what_differs_is_said_in_sentences_and_marked_in_the_text(as_ada, train):
    make_notice("train", text="# Why\n\nWe keep clicks for 30 days.\n\n- One\n- Two", covers={}, terms=terms())
    wider = terms(retention={"pointer_clicks": 60}, recipients=[{"key": "x", "name": "X", "country": "US"}])
    make_notice("train", text="# Why\n\nWe keep clicks for 60 days.\n\n- One\n- Three", covers={}, terms=wider)
    page = shown(as_ada, "/choices/train/notices/3/?since=2")
    assert "<li>Kept longer: clicks, and where, 60 days instead of 30.</li>" in page
    assert "<li>A new recipient: X (US).</li>" in page
    assert "Whoever answered version 2 is asked again." in page
    marked = plain(page)
    assert "We keep clicks for removed: 30 end of removal. added: 60 end of addition. days." in marked
    assert "removed: Two end of removal." in marked
    assert "added: Three end of addition." in marked
    assert re.search(r"<del><span class=\"hush\">removed: </span>30", page)


def test_other_words_for_the_same_are_said_to_be_no_more(as_ada, train):
    make_notice("train", text="One.", covers={}, terms=terms())
    make_notice("train", text="Two.", covers={}, terms=terms())
    page = plain(shown(as_ada, "/choices/train/notices/3/?since=2"))
    assert "The same. Only the wording differs, so nobody is asked again." in page


def test_less_is_said_to_act_at_once(as_ada, train):
    make_notice("train", text="One.", covers={}, terms=terms())
    make_notice("train", text="Two.", covers={}, terms=terms(retention={"pointer_clicks": 7}))
    page = plain(shown(as_ada, "/choices/train/notices/3/?since=2"))
    assert "Kept for a shorter time: clicks, and where, 7 days instead of 30." in page
    assert "That acts at once, for everybody." in page


def test_a_text_is_compared_only_within_its_language(as_ada, train):
    make_notice("train", text="Zweck.", language="de")
    make_notice("train", text="Anderer Zweck.", language="de")
    make_notice("train", text="Purpose.")
    make_notice("train", text="Other purpose.")
    page = shown(as_ada, "/choices/train/notices/2/?since=1&language=de")
    assert 'lang="de"' in page
    assert "Zweck" in page
    assert "Purpose" not in plain(page)
    assert 'href="?language=en&amp;since=1"' in page
    missing = plain(shown(as_ada, "/choices/train/notices/2/?since=3&language=de"))
    assert "There is no version 3 in this language (Deutsch) to compare with." in missing


@pytest.mark.parametrize("since", ["", "0", "9", "-1", "x", "1" * 400, "٣"])
def test_what_is_no_version_is_nothing_to_compare_with(as_ada, train, since):
    assert as_ada.get("/choices/train/notices/1/", {"since": since}).status_code == 200


def test_a_long_unchanged_passage_is_folded(as_ada, train):
    body = "\n\n".join(f"Paragraph number {n}." for n in range(9))
    make_notice("train", text=f"First.\n\n{body}")
    make_notice("train", text=f"Second.\n\n{body}")
    page = shown(as_ada, "/choices/train/notices/3/?since=2")
    assert "<summary>9 lines as before</summary>" in page
