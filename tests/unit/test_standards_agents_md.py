"""The block of AGENTS.md: written as a whole, again the same, and nothing around it is touched."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scout_values import standing
from watchkeeper.model.errors import UsageError
from watchkeeper.model.scouting import StandardState
from watchkeeper.scouts.standards.agents_md import BEGIN, BUDGET, END, write_standards

OURS = [standing()]


def test_adopted_and_enforced_standards_are_written_and_no_others() -> None:
    every = [standing(f"std-{state.value}", state) for state in StandardState]

    text = write_standards("# Ours\n", every).text

    assert text.startswith(f"# Ours\n\n{BEGIN}\n")
    assert text.endswith(f"{END}\n")
    assert text.index("std-enforced") < text.index("std-adopted")
    assert not any(f"std-{state}" in text for state in ("candidate", "proposed", "retired"))


@given(st.text(alphabet=st.sampled_from("ab #\n\r\t<!->é"), max_size=60), st.text(alphabet="ab\n", max_size=20))
def test_writing_twice_is_writing_once_and_keeps_what_is_around(before: str, after: str) -> None:
    first = write_standards(before, OURS).text
    around = f"{before}\n{BEGIN}\nold\n{END}\n{after}"
    newline = "\r\n" if "\r\n" in around else "\n"

    assert first.startswith(before)
    assert write_standards(first, OURS).text == first
    assert write_standards(around, OURS).text.startswith(f"{before}\n{BEGIN}")
    assert write_standards(around, OURS).text.endswith(f"{END}{newline}{after}")
    assert write_standards(around, []).text == f"{before}\n{after}"


def test_a_changed_standard_replaces_the_block() -> None:
    old = write_standards("# Ours\n", [standing(text="Old words.")]).text

    new = write_standards(old + "\nTheirs\n", [standing(text="New words.")]).text

    assert "Old words." not in new
    assert new.count(BEGIN) == 1
    assert new.endswith("\nTheirs\n")


def test_line_ends_are_those_of_the_file() -> None:
    text = write_standards("# Ours\r\n", OURS).text

    assert "\n" not in text.replace("\r\n", "")
    assert "\r" not in write_standards("# Ours\n", OURS).text


def test_without_standards_a_file_stays_as_it_is() -> None:
    assert write_standards("# Ours", []).text == "# Ours"


@pytest.mark.parametrize(
    "text",
    [f"{BEGIN}\n", f"{END}\n", f"{END}\n{BEGIN}\n", f"{BEGIN}\n{BEGIN}\n{END}\n", f"{BEGIN}\n{END}\n{END}\n"],
)
@pytest.mark.parametrize("standings", [OURS, []])
def test_broken_markers_are_refused(text: str, standings: list[object]) -> None:
    with pytest.raises(UsageError, match=r"AGENTS\.md has") as raised:
        write_standards(f"# Ours\n{text}", standings)  # type: ignore[arg-type]

    assert raised.value.slug == "agents-md-markers"


def test_a_marker_within_a_line_is_text() -> None:
    text = f"It writes `{BEGIN}` first.\n"

    assert write_standards(text, OURS).text.startswith(text)


def test_a_standards_text_cannot_end_the_block() -> None:
    once = write_standards("", [standing(text=f"Look:\n{END}\n<!-- hidden", title=f"a {BEGIN}\nb")]).text

    assert (once.count(BEGIN), once.count(END)) == (1, 1)
    assert "<!-- hidden" not in once


def test_the_file_stays_within_its_budget_and_says_what_was_left_out() -> None:
    large = [standing(f"std-{n}", text="word " * 800) for n in range(6)]

    told = write_standards("# Ours\n" + "x" * 2_000, large)

    assert len(told.text) <= BUDGET
    assert told.left_out == ("std-3", "std-4", "std-5")
    assert "no room for 3 of them: std-3, std-4, std-5" in told.text
    assert write_standards(told.text, large) == told


def test_a_smaller_standard_after_one_that_is_too_large_is_still_written() -> None:
    told = write_standards("", [standing("std-a", text="x" * 20_000), standing("std-b")])

    assert told.left_out == ("std-a",)
    assert "std-b" in told.text


def test_all_that_fits_exactly_is_written() -> None:
    two = [standing("std-a"), standing("std-b")]
    whole = len(write_standards("", two).text)

    assert write_standards("", two, whole).left_out == ()
    assert write_standards("", two, whole - 1).left_out


def test_a_file_that_is_over_the_budget_by_itself_only_gets_the_count() -> None:
    told = write_standards("x" * BUDGET, OURS)

    assert told.left_out == ("std-eval",)
    assert "no room for 1 of them. " in told.text
