"""Whatever an agent answers, whatever a client wrote: checks say what is wrong, and never break."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from watchkeeper.engagements.methodology.contracts import CheckSpec, OutputSpec
from watchkeeper.engagements.outputs.checks import Answer, check_answer, check_names

_ANY = st.text(st.characters(codec="utf-8", exclude_categories=("Cs",)), max_size=60)
_PIECES = st.sampled_from(
    ["# Head", "{{slot}}", "```", "> quoted words of five", "“a b c d e”", "| A | B |\n|---|---|", "49 €", "TODO",
     "<!--", "{{", "}}", "12.000,00,1 EUR", "€", "[brief]"]
)  # fmt: skip
_TEXTS = st.lists(st.one_of(_ANY, _PIECES), max_size=8).map("\n".join)


@given(_TEXTS, _TEXTS, _TEXTS, _ANY, st.floats(0, 100))
def test_every_check_is_total(text: str, template: str, paper: str, value: str, number: float) -> None:
    output = OutputSpec(checks=tuple(CheckSpec(name, value, number) for name in check_names()))
    for failure in check_answer(Answer(text, template, {"brief": paper}), output):
        assert failure.what
        assert failure.quote.isprintable() or not failure.quote


@given(_TEXTS)
def test_what_is_quoted_from_a_paper_stands_in_it(paper: str) -> None:
    words = " ".join(paper.split())
    if '"' in words or "“" in words or "„" in words or "«" in words or "`" in words or "~" in words:
        return
    found = check_answer(
        Answer(f'She said: "{words[:500]}"', "", {"brief": paper}), OutputSpec(checks=(CheckSpec("quotes-input"),))
    )
    cut = len(words) > 500  # a word may be cut in two
    assert cut or not [each for each in found if each.check == "quotes-input"]
