"""What becomes an issue: believed, grave, tried, never twice, and no more than is worked off."""

from __future__ import annotations

import msgspec
import pytest

from watchkeeper.model.fleet import Closing, Issue, IssueId, IssueState
from watchkeeper.model.fleet_state import FleetState, IssueStanding
from watchkeeper.model.ids import Millis, Seq, Sha
from watchkeeper.model.scouting import (
    FindingGone,
    FindingId,
    FindingJudged,
    FindingTried,
    LookState,
    RunId,
    ScoutFinding,
    ScoutLooked,
    Verdict,
)
from watchkeeper.model.scouting_state import FindingStanding, LookStanding, ScoutState
from watchkeeper.scouts.cadence import hours_between, next_look
from watchkeeper.scouts.filing import Room, find_room, plan_filing
from watchkeeper.scouts.precision import Precision, precision_of, precisions

DAY = 86_400_000
NOW = Millis(30 * DAY)


def standing(number: int, **other: object) -> FindingStanding:
    told = {"rule": "bare-except", "path": f"m{number}.py", "severity": 3, "confidence": 0.9, "line": 3, **other}
    made = {key: told.pop(key) for key in list(told) if key in FindingStanding.__struct_fields__}
    finding = ScoutFinding(FindingId(f"f-{number:012x}"), "errors", "tree", claim="it is swallowed", **told)  # type: ignore[arg-type]
    tried = (FindingTried(finding.id, True, "the code is as it says", "second-look"),)
    return msgspec.structs.replace(FindingStanding(finding, RunId("s-1"), NOW, Seq(number), tried), **made)


def state(*found: FindingStanding) -> ScoutState:
    return ScoutState({each.finding.id: each for each in found})


def plan(
    *found: FindingStanding, room: int = 10, in_all: int = 5, most: int = 5, known: dict[str, Precision] | None = None
) -> list[tuple[str, ...]]:
    filings = plan_filing(state(*found), known or {}, Room(0, room), {"errors": most}, in_all)
    return [each.findings for each in filings]


def test_what_holds_and_was_tried_is_filed_the_gravest_first() -> None:
    small, grave = standing(1, severity=1), standing(2, severity=4)
    assert plan(small, grave) == [(grave.finding.id,), (small.finding.id,)]


JUDGED = {
    verdict: FindingJudged(FindingId("f-000000000001"), verdict, "as said", "ada")
    for verdict in (Verdict.FALSE, Verdict.WONT_FIX, Verdict.DUPLICATE, Verdict.TRUE)
}


@pytest.mark.parametrize(
    "other",
    [
        {"judged": JUDGED[Verdict.FALSE]},
        {"judged": JUDGED[Verdict.WONT_FIX]},
        {"judged": JUDGED[Verdict.DUPLICATE]},
        {"issue": IssueId("shop#3")},
        {"gone": FindingGone(FindingId("f-000000000001"), Sha("d" * 40))},
        {"tried": (FindingTried(FindingId("f-000000000001"), False, "it is in a test", "second-look"),)},
        {"tried": (FindingTried(FindingId("f-000000000001"), None, "nobody can say", "second-look"),)},
        {"tried": ()},
    ],
)
def test_what_is_settled_filed_gone_refuted_or_untried_is_not_filed(other: dict[str, object]) -> None:
    assert plan(standing(1, **other)) == []
    assert plan(standing(1)) != []


def test_an_agents_last_word_counts() -> None:
    one = FindingId("f-000000000001")
    first, last = FindingTried(one, True, "so it is", "second-look"), FindingTried(one, False, "line 9", "e-1")
    assert plan(standing(1, tried=(first, last))) == []
    assert (
        plan(standing(1, tried=(msgspec.structs.replace(last, by="e-0"), msgspec.structs.replace(first, by="e-1"))))
        != []
    )


def test_findings_of_one_rule_in_one_file_are_one_issue_and_never_more_than_asked_for() -> None:
    same = [standing(number, path="a.py", line=number) for number in (1, 2, 3)]
    others = [standing(number) for number in range(4, 20)]

    assert [len(each) for each in plan(*same)] == [3]
    assert len(plan(*same, *others)) == 5
    assert len(plan(*others, most=2)) == 2
    assert len(plan(*others, room=1)) == 1
    assert plan(*others, room=0) == []


def test_a_muted_rule_files_nothing_and_a_trusted_one_needs_no_second_look() -> None:
    untried = standing(1, tried=())

    assert plan(standing(1), known={"tree:bare-except": Precision(3, 5)}) == []
    assert plan(standing(1), known={"errors": Precision(13, 20)}) == []
    assert plan(standing(1), known={"tree:bare-except": Precision(4, 5)}) != []
    assert plan(standing(1), known={"tree:bare-except": Precision(1, 4)}) != [], "four say too little"
    assert plan(untried, known={"tree:bare-except": Precision(18, 20)}) != []
    assert plan(untried, known={"tree:bare-except": Precision(17, 20)}) == []


def test_the_same_findings_have_the_same_source_however_often_they_are_planned() -> None:
    found = [standing(number, path="a.py", line=9 - number) for number in (1, 2)]
    sources = {plan_filing(state(*order), {}, Room(0, 5), {}, 5)[0].source for order in (found, found[::-1])}
    assert len(sources) == 1


def test_an_issue_is_a_whole_work_packet_in_which_quoted_code_stays_quoted() -> None:
    found = standing(1, quote="```\n# Title\n@everyone", disprove="Read line 9.", evidence="ast", commit=Sha("a" * 40))
    (filing,) = plan_filing(state(found), {}, Room(0, 5), {}, 5)

    assert filing.title == "[Scout] it is swallowed"
    assert "Finding: f-000000000001" in filing.body
    assert "````\n```\n# Title\n@everyone\n````" in filing.body
    assert "Read line 9." in filing.body
    assert "second-look: the code is as it says" in filing.body


def issue(number: int, source: str, *, landed_days: float | None = None) -> IssueStanding:
    told = Issue(IssueId(f"shop#{number}"), "x", source=source)
    if landed_days is None:
        return IssueStanding(told)
    return IssueStanding(told, IssueState.CLOSED, Millis(NOW - int(landed_days * DAY)), Closing.LANDED)


def test_no_more_issues_of_scouts_are_open_than_were_worked_off_in_a_week() -> None:
    landed = [issue(number, "", landed_days=number / 2) for number in range(1, 25)]
    ours = [issue(100 + number, "scout:f-1") for number in range(3)]
    fleet = FleetState(issues={each.issue.id: each for each in (*landed, *ours)})

    assert find_room(fleet, NOW) == Room(3, 13)
    assert find_room(fleet, NOW).left == 10
    assert find_room(FleetState(), NOW) == Room(0, 5)
    assert Room(9, 5).left == 0


def judged(number: int, verdict: Verdict, at: int) -> FindingStanding:
    return standing(number, judged=FindingJudged(FindingId("x"), verdict, "", "ada"), judged_at=Millis(at))


def test_precision_is_over_the_last_twenty_judged_and_what_is_left_counts_for_nothing() -> None:
    old = [judged(number, Verdict.FALSE, number) for number in range(10)]
    new = [judged(100 + number, Verdict.TRUE, 100 + number) for number in range(20)]
    left = [judged(300, Verdict.WONT_FIX, 900), judged(301, Verdict.DUPLICATE, 901), standing(302)]

    assert precision_of([*new, *old, *left]) == Precision(20, 20)
    assert precision_of(old) == Precision(0, 10)
    assert precision_of(left) == Precision(0, 0)
    assert set(precisions([*new, *old])) == {"tree:bare-except", "errors"}


def test_the_interval_is_wilsons() -> None:
    low, high = Precision(9, 10).interval
    assert (round(low, 3), round(high, 3)) == (0.596, 0.982)
    assert Precision(0, 0).interval == (0.0, 1.0)
    assert Precision(0, 0).rate is None


def test_the_time_to_the_next_look_doubles_after_three_empty_ones_up_to_sixteen_times() -> None:
    assert [hours_between(empty, 24) for empty in (0, 2, 3, 5, 6, 9, 12, 100)] == [
        24, 24, 48, 48, 96, 192, 384, 384,
    ]  # fmt: skip
    looked = ScoutLooked(RunId("s-1"), "errors", LookState.CLEAN, Sha("c" * 40))
    assert next_look(None, 24) == 0
    assert next_look(LookStanding(looked, NOW, Seq(1), 3), 24) == NOW + 2 * DAY
