"""Everything that the record says about now, of all projects, kept current by reading on."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import NamedTuple

from watchkeeper.conflicts.lifecycle import fold_all
from watchkeeper.conflicts.standing import State
from watchkeeper.controlroom.landings import LandingPicture, LandingReader
from watchkeeper.controlroom.scope import ProjectSource, Scope
from watchkeeper.controlroom.spending import SpendReader, SpendStep
from watchkeeper.model.attention_state import AttentionState, fold_attention
from watchkeeper.model.events import Recorded, WatchStarted, WatchStopped
from watchkeeper.model.fleet_state import FleetState, fold_fleet
from watchkeeper.model.hosts import FLEET, HostsState, fold_hosts
from watchkeeper.model.ids import Millis, ProjectId, Seq
from watchkeeper.model.incident_state import IncidentState, fold_incidents
from watchkeeper.model.landing import LandingEvent
from watchkeeper.model.review_state import ReviewState, fold_review
from watchkeeper.model.scouting_state import ScoutState, StandardsState, fold_scouting, fold_standards
from watchkeeper.record.log import Log


class Watching(NamedTuple):
    """Whether its changes were watched when somebody last said so. A watch that was killed says nothing."""

    is_on: bool
    since: Millis
    seq: Seq


class ProjectPicture(NamedTuple):
    """One project as its events have it. ``last_at`` is its newest event's time; 0: there is none.

    ``spent`` is what its engagements spent, step by step; ``watching`` None: it never was; ``scouting`` is what scouts
    found.
    """

    source: ProjectSource
    standing: State
    fleet: FleetState
    landing: LandingPicture
    incidents: IncidentState
    review: ReviewState
    last_at: Millis = Millis(0)
    spent: tuple[SpendStep, ...] = ()
    watching: Watching | None = None
    scouting: ScoutState = ScoutState()


class Picture(NamedTuple):
    """All projects by name, what people were told, and the fleet's own days (``fleet_review``).

    ``seq`` is the last event that is in it: a page that shows it continues from there. ``at`` is when it was made.
    """

    projects: Mapping[str, ProjectPicture]
    attention: AttentionState
    fleet_review: ReviewState
    seq: Seq
    at: Millis
    hosts: HostsState = HostsState()
    standards: StandardsState = StandardsState()


class Reader:
    """Reads the log once, and then only what is new. Thread-safe; a picture never changes after it was given.

    What the log has of projects that are not in the scope is passed over.
    """

    def __init__(self, log: Log, scope: Scope, clock: Callable[[], Millis]) -> None:
        self._log, self._scope, self._clock = log, scope, clock
        self._guard = threading.Lock()
        self._seq = Seq(0)
        self._landings = {each.name: LandingReader() for each in scope.projects}
        self._projects = {each.name: _empty(each, self._landings[each.name]) for each in scope.projects}
        self._names: dict[ProjectId, str] = {}
        for each in scope.projects:
            self._names[each.project] = self._names[each.shared] = each.name
        self._spending = {each.name: SpendReader() for each in scope.projects}
        self._attention, self._fleet_review, self._hosts = AttentionState(), ReviewState(), HostsState()
        self._standards = StandardsState()

    @property
    def scope(self) -> Scope:
        return self._scope

    @property
    def clock(self) -> Callable[[], Millis]:
        return self._clock

    @property
    def log(self) -> Log:
        return self._log

    def look(self) -> Picture:
        """Everything as it is now. Raises WatchkeeperError where the record cannot be read."""
        with self._guard:
            self._read_on()
            projects, now = dict(self._projects), self._clock()
            return Picture(projects, self._attention, self._fleet_review, self._seq, now, self._hosts, self._standards)

    def _read_on(self) -> None:
        new = list(self._log.read(None, after=self._seq))
        if not new:
            return
        by_name: dict[str, list[Recorded]] = {}
        for each in new:
            name = self._names.get(each.project)
            if name is not None:
                by_name.setdefault(name, []).append(each)
        for name, events in by_name.items():
            self._spending[name].take(events)
            moved = _moved_on(self._projects[name], events, self._landings[name])
            self._projects[name] = moved._replace(spent=self._spending[name].steps())
        known = [each for each in new if each.project == FLEET or each.project in self._names]
        self._attention = fold_attention(known, self._attention)
        self._fleet_review = fold_review([each for each in new if each.project == FLEET], self._fleet_review)
        self._hosts = fold_hosts([each for each in new if each.project == FLEET], self._hosts)
        self._standards = fold_standards(known, self._standards)
        self._seq = new[-1].seq


def _empty(source: ProjectSource, landings: LandingReader) -> ProjectPicture:
    return ProjectPicture(source, State(), FleetState(), landings.picture(), IncidentState(), ReviewState())


def _moved_on(before: ProjectPicture, events: list[Recorded], landings: LandingReader) -> ProjectPicture:
    source = before.source
    own = [each for each in events if each.project == source.project]
    shared = events if source.shared == source.project else [each for each in events if each.project == source.shared]
    landings.take(own)
    return ProjectPicture(
        source,
        fold_all(own, before.standing),
        fold_fleet(shared, before.fleet),
        landings.picture() if any(isinstance(each.event, LandingEvent) for each in own) else before.landing,
        fold_incidents(own, before.incidents),
        fold_review(own, before.review),
        events[-1].at,
        before.spent,
        _find_watching(own) or before.watching,
        fold_scouting(shared, before.scouting),
    )


def _find_watching(events: list[Recorded]) -> Watching | None:
    """What the newest of these says of it; None where they do not."""
    for each in reversed(events):
        if isinstance(each.event, WatchStarted | WatchStopped):
            return Watching(isinstance(each.event, WatchStarted), each.at, each.seq)
    return None
