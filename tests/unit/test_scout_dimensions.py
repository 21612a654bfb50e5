"""A dimension is one file that programs and agents read; what is wrong in one is named."""

from __future__ import annotations

import pytest

from watchkeeper.model.errors import UsageError
from watchkeeper.scouts.dimension import (
    MOST,
    all_dimensions,
    builtin_dimensions,
    parse_dimension,
    render_dimension,
)

GOOD = """---
title: What it costs
checks: tree, bill
agent: no
---

Anything else.

## What to look for

* calls that cost money

## How to disprove

Read the bill.
"""


def test_the_dimensions_of_the_plan_are_there_and_each_says_how_to_disprove() -> None:
    found = builtin_dimensions()

    assert set(found) == {
        "errors", "security", "tests", "dead", "performance", "ux", "gaps", "dependencies", "database", "drift",
        "production", "methodology",
    }  # fmt: skip
    for each in found.values():
        assert each.look
        assert each.disprove
        assert each.checks, "programs look first"


def test_a_file_is_read_whole() -> None:
    found = parse_dimension("cost", GOOD, "cost.md")

    assert (found.id, found.title, found.checks, found.agent) == ("cost", "What it costs", ("tree", "bill"), False)
    assert found.look == "* calls that cost money"
    assert found.disprove == "Read the bill."


def test_what_is_printed_is_read_as_the_same() -> None:
    for each in builtin_dimensions().values():
        assert parse_dimension(each.id, render_dimension(each), each.origin) == each


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (GOOD.replace("---\n", "", 1), "begins with a head"),
        ("---\ntitle: x\n", "does not end"),
        (GOOD.replace("title:", "titel:"), "titel"),
        (GOOD.replace("title: What it costs\n", ""), "needs a title"),
        (GOOD.replace("agent: no", "agent: perhaps"), "yes or no"),
        (GOOD.replace("Read the bill.", ""), "How to disprove"),
        (GOOD + "x" * MOST, "characters"),
    ],
)
def test_what_is_wrong_in_a_file_is_named_with_the_file(text: str, said: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_dimension("cost", text, ".scout/dimensions/cost.md")

    assert ".scout/dimensions/cost.md" in caught.value.message
    assert said in caught.value.message
    assert caught.value.slug == "dimension-file"


def test_a_name_that_is_none_is_refused() -> None:
    with pytest.raises(UsageError):
        parse_dimension("../x", GOOD, "x")


def test_a_project_may_bring_its_own_and_replace_ours() -> None:
    found = all_dimensions({".scout/dimensions/cost.md": GOOD, ".scout/dimensions/errors.md": GOOD})

    assert found["cost"].title == found["errors"].title == "What it costs"
    assert found["security"] == builtin_dimensions()["security"]
