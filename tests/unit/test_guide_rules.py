"""Rules of a guide: which lines are rules, and what a delta may do to them."""

from __future__ import annotations

import pytest

from watchkeeper.engagements.methodology.rules import (
    MOST_RULE,
    Delta,
    Edit,
    RuleId,
    apply_deltas,
    next_id,
    parse_rules,
    refuse_silent,
)
from watchkeeper.model.errors import UsageError

GUIDE = """\
# Onboarding

What it is for.

## Tone

- [G-onb-001] Write to one person,
  not to a market.
- Not a rule: an item like any other.

```
- [G-onb-900] an example
```

## Proof

* [G-onb-002] (from C-2026-041) Quote the client's own price.
"""


def rule(name: str) -> RuleId:
    return RuleId(name)


def slug_of(caught: pytest.ExceptionInfo[UsageError]) -> str:
    return caught.value.slug


def test_rules_are_items_that_begin_with_an_id() -> None:
    found = [(each.id, each.text, each.source, each.section) for each in parse_rules(GUIDE, "guide.md")]
    assert found == [
        ("G-onb-001", "Write to one person, not to a market.", "", "Tone"),
        ("G-onb-002", "Quote the client's own price.", "C-2026-041", "Proof"),
    ]


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("- [G-onb-1] Too few digits.", "is no id"),
        ("- [G-Onb-001] A capital.", "is no id"),
        ("- [G-onb-001]   ", "says nothing"),
        ("- [G-onb-001] (from C-1)", "says nothing"),
        ("- [G-onb-001] One.\n- [G-onb-001] Two.", "line 2: G-onb-001 is there already, in line 1"),
        (f"- [G-onb-001] {'x' * (MOST_RULE + 1)}", "of at most"),
    ],
)
def test_a_line_that_is_meant_for_a_rule_and_is_none_is_told(text: str, what: str) -> None:
    with pytest.raises(UsageError, match=what) as caught:
        parse_rules(text, "guide.md")
    assert slug_of(caught) == "guide-rule"


def test_a_new_rule_goes_behind_the_last_of_its_section_and_nothing_else_moves() -> None:
    delta = Delta(Edit.ADD, rule("G-onb-003"), "Name  the\nreader.", "C-7", "Tone")
    changed = apply_deltas(GUIDE, [delta], "guide.md")
    assert changed == GUIDE.replace(
        "  not to a market.\n", "  not to a market.\n- [G-onb-003] (from C-7) Name the reader.\n"
    )


def test_a_section_without_rules_gets_its_first_one_at_its_end() -> None:
    text = "# Guide\n\n## Tone\n\nWords.\n\n## Proof\n\n- [G-onb-001] Cite.\n"
    changed = apply_deltas(text, [Delta(Edit.ADD, rule("G-onb-002"), "Be brief.", section="Tone")], "guide.md")
    assert changed == text.replace("Words.\n", "Words.\n\n- [G-onb-002] Be brief.\n")


def test_a_guide_without_rules_gets_one() -> None:
    for text, expected in (("", "- [G-onb-001] Cite.\n"), ("# Guide\n", "# Guide\n\n- [G-onb-001] Cite.\n")):
        assert apply_deltas(text, [Delta(Edit.ADD, rule("G-onb-001"), "Cite.")], "guide.md") == expected


def test_a_rule_is_not_hidden_in_an_example_that_does_not_end() -> None:
    with pytest.raises(UsageError, match="an example that does not end") as caught:
        apply_deltas("# Guide\n\n```\nan example\n", [Delta(Edit.ADD, rule("G-onb-001"), "Cite.")], "guide.md")
    assert slug_of(caught) == "guide-delta"


def test_rewording_keeps_the_source_and_takes_the_whole_rule() -> None:
    changed = apply_deltas(
        GUIDE,
        [
            Delta(Edit.REWORD, rule("G-onb-001"), "Write to one person."),
            Delta(Edit.REWORD, rule("G-onb-002"), "Quote a price that the client named."),
        ],
        "guide.md",
    )
    assert changed == GUIDE.replace(
        "- [G-onb-001] Write to one person,\n  not to a market.\n", "- [G-onb-001] Write to one person.\n"
    ).replace(
        "* [G-onb-002] (from C-2026-041) Quote the client's own price.",
        "- [G-onb-002] (from C-2026-041) Quote a price that the client named.",
    )


@pytest.mark.parametrize(
    ("delta", "what"),
    [
        (Delta(Edit.ADD, rule("G-onb-002"), "Again."), "is in use"),
        (Delta(Edit.ADD, rule("G-onb-009"), "Again."), "was in use, and is not given again"),
        (Delta(Edit.ADD, rule("G-onb-010"), "New.", section="Nowhere"), "no section 'Nowhere'"),
        (Delta(Edit.REWORD, rule("G-onb-900"), "The example."), "no rule G-onb-900"),
        (Delta(Edit.REMOVE, rule("G-onb-404"), why="gone"), "no rule G-onb-404"),
        (Delta(Edit.REMOVE, rule("G-onb-002")), "nothing says why"),
        (Delta(Edit.CHECK, rule("G-onb-002"), why=" "), "nothing says why"),
    ],
)
def test_a_delta_that_cannot_be_is_refused(delta: Delta, what: str) -> None:
    with pytest.raises(UsageError, match=what) as caught:
        apply_deltas(GUIDE, [delta], "guide.md", retired={"G-onb-009"})
    assert slug_of(caught) == "guide-delta"


def test_two_changes_of_one_rule_are_refused() -> None:
    deltas = [
        Delta(Edit.REWORD, rule("G-onb-002"), "One."),
        Delta(Edit.REMOVE, rule("G-onb-002"), why="it is wrong"),
    ]
    with pytest.raises(UsageError, match="changed twice"):
        apply_deltas(GUIDE, deltas, "guide.md")


@pytest.mark.parametrize("words", ["", " - ", "x" * (MOST_RULE + 1), "(from C-9) as it was"])
def test_words_that_are_no_rule_are_refused(words: str) -> None:
    with pytest.raises(UsageError) as caught:
        apply_deltas(GUIDE, [Delta(Edit.ADD, rule("G-onb-003"), words)], "guide.md")
    assert slug_of(caught) == "guide-rule"


def test_a_rewrite_that_loses_a_rule_is_refused_and_names_it() -> None:
    rewritten = "# Onboarding, better\n\n- [G-onb-001] Write to one person.\n- [G-onb-003] New.\n"
    with pytest.raises(UsageError, match="G-onb-002 would be gone") as caught:
        refuse_silent(GUIDE, rewritten, "guide.md")
    assert slug_of(caught) == "guide-dropped"
    refuse_silent(GUIDE, rewritten, "guide.md", removed={"G-onb-002"})


def test_a_rule_that_only_stands_in_an_example_any_more_is_lost() -> None:
    fenced = GUIDE.replace("* [G-onb-002]", "```\n* [G-onb-002]") + "```\n"
    with pytest.raises(UsageError, match="G-onb-002 would be gone"):
        refuse_silent(GUIDE, fenced, "guide.md")


def test_ids_count_on_over_what_was_removed() -> None:
    used = ["G-onb-001", "G-onb-007", "R-onb-012", "G-pos-030", "no id"]
    assert next_id("G", "onb", used) == "G-onb-008"
    assert next_id("R", "onb", used) == "R-onb-013"
    assert next_id("G", "lau", used) == "G-lau-001"
    with pytest.raises(UsageError):
        next_id("G", "Onboarding", [])
