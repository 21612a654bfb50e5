"""What the dispatcher looks at, and what it decides: data, shown by ``--dry-run`` and performed by the dispatcher."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import msgspec

from watchkeeper.model.fleet import Budget, Dispatch, EngagementId, IssueId
from watchkeeper.model.ids import Millis


class Machine(msgspec.Struct, frozen=True):
    """This machine now. ``free_mb`` None: nobody can say. ``used_mb``: what agents that run here take, measured.

    ``absent``: agents that cannot be started here, and why.
    """

    host: str = ""
    free_mb: int | None = None
    used_mb: Mapping[EngagementId, int] = {}
    load: float = 0.0
    absent: Mapping[str, str] = {}


class Beside(NamedTuple):
    """Issues at work that will probably touch the same, and what that is."""

    issues: tuple[IssueId, ...] = ()
    likely: tuple[str, ...] = ()


class Start(NamedTuple):
    """Begin work on an issue: by whom, as which try, and the most that it may spend."""

    project: str
    issue: IssueId
    atom: str
    agent: str
    attempt: int
    budget: Budget
    why: str
    beside: Beside = Beside()


class Stop(NamedTuple):
    """End an engagement now, with its work pinned: there is nothing left to spend."""

    project: str
    engagement: EngagementId
    why: str


class Plan(NamedTuple):
    """Decisions for each project, one an open issue and one for the project itself (``issue`` None).

    ``scouts`` are projects in which there is nothing else to do. ``wake_at``: when time alone may change something.
    """

    decisions: Mapping[str, Sequence[Dispatch]]
    starts: tuple[Start, ...] = ()
    stops: tuple[Stop, ...] = ()
    scouts: tuple[str, ...] = ()
    wake_at: Millis | None = None

    def of(self, project: str) -> Dispatch:
        """What is decided for the project itself."""
        return next(each for each in self.decisions[project] if each.issue is None)
