"""Numbers over time: each thing counts once, on its day; what nobody knows has no point."""

from __future__ import annotations

import datetime as dt
from itertools import count
from zoneinfo import ZoneInfo

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from watchkeeper.model.confidence import Confidence
from watchkeeper.model.conflicts import Conflict, Kind, Severity
from watchkeeper.model.events import ConflictDismissed, ConflictOpened, ConflictProbed, Event, Recorded
from watchkeeper.model.fleet import Closing, EngagementId, EngagementSpent, IssueClosed, IssueId, IssueReopened, Spend
from watchkeeper.model.ids import ChangeId, ConflictId, Millis, ProjectId, Seq, Sha
from watchkeeper.model.incidents import (
    Attribution,
    Incident,
    IncidentChanged,
    IncidentId,
    IncidentKind,
    IncidentOpened,
    Origin,
    Party,
    Role,
    Tier,
)
from watchkeeper.model.landing import EntryId, LandingDone, LandingIntended, LandingVoid
from watchkeeper.model.probing import Outcome, Proof
from watchkeeper.model.review import ChangeFoundWrong, ChangeSurveyed, WatchMeasured, WrongHow
from watchkeeper.review.calendar import Boundary
from watchkeeper.review.numbers import Chart, count_numbers

BOUNDARY = Boundary(240, ZoneInfo("Europe/Berlin"))
NOON = int(dt.datetime(2026, 11, 1, 11, tzinfo=dt.UTC).timestamp() * 1000)
DAY = 86_400_000
SHA = Sha("a" * 40)


def charts(*told: tuple[int, Event], days: int = 3) -> dict[str, Chart]:
    """``told`` are events by the day from the first on which they happened."""
    events = [
        Recorded(Seq(number), Millis(NOON + day * DAY), ProjectId("shop"), event)
        for number, (day, event) in enumerate(told, 1)
    ]
    return {each.key: each for each in count_numbers(events, BOUNDARY, Millis(NOON), Millis(NOON + (days - 1) * DAY))}


def values(chart: Chart) -> dict[str, list[float]]:
    return {series.name: [point.value for point in series.points] for series in chart.series}


def closed(number: int) -> IssueClosed:
    return IssueClosed(IssueId(f"shop#{number}"), Closing.LANDED)


def conflict(name: str, rule: str = "write-write") -> Conflict:
    return Conflict(
        ConflictId(f"c-{name}"), Kind.WRITE_WRITE, rule, Severity.MAJOR, Confidence.SURE,
        (ChangeId("a"), ChangeId("b")), ("x",), "s", "w", (), "n", name,
    )  # fmt: skip


def probed(name: str, outcome: Outcome) -> ConflictProbed:
    return ConflictProbed(ConflictId(f"c-{name}"), Proof((), (), SHA, outcome))


def test_an_issue_counts_once_and_again_after_it_was_open() -> None:
    found = charts(
        (0, closed(1)), (0, closed(1)), (1, IssueReopened(IssueId("shop#1"))), (2, closed(1)), (2, closed(2))
    )

    assert values(found["issues"]) == {"closed": [1, 0, 2]}


def test_before_the_day_begins_it_is_the_day_before() -> None:
    night = Recorded(Seq(1), Millis(NOON + DAY - 10 * 3_600_000), ProjectId("shop"), closed(1))  # 02:00 of the second

    (found, *_) = count_numbers([night], BOUNDARY, Millis(NOON), Millis(NOON + DAY))

    assert values(found) == {"closed": [1, 0]}


def test_tests_count_on_the_day_on_which_they_landed_whenever_that_was_looked_at() -> None:
    survey = ChangeSurveyed("shop", SHA, None, "t", landed_at=Millis(NOON), tests_added=4, tests_removed=1)

    found = charts((2, survey), (2, survey))

    assert values(found["tests"]) == {"added": [4, 0, 0], "removed": [1, 0, 0]}


def test_a_conflict_is_predicted_proved_and_escaped_once() -> None:
    found = charts(
        (0, ConflictOpened(conflict("one"))), (0, ConflictOpened(conflict("one"))),
        (1, probed("one", Outcome.PROVED)), (1, probed("one", Outcome.PROVED)), (1, probed("one", Outcome.CLEARED)),
        (2, ConflictOpened(conflict("two"))), (2, probed("two", Outcome.PROVED_AT_RUN_TIME)),
    )  # fmt: skip

    assert values(found["conflicts"]) == {"predicted": [1, 0, 1], "proved": [0, 1, 0], "escaped": [0, 0, 1]}


def test_detection_has_points_only_on_days_on_which_it_was_measured() -> None:
    found = charts((1, WatchMeasured(10, 40.0, 90.0)), (1, WatchMeasured(20, 30.0, 95.0)), (2, WatchMeasured(0)))

    assert values(found["detection"]) == {"half of them within": [40.0], "99 % within": [95.0]}
    assert [point.day for point in found["detection"].series[0].points] == ["2026-11-02"]


def incident(seconds: int, *, named: bool) -> Incident:
    origin = Attribution(Tier.TAG, (Origin("a.py", 1),)) if named else Attribution()
    return Incident(
        IncidentId("i-1"), "f", IncidentKind.CYCLE, "shop", "s", Millis(NOON), Millis(NOON + seconds * 1_000),
        (Party(1, Role.BOTH, attribution=origin),),
    )  # fmt: skip


def test_a_hang_has_names_from_the_first_event_on_that_has_any() -> None:
    found = charts(
        (0, IncidentOpened(incident(1, named=False))),
        (0, IncidentChanged(incident(3, named=True))),
        (1, IncidentChanged(incident(900, named=True))),
    )

    assert values(found["names"]) == {"half of them within": [3.0]}


def test_incidents_are_told_for_100_closed_issues_and_not_where_none_was_closed() -> None:
    found = charts((0, IncidentOpened(incident(1, named=False))), *[(1, closed(n)) for n in range(4)])

    assert values(found["incidents"]) == {"of the last 30 days": [25.0, 25.0]}


def test_rework_is_what_landed_at_a_second_try_or_was_found_wrong() -> None:
    one = LandingIntended((EntryId("a/1"), EntryId("b/3")), SHA, Sha("b" * 40), SHA, "g")
    never = LandingIntended((EntryId("c/2"),), SHA, Sha("c" * 40), SHA, "g")
    wrong = ChangeFoundWrong(SHA, WrongHow.REVERT)

    found = charts(
        (0, one), (0, LandingDone(Sha("b" * 40))), (1, never), (1, LandingVoid(Sha("c" * 40), "raced")),
        (1, LandingDone(Sha("c" * 40))), (2, wrong), (2, ChangeFoundWrong(SHA, WrongHow.PERSON)),
    )  # fmt: skip

    assert values(found["rework"]) == {
        "landed": [2, 0, 0],
        "at a second try": [1, 0, 0],
        "found wrong later": [0, 0, 1],
    }


def test_a_rules_precision_is_as_of_each_day() -> None:
    found = charts(
        (0, ConflictOpened(conflict("one"))), (0, probed("one", Outcome.PROVED)), (1, ConflictOpened(conflict("two"))),
        (2, ConflictDismissed(ConflictId("c-two"), Severity.MAJOR, 0)),
    )  # fmt: skip

    assert values(found["precision"]) == {"write-write": [100.0, 100.0, 50.0]}


@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 2), st.floats(0, 50)), max_size=30))
def test_what_was_spent_is_counted_once_however_it_is_told(told: list[tuple[int, int, float]]) -> None:
    """The sum of all days is what each engagement has spent at most."""
    told = sorted(told)
    spent = [(day, EngagementSpent(EngagementId(f"e-{who}"), Spend(money=money))) for day, who, money in told]

    (series,) = charts(*spent, days=7)["money"].series

    most = {who: max(money for _, each, money in told if each == who) for _, who, _ in told}
    assert abs(sum(point.value for point in series.points) - sum(most.values())) < 0.01


def test_each_chart_says_what_it_shows_and_an_empty_one_that_nothing_is_known() -> None:
    found = charts((0, closed(1)))

    assert found["issues"].said == "2026-11-01 to 2026-11-03: closed: 0 issues on 2026-11-03, at most 1 on 2026-11-01."
    assert found["precision"].said == "2026-11-01 to 2026-11-03: nothing is known yet."
    assert found["precision"].is_empty
    assert not found["issues"].is_empty


def test_events_of_several_projects_are_told_apart() -> None:
    numbers = count(1)
    events = [
        Recorded(Seq(next(numbers)), Millis(NOON), ProjectId(project), msgspec.structs.replace(closed(1)))
        for project in ("shop", "api")
    ]

    (issues, *_) = count_numbers(events, BOUNDARY, Millis(NOON), Millis(NOON))

    assert values(issues) == {"closed": [2]}
