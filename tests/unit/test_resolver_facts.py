"""Facts of papers: what is one, and which cannot both hold."""

from __future__ import annotations

import pytest

from watchkeeper.engagements.resolving.facts import agree, find_clashes, read_amount, read_facts


def test_facts_are_lines_of_a_key_and_a_value_and_rows_of_two_cells() -> None:
    text = """---
author: somebody
---
# Brief

Company: Acme
- **Price:** 49 € / month
1. Launch date: 3 March 2026
| Seats | 12 |
| a | b | c |
This is prose: it goes on and on and on, longer than any value of a fact that people would write in a line.
Note: not a fact
https://example.org: no
Budget: TBD
```
Price: 99 €
```
"""
    assert [(fact.key, fact.value, fact.line) for fact in read_facts(text)] == [
        ("company", "Acme", 6),
        ("price", "49 € / month", 7),
        ("launch date", "3 March 2026", 8),
        ("seats", "12", 9),
    ]


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("49 €", "EUR 49.00"),
        ("$1,200", "1200 USD"),
        ("1.200,50 €", "€1,200.50"),
        ("1'200 CHF", "CHF 1200"),
        ("12k", "12,000"),
        ("49", "49 €"),
        ("49 €/month", "588 € per year"),
        ("15 %", "15 percent"),
        ("12 users", "12 seats"),
        ("2026-03-01", "1 March 2026"),
        ("March 1st, 2026", "1.3.2026"),
        ("03/01/2026", "2026-01-03"),
        ("Acme", "Acme Inc."),
        ("ACME GmbH", "acme gmbh"),
        ("Berlin", "Berlin, Munich"),
    ],
)
def test_values_that_can_both_hold_agree(left: str, right: str) -> None:
    assert agree(left, right)
    assert agree(right, left)


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("49 €", "59 €"),
        ("49 €", "$49"),
        ("49 €", "49 %"),
        ("49 €/month", "59 €/month"),
        ("1.200 €", "1.20 €"),
        ("2026-03-01", "2 March 2026"),
        ("03/01/2026", "2026-04-01"),
        ("Acme", "Apex"),
        ("yes", "no"),
        ("12", "twelve"),
        ("3 months", "90 days"),
        ("2026-03-01", "spring"),
    ],
)
def test_values_that_cannot_both_hold_do_not(left: str, right: str) -> None:
    assert not agree(left, right)
    assert not agree(right, left)


@pytest.mark.parametrize("text", ["", "Acme", "49 € or 59 €", "2026-03-01", "v1.2.3", "10-20"])
def test_what_is_no_single_number_is_no_amount(text: str) -> None:
    assert read_amount(text) is None


def test_a_list_clashes_only_where_nothing_is_in_both() -> None:
    many = "Market: Berlin\nMarket: Vienna\n"
    assert not find_clashes({"brief": many, "notes": "Market: Vienna"})
    (clash,) = find_clashes({"brief": many, "notes": "Market: Rome"})
    assert (clash.key, clash.first[0], clash.second[0]) == ("market", "brief", "notes")


def test_a_competitors_price_is_not_the_clients() -> None:
    papers = {"analysis": "## Rival Inc\n\nPrice: 99 €\n", "brief": "## Product\n\nPrice: 49 €\n"}
    assert not find_clashes(papers, wide={"analysis"})
    assert find_clashes(papers), "two papers of the client are compared whatever stands above"
    papers["analysis"] += "\n## Our product\n\nPrice: 59 €\n"
    (clash,) = find_clashes(papers, wide={"analysis"})
    assert (clash.first[1].value, clash.second[1].value) == ("59 €", "49 €")
