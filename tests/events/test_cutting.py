"""What titles and addresses lose before they are sealed, and the ways round it."""

from __future__ import annotations

import string
import time

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from consent import door
from consent.door import Redaction, Titles, Urls
from portal.events.minimising import numbers, patterns, titles, urls
from portal.events.minimising.door import folded

ALL, PATH = Titles(), Urls("path")


def clean(text, rules=ALL):
    return titles.clean(text, rules, PATH)


MAILS = [
    "ada@example.org",
    "Ada.Lovelace+list@mail.example.co.uk",
    "müller@bücher.example",
    "ада@пример.рф",
    "ada＠example.org",
    "ada%40example.org",
    '"ada lovelace"@example.org',
    "ada@[192.0.2.1]",
    "ada@localhost",
    "a@b@example.org",
    "ada\u200b@exam\u200bple.org",
    "o'ada@example.org",
]
ACCOUNTS = [
    "DE89370400440532013000",
    "DE89 3704 0044 0532 0130 00",
    "de89-3704-0044-0532-0130-00",
    "GB33 BUKB 2020 1555 5555 55",
    "NO93 8601 1117 947",
    "MT84 MALT 0110 0001 2345 MTLC AST0 01S",
    "ＤＥ８９ 3704 0044 0532 0130 00",
    "XDE89370400440532013000",
]
CARDS = [
    "4111111111111111",
    "4111 1111 1111 1111",
    "4111-1111-1111-1111",
    "5105.1051.0510.5100",
    "3782 822463 10005",
    "6011000990139424",
    "4111\u200b1111\u200b1111\u200b1111",
    "٤١١١١١١١١١١١١١١١",
    "x4111111111111111y",
]
PHONES = [
    "+49 30 1234567",
    "+49 (0)30 / 123 45-67",
    "0049 30 1234567",
    "030 1234567",
    "0301234567",
    "01 23 45 67 89",
    "06.12.10.45.67",
    "(212) 555-0142",
    "212-555-0142",
    "1-800-555-0142",
    "+1.212.555.0142",
    "612 345 678",
    "20 7946 0018 call 020 7946 0018",
    "+۴۹۳۰۱۲۳۴۵۶۷",
]


@pytest.mark.parametrize("found", MAILS)
def test_an_email_address_is_taken_out_however_it_is_written(found):
    said = clean(f"Re: offer {found} - Mail")
    assert not any(each in said.lower() for each in ("@", "＠", "example", "ada", "ада", "müller"))
    assert said.startswith("Re: offer ")
    assert said.endswith(" - Mail")


@pytest.mark.parametrize("found", [*ACCOUNTS, *CARDS])
def test_an_account_or_card_number_is_taken_out_however_it_is_written(found):
    said = patterns.folded(clean(f"Paid from {found} today"))
    assert sum(each.isdigit() for each in said) <= 2
    assert said.endswith(" today")


@pytest.mark.parametrize("found", PHONES)
def test_a_phone_number_is_taken_out_however_it_is_written(found):
    said = patterns.folded(clean(f"Call {found} now"))
    assert sum(each.isdigit() for each in said) <= 4 + 6 * ("call" in found)
    assert said.endswith(" now")


@pytest.mark.parametrize(
    "title",
    [
        "Report 2026-11-22 08:26:32",
        "Minutes of 22.11.2026 and 01.02.2026 08:30",
        "11/22/2026, 9:41",
        "Python 3.11.7 - Terminal",
        "Windows 10.0.19041.1234",
        "Chrome 131.0.6778.86",
        "react@18.2.0",
        "Ticket 1234567",
        "Order 2026/00123",
        "192.168.100.200",
        "1 234 567 890 EUR",
        "commit 3f0301234567ab",
        "Logs since 1732261592123",
        "Room 4.12, floor 3",
        "Budget 2026-2027 v2.10",
        "DE00 3704 is no account",
        "4111 1111 is no card",
        "meet @ noon, cc @ada",
        '=1+1 \U0001f600 \\ "quoted"',
        "",
    ],
)
def test_dates_versions_machines_and_other_numbers_stay(title):
    assert clean(title) == title


def test_what_the_check_digits_say_decides_of_accounts_and_cards():
    assert clean("4111111111111112") == "4111111111111112"
    assert list(numbers.accounts("DE89370400440532013000"))
    assert not list(numbers.accounts("DE88370400440532013000"))


class TestAddresses:
    @pytest.mark.parametrize(
        ("sent", "kept"),
        [
            ("https://example.org/a?token=1#part", "https://example.org/a"),
            ("https://example.org?token=1", "https://example.org"),
            ("https://ada:secret@example.org/a", "https://example.org/a"),
            ("https://ada%40corp:secret@example.org/a", "https://example.org/a"),
            ("https://good@bad@example.org/", "https://example.org/"),
            ("HTTPS://ADA:SECRET@EXAMPLE.ORG/A?B", "HTTPS://EXAMPLE.ORG/A"),
            ("https:\\\\ada:secret@example.org\\a?b", "https://example.org/a"),
            ("https:/ada:secret@example.org/a", "https:/example.org/a"),
            ("  \thttps://ada@exam\nple.org/\r", "https://example.org/"),
            ("//ada:secret@example.org/a?b", "//example.org/a"),
            ("/a?b#c", "/a"),
            ("https://xn--bcher-kva.example/?q=1", "https://xn--bcher-kva.example/"),
            ("https://bücher.example/ä", "https://bücher.example/ä"),
            ("https://ex%61mple.org/", "https://…/"),
            ("https://[2001:db8::1]:8443/a?b", "https://[2001:db8::1]:8443/a"),
            ("https://example.org/a;jsessionid=1;x/b;y", "https://example.org/a/b"),
            ("https://example.org/users/ada@example.org/x", "https://example.org/users/…/x"),
            ("https://example.org/users/ada%40example.org", "https://example.org/users/…"),
            ("https://example.org/users/ada%2540example.org", "https://example.org/users/…"),
            ("https://example.org/users/ada%25252540example.org", "https://example.org/users/…"),
            ("https://example.org/iban/DE89%203704%200044%200532%200130%2000", "https://example.org/iban/…"),
            ("https://example.org/call/+49-30-1234567/", "https://example.org/call/…/"),
            ("https://example.org/2026/11/22/v2.10/12345", "https://example.org/2026/11/22/v2.10/12345"),
            ("data:text/html,<p>secret", "data:"),
            ("javascript:alert('secret')", "javascript:"),
            ("java\nscript:alert('secret')", "javascript:"),
            ("JAVASCRIPT:alert(1)", "JAVASCRIPT:"),
            ("file:///home/ada/salary.ods", "file:"),
            ("blob:https://example.org/0b3c", "blob:"),
            ("mailto:ada@example.org?subject=x", "mailto:"),
            ("view-source:https://example.org/?q", "view-source:"),
            ("about:reader?url=https://x", "about:"),
            ("ada:secret@example.org", "…"),
            ("whatsapp://send?phone=491234", "…"),
            ("", ""),
        ],
    )
    def test_query_fragment_names_and_what_is_no_page_go(self, sent, kept):
        assert urls.cut(sent, PATH) == kept

    def test_what_has_digits_goes_from_the_path_where_the_rules_say_so(self):
        rules = Urls("path_without_ids")
        assert urls.cut("https://x.org/v2/users/4711/edit", rules) == "https://x.org/v2/users/…/edit"
        assert urls.cut("https://x.org/o/0b3c-11ee/a%31b", rules) == "https://x.org/o/…/…"
        assert urls.cut(f"https://x.org/{'t' * 33}", rules) == "https://x.org/…"

    def test_the_host_alone_is_kept_where_the_rules_say_so(self):
        assert urls.cut("https://u@x.org:8443/a?q#f", Urls("host")) == "https://x.org:8443"
        assert urls.cut("/a/b", Urls("host")) == "…"

    def test_a_parameter_that_is_named_stays_unless_it_names_somebody(self):
        rules = Urls("path", frozenset({"page", "q"}))
        sent = "https://x.org/a?page=2&token=1&q=ada%40x.org&Q=%2B49+30+1234567&page=x;q=y#f"
        assert urls.cut(sent, rules) == "https://x.org/a?page=2&q=…&Q=…&page=x&q=y"
        assert urls.cut("https://x.org/a?%71=1&pag%65=2", rules) == "https://x.org/a"


class TestTitles:
    def test_an_address_in_a_title_is_cut_as_any_other(self):
        assert clean("https://u:p@h.org/a?b=c#d - Browser") == "https://h.org/a - Browser"
        assert clean("data:text/html,secret - Browser") == "data: - Browser"
        assert titles.clean("(https://h.org/a/b)", ALL, Urls("host")) == "(https://h.org"

    @pytest.mark.parametrize("sign", [" - ", " – ", " — ", " | ", " · ", " • ", " \u2010 "])
    def test_the_first_part_ends_at_the_first_dash_or_bar(self, sign):
        assert clean(f"Draft{sign}Ada{sign}Mail", Titles(first_part=True)) == "Draft"
        assert clean("well-known: a-b", Titles(first_part=True)) == "well-known: a-b"

    def test_only_the_words_named_stay(self):
        rules = Titles(words=frozenset({"invoice", "mail"}))
        assert clean("INVOICE 42 for Ada Lovelace - Mail", rules) == "INVOICE … Mail"
        assert clean("Ada Lovelace", rules) == ""
        assert clean("invoices", rules) == ""

    def test_nothing_stays_where_the_rules_say_so(self):
        assert clean("Anything", door.NO_TITLE) == ""

    def test_an_app_has_rules_of_its_own_and_one_that_is_not_known_the_strictest_of_all(self):
        rules = door.read({"titles": {"keep": "first_part", "apps": {"Mail": "nothing", "Editor": "all"}}})
        assert rules.title_of("Mail") == door.NO_TITLE
        assert rules.title_of("Editor") == ALL
        assert rules.title_of("Other") == Titles(first_part=True)
        assert rules.title_of(None) == door.NO_TITLE


WORDS = st.sampled_from(
    [*MAILS, *ACCOUNTS, *CARDS, *PHONES, "https://u:p@h.org/a@b.c?d#e", "//", "%40", "-", " | ", "…", "2026-11-22", "@"]
)
TEXT = st.lists(st.one_of(WORDS, st.text(max_size=12), st.text(string.digits + " -.+/()@%", max_size=12))).map("".join)
RULES = st.builds(
    Redaction,
    st.sampled_from([ALL, Titles(True), Titles(words=frozenset({"call", "paid"})), door.NO_TITLE]),
    st.just({}),
    st.just(Urls())
    | st.builds(Urls, st.sampled_from(door.LEVELS[:-1]), st.sampled_from([frozenset(), frozenset({"q", "d"})])),
)


@given(text=TEXT, rules=RULES)
@example(text="https:@\\ #x", rules=Redaction(Titles(False, None), {}, Urls("path", frozenset())))
@example(text=";https://u:p@h.org/a@b.c?d#e", rules=Redaction(Titles(False, None), {}, Urls("path", frozenset())))
@settings(max_examples=150, deadline=None)
def test_once_cut_nothing_more_is_cut_and_no_text_grows(text, rules):
    for cut in (lambda each: titles.clean(each, rules.titles, rules.urls), lambda each: urls.cut(each, rules.urls)):
        once = cut(text)
        assert len(once) <= len(text)
        assert cut(once) == once
    assert not patterns.spans(titles.clean(text, rules.titles, rules.urls))


@given(one=RULES, other=RULES)
@settings(max_examples=50, deadline=None)
def test_the_stricter_of_two_rules_keeps_no_more_than_either(one, other):
    both = one.meet(other)
    assert not both.beyond(one)
    assert not both.beyond(other)
    assert bool(one.beyond(other)) == (one.meet(other).beyond(one) != [] or one.beyond(both) != [])


@pytest.mark.parametrize(
    "text",
    [each * 4096 for each in ("@", "9", "0", "a", "…", " ", "%")]
    + [each * 2048 for each in ("a@", "1 ", "2-", "a:", "/.", "%4")]
    + ["22 " * 1365, "DE00" * 1024, "00DE" * 1024, '"@' * 2048, "a" * 4000 + "://", "٤" * 1365, "%25" * 1365 + "40"],
)
def test_the_longest_text_is_gone_through_at_once(text):
    began = time.perf_counter()
    titles.clean(text, ALL, PATH)
    urls.cut(f"https://x.org/{text}", Urls("path_without_ids"))
    urls.cut(f"https://x.org/?q={text}", Urls("path", frozenset("q")))
    assert time.perf_counter() - began < 1.5


def test_a_blocked_app_is_known_however_its_name_is_spelt():
    assert len({folded(each) for each in ("KeePass", "keepass", " KEEPASS.EXE ", "ＫｅｅＰａｓｓ", "KeePass.exe")}) == 1


def test_without_a_rule_an_address_stays_as_it_was_sent_but_for_names_and_passwords():
    assert urls.cut("https://x.org/a;b/c%20d?q=1&r=2#f", Urls()) == "https://x.org/a;b/c%20d?q=1&r=2#f"
    assert urls.cut("https://ada:secret@x.org/?q=1", Urls()) == "https://x.org/?q=1"
    assert urls.cut("data:text/plain,secret", Urls()) == "data:"
    assert urls.cut("/a?q", Urls()) == "/a?q"
