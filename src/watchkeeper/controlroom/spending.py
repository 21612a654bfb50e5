"""What engagements of one project spent, step by step; kept for the last weeks."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import NamedTuple

from watchkeeper.model.events import Recorded
from watchkeeper.model.fleet import EngagementId, EngagementSpent, Spend
from watchkeeper.model.ids import Millis

_KEPT_MS = 35 * 86_400_000


class SpendStep(NamedTuple):
    """What one engagement spent beyond what it had told of before."""

    at: Millis
    engagement: EngagementId
    spend: Spend


class SpendReader:
    """Takes events in their order, each once. A total that became less says nothing. Not thread-safe."""

    def __init__(self) -> None:
        self._totals: dict[EngagementId, Spend] = {}
        self._steps: deque[SpendStep] = deque()

    def take(self, events: Iterable[Recorded]) -> None:
        """Hold more events."""
        for each in events:
            if isinstance(each.event, EngagementSpent):
                self._add(each.at, each.event)
        while self._steps and self._steps[-1].at - self._steps[0].at > _KEPT_MS:
            self._steps.popleft()

    def steps(self) -> tuple[SpendStep, ...]:
        """The oldest first."""
        return tuple(self._steps)

    def _add(self, at: Millis, event: EngagementSpent) -> None:
        before, now = self._totals.get(event.id, Spend()), event.spend
        after = Spend(max(before.money, now.money), max(before.tokens, now.tokens), max(before.minutes, now.minutes))
        self._totals[event.id] = after
        more = Spend(after.money - before.money, after.tokens - before.tokens, after.minutes - before.minutes)
        if more != Spend():
            self._steps.append(SpendStep(at, event.id, more))


def spent_since(steps: Iterable[SpendStep], at: Millis) -> Spend:
    """All that was spent from ``at`` on, as far back as steps are kept."""
    since = [each.spend for each in steps if each.at >= at]
    return Spend(sum(s.money for s in since), sum(s.tokens for s in since), sum(s.minutes for s in since))
