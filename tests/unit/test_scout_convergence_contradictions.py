"""One project's fix that is another's fault is told with both sides; what agrees is not."""

from __future__ import annotations

from collections.abc import Collection, Iterable

import pytest

from scout_values import COMMIT, finding, projects, solved, state_of
from watchkeeper.model.fleet import IssueId
from watchkeeper.model.ids import ProjectId, Sha
from watchkeeper.model.scouting import FindingGone, FindingId, FindingJudged, FindingTried, KindId, Verdict
from watchkeeper.model.scouting_state import ScoutState
from watchkeeper.scouts.checks.port import Raw
from watchkeeper.scouts.convergence.contradictions import AddedTo, LandedFix, find_contradictions
from watchkeeper.scouts.convergence.direction import direction_of
from watchkeeper.scouts.convergence.spreading import Alike, suggest

KIND = "missing-rate-limit"
CLAIM = "Replace in-memory rate limiter"


def no_rules(path: str, text: str) -> Iterable[Raw]:
    return ()


def near_limits(text: str) -> Collection[KindId]:
    return (KindId(KIND),)


def fix(*says: str, project: str = "here", files: tuple[AddedTo, ...] = ()) -> LandedFix:
    return LandedFix(ProjectId(project), COMMIT, says, files)


def said(text: str, claim: str = CLAIM, **state: object) -> list[str]:
    there = state_of(finding("limit", claim=claim), kind=KIND, **state)  # type: ignore[arg-type]
    return [each.text for each in find_contradictions([fix(text)], projects(there=there), no_rules, near_limits)]


@pytest.mark.parametrize("claim", [CLAIM, "Login endpoint rate limiter is in memory only"])
@pytest.mark.parametrize(
    "text",
    ["Ship an in-memory rate limiter on login and signup", "feat: add in-memory rate limiter for the login endpoint"],
)
def test_a_fix_that_adds_what_another_project_wants_gone_is_told_with_both_sides(text: str, claim: str) -> None:
    [told] = said(text, claim)

    assert COMMIT[:12] in told
    assert text in told
    assert claim in told


@pytest.mark.parametrize(
    "text",
    [
        "Replace in-memory rate limiter with Redis",
        "Remove the in-memory rate limiter",
        "Use Redis instead of the in-memory rate limiter",
        "Add a rate limiter backed by Redis",
        "Add retries to the mail client",
        "In-memory rate limiter",
        "",
    ],
)
def test_a_fix_that_wants_the_same_or_something_else_is_no_contradiction(text: str) -> None:
    assert said(text) == []


def test_a_finding_that_misses_what_the_fix_adds_agrees_with_it() -> None:
    assert said("Add in-memory rate limiter", "No in-memory rate limiter on login") == []


def test_what_is_wrong_with_a_thing_has_to_be_what_the_fix_adds() -> None:
    claim = "Login endpoint rate limiter is in memory only"

    assert said("Add a rate limiter to the login endpoint", claim) == []
    assert len(said("Add a rate limiter in memory to the login endpoint", claim)) == 1


def test_a_fix_of_another_kind_is_no_contradiction() -> None:
    there = projects(there=state_of(finding("limit", claim=CLAIM), kind="dead-code"))

    assert not find_contradictions([fix("Add in-memory rate limiter")], there, no_rules, near_limits)


@pytest.mark.parametrize(
    "event",
    [
        FindingGone(FindingId("f-limit"), COMMIT),
        FindingTried(FindingId("f-limit"), False, "", "code"),
        FindingJudged(FindingId("f-limit"), Verdict.FALSE),
        FindingJudged(FindingId("f-limit"), Verdict.WONT_FIX),
    ],
)
def test_what_nobody_holds_for_a_fault_any_more_contradicts_nobody(event: FindingGone) -> None:
    assert said("Add in-memory rate limiter", then=[event]) == []


def test_a_project_does_not_contradict_itself() -> None:
    there = projects(here=state_of(finding("limit", claim=CLAIM), kind=KIND))

    assert not find_contradictions([fix("Add in-memory rate limiter")], there, no_rules, near_limits)


def test_the_missing_word_may_stand_in_the_added_code_and_not_in_the_old() -> None:
    text = "const old = memoryCache()\nconst counts = new Map()\n"
    there = projects(there=state_of(finding("limit", claim="Replace in-memory rate limiter"), kind=KIND))

    def told(*lines: int) -> int:
        files = (AddedTo("a.ts", text, frozenset(lines)),)
        return len(find_contradictions([fix("Add rate limiter", files=files)], there, no_rules, near_limits))

    assert told(1) == 1
    assert told(2) == 0


def test_a_pair_has_one_key_however_many_findings_and_runs_there_are() -> None:
    there = state_of(finding("one", claim=CLAIM), finding("two", claim=CLAIM), kind=KIND)

    first = find_contradictions([fix("Add in-memory rate limiter")], projects(there=there), no_rules, near_limits)
    again = find_contradictions([fix("Add in-memory rate limiter")] * 2, projects(there=there), no_rules, near_limits)

    assert first == again
    assert [each.finding for each in first] == ["f-one"]


def calls_eval(path: str, text: str) -> Iterable[Raw]:
    for number, line in enumerate(text.splitlines(), 1):
        if "eval(" in line:
            yield Raw("no-eval", path, "eval", number, line)


def test_a_rule_that_sees_its_fault_in_added_lines_needs_no_words() -> None:
    there = projects(there=state_of(finding("e", check="tree", rule="no-eval"), kind="injection"))
    added = fix("Mend it", files=(AddedTo("a.py", "x = 1\neval(x)\n", frozenset({2})),))
    old = fix("Mend it", files=(AddedTo("a.py", "x = 1\neval(x)\n", frozenset({1})),))

    [told] = find_contradictions([added], there, calls_eval, near_limits)

    assert "a.py:2" in told.text
    assert not find_contradictions([old], there, calls_eval, near_limits)


def test_a_rule_says_nothing_of_an_agents_finding_of_the_same_name() -> None:
    there = projects(there=state_of(finding("e", rule="no-eval"), kind="injection"))
    added = fix("Mend it", files=(AddedTo("a.py", "eval(x)\n", frozenset({1})),))

    assert not find_contradictions([added], there, calls_eval, near_limits)


def test_the_direction_of_a_sentence() -> None:
    told = direction_of("fix: replace the old cache with a shared store")

    assert told.removes == {"old", "cach"}
    assert told.adds == {"shar", "stor"}
    assert direction_of("Retry on failure") == direction_of("")


LANDED = {ProjectId("x"): {IssueId("1"): Sha("a" * 40)}, ProjectId("z"): {IssueId("9"): Sha("b" * 40)}}


def solved_in_x(**fields: object) -> ScoutState:
    each = finding("x", claim="HTTP call without timeout", **fields)
    return state_of(each, kind="missing-timeout", then=solved(each, "1"))


def open_in_y(
    kind: str = "missing-timeout", claim: str = "Another HTTP call without timeout", **fields: object
) -> ScoutState:
    return state_of(finding("y", claim=claim, **fields), kind=kind)


def test_what_another_project_solved_is_suggested_with_its_commit() -> None:
    [told] = suggest(projects(x=solved_in_x(), y=open_in_y()), LANDED)

    assert (told.finding, told.solved_in, told.commit, told.alike) == ("f-y", "x", "a" * 40, Alike.TEXT)


@pytest.mark.parametrize(
    "states",
    [
        projects(x=solved_in_x(), y=open_in_y(kind="dead-code")),
        projects(x=solved_in_x(), y=open_in_y(claim="Socket never answers")),
        projects(q=solved_in_x(), y=open_in_y()),  # no commit landed in q
        projects(x=state_of(finding("x"), kind="missing-timeout"), y=open_in_y()),
        projects(
            x=state_of(
                finding("x", claim="HTTP call without timeout"), kind="missing-timeout",
                then=[*solved(finding("x"), "1"), FindingJudged(FindingId("f-x"), Verdict.FALSE)],
            ),
            y=open_in_y(),
        ),
    ],
)  # fmt: skip
def test_what_is_not_solved_or_not_alike_is_not_suggested(states: dict[ProjectId, ScoutState]) -> None:
    assert suggest(states, LANDED) == ()


def test_the_same_rule_comes_before_the_same_shape_and_that_before_words() -> None:
    by_rule = finding("z", check="tree", rule="timeout", claim="other words")
    states = projects(
        x=solved_in_x(shape="d1"),
        z=state_of(by_rule, kind="missing-timeout", then=solved(by_rule, "9")),
        y=open_in_y(check="tree", rule="timeout", shape="d1"),
    )

    told = suggest(states, LANDED, most=2)

    assert [(each.solved_in, each.alike) for each in told] == [("z", Alike.RULE), ("x", Alike.SHAPE)]
    assert [each.solved_in for each in suggest(states, LANDED)] == ["z"]


def test_a_project_is_not_told_of_its_own_solution() -> None:
    old = finding("x", claim="HTTP call without timeout")
    both = state_of(
        old, finding("y", claim="Another HTTP call without timeout"), kind="missing-timeout", then=solved(old, "1")
    )

    assert suggest(projects(x=both), LANDED) == ()
