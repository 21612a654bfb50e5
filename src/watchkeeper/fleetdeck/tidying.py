"""Worktrees go once nobody needs them: a day of a fleet makes hundreds, and each is looked at while it is there."""

from __future__ import annotations

from collections.abc import Callable

from watchkeeper.engagements.working import Workplace
from watchkeeper.fleetdeck.projects import Project
from watchkeeper.model.errors import WatchkeeperError
from watchkeeper.model.fleet import EngagementId, IssueState
from watchkeeper.model.fleet_state import EngagementStanding, FleetState
from watchkeeper.model.ids import Millis


class Tidier:
    """Of one project. What stands in a worktree stays pinned in the hub; what cannot be pinned is left where it is."""

    def __init__(self, project: Project, clock: Callable[[], Millis], tell: Callable[[str], None]) -> None:
        """``tell`` hears, once, of each worktree that has to stay, and why."""
        self._project, self._clock, self._tell = project, clock, tell
        self._left: set[EngagementId] = set()

    def tidy(self) -> int:
        """Delete the worktrees of engagements that are over and whose issue is closed; how many. Blocks.

        Raises WatchkeeperError where the record cannot be read.
        """
        state = self._project.parts.book.state()
        return sum(self._remove(each) for each in state.engagements.values() if _is_past(state, each))

    def _remove(self, standing: EngagementStanding) -> bool:
        engagement = standing.engagement
        place = Workplace(self._project.parts.snapshots, engagement)
        if engagement.id in self._left or not place.path.exists():
            return False
        try:
            place.remove(self._clock() // 1000)
        except WatchkeeperError as error:
            self._left.add(engagement.id)
            self._tell(f"{self._project.name}: {error.message}")
            return False
        return True


def _is_past(state: FleetState, standing: EngagementStanding) -> bool:
    issue = state.issues.get(standing.engagement.issue)
    return standing.is_over and issue is not None and issue.state is IssueState.CLOSED
