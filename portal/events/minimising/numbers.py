"""Account, card and phone numbers in a text whose digits and dashes are those of ASCII."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

Span = tuple[int, int]
# How long an account number is, by country: the IBAN registry.
LENGTHS = {
    "AD": 24, "AE": 23, "AL": 28, "AT": 20, "AZ": 28, "BA": 20, "BE": 16, "BG": 22, "BH": 22, "BI": 27, "BR": 29,
    "BY": 28, "CH": 21, "CR": 22, "CY": 28, "CZ": 24, "DE": 22, "DJ": 27, "DK": 18, "DO": 28, "EE": 20, "EG": 29,
    "ES": 24, "FI": 18, "FK": 18, "FO": 18, "FR": 27, "GB": 22, "GE": 22, "GI": 23, "GL": 18, "GR": 27, "GT": 28,
    "HN": 28, "HR": 21, "HU": 28, "IE": 22, "IL": 23, "IQ": 23, "IS": 26, "IT": 27, "JO": 30, "KW": 30, "KZ": 20,
    "LB": 28, "LC": 32, "LI": 21, "LT": 20, "LU": 20, "LV": 21, "LY": 25, "MC": 27, "MD": 24, "ME": 22, "MK": 19,
    "MN": 20, "MR": 27, "MT": 31, "MU": 30, "NI": 28, "NL": 18, "NO": 15, "OM": 23, "PK": 24, "PL": 28, "PS": 29,
    "PT": 25, "QA": 29, "RO": 24, "RS": 22, "RU": 33, "SA": 24, "SC": 31, "SD": 18, "SE": 24, "SI": 19, "SK": 24,
    "SM": 27, "SO": 23, "ST": 25, "SV": 28, "TL": 23, "TN": 24, "TR": 26, "UA": 29, "VA": 22, "VG": 24, "XK": 20,
    "YE": 30,
}  # fmt: skip
_ACCOUNT = re.compile(r"[A-Za-z]{2}[ \-\u00ad]?[0-9]{2}")
_BETWEEN = " -.\u00ad"
# Digits in groups; between two of them stand at most three signs that numbers are written with.
_RUN = re.compile(r"\+?[0-9]+(?:[ ./()\-\u00ad]{1,3}[0-9]+)*")
_GROUP = re.compile(r"[0-9]+")
CARD, MOST_CARD = 13, 19
# What no card begins with.
NO_CARD = "017"
PHONE, ABROAD, MOST_PHONE = 9, 7, 15
# As numbers without a zero before them are written, in groups of one sign: nothing else may go on in the same way.
ALONE = {(3, 3, 3): " -", (2, 2, 2, 2): " "}
IN_CARDS = frozenset(" -.\u00ad")


def accounts(plain: str) -> Iterator[Span]:
    """Find account numbers (IBAN) of which the check digits are right."""
    for found in _ACCOUNT.finditer(plain):
        length = LENGTHS.get(found[0][:2].upper(), 0)
        signs, end = _signs(plain, found.start(), length)
        if len(signs) == length and length and _is_account(signs):
            yield found.start(), end


def _signs(plain: str, start: int, wanted: int) -> tuple[str, int]:
    """Return so many letters and digits from there on, and where they end; single signs between them do not count."""
    signs, at, gap = [], start, 0
    while at < len(plain) and len(signs) < wanted:
        if plain[at].isascii() and plain[at].isalnum():
            signs.append(plain[at])
            gap = 0
        elif plain[at] in _BETWEEN and not gap:
            gap = 1
        else:
            break
        at += 1
    return "".join(signs), at


def _is_account(signs: str) -> bool:
    turned = signs[4:] + signs[:4]
    return int("".join(str(int(each, 36)) for each in turned)) % 97 == 1


@dataclass(frozen=True)
class Group:
    """Digits that stand together; `gap` is what stands before them."""

    start: int
    digits: str
    gap: str

    @property
    def end(self) -> int:
        return self.start + len(self.digits)


def cards_and_phones(plain: str) -> Iterator[Span]:
    for run in _RUN.finditer(plain):
        if run.end() - run.start() < ABROAD:
            continue
        groups = _groups(plain, run)
        plus = plain[run.start()] == "+"
        is_part = len(groups) == 1 and _in_a_word(plain, run.start(), run.end())
        at = 0
        while at < len(groups):
            taken = _card(groups, at) or (0 if is_part else _phone(groups, at, plus and at == 0))
            if taken:
                yield groups[at].start - (plus and at == 0), groups[at + taken - 1].end
            at += taken or _date(groups, at) or 1


def _in_a_word(plain: str, start: int, end: int) -> bool:
    """Return whether letters stand on both sides, as in a digest: such digits are no phone number."""
    return plain[max(0, start - 1) : start].isalpha() and plain[end : end + 1].isalpha()


def _groups(plain: str, run: re.Match[str]) -> list[Group]:
    groups, before = [], run.start()
    for each in _GROUP.finditer(plain, run.start(), run.end()):
        groups.append(Group(each.start(), each[0], plain[before : each.start()]))
        before = each.end()
    return groups


def _card(groups: Sequence[Group], at: int) -> int:
    """Return how many groups from there on are one card number, 0 if none are."""
    if len(groups[at].digits) > MOST_CARD:
        # Nobody reads a number of such a length; what stands in it cannot be told.
        return 1
    if groups[at].digits[0] in NO_CARD:
        return 0
    digits = ""
    for taken, group in enumerate(groups[at : at + MOST_CARD], start=1):
        digits += group.digits
        if len(digits) > MOST_CARD or len(group.digits) < 2 or (taken > 1 and not IN_CARDS.issuperset(group.gap)):
            return 0
        if len(digits) >= CARD and _luhn(digits):
            return taken
    return 0


_DOUBLED = {str(n): 2 * n - 9 * (n > 4) for n in range(10)}


def _luhn(digits: str) -> bool:
    turned = digits[::-1]
    return (sum(map(int, turned[::2])) + sum(map(_DOUBLED.__getitem__, turned[1::2]))) % 10 == 0


def _phone(groups: Sequence[Group], at: int, plus: bool) -> int:
    """Return how many groups from there on are one phone number, 0 if none are."""
    first = groups[at].digits
    if plus:
        return _as_long(groups, at, ABROAD, first)
    if first.startswith("00") and first[2:3] != "0":
        return _as_long(groups, at, ABROAD + 2, first)
    if first[0] == "0" and len(first) > 1 and first[1] != "0" and not _date(groups, at):
        return _as_long(groups, at, PHONE, first)
    return _shaped(groups, at)


def _as_long(groups: Sequence[Group], at: int, least: int, first: str) -> int:
    """Return how many groups make a number of that many digits or more, as far as it may go."""
    length, taken = 0, 0
    for place in range(at, min(at + MOST_PHONE, len(groups))):
        if length + len(groups[place].digits) > MOST_PHONE + 2 or (place > at and _date(groups, place)):
            break
        length, taken = length + len(groups[place].digits), taken + 1
    return taken if length >= least else 0


def _shaped(groups: Sequence[Group], at: int) -> int:
    """Return how many groups are written as numbers without a zero are."""
    if groups[at].digits == "1" and _american(groups[at + 1 : at + 4]):
        return 4
    if _american(groups[at : at + 3]):
        return 3
    for shape, signs in ALONE.items():
        some = groups[at : at + len(shape)]
        one_sign = {each.gap for each in some[1:]}
        if _sizes(some) == shape and len(one_sign) == 1 and one_sign <= set(signs) and _alone(groups, at, len(shape)):
            return len(shape)
    return 0


def _sizes(some: Sequence[Group]) -> tuple[int, ...]:
    return tuple(len(each.digits) for each in some)


def _american(some: Sequence[Group]) -> bool:
    """Return whether it is written `(212) 555-0100`, or with a dash, dot or space for each of the signs."""
    gaps = (each.gap.replace(")", " ").strip() or " " for each in some[1:])
    return (
        _sizes(some) == (3, 3, 4)
        and all(gap in (" ", "-", ".") for gap in gaps)
        and not any(each.digits[0] in "01" for each in some[:2])
    )


def _alone(groups: Sequence[Group], at: int, size: int) -> bool:
    """Return whether no group before or behind goes on in the same way: what is longer is another kind of number."""
    sign, after = groups[at + 1].gap, groups[at + size : at + size + 1]
    leading = groups[at].digits[0] in "01" and size == 3
    return not leading and not (at and groups[at].gap == sign) and not (after and after[0].gap == sign)


def _date(groups: Sequence[Group], at: int) -> int:
    """Return 3 where a date stands, by day or by year first, else 0."""
    some = groups[at : at + 3]
    if len(some) < 3 or some[1].gap != some[2].gap or some[1].gap not in ("-", ".", "/"):
        return 0
    follows = groups[at + 3 : at + 4]
    if (follows and follows[0].gap == some[1].gap) or (at and groups[at].gap == some[1].gap):
        return 0
    sizes = [len(each.digits) for each in some]
    small = [int(each.digits) for each in (some[1:] if sizes[0] == 4 else some[:2])]
    shaped = (sizes[0] == 4 or sizes[2] in (2, 4)) and max(sizes[1], min(sizes[0], sizes[2])) <= 2
    return 3 if shaped and all(1 <= each <= 31 for each in small) else 0
