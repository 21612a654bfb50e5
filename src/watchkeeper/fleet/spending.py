"""What was spent since a moment, by project: a fold of ``engagement-spent``, which tells totals. No I/O."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from watchkeeper.model.events import Recorded
from watchkeeper.model.fleet import EngagementId, EngagementSpent, Spend
from watchkeeper.model.ids import Millis, ProjectId

_KEPT_MS = 3 * 86_400_000


class SpendBook:
    """Takes events in their order, each once. What is older than three days is forgotten but for the totals."""

    def __init__(self) -> None:
        self._totals: dict[EngagementId, Spend] = {}
        self._steps: deque[tuple[Millis, ProjectId, Spend]] = deque()

    def take(self, events: Iterable[Recorded]) -> None:
        """Count what they say beyond what was told before; a total that became less says nothing."""
        for each in events:
            if isinstance(each.event, EngagementSpent):
                before = self._totals.get(each.event.id, Spend())
                spend = each.event.spend
                after = Spend(
                    max(before.money, spend.money),
                    max(before.tokens, spend.tokens),
                    max(before.minutes, spend.minutes),
                )
                self._totals[each.event.id] = after
                self._steps.append((each.at, each.project, _less(after, before)))
        while self._steps and self._steps[-1][0] - self._steps[0][0] > _KEPT_MS:
            self._steps.popleft()

    def since(self, at: Millis) -> dict[ProjectId, Spend]:
        """What each project spent from ``at`` on."""
        found: dict[ProjectId, Spend] = {}
        for when, project, spend in self._steps:
            if when >= at:
                before = found.get(project, Spend())
                found[project] = Spend(
                    before.money + spend.money, before.tokens + spend.tokens, before.minutes + spend.minutes
                )
        return found


def _less(one: Spend, other: Spend) -> Spend:
    return Spend(one.money - other.money, one.tokens - other.tokens, one.minutes - other.minutes)
