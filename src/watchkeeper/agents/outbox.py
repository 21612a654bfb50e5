"""The events of one session on their way to whoever reads them: in order, and within bounds."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator

import msgspec

from watchkeeper.agents.port import Limits
from watchkeeper.model.agents import Act, AgentEvent, Phase


class Outbox:
    """Takes events without ever waiting, so that a slow reader cannot make the agent's protocol stall.

    What does not fit is dropped, words before deeds, and a ``fault`` says how many were. The ``end`` always fits.
    """

    def __init__(self, about: AgentEvent, limits: Limits) -> None:
        self._about = about
        self._limits = limits
        self._waiting: deque[AgentEvent] = deque()
        self._bytes = 0
        self._lost = 0
        self._is_closed = False
        self._changed = asyncio.Event()

    @property
    def lost(self) -> int:
        """How many events were dropped since the reader was last told of it."""
        return self._lost

    def put(self, event: AgentEvent) -> None:
        """Append an event; after ``close`` nothing is taken."""
        if self._is_closed:
            return
        if not self._has_room(event):
            self._lost += 1
            return
        self._waiting.append(event)
        self._bytes += _weigh(event)
        self._changed.set()

    def close(self, event: AgentEvent) -> None:
        """Append the last event; idempotent."""
        if not self._is_closed:
            self._is_closed = True
            self._waiting.append(event)
            self._changed.set()

    async def read(self) -> AsyncIterator[AgentEvent]:
        """Every event once, until the last."""
        while True:
            while self._waiting:
                if self._lost and len(self._waiting) == 1:  # said once, when the reader has caught up
                    yield self._tell_lost()
                event = self._waiting.popleft()
                self._bytes -= _weigh(event)
                yield event
            if self._is_closed:
                return
            self._changed.clear()
            await self._changed.wait()

    def _has_room(self, event: AgentEvent) -> bool:
        share = 2 if event.act is Act.SAY else 1
        return (
            len(self._waiting) < self._limits.waiting_events // share
            and self._bytes + _weigh(event) <= self._limits.waiting_bytes // share
        )

    def _tell_lost(self) -> AgentEvent:
        lost, self._lost = self._lost, 0
        return msgspec.structs.replace(
            self._about, act=Act.FAULT, phase=Phase.DONE, text=f"{lost} events were dropped: more came than was read"
        )


def _weigh(event: AgentEvent) -> int:
    edits = sum(len(edit.old or "") + len(edit.new) for edit in event.edits)
    return 200 + len(event.text) + len(event.command) + len(event.path) + edits
