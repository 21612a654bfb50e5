"""What issues depend on, over all projects: what is open, what nobody knows, and what waits for itself. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping

from watchkeeper.model.fleet import IssueId, IssueState
from watchkeeper.model.fleet_state import FleetState, IssueStanding


class Dependencies:
    """Of all issues in ``states``. Takes time with their number, however they hang together."""

    def __init__(self, states: Iterable[FleetState]) -> None:
        self._known: dict[IssueId, IssueStanding] = {}
        for state in states:
            self._known |= state.issues
        self._core: frozenset[IssueId] | None = None
        self._circles: dict[IssueId, tuple[IssueId, ...]] = {}

    def unknown(self, standing: IssueStanding) -> tuple[IssueId, ...]:
        """What it depends on and nobody knows."""
        return tuple(each for each in standing.issue.depends_on if each not in self._known)

    def open(self, standing: IssueStanding) -> tuple[IssueId, ...]:
        """What it depends on and is not closed."""
        return tuple(each for each in dict.fromkeys(standing.issue.depends_on) if self._is_open(each))

    def circle(self, issue: IssueId) -> tuple[IssueId, ...]:
        """The way from an issue over what it depends on back to it, both ends told; () where there is none."""
        if self._core is None:
            self._core = self._find_core()
        if issue not in self._core:
            return ()
        if issue not in self._circles:
            way = self._way_back(issue)
            for place, each in enumerate(way[:-1]):  # it is the circle of all that are on it
                self._circles.setdefault(each, (*way[place:-1], *way[:place], each))
            self._circles.setdefault(issue, way)
        return self._circles[issue]

    def _find_core(self) -> frozenset[IssueId]:
        """All circles, and what is between them: what is left when whoever waits for nobody is taken out, and then
        whoever nobody waits for, again and again. In most fleets nothing is."""
        needs = {issue: set(self._needed(issue)) for issue in self._known if self._is_open(issue)}
        for _ in range(2):
            needs = _reversed(_trimmed(needs))
        return frozenset(needs)

    def _way_back(self, start: IssueId) -> tuple[IssueId, ...]:
        came: dict[IssueId, IssueId] = {}
        waiting = [start]
        while waiting:
            here = waiting.pop()
            for needed in self._needed(here):
                if needed == start:
                    return _way(came, start, here)
                if needed not in came:
                    came[needed] = here
                    waiting.append(needed)
        return ()

    def _needed(self, issue: IssueId) -> Iterator[IssueId]:
        yield from (each for each in self._known[issue].issue.depends_on if self._is_open(each))

    def _is_open(self, issue: IssueId) -> bool:
        found = self._known.get(issue)
        return found is not None and found.state is IssueState.OPEN


def _trimmed(needs: Mapping[IssueId, set[IssueId]]) -> dict[IssueId, set[IssueId]]:
    """Without whoever waits for nobody, and whoever waited for those alone."""
    left = {issue: set(needed) for issue, needed in needs.items()}
    waited_for = _reversed(left)
    free = [issue for issue, needed in left.items() if not needed]
    while free:
        gone = free.pop()
        del left[gone]
        for other in waited_for.get(gone, ()):
            left[other].discard(gone)
            if not left[other]:
                free.append(other)
    return left


def _reversed(needs: Mapping[IssueId, set[IssueId]]) -> dict[IssueId, set[IssueId]]:
    found: dict[IssueId, set[IssueId]] = defaultdict(set, {issue: set() for issue in needs})
    for issue, needed in needs.items():
        for each in needed:
            found[each].add(issue)
    return dict(found)


def _way(came: Mapping[IssueId, IssueId], start: IssueId, end: IssueId) -> tuple[IssueId, ...]:
    way = [start, end] if end != start else [start]
    while way[-1] != start:
        way.append(came[way[-1]])
    return tuple(way[::-1]) if len(way) > 1 else (start, start)
