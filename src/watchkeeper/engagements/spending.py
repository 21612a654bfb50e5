"""What an engagement has spent, from what its agent tells and the time that it was at work. Pure."""

from __future__ import annotations

from watchkeeper.model.agents import AgentEvent, Usage
from watchkeeper.model.fleet import Spend


class Meter:
    """Adds up over sessions. ``before`` is what was spent until now."""

    def __init__(self, before: Spend) -> None:
        self._before = before
        self._totals: dict[str, Usage] = {}
        self._minutes = 0.0
        self._resumed: set[str] = set()

    def resume(self, session: str) -> None:
        """A session goes on whose totals count from its beginning: what it used before is in ``before`` already."""
        if session not in self._totals:
            self._resumed.add(session)

    def take(self, event: AgentEvent) -> None:
        """Count what an event tells, if it does. An agent's count never makes it less."""
        told = event.usage
        if told is None:
            return
        known = self._totals.get(event.session, Usage())
        if not told.is_total:
            self._resumed.discard(event.session)
        told = Usage(max(0, told.tokens_in), max(0, told.tokens_out), max(0.0, told.money), told.is_total)
        if told.is_total:
            self._totals[event.session] = Usage(
                max(known.tokens_in, told.tokens_in), max(known.tokens_out, told.tokens_out),
                max(known.money, told.money),
            )  # fmt: skip
        else:
            self._totals[event.session] = Usage(
                known.tokens_in + told.tokens_in, known.tokens_out + told.tokens_out, known.money + told.money
            )

    def work(self, seconds: float) -> None:
        """The agent was at work for so long."""
        self._minutes += max(0.0, seconds) / 60

    @property
    def spend(self) -> Spend:
        """All until now."""
        before = self._before
        tokens, money = 0, 0.0
        for session, told in self._totals.items():
            is_resumed = session in self._resumed
            tokens += max(0, told.tokens_in + told.tokens_out - (before.tokens if is_resumed else 0))
            money += max(0.0, told.money - (before.money if is_resumed else 0.0))
        return Spend(before.money + money, before.tokens + tokens, before.minutes + self._minutes)
