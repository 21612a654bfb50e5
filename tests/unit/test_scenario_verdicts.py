"""The table of scenarios calls nothing right that is not: a table that cannot fail would show nothing."""

from __future__ import annotations

import pytest

pytest.importorskip("psycopg", reason="psycopg is not installed: the table of scenarios was NOT checked")

from database_scenarios import CASES, cells, order, summary
from scenario_rows import Case, Found

CASE = Case("8a", "a ring", lambda _: Found())
RIGHT = Found("cycle", True, 120.4, True, True, "as wanted")


@pytest.mark.parametrize(
    ("found", "verdict"),
    [
        (RIGHT, "right"),
        (RIGHT._replace(parties=None, is_silent=None), "right"),
        (RIGHT._replace(lacks="something"), "in part"),
        (RIGHT._replace(is_found=False), "wrong"),
        (RIGHT._replace(parties=False), "wrong"),
        (RIGHT._replace(is_silent=False), "wrong"),
        (RIGHT._replace(parties=False, lacks="something"), "wrong"),
        (Found(skipped="needs MariaDB"), "skipped"),
        (Found(note="DeadlineError"), "wrong"),
    ],
)
def test_only_what_is_found_with_both_sides_and_a_silent_twin_is_right(found: Found, verdict: str) -> None:
    assert found.verdict == verdict


def test_a_miss_is_named_in_its_line() -> None:
    wrong = cells(CASE, RIGHT._replace(is_found=False, is_silent=False), 1.0)
    lacking = cells(CASE, RIGHT._replace(lacks="who asked"), 1.0)

    assert wrong[2:7] == ("cycle (WRONG)", "120", "yes", "NO", "wrong")
    assert lacking[-1] == "as wanted; NOT DONE: who asked"
    assert cells(CASE, Found(skipped="needs MariaDB"), 1.0)[-2:] == ("skipped", "needs MariaDB")


def test_lines_of_one_scenario_are_counted_once_and_every_verdict_is() -> None:
    results = [
        (CASE, RIGHT, 1.0),
        (CASE._replace(number="8b"), RIGHT._replace(ms=80.0, parties=False), 1.0),
        (CASE._replace(number="9"), Found(skipped="needs MariaDB"), 1.0),
    ]

    assert summary(results, 3.0) == (
        "2 scenarios in 3 lines: 1 right, 0 in part, 1 wrong, 1 skipped; "
        "told after 120 ms (median of 2), 120 ms at most; 3 s in all"
    )


def test_all_thirty_four_scenarios_are_there_each_line_once() -> None:
    numbers = [each.number for each in CASES]

    assert {order(each)[0] for each in CASES} == set(range(1, 35))
    assert len(numbers) == len(set(numbers))
