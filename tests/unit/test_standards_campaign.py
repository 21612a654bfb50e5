"""A campaign counts what is open, gone, new and let be, by project and over time, and is never done while blind."""

from __future__ import annotations

import msgspec

from scout_values import COMMIT, standing
from watchkeeper.model.ids import Millis, ProjectId
from watchkeeper.model.scouting import (
    CensusTaken,
    ExemptionGranted,
    FindingId,
    StandardId,
    StandardMoved,
    StandardState,
    Violation,
)
from watchkeeper.model.scouting_state import Exemption, StandardStanding
from watchkeeper.scouts.standards.campaign import Point, follow

ID = StandardId("std-eval")
ADOPTED = 100


def census(project: str, keys: str, reason: str = "") -> CensusTaken:
    places = tuple(Violation(FindingId(each), f"{each}.py", 1) for each in keys)
    return CensusTaken(ID, ProjectId(project), COMMIT, 9, places, reason)


def standard(*taken: tuple[int, CensusTaken], adopted: bool = True, **fields: object) -> StandardStanding:
    censuses: dict[ProjectId, tuple[tuple[Millis, CensusTaken], ...]] = {}
    for at, each in taken:
        censuses[each.project] = (*censuses.get(each.project, ()), (Millis(at), each))
    moves = ((Millis(ADOPTED), StandardMoved(ID, StandardState.ADOPTED)),) if adopted else ()
    return msgspec.structs.replace(standing(), censuses=censuses, moves=moves, **fields)


def test_a_campaign_starts_with_the_newest_census_before_adoption() -> None:
    told = follow(standard((10, census("a", "uvwxyz")), (90, census("a", "wxyz")), (110, census("a", "xy"))))

    assert told.projects[0].start == 4
    assert told.points == (Point(Millis(90), open=4), Point(Millis(110), open=2, closed=2))
    assert told.points[-1].percent == 50.0


def test_a_project_that_came_later_starts_with_its_first_census() -> None:
    told = follow(standard((90, census("a", "x")), (120, census("b", "yz")), (130, census("a", ""))))

    assert [(each.at, each.open, each.closed) for each in told.points] == [(90, 1, 0), (120, 3, 0), (130, 2, 1)]


def test_new_places_and_those_that_came_back_recurred() -> None:
    told = follow(standard((90, census("a", "xy")), (110, census("a", "y")), (120, census("a", "xyn"))))

    assert told.points[-1] == Point(Millis(120), open=3, new=1)
    assert (told.projects[0].back, told.recurred) == (1, 2)


def test_nothing_recurs_where_old_places_only_go() -> None:
    assert follow(standard((90, census("a", "xy")), (110, census("a", "y")))).recurred == 0


def test_before_adoption_nothing_recurs() -> None:
    told = follow(standard((90, census("a", "x")), (110, census("a", "xn")), adopted=False))

    assert (told.adopted_at, told.recurred) == (None, 0)


def test_what_is_exempt_is_not_open_until_it_ends() -> None:
    granted = ExemptionGranted(ID, ProjectId("a"), "x.py", "later", Millis(115))
    each = standard(
        (90, census("a", "xy")), (120, census("a", "xy")), exemptions=(Exemption(granted, Millis(0)),)
    )  # fmt: skip

    assert [(point.open, point.exempt) for point in follow(each).points] == [(1, 1), (2, 0)]


def test_a_census_that_could_not_look_is_no_point_and_is_said() -> None:
    told = follow(standard((90, census("a", "x")), (110, census("a", "", "too large"))))

    assert [point.at for point in told.points] == [90]
    assert told.blind == ("a",)
    assert told.zero_at is None


def test_zero_counts_from_the_moment_after_which_nothing_was_open_again() -> None:
    taken = [(90, census("a", "x")), (95, census("b", "y")), (110, census("a", "")), (120, census("b", ""))]

    told = follow(standard(*taken), first_found=Millis(20))
    opened = follow(standard(*taken, (130, census("a", "n")), (140, census("a", ""))), first_found=Millis(20))

    assert (told.zero_at, told.took) == (120, 100)
    assert (opened.zero_at, opened.took) == (140, 120)


def test_it_is_not_at_zero_before_every_project_was_counted() -> None:
    assert follow(standard((90, census("a", "")), (95, census("b", "")))).zero_at == 95
    assert follow(standard((90, census("a", "")), (95, census("b", "y")))).zero_at is None
    assert follow(standard((90, census("a", "")), (95, census("b", "", "no tree")))).zero_at is None


def test_a_project_without_places_has_no_percent() -> None:
    last = follow(standard((90, census("a", "")))).last

    assert last is not None
    assert last.percent is None
    assert follow(standard()).last is None
