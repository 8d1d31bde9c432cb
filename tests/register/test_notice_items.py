"""Every item of Art. 13 and 14 stands in the notice and in its terms; what somebody wrote freely replaces none."""

from __future__ import annotations

from hashlib import sha256

import pytest

from consent.models import NoticeVersion, Purpose
from consent.terms import digest, is_bound
from portal.rights.choices.prose import summary

pytestmark = pytest.mark.django_db(databases=["default", "keys"])


def version_of(purpose, language="en"):
    return NoticeVersion.objects.filter(notice__purpose=purpose, notice__language=language).latest("version")


@pytest.fixture
def notices(company):
    """The example with a transfer, a representative, a lapse and an obligation, so that every item has its words."""
    document = company.document()
    document["controller"]["representative"] = "Nordlicht France, 2 rue du Port, Brest"
    document["recipients"][0] |= {"country": "US", "safeguard": "Standard contractual clauses of 4 June 2021."}
    document["processors"][0] |= {"country": "GB", "safeguard": "Adequacy decision of 28 June 2021."}
    document["purposes"][3]["obligatory"] = "Your contract obliges you to report faults."
    document["purposes"][3]["automated_decisions"] = "A program sorts faults; no person is judged."
    company.go_live(document)
    return {key: version_of(key).text for key in Purpose.objects.live().values_list("pk", flat=True)}


ITEMS = [
    ("controller, 13(1)(a)", "assistant-training", "Nordlicht Werke GmbH, Hafenstraße 12, 20457 Hamburg"),
    ("contact, 13(1)(a)", "assistant-training", "privacy@nordlicht.example"),
    ("representative, 13(1)(a)", "assistant-training", "Representative: Nordlicht France"),
    ("data protection officer, 13(1)(b)", "assistant-training", "Lea Lindqvist, dpo@nordlicht.example"),
    ("purpose, 13(1)(c)", "assistant-training", "Purpose: Recordings of how work is done on screen"),
    ("basis, 13(1)(c)", "assistant-training", "Legal basis: your consent (Art. 6(1)(a) GDPR)."),
    ("another basis, 13(1)(c)", "fault-finding", "Legal basis: a legitimate interest (Art. 6(1)(f) GDPR)."),
    ("interests, 13(1)(d)", "fault-finding", "The interest: Programs that fail stop everybody's work."),
    ("recipients, 13(1)(e)", "assistant-training", "**Nordlicht Research Lab** (US): releases of reduced recordings"),
    ("processors, 13(1)(e)", "assistant-training", "On the company's behalf: Elbe Hosting AG (GB): runs the servers"),
    (
        "transfers, 13(1)(f)",
        "assistant-training",
        "Nordlicht Research Lab (US): Standard contractual clauses of 4 June",
    ),
    ("safeguards, 13(1)(f)", "fault-finding", "Elbe Hosting AG (GB): Adequacy decision of 28 June 2021."),
    ("period, 13(2)(a)", "assistant-training", "where the pointer moves: 180 days."),
    ("access, 13(2)(b)", "assistant-training", "(Art. 15)"),
    ("rectification, 13(2)(b)", "assistant-training", "(Art. 16)"),
    ("erasure, 13(2)(b)", "assistant-training", "(Art. 17)"),
    ("restriction, 13(2)(b)", "assistant-training", "(Art. 18)"),
    ("portability, 13(2)(b)", "assistant-training", "(Art. 20)"),
    ("objection, 13(2)(b)", "fault-finding", "Object at any time (Art. 21): collection stops at once"),
    ("withdrawal, 13(2)(c)", "assistant-training", "You can take your yes back at any time; what was done until then"),
    ("complaint, 13(2)(d)", "assistant-training", "You can complain to the Hamburg Commissioner"),
    ("not obligatory, 13(2)(e)", "assistant-training", "No law and no contract obliges you to provide this data."),
    ("obligatory, 13(2)(e)", "fault-finding", "Your contract obliges you to report faults."),
    ("consequence, 13(2)(e)", "assistant-training", "You need not say yes. Saying no has no consequence for you"),
    ("alternative", "assistant-training", "What happens instead: The model is taught from recordings of volunteers"),
    ("no automated decisions, 13(2)(f)", "assistant-training", "None are made. Nobody is scored, ranked or compared."),
    ("automated decisions, 13(2)(f)", "fault-finding", "A program sorts faults; no person is judged."),
    ("categories, 14(1)(d)", "writing-help", "typed text: Suggestions are learned from sentences."),
    ("source, 14(2)(f)", "assistant-training", "It comes from your own device, while you use it."),
    ("another source, 14(2)(f)", "assistant-training", "It comes from recordings that exist already"),
    ("expiry", "assistant-training", "Your answer lapses after 365 days"),
    ("works agreement, 88", "assistant-training", "Agreed with the works council: BV 2026/07"),
    ("works agreement of a country, 88", "browser-tools", "Agreed with the workers of FR: Accord 2026-11"),
    ("assessment, 35", "assistant-training", "Impact assessment of the desktop recorder, 2026-09-15"),
    ("free text", "assistant-training", "**Questions?** Ask the Research Lab"),
]


def test_every_item_is_there(notices):
    missing = [name for name, purpose, said in ITEMS if said not in notices[purpose]]
    assert missing == []


def test_no_right_is_promised_that_the_basis_does_not_give(notices):
    assert "Art. 21" not in notices["assistant-training"]
    assert "Art. 20" not in notices["fault-finding"]
    assert "take your yes back" not in notices["fault-finding"]


def test_where_nobody_stands_outside_the_notice_says_so(company):
    company.go_live()
    assert "## Outside the European Economic Area\n\n- None of those named above is outside it." in (
        version_of("assistant-training").text
    )


def test_the_terms_say_all_of_it_to_machines(notices):
    terms = version_of("writing-help").terms
    assert terms["purpose"]["key"] == "writing-help"
    assert terms["sources"]["desktop"]["categories"] == {
        "keystroke_content": {
            "off_hours": True,
            "exact_timing": False,
            "content_apps": ["Calc", "Writer"],
            "why": "Suggestions are learned from sentences.",
        }
    }
    assert terms["sources"]["desktop"]["blocked_apps"] == ["1Password", "KeePass", "Signal"]
    assert terms["retention"] == {"keystroke_content": 30}
    assert [each["country"] for each in terms["processors"]] == ["GB"]
    assert (terms["expires"], terms["jurisdictions"], terms["must_acknowledge"]) == ({}, [], False)
    assert version_of("assistant-training").terms["expires"] == {"after_days": 365}
    assert terms["controller"]["authority"].startswith("the Hamburg Commissioner")
    assert [each["source"] for each in terms["agreements"]] == ["desktop"]


def test_the_hash_of_the_text_binds_its_terms(notices):
    for version in NoticeVersion.objects.all():
        assert version.terms
        assert version.text.endswith(f"`{digest(version.terms)}`\n")
        assert is_bound(version.text, version.terms)
        assert version.sha256 == sha256(version.text.encode()).hexdigest()


def test_the_short_layer_is_the_summary(notices):
    short = summary(notices["assistant-training"])
    assert short.startswith("With your yes we keep how you move")
    assert short.endswith("never to judge how you work.")


def test_the_short_layer_of_a_text_of_the_last_release_is_found_too():
    text = "# A title\n\nA summary.\n\nMore of it.\n\n## What is collected\n\n- x\n"
    assert summary(text) == "A summary."


FREE = [
    "## Your rights\n\n- none",
    "# Another notice",
    "Your rights\n===",
    "Your rights\n---",
    "```\nAll code",
]


@pytest.mark.parametrize("free", FREE)
def test_free_text_makes_no_section_of_the_notice(company, free):
    document = company.document()
    document["purposes"][1]["notices"]["en"] |= {"summary": f"Short.\n\n{free}", "further": [free]}
    company.go_live(document)
    text = version_of("writing-help").text
    headings = [line for line in text.splitlines() if line.startswith(("# ", "## "))]
    assert headings.count("## Your rights") == 1
    assert headings[0] == "# Better suggestions while writing"
    assert not any(line and not line.strip("=-") and line != "---" for line in text.splitlines())
    assert text.splitlines().count("---") == 1
    assert "\n```" not in text
    assert summary(text) == "Short."


def test_a_text_of_several_lines_stays_one_item(company):
    document = company.document()
    document["sources"][0]["description"] = "A program.\n\n## Your rights\n\nNone."
    company.go_live(document)
    assert "- **Desktop recorder** (Program on the computer): A program. ## Your rights None.\n" in (
        version_of("writing-help").text
    )


def test_an_assessment_that_several_sources_share_is_named_once(company):
    document = company.document()
    first, second = document["sources"][:2]
    second["assessment"] = first["assessment"]
    second["flows"].append(first["flows"][0])
    company.go_live(document)
    text = version_of(first["flows"][0]["purpose"]).text
    assert text.count(f"Impact assessment: {first['assessment']['title']}") == 1
