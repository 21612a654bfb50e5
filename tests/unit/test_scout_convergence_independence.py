"""Independence is counted by projects, never by occurrences; candidates are what is enough and no standard."""

from __future__ import annotations

import pytest

from scout_values import DAY, NOW, finding, projects, standing, state_of
from watchkeeper.model.events import Event
from watchkeeper.model.ids import Millis
from watchkeeper.model.scouting import (
    FindingId,
    FindingJudged,
    FindingTried,
    KindId,
    StandardId,
    StandardMoved,
    StandardState,
    Verdict,
)
from watchkeeper.model.scouting_state import ScoutState, StandardsState, StandardStanding
from watchkeeper.scouts.convergence.candidates import find_candidates
from watchkeeper.scouts.convergence.independence import count_independent

KIND = KindId("silent-error")


def test_three_projects_are_enough_and_two_are_not() -> None:
    states = projects(a=state_of(finding("a")), b=state_of(finding("b")))

    assert not count_independent(KIND, states, NOW).is_enough
    told = count_independent(KIND, states | projects(c=state_of(finding("c"))), NOW)
    assert (told.count, told.is_enough) == (3, True)
    assert list(told.evidence) == ["a", "b", "c"]


def test_many_findings_of_one_project_are_one_project() -> None:
    told = count_independent(KIND, projects(a=state_of(*(finding(f"a{n}") for n in range(9)))), NOW)

    assert told.count == 1


def test_two_projects_are_enough_where_the_kind_is_grave() -> None:
    states = projects(a=state_of(finding("a")), b=state_of(finding("b")))

    assert count_independent(KIND, states, NOW, severity=4).is_enough
    assert not count_independent(KIND, states, NOW, severity=3).is_enough


def test_two_projects_are_enough_where_both_have_a_grave_finding_and_not_where_one_has() -> None:
    grave, other = state_of(finding("a", severity=4)), state_of(finding("b", severity=4))

    assert count_independent(KIND, projects(a=grave, b=other), NOW).is_enough
    assert not count_independent(KIND, projects(a=grave, b=state_of(finding("b"))), NOW).is_enough


@pytest.mark.parametrize(
    ("state", "reason"),
    [
        (state_of(finding("c"), told=["silent-error"]), "had been told"),
        (state_of(finding("c"), has_ended=False), "has not ended"),
        (state_of(finding("c"), at=NOW - 30 * DAY), "within the last 30 days"),
        (state_of(finding("c"), at=NOW + 1), "within the last 30 days"),
        (state_of(finding("c"), then=[FindingJudged(FindingId("f-c"), Verdict.FALSE)]), "judged to be false"),
        (state_of(finding("c"), then=[FindingJudged(FindingId("f-c"), Verdict.DUPLICATE)]), "the same as another"),
        (state_of(finding("c"), then=[FindingTried(FindingId("f-c"), False, "", "code")]), "refuted"),
    ],
)
def test_what_does_not_count_is_left_out_with_its_reason(state: ScoutState, reason: str) -> None:
    told = count_independent(KIND, projects(c=state), NOW)

    assert told.count == 0
    assert [reason in each.reason for each in told.left_out] == [True]


@pytest.mark.parametrize(
    "then",
    [
        (),
        (FindingJudged(FindingId("f-c"), Verdict.WONT_FIX),),
        (FindingTried(FindingId("f-c"), False, "", "code"), FindingJudged(FindingId("f-c"), Verdict.TRUE)),
    ],
)
def test_what_is_true_counts_also_where_it_is_left_or_was_doubted(then: tuple[Event, ...]) -> None:
    assert count_independent(KIND, projects(c=state_of(finding("c"), told=["dead-code"], then=then)), NOW).count == 1


def copies(**fields: object) -> dict[str, ScoutState]:
    return {name: state_of(finding(name, **fields)) for name in ("a", "b", "c")}


@pytest.mark.parametrize("fields", [{"shape": "d1"}, {"path": "x.py", "symbol": "f", "quote": "a  b"}])
def test_copied_code_counts_once(fields: dict[str, object]) -> None:
    told = count_independent(KIND, projects(**copies(**fields)), NOW)

    assert told.count == 1
    assert told.copies == ("b", "c")


@pytest.mark.parametrize("fields", [{}, {"path": "x.py", "symbol": "f"}, {"quote": "a b"}])
def test_the_same_place_without_code_or_code_at_another_place_is_no_copy(fields: dict[str, object]) -> None:
    assert count_independent(KIND, projects(**copies(**fields)), NOW).count == 3


def test_a_project_with_a_copy_and_a_finding_of_its_own_counts_by_its_own() -> None:
    states = projects(
        a=state_of(finding("a", shape="d1")), b=state_of(finding("b", shape="d1")),
        c=state_of(finding("c", shape="d1"), finding("own")),
    )  # fmt: skip

    told = count_independent(KIND, states, NOW)

    assert (told.count, told.copies) == (2, ("b",))


def test_copies_through_a_third_project_are_one_origin() -> None:
    place = {"path": "x.py", "symbol": "f", "quote": "q"}
    states = projects(
        a=state_of(finding("a", shape="d1")), b=state_of(finding("b", shape="d1", **place)),
        c=state_of(finding("c", **place)),
    )  # fmt: skip

    assert count_independent(KIND, states, NOW).count == 1


THREE = projects(**{name: state_of(finding(name)) for name in ("a", "b", "c")})


def candidates(standards: StandardsState, now: int = NOW, states: dict[object, ScoutState] | None = None) -> list[str]:
    found = find_candidates(states or THREE, standards, Millis(now), lambda _: 2)  # type: ignore[arg-type]
    return [each.kind for each in found]


def with_standard(state: StandardState, at: int) -> StandardsState:
    known = standing("std-x", state, kind=KIND)
    moved = StandardMoved(known.standard.id, state, "why", "ada")
    known = StandardStanding(known.standard, state, ((Millis(at), moved),))
    return StandardsState({StandardId("std-x"): known})


def test_what_enough_projects_found_is_a_candidate_until_it_is_a_standard() -> None:
    assert candidates(StandardsState()) == ["silent-error"]
    for state in set(StandardState) - {StandardState.RETIRED}:
        assert candidates(with_standard(state, NOW - 2 * DAY)) == []


def test_a_retired_kind_comes_back_by_new_evidence_alone() -> None:
    assert candidates(with_standard(StandardState.RETIRED, NOW)) == []
    assert candidates(with_standard(StandardState.RETIRED, NOW - 2 * DAY)) == ["silent-error"]


def test_a_finding_without_a_kind_is_no_candidate() -> None:
    unsaid = projects(**{name: state_of(finding(name), kind="") for name in ("a", "b", "c")})

    assert candidates(StandardsState(), states=unsaid) == []  # type: ignore[arg-type]


def test_graver_kinds_come_first_then_those_of_more_projects() -> None:
    states = projects(**{
        name: state_of(
            finding(name), finding(f"{name}2", kind=KindId("dead-code"), severity=4),
            *([finding(f"{name}3", kind=KindId("a-kind"))] if name != "d" else []), kind="",
        )
        for name in ("a", "b", "c", "d")
    })  # fmt: skip

    assert candidates(StandardsState(), states=states) == ["dead-code", "a-kind"]  # type: ignore[arg-type]
