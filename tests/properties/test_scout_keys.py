"""A place has the same key after lines moved, and no two places of a project have one key."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from watchkeeper.model.ids import ProjectId
from watchkeeper.model.scouting import StandardId, Violation
from watchkeeper.scouts.keys import finding_id, number_equals
from watchkeeper.scouts.standards.checking import Spot, key_violations

CODE = st.sampled_from(["eval(x)", "eval( x )", "eval(y)", "exec(z)"])
LINES = st.lists(st.one_of(CODE, st.sampled_from(["", "x = 1", "# eval(x)"])), max_size=25)
STANDARD, PROJECT = StandardId("std-a"), ProjectId("p")
WORDS = st.text(alphabet=st.characters(codec=None), max_size=8)


def violations(lines: list[str], path: str = "a.py") -> tuple[Violation, ...]:
    spots = [
        Spot(path, number, line, "".join(line.split()))
        for number, line in enumerate(lines, 1)
        if line.startswith(("eval", "exec"))
    ]
    return key_violations(STANDARD, PROJECT, spots)


@given(LINES, st.lists(st.sampled_from(["", "x = 1", "# said"]), max_size=10), st.data())
def test_lines_inserted_anywhere_that_are_no_places_change_no_key(
    lines: list[str], more: list[str], data: st.DataObject
) -> None:
    at = data.draw(st.integers(0, len(lines)))

    moved = violations([*lines[:at], *more, *lines[at:]])

    assert [each.key for each in moved] == [each.key for each in violations(lines)]


@given(LINES, CODE, st.data())
def test_one_more_place_anywhere_keeps_every_key_and_adds_one(lines: list[str], code: str, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(lines)))
    before = {each.key for each in violations(lines)}

    after = {each.key for each in violations([*lines[:at], code, *lines[at:]])}

    assert before < after
    assert len(after) == len(before) + 1


@given(LINES)
def test_whitespace_changes_no_key(lines: list[str]) -> None:
    spaced = [line.replace("(", " (\t") for line in lines]

    assert [each.key for each in violations(spaced)] == [each.key for each in violations(lines)]


@given(LINES)
def test_no_two_places_have_one_key(lines: list[str]) -> None:
    keys = [each.key for path in ("a.py", "b.py") for each in violations(lines, path)]

    assert len(set(keys)) == len(keys)


@given(st.tuples(*[WORDS] * 5), st.tuples(*[WORDS] * 5), st.integers(0, 3), st.integers(0, 3))
def test_ids_are_equal_exactly_where_all_parts_are(
    left: tuple[str, ...], right: tuple[str, ...], first: int, second: int
) -> None:
    one, other = finding_id(*left, "q", first), finding_id(*right, "q", second)  # type: ignore[misc, call-arg, arg-type]

    assert (one == other) is ((left, first) == (right, second))


def test_parts_do_not_run_into_each_other() -> None:
    assert finding_id("a", "b", "", "", "", "", 0) != finding_id("", "ab", "", "", "", "", 0)
    assert finding_id("p", "c", "r", "a.py", "f", "q", 1) != finding_id("p", "c", "r", "a.py", "f1", "q", 0)


@given(st.lists(st.integers(0, 3)))
def test_equal_ones_are_counted_from_the_first(keys: list[int]) -> None:
    numbers = list(number_equals(keys))

    assert numbers == [keys[:place].count(key) for place, key in enumerate(keys)]
