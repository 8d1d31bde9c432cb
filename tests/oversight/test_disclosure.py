"""No sum over what is shown is about fewer than ten people: tried with every sum, over many random companies."""

from __future__ import annotations

import itertools
import operator
import random
from collections import Counter

import pytest

from portal.oversight.disclosure import ALL, COUNTRY, DEPARTMENT, LEAST, Cell, Changes, choose, rounded


def company(**cells):
    """`Design_DE=12` is twelve people of Design in Germany."""
    return Counter({Cell(*name.split("_")): n for name, n in cells.items()})


def first(people):
    return choose(people, Changes(people.copy()), frozenset())


def departments(shown):
    return {name for dimension, name in shown if dimension == DEPARTMENT}


def test_a_group_of_nine_is_left_out_and_one_of_ten_is_shown():
    assert departments(first(company(A_DE=10, B_DE=30))) == {"A", "B"}
    assert "A" not in departments(first(company(A_DE=9, B_DE=30)))


def test_a_company_of_nine_shows_nothing():
    assert first(company(A_DE=9)) == frozenset()


def test_a_group_whose_complement_is_small_is_left_out():
    shown = first(company(A_DE=30, B_DE=9))
    assert ALL in shown and departments(shown) == set()


def test_a_third_department_does_not_give_the_small_one_away():
    shown = first(company(A_DE=12, B_DE=11, C_DE=3))
    assert ALL in shown and len(departments(shown)) == 1, "company - A - B would be C"


def test_eleven_people_less_their_subset_of_ten_is_not_shown():
    shown = first(company(Lyon_FR=10, Paris_FR=1, Berlin_DE=40, Paris_DE=20))
    assert not {(DEPARTMENT, "Lyon"), (COUNTRY, "FR")} <= shown


def test_people_without_a_department_are_counted_but_never_shown():
    shown = first(company(A_DE=20, _DE=15))
    assert departments(shown) == {"A"}


def test_whoever_changed_alone_is_not_shown_by_a_second_count():
    people = company(A_DE=20, B_DE=20)
    old = first(people)
    for changed in (company(A_DE=1), company(A_DE=9), company(A_DE=10, B_DE=1)):
        shown = choose(people, Changes(changed), old)
        fresh = {group for group in shown if Changes(changed).of(group)}
        assert fresh <= ({ALL, (COUNTRY, "DE")} if changed.total() >= LEAST else set())


def test_ten_changes_in_one_department_and_none_elsewhere_are_shown():
    people = company(A_DE=20, B_DE=20)
    old = first(people)
    assert choose(people, Changes(company(A_DE=10)), old) == old


def test_a_move_alone_is_not_shown():
    people = company(A_DE=20, B_DE=20)
    moved = Changes(moves=company(A_DE=1, B_DE=1))
    assert choose(people, moved, first(people)) == frozenset()


# --- the attack: every sum and difference of what is shown


def smallest_secret(counts, people):
    """Return over how few people a sum of shown groups can be made; 0 if every sum is about nobody.

    `counts` are the groups of each count; `people` says how many stand in a cell with these answers, one a count: who
    gave the same answer twice is one unknown, who changed it is two.
    """
    shown = [(group, n) for n, groups in enumerate(counts) for group in sorted(groups)]
    found = set()
    unknowns = {
        person: {tuple(int(g in person[0].groups and person[1][n] == said) for g, n in shown) for said in person[1]}
        for person in people
    }
    # A sum and its negative are about the same people: one of each pair is enough.
    half = itertools.product((1, 0, -1), repeat=len(shown))
    for signs in itertools.islice(half, (3 ** len(shown) + 1) // 2):
        touched = (
            people[person]
            for person, columns in unknowns.items()
            if any(sum(map(operator.mul, signs, column)) for column in columns)
        )
        found.add(sum(touched))
    return min(found - {0}, default=0)


def saying(people, *answers):
    return Counter({(cell, answers): n for cell, n in people.items()})


def test_the_attack_finds_what_a_plain_threshold_of_ten_gives_away():
    people = company(A_DE=12, B_DE=11, C_DE=3)
    plain = [ALL, (DEPARTMENT, "A"), (DEPARTMENT, "B")]
    assert smallest_secret([plain], saying(people, "x")) == 3
    one = company(A_DE=1)
    assert smallest_secret([[ALL], [ALL]], saying(people - one, "x", "x") + saying(one, "x", "y")) == 1


@pytest.mark.parametrize("seed", range(40))
def test_no_sum_over_one_count_is_about_fewer_than_ten(seed):
    dice = random.Random(seed)
    cells = [Cell(d, c) for d in "ABC" for c in ("DE", "FR")]
    people = +Counter({cell: dice.choice([0, 0, 1, 3, 8, 10, 12, 25]) for cell in cells})
    shown = first(people)
    assert not shown or smallest_secret([shown], saying(people, "x")) >= LEAST


def some_of(dice, people, *numbers):
    return +Counter({cell: min(n, dice.choice(numbers)) for cell, n in people.items()})


@pytest.mark.parametrize("seed", range(15))
def test_no_sum_over_two_counts_is_about_fewer_than_ten(seed):
    dice = random.Random(seed)
    cells = [Cell(d, c) for d in "AB" for c in ("DE", "FR")]
    people = +Counter({cell: dice.choice([0, 4, 10, 12, 30]) for cell in cells})
    changed = some_of(dice, people, 0, 0, 1, 9, 10, 12)
    one = first(people)
    two = choose(people, Changes(changed), one)
    if two:
        who = saying(people - changed, "x", "x") + saying(changed, "x", "y")
        assert smallest_secret([one, two], who) >= LEAST


@pytest.mark.parametrize("seed", range(30))
def test_no_sum_over_three_counts_is_about_fewer_than_ten(seed):
    dice = random.Random(seed)
    people = company(A_DE=30, B_DE=dice.choice([12, 30]))
    if dice.random() < 0.5:
        people += company(C_DE=dice.choice([4, 15]))
    once, twice = (some_of(dice, people, 0, 0, 1, 9, 10, 12) for _ in "ab")
    both = some_of(dice, once & twice, 0, 1, 9, 12)
    shown = [first(people)]
    for changed in (once, twice):
        shown.append(choose(people, Changes(changed), shown[-1]) or shown[-1])
    if (
        shown[1] is shown[0]
        or shown[2] is shown[1]
        or any((once + twice - both)[cell] > people[cell] for cell in people)
    ):
        return
    who = saying(people - (once + twice - both), "x", "x", "x")
    who += saying(once - both, "x", "y", "y") + saying(twice - both, "x", "x", "y") + saying(both, "x", "y", "z")
    # DE is the company here: without it there are fewer sums, and none that is not there twice.
    groups = [[group for group in each if group[0] != COUNTRY] for each in shown]
    assert smallest_secret(groups, who) >= LEAST


def test_rates_are_tens_of_percent_and_never_all_or_nobody():
    assert {rounded(n, 10) for n in range(11)} == {10, 20, 30, 40, 50, 60, 70, 80, 90}
    assert rounded(0, 400) == 10 and rounded(400, 400) == 90 and rounded(0, 0 + 10) == 10
