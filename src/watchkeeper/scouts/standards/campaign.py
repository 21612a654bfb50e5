"""How a standard's old places are burnt down, by project and over time: values for pages. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec

from watchkeeper.model.ids import Millis, ProjectId
from watchkeeper.model.scouting import CensusTaken, FindingId, StandardState
from watchkeeper.model.scouting_state import StandardStanding

_Taken = tuple[tuple[Millis, CensusTaken], ...]


class Point(msgspec.Struct, frozen=True):
    """A moment. ``open`` places are to be mended; ``closed`` ones were there at the start and are gone.

    ``new`` ones are there that were not at the start; ``exempt`` ones are let be. New ones are open or exempt too.
    """

    at: Millis
    open: int = 0
    closed: int = 0
    new: int = 0
    exempt: int = 0

    def __add__(self, other: Point) -> Point:
        return Point(
            max(self.at, other.at), self.open + other.open, self.closed + other.closed, self.new + other.new,
            self.exempt + other.exempt,
        )  # fmt: skip

    @property
    def percent(self) -> float | None:
        """How much of the work is done; None where there is and was none."""
        whole = self.open + self.closed
        return round(100 * self.closed / whole, 1) if whole else None


class ProjectCampaign(msgspec.Struct, frozen=True):
    """One project's: ``start`` is how many places it had. ``back`` were gone and are there again, at the last count.

    ``blind`` is why the newest census could not look; the points are older then.
    """

    project: ProjectId
    start: int
    points: tuple[Point, ...]
    back: int = 0
    blind: str = ""

    @property
    def last(self) -> Point | None:
        return self.points[-1] if self.points else None


class Campaign(msgspec.Struct, frozen=True):
    """A standard's. ``points`` are sums over the last known of every project at each moment.

    ``recurred`` are places since adoption that were not there at its start, or were gone and came back.
    ``zero_at``: since when no project has an open place; None: not yet. ``took``: from the first finding to then.
    """

    adopted_at: Millis | None
    projects: tuple[ProjectCampaign, ...]
    points: tuple[Point, ...]
    recurred: int
    zero_at: Millis | None
    took: Millis | None

    @property
    def last(self) -> Point | None:
        return self.points[-1] if self.points else None

    @property
    def blind(self) -> tuple[ProjectId, ...]:
        """Projects that nobody has counted, or could count the last time."""
        return tuple(each.project for each in self.projects if each.blind or not each.points)


def follow(standing: StandardStanding, first_found: Millis | None = None) -> Campaign:
    """The campaign of a standard, from its censuses.

    It starts at the last adoption with the newest census before it, else with the first after it; a standard that is
    not adopted yet starts with its first census. A census that could not look is no point. ``first_found`` is when the
    oldest finding of its kind was found. While a project cannot be counted, nothing is at zero.
    """
    adopted_at = _adopted_at(standing)
    projects = tuple(_follow_project(standing, each, adopted_at) for each in sorted(standing.censuses))
    points = tuple(_sums(projects))
    zero_at = _zero_at(projects, points)
    took = Millis(zero_at - first_found) if zero_at is not None and first_found is not None else None
    recurred = sum(each.back + (each.last.new if each.last is not None else 0) for each in projects)
    return Campaign(adopted_at, projects, points, recurred if adopted_at is not None else 0, zero_at, took)


def _adopted_at(standing: StandardStanding) -> Millis | None:
    """When it was adopted last, unless it was taken back before that."""
    found: Millis | None = None
    for at, moved in standing.moves:
        if moved.state is StandardState.ADOPTED:
            found = at if found is None else found
        elif moved.state in (StandardState.CANDIDATE, StandardState.PROPOSED):
            found = None
    return found


def _follow_project(standing: StandardStanding, project: ProjectId, adopted_at: Millis | None) -> ProjectCampaign:
    taken = standing.censuses[project]
    blind = taken[-1][1].reason if taken else ""
    counted: _Taken = tuple(each for each in taken if not each[1].reason)
    before = [each for each in counted if adopted_at is not None and each[0] <= adopted_at]
    used = (before[-1], *(each for each in counted if each[0] > before[-1][0])) if before else counted
    if not used:
        return ProjectCampaign(project, 0, (), blind=blind)
    start = {each.key for each in used[0][1].violations}
    points = tuple(_point(standing, at, census, start) for at, census in used)
    return ProjectCampaign(project, len(start), points, _count_back(used, start), blind)


def _point(standing: StandardStanding, at: Millis, census: CensusTaken, start: set[FindingId]) -> Point:
    """Exemptions are those that held at that moment."""
    here = {each.key for each in census.violations}
    exempt = sum(standing.find_exemption(census.project, each.path, at) is not None for each in census.violations)
    return Point(at, len(here) - exempt, len(start - here), len(here - start), exempt)


def _count_back(used: _Taken, start: set[FindingId]) -> int:
    """Places of the start that were gone in some census and are there in the last."""
    gone: set[FindingId] = set()
    for _, census in used:
        gone |= start - {each.key for each in census.violations}
    return len(gone & {each.key for each in used[-1][1].violations})


def _sums(projects: tuple[ProjectCampaign, ...]) -> Iterator[Point]:
    """At each moment at which a project was counted, what is known of all of them."""
    last: dict[ProjectId, Point] = {}
    told: Mapping[Millis, list[tuple[ProjectId, Point]]] = _by_moment(projects)
    for at in sorted(told):
        last.update(told[at])
        whole = Point(at)
        for each in last.values():
            whole += each
        yield whole


def _by_moment(projects: tuple[ProjectCampaign, ...]) -> dict[Millis, list[tuple[ProjectId, Point]]]:
    found: dict[Millis, list[tuple[ProjectId, Point]]] = {}
    for each in projects:
        for point in each.points:
            found.setdefault(point.at, []).append((each.project, point))
    return found


def _zero_at(projects: tuple[ProjectCampaign, ...], points: tuple[Point, ...]) -> Millis | None:
    """The first moment after which nothing was ever open again, once every project had been counted."""
    if not points or any(not each.points or each.blind for each in projects):
        return None
    all_counted = max(each.points[0].at for each in projects)
    found: Millis | None = None
    for point in points:
        if point.open or point.at < all_counted:
            found = None
        elif found is None:
            found = point.at
    return found
