"""What holds for emergent findings of any trees."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from watchkeeper.model.findings import Finding
from watchkeeper.probes.emergence import count_findings, find_emergent

FINDINGS = st.lists(
    st.builds(
        Finding,
        check=st.just("names"),
        rule=st.just("undefined-name"),
        path=st.sampled_from(["a.py", "b.py"]),
        subject=st.sampled_from(["x", "y", "z"]),
        message=st.just("m"),
        line=st.integers(1, 9),
    ),
    max_size=8,
)


@given(FINDINGS, FINDINGS, FINDINGS)
def test_what_one_side_has_alone_is_not_emergent(merged, side, base):
    assert find_emergent(merged, [merged, side], base) == ()


@given(FINDINGS, FINDINGS, FINDINGS, FINDINGS)
def test_the_order_of_the_sides_does_not_matter(merged, one, two, base):
    assert find_emergent(merged, [one, two], base) == find_emergent(merged, [two, one], base)


@given(FINDINGS, FINDINGS)
def test_what_only_the_merge_has_is_emergent_as_often_as_it_has_it(merged, base):
    added = [*base, *merged]

    found = find_emergent(added, [base, base], base)

    assert count_findings(found) == count_findings(merged)


@given(FINDINGS, FINDINGS, FINDINGS)
def test_what_the_sides_add_independently_is_not_emergent(base, one, two):
    assert find_emergent([*base, *one, *two], [[*base, *one], [*base, *two]], base) == ()


@given(FINDINGS, FINDINGS, FINDINGS, FINDINGS)
def test_nothing_is_emergent_that_is_not_in_the_merge(merged, one, two, base):
    found = Counter(find_emergent(merged, [one, two], base))

    assert all(count <= Counter(merged)[finding] for finding, count in found.items())
