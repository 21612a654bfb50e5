"""What the record said at the end of a day, and what happened in it: the same folds as of now, stopped there. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import msgspec

from watchkeeper.conflicts.lifecycle import fold_all
from watchkeeper.conflicts.standing import State
from watchkeeper.controlroom.landings import LandingReader
from watchkeeper.controlroom.picture import ProjectPicture
from watchkeeper.controlroom.scope import ProjectSource
from watchkeeper.model.events import Recorded
from watchkeeper.model.fleet_state import FleetState, fold_fleet
from watchkeeper.model.ids import Millis
from watchkeeper.model.incident_state import IncidentState, fold_incidents
from watchkeeper.model.review import ChangeSurveyed, DecisionFound
from watchkeeper.model.review_state import ReviewState, fold_review
from watchkeeper.review.calendar import Span


class DayFold(NamedTuple):
    """A project as it was when the day ended, and the events of the day in their order.

    Of what had landed by then all is known that was found out about it since: surveys are of the landing.
    """

    picture: ProjectPicture
    events: tuple[Recorded, ...]


class DayFolder:
    """Folds one project's events day by day; days have to be asked for in their order. Not thread-safe."""

    def __init__(self, source: ProjectSource, events: Iterable[Recorded], now: Millis) -> None:
        """``events`` are all of the project, in their order; both of its ids where it has two."""
        self._source = source
        self._events = list(in_one_time(events, now))
        self._landings = LandingReader()
        self._standing, self._fleet, self._incidents = State(), FleetState(), IncidentState()
        self._next = 0

    @property
    def first_at(self) -> Millis | None:
        """When its record begins; None: there is none."""
        return self._events[0].at if self._events else None

    def fold(self, span: Span) -> DayFold:
        """The day of ``span``."""
        first, source = self._next, self._source
        while self._next < len(self._events) and self._events[self._next].at < span.end:
            self._next += 1
        new = self._events[first : self._next]
        own = [each for each in new if each.project == source.project]
        shared = [each for each in new if each.project == source.shared]
        self._landings.take(own)
        self._standing = fold_all(own, self._standing)
        self._fleet = fold_fleet(shared, self._fleet)
        self._incidents = fold_incidents(own, self._incidents)
        picture = ProjectPicture(
            source, self._standing, self._fleet, self._landings.picture(), self._incidents, self._review(), span.end
        )
        return DayFold(picture, tuple(each for each in new if span.begin <= each.at))

    def _review(self) -> ReviewState:
        later = (each for each in self._events[self._next :] if isinstance(each.event, ChangeSurveyed | DecisionFound))
        known = (*self._events[: self._next], *later)
        return fold_review(each for each in known if each.project == self._source.project)


def in_one_time(events: Iterable[Recorded], now: Millis) -> Iterator[Recorded]:
    """The events with times that never go back, and are never to come: so each lies in one day, whatever clocks did.

    A clock that was set back, or another host's that is behind, gives the time of the event before.
    """
    latest: Millis | None = None
    for each in events:
        at = latest if each.at > now and latest is not None else min(each.at, now)
        at = at if latest is None else max(at, latest)
        latest = at
        yield each if each.at == at else msgspec.structs.replace(each, at=at)
