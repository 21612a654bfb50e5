"""What holds for the search of minimal conflicting sets, whatever breaks whatever."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from watchkeeper.probes.isolation import isolate, isolate_all

CHANGES = tuple(range(12))
SETS = st.lists(st.frozensets(st.sampled_from(CHANGES), min_size=1, max_size=4), max_size=4)


def fails_by(sets):
    return lambda members: any(each <= set(members) for each in sets)


@given(SETS)
def test_what_is_named_fails_and_without_any_one_member_does_not(sets):
    fails = fails_by(sets)

    found = isolate(CHANGES, fails)

    assert (found is None) == (not sets)
    if found is not None:
        assert fails(found.members)
        assert not any(fails(tuple(m for m in found.members if m != gone)) for gone in found.members)
        assert found.is_monotone


@given(SETS)
def test_what_is_left_without_all_sets_does_not_fail(sets):
    fails = fails_by(sets)

    found = isolate_all(CHANGES, fails)

    named = {member for each in found for member in each.members}
    assert sum(len(each.members) for each in found) == len(named)
    assert not fails(tuple(change for change in CHANGES if change not in named))


@given(st.frozensets(st.sampled_from(CHANGES), min_size=1, max_size=4))
def test_a_set_of_k_costs_about_k_times_log_n_questions(planted):
    found = isolate(CHANGES, fails_by([planted]))

    assert found is not None
    assert found.members == tuple(sorted(planted))
    assert found.asked <= 1 + len(planted) * (math.ceil(math.log2(len(CHANGES))) + 1)


@given(st.dictionaries(st.frozensets(st.sampled_from(CHANGES[:5])), st.booleans()))
def test_answers_that_contradict_each_other_end_and_are_noticed(answers):
    fails = lambda members: answers.get(frozenset(members), len(members) == 5)  # noqa: E731

    found = isolate(CHANGES[:5], fails)

    if found is not None:
        assert fails(found.members)


@given(st.frozensets(st.sampled_from(CHANGES), min_size=1, max_size=4), st.data())
def test_members_that_are_known_beforehand_are_not_searched_for(planted, data):
    needed = data.draw(st.frozensets(st.sampled_from(sorted(planted)), min_size=1))

    found = isolate(CHANGES, fails_by([planted]), needed)

    assert found is not None
    assert found.members == tuple(sorted(planted))
    searched = len(planted) - len(needed)
    assert found.asked <= 2 + searched * (math.ceil(math.log2(len(CHANGES))) + 1)
