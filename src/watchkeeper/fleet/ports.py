"""What the dispatcher needs of others: who runs engagements, who knows what issues will touch, who looks for work."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from watchkeeper.fleet.plan import Start
from watchkeeper.model.fleet import Engagement, EngagementId, Issue, IssueId
from watchkeeper.model.ids import ProjectId


class Engagements(Protocol):
    """Runs agents. What becomes of them is told by events, never by what these methods give."""

    async def seal(self, start: Start, project: ProjectId, issue: Issue) -> Engagement:
        """Fix all inputs of a new engagement, with an id that was never used; records nothing.

        Whether it is wanted is decided afterwards: what was made for it must be harmless without it. Raises
        WatchkeeperError where it cannot be; the issue is then left alone for a while, and the reason is told.
        """
        ...

    async def start(self, project: ProjectId, engagement: Engagement) -> None:
        """``engagement-sealed`` is recorded: drive it. Returns soon; the same again is harmless.

        A process may die between the record and this call: what is queued and has no driver is to be found in the
        fold by whoever starts next.
        """
        ...

    async def stop(self, project: ProjectId, engagement: EngagementId, why: str) -> None:
        """End it now, with its work pinned; harmless where it is over, or runs elsewhere."""
        ...

    def processes(self) -> Mapping[EngagementId, int]:
        """The first process of each agent that runs here, by which its memory is measured."""
        ...


class Foresight(Protocol):
    """Knows what issues will probably touch. May block: it is called in a thread."""

    def likely(self, project: ProjectId, issues: Sequence[Issue]) -> Mapping[IssueId, tuple[str, ...]]:
        """What each of ``issues`` will probably write, rare names alone; an issue without any is left out."""
        ...


class Scout(Protocol):
    """Looks for work where there is none."""

    async def look(self, project: ProjectId) -> None:
        """Every queue of the project is empty. Called again and again: how often it looks is its own matter."""
        ...


class NoForesight:
    """Nobody knows what issues will touch: nothing is ordered."""

    def likely(
        self,
        project: ProjectId,  # noqa: ARG002 - the signature is the port's
        issues: Sequence[Issue],  # noqa: ARG002
    ) -> Mapping[IssueId, tuple[str, ...]]:
        """Nothing."""
        return {}


class NoScout:
    """Nobody looks."""

    async def look(self, project: ProjectId) -> None:
        """Nothing happens."""
