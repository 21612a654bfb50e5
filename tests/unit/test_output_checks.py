"""Checks of answers: each finds what it is for, and says nothing of its twin."""

from __future__ import annotations

import pytest

from watchkeeper.engagements.methodology.contracts import CheckSpec, OutputSpec
from watchkeeper.engagements.outputs.checks import Answer, check_answer, check_names
from watchkeeper.model.errors import UsageError

TEMPLATE = """# {{title:text}}

<!-- One promise, not three. -->
## Promise

We promise {{promise:sentence}}.

## Proof

{{proof:list}}
"""
GOOD = """# A plug that thinks

## Promise

We promise that your pump runs on your own sun.

## Proof

She said: “my bill was half of what it had been before” [brief]. It costs 49 € [brief], 15 % less [notes].
"""
PAPERS = {
    "brief": "Price: EUR 49.00\n\n“My bill was *half* of what it had been before,” said an owner.",
    "notes": "That is 15 percent less than the others take.",
}


def failures(text: str, check: str, value: str = "", number: float = 0) -> list[tuple[str, str]]:
    output = OutputSpec(checks=(CheckSpec(check, value, number, rule="G-pos-001"),))
    found = check_answer(Answer(text, TEMPLATE, PAPERS), output)
    assert all(each.rule == "G-pos-001" for each in found if each.check == check)
    return [(each.check, f"{each.what}: {each.quote}") for each in found]


CASES = [
    ("slots-filled", "", 0, "that your pump runs on your own sun", "", "the slot 'promise:sentence' is empty"),
    ("slots-filled", "", 0, "We promise that", "You get that", "what the template has is not there"),
    ("slots-filled", "", 0, GOOD.split("## Proof\n")[1], "\n", "the slot 'proof:list' is empty"),
    ("headings", "", 0, "## Proof", "## Evidence", "the heading 'Proof' is not there"),
    ("headings", "", 0, "We promise that your pump runs on your own sun.", "", "nothing stands under 'Promise'"),
    ("headings", "", 0, "# A plug that thinks\n", "# A plug\n\n## Proof\n\nYes.\n", ""),
    ("absent", "synergy | game changer", 0, "on your own sun", "with Synergy", "it says 'synergy'"),
    ("absent", "syn", 0, "on your own sun", "with synergy", ""),
    ("present", "own sun|own roof", 0, "own sun", "neighbour", "it says nothing of 'own sun' or 'own roof'"),
    ("at-most-words", "", 45, "own sun", "own sun, which is shining on every single day of the year", "of at most 45"),
    ("at-least-words", "", 38, "that your pump runs on your own sun", "it", "of at least 38"),
    ("sentence-words", "", 14, "own sun.", "own sun and on nothing else, whatever comes.", "a sentence has 16 words"),
    ("quotes-input", "", 0, "half of what", "a third of what", "what it quotes stands in no paper"),
    ("quotes-input", "", 0, "## Proof\n", "## Proof\n\n> we would buy it again tomorrow\n", "stands in no paper"),
    ("quotes-input", "", 0, "## Proof\n", "## Proof\n\nIt is called “the plug” by all.\n", ""),
    ("numbers-given", "", 0, "49 €", "59 €", "a number that no paper has: 59 €"),
    ("numbers-given", "", 0, "15 %", "25 %", "a number that no paper has: 25 %"),
    ("numbers-given", "", 0, "49 €", "€49", ""),
    ("cites-inputs", "", 0, "[notes]", "", "it never names [notes]"),
    ("table-has", "Rival|Price", 1, "## Proof\n", "## Proof\n\n| Rival | Cost |\n|---|---|\n| A | 1 |\n", "no table"),
]


@pytest.mark.parametrize("case", CASES, ids=[f"{case[0]}-{case[5]}" for case in CASES])
def test_a_check_finds_what_it_is_for_and_not_its_twin(case: tuple[str, str, float, str, str, str]) -> None:
    check, value, number, old, new, what = case
    assert GOOD.count(old) == 1
    if check != "table-has":
        assert failures(GOOD, check, value, number) == []
    found = failures(GOOD.replace(old, new), check, value, number)
    if what:
        assert [each for name, each in found if name == check and what in each], found
    else:
        assert found == []


def test_a_table_needs_its_columns_and_rows() -> None:
    table = "\n| Rival | Price (EUR) | Seats |\n|:---|---:|---|\n| A | 1 | 2 |\n| B | 3 | 4 |\n"
    assert failures(GOOD + table, "table-has", "rival | seats", 2) == []
    assert failures(GOOD + table, "table-has", "rival | seats", 3) == [
        ("table-has", "the table has 2 rows, of at least 3: ")
    ]


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("", "it says nothing"),
        ("## \n- *", "it says nothing"),
        ("x" * 101, "101 characters, of at most 100"),
        ("All is well. TODO: ask.", "a place is left open: TODO"),
        ("We promise {{promise}}.", "a place is left open: {{promise}}"),
        ("[NEEDS CLARIFICATION: who?]", "a place is left open"),
    ],
)
def test_every_answer_is_whole(text: str, what: str) -> None:
    found = check_answer(Answer(text, ""), OutputSpec(max_chars=100))
    assert [each for each in found if what in f"{each.what}: {each.quote}"], found
    assert not check_answer(
        Answer("All is well:\n```\nTODO\n```\n\n```\nTODO {{x}}\n```\n", ""), OutputSpec(max_chars=100)
    )


def test_every_check_that_a_contract_can_name_is_tried_here() -> None:
    assert {case[0] for case in CASES} == set(check_names())


def test_an_unknown_check_is_told() -> None:
    with pytest.raises(UsageError, match="no check of answers is called 'python'") as caught:
        check_answer(Answer(GOOD, TEMPLATE), OutputSpec(checks=(CheckSpec("python", "print(1)"),)))
    assert caught.value.slug == "unknown-output-check"
