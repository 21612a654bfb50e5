"""What a paper says: its lines stay where they are, and what is an example or a comment says nothing."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from watchkeeper.engagements.markdown import prose, said_chars, sections

_PIECES = st.one_of(
    st.text(st.characters(codec="utf-8", exclude_categories=("Cs",)), max_size=20),
    st.sampled_from(["```", "~~~~", "````", "<!--", "-->", "# Head", "## Below", "  ```python", "words"]),
)
_TEXTS = st.lists(_PIECES, max_size=10).map("\n".join)


@given(_TEXTS)
def test_lines_stay_and_nothing_is_added(text: str) -> None:
    found = prose(text)
    assert found.count("\n") == text.count("\n")
    for said, written in zip(found.split("\n"), text.split("\n"), strict=True):
        left = iter(written)
        assert all(char in left for char in said), "what is left of a line stood in it, in that order"
    assert said_chars(text) <= sum(char.isalnum() for char in text)


@given(_TEXTS, st.sampled_from(["```\n{}\n```", "~~~~\n{}\n~~~~", "<!-- {} -->"]))
def test_what_is_hidden_says_nothing_and_what_follows_does(inside: str, form: str) -> None:
    if any(mark in inside for mark in ("`", "~", "-->")):
        return
    text = f"{form.format(inside)}\n\n# After\n\nwords\n"
    assert [(each.level, each.title, each.body.strip()) for each in sections(text)] == [(1, "After", "words")]
    assert said_chars(text) == len("Afterwords")
