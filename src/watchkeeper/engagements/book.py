"""Engagements as the log has them, and the way into the log: every decision is a compare-and-swap."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

from watchkeeper.model.fleet import EngagementId, FleetEvent
from watchkeeper.model.fleet_state import EngagementStanding, FleetState, fold_fleet
from watchkeeper.model.ids import Millis, ProjectId
from watchkeeper.record.codec import FLEET_KINDS
from watchkeeper.record.log import Log

_MOST_TRIES = 200


class Book:
    """One project's issues and engagements. Thread-safe: one serves all drivers of a process."""

    def __init__(self, log: Log, project: ProjectId, clock: Callable[[], Millis]) -> None:
        self._log = log
        self._project = project
        self._clock = clock
        self._lock = threading.Lock()
        self._state = FleetState()

    def state(self) -> FleetState:
        """All of it, as it is now. Raises WatchkeeperError where the log cannot be read."""
        with self._lock:
            return self._refresh()

    def find(self, identity: EngagementId) -> EngagementStanding | None:
        """Where an engagement stands now; None for one that there never was. Raises WatchkeeperError."""
        return self.state().engagements.get(identity)

    def tell_if(self, standing: EngagementStanding, events: Sequence[FleetEvent]) -> bool:
        """Record what was decided from a standing, if it is still so; False, and nothing is recorded, where it is not.

        What others decide meanwhile of other issues does not matter. Raises WatchkeeperError.
        """
        with self._lock:
            for _ in range(_MOST_TRIES):
                state = self._refresh()
                if state.engagements.get(standing.engagement.id) != standing:
                    return False
                recorded = self._log.append_if(self._project, events, self._clock(), kinds=FLEET_KINDS, last=state.seq)
                if recorded is not None:
                    self._state = fold_fleet(recorded, state)
                    return True
        return False

    def _refresh(self) -> FleetState:
        self._state = fold_fleet(self._log.read(self._project, after=self._state.seq, kinds=FLEET_KINDS), self._state)
        return self._state
