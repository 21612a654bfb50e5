"""From a failing sequence to a minimal set, with few questions."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchkeeper.landing.search import Found, find_culprit, find_partners, locate, without_one

World = Callable[[tuple[int, ...]], bool]


def breaks(*sets: tuple[int, ...]) -> World:
    return lambda subset: any(set(one) <= set(subset) for one in sets)


def search(sequence: tuple[int, ...], world: World, width: int = 1) -> tuple[tuple[int, ...], int, int]:
    """The set that is found, how many questions it took, and how many rounds."""
    known: dict[tuple[int, ...], bool] = {(): False, sequence: True}
    rounds = 0
    while True:
        place = find_culprit(sequence, known.get, width)
        if not isinstance(place, int):
            asked = place
        else:
            step = find_partners(sequence[:place], sequence[place], known.get, width)
            if isinstance(step, Found):
                return step.members, len(known) - 2, rounds
            asked = step.subsets
        rounds += 1
        fresh = [subset for subset in asked if subset not in known]
        assert fresh, "the search asks for what it was told"
        known.update({subset: world(subset) for subset in fresh})


@pytest.mark.parametrize("planted", [(4,), (1, 6), (0, 3, 7), (2, 3, 4, 5)])
def test_the_planted_set_is_found_whole(planted: tuple[int, ...]) -> None:
    found, _, _ = search(tuple(range(8)), breaks(planted))

    assert found == planted


def test_of_two_sets_the_one_that_breaks_first_is_found() -> None:
    found, _, _ = search(tuple(range(8)), breaks((1, 6), (0, 3)))

    assert found == (0, 3)


@given(
    st.integers(1, 40).flatmap(lambda n: st.tuples(st.just(n), st.sets(st.integers(0, n - 1), min_size=1, max_size=3)))
)
def test_it_costs_about_log2_n_questions_for_each_member(case: tuple[int, set[int]]) -> None:
    count, planted = case
    members = tuple(sorted(planted))

    found, questions, _ = search(tuple(range(count)), breaks(members))

    assert found == members
    assert questions <= (len(members)) * (math.ceil(math.log2(count + 1)) + 2)


def test_more_width_needs_fewer_rounds() -> None:
    sequence = tuple(range(32))

    _, _, narrow = search(sequence, breaks((20,)), 1)
    _, _, wide = search(sequence, breaks((20,)), 4)

    assert wide < narrow


@given(st.integers(1, 30), st.data(), st.integers(1, 5))
def test_a_place_is_located_whatever_is_known_already(length: int, data: st.DataObject, width: int) -> None:
    first = data.draw(st.integers(1, length))
    told = data.draw(st.sets(st.integers(1, length)))
    step = locate(length, lambda at: (at >= first) if at in told else None, width)

    if isinstance(step, int):
        assert step == first
    else:
        assert 0 < len(step) <= width
        assert not set(step) & told


def test_a_longer_prefix_that_passes_does_not_hide_a_shorter_one_that_fails() -> None:
    answers = {1: False, 2: True, 3: False}

    assert locate(4, answers.get) == 2


def test_a_set_without_one_member_is_every_such_subset() -> None:
    assert without_one((1, 2, 3)) == ((2, 3), (1, 3), (1, 2))
    assert without_one((1,)) == ()
