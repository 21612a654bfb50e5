"""What this host's watch finds between its work and another host's is told to the agent over there, through the record.

The pair is found and proved here alone; whoever drives the other side delivers what stands in ``engagement-warned``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from watchkeeper.conflicts.lifecycle import fold_all
from watchkeeper.conflicts.notice import notice_id, notice_text
from watchkeeper.conflicts.standing import ConflictState, State, open_conflicts
from watchkeeper.fleetdeck.projects import Project
from watchkeeper.model.agents import NoticeId, SessionId
from watchkeeper.model.conflicts import Severity
from watchkeeper.model.fleet import EngagementHeard, EngagementId, EngagementWarned
from watchkeeper.model.fleet_state import EngagementStanding, FleetState
from watchkeeper.model.ids import ChangeId, Millis
from watchkeeper.record.log import Log

_LEAST = Severity.MAJOR


class Warner:
    """Of one project. Not thread-safe; what it told once it does not tell again, after a restart neither."""

    def __init__(self, project: Project, log: Log, clock: Callable[[], Millis], prefix: str, host: str) -> None:
        """``prefix`` begins the branches of other hosts' work here, its engagement ends it; ``host`` is this one."""
        self._project, self._log, self._clock, self._prefix = project, log, clock, prefix
        self._show = f"on {host}: watchkeeper conflicts"
        self._state = State()

    def look(self, fleet: FleetState) -> None:
        """Record what is to be told now, and what need not be told any more. Raises WatchkeeperError."""
        news = self._log.read(self._project.place.project, after=self._state.seq)
        self._state = fold_all(news, self._state)
        theirs = self._theirs()
        told: list[EngagementWarned | EngagementHeard] = []
        wanted: set[NoticeId] = set()
        for conflict in open_conflicts(self._state):
            sides = [each for each in conflict.conflict.changes if each in theirs]
            if conflict.severity.rank < _LEAST.rank or len(sides) != 1:
                continue  # where none is of another host the watch here tells, where both are theirs does
            standing = fleet.engagements.get(theirs[sides[0]])
            if standing is None or standing.is_over:
                continue
            names = _ids(standing, conflict)
            wanted |= names
            if not names & standing.warnings.keys():
                me = notice_id(SessionId(standing.engagement.id), conflict)
                told.append(EngagementWarned(standing.engagement.id, me, self._words(conflict, sides[0])))
        for identity, standing in fleet.engagements.items():
            told += [EngagementHeard(identity, each) for each in standing.untold if each not in wanted]
        if told:
            self._log.append(self._project.place.shared, told, self._clock())

    def _theirs(self) -> Mapping[ChangeId, EngagementId]:
        """The changes that are other hosts' engagements."""
        return {
            identity: EngagementId(change.branch.removeprefix(self._prefix))
            for identity, change in self._state.changes.items()
            if change.branch.startswith(self._prefix)
        }

    def _words(self, conflict: ConflictState, me: ChangeId) -> str:
        others = [
            each.session
            for each in self._state.sessions.values()
            if each.ended_at is None and each.session.change in conflict.conflict.changes
        ]
        changes = self._state.changes
        return notice_text(conflict, me, others, self._clock(), conflict_verb=self._show, changes=changes)


def _ids(standing: EngagementStanding, conflict: ConflictState) -> set[NoticeId]:
    """What its agent is told of it by: as it stands, and as it was when it was graver, which says it all."""
    session = SessionId(standing.engagement.id)
    return {notice_id(session, conflict, each) for each in Severity if each.rank >= conflict.severity.rank}
