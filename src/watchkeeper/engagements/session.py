"""One agent's program, from its start to its end: what it says, whether it does anything, when it is done."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import msgspec

from watchkeeper.agents.port import AgentError
from watchkeeper.engagements.activity import Measured, has_written, is_busy, measure
from watchkeeper.engagements.escaping import Fence
from watchkeeper.engagements.life import Agent
from watchkeeper.engagements.ports import AgentRun, Clock
from watchkeeper.engagements.spending import Meter
from watchkeeper.model.agents import Act, AgentEvent, Channel, Phase

_BROKEN = frozenset({"refusal", "max_tokens", "max_turn_requests", "error"})
"""How a turn can end in order, as the protocol has it, without the agent having come to an end."""

_WINDOW_S = 1.0
"""Processor time is counted in hundredths of a second: a shorter look takes one of them for work."""

_MOST_SAID = 20_000
_CANCEL_S = 20.0


class Bounds(msgspec.Struct, frozen=True):
    """How much one agent may take of the machine: processes at a time, and megabytes of memory (0: any)."""

    processes: int = 400
    memory_mb: float = 0.0


class Session:
    """Not thread-safe. ``changed`` is called whenever something may have to be decided."""

    def __init__(  # noqa: PLR0917 - parts, each of its own kind
        self,
        run: AgentRun,
        root: Path,
        fence: Fence,
        meter: Meter,
        clock: Clock,
        changed: Callable[[], None],
        bounds: Bounds = Bounds(),  # noqa: B008 - frozen
    ) -> None:
        self._run = run
        self._root = root
        self._fence = fence
        self._meter = meter
        self._clock = clock
        self._changed = changed
        self._bounds = bounds
        self._reading: asyncio.Task[None] | None = None
        self._idle = asyncio.Event()
        self._is_cancelling = False
        self._said = ""
        self._measured = Measured()
        self._looked_ms = self._active_ms = self._worked_ms = clock()
        self.agent = Agent.ABSENT
        self.session = ""
        self.failure = ""
        self.escaped = ""
        self.faults = 0
        self.memory_mb = 0.0
        self.is_changed = False

    @property
    def pid(self) -> int:
        """The agent's first process."""
        return self._run.pid

    async def begin(self, text: str, resume: str = "") -> None:
        """Start it and ask it. Raises: AgentError."""
        self.session = await self._run.start(self._root, resume=resume)
        self._reading = asyncio.create_task(self._read())
        self.agent = Agent.WORKING
        self._active()
        try:
            await self._run.prompt(text)
        except AgentError:
            await self.stop()
            raise

    async def nudge(self, text: str) -> None:
        """Speak to it: within its turn where it can be, else its turn is ended for it."""
        if await self._run.advise(text) is not None:
            self._active()
            return
        self._is_cancelling = True
        self._idle.clear()
        try:
            await self._run.cancel()
            with suppress(TimeoutError):
                async with asyncio.timeout(_CANCEL_S):
                    await self._idle.wait()
            await self._run.prompt(text)
        except AgentError as error:
            self._fail(error.message)
        finally:
            self._is_cancelling = False
            self._active()

    async def warn(self, text: str) -> Channel | None:
        """Tell it something within its turn; where that is over, another begins with it. None: it cannot hear now."""
        if self.agent is not Agent.IDLE:
            return await self._run.advise(text)
        self.agent = Agent.WORKING
        self._active()
        try:
            await self._run.prompt(text)
        except AgentError as error:
            self._fail(error.message)
            return None
        return Channel.PROMPT

    async def stop(self) -> None:
        """End it, with everything that it started."""
        self._work()
        await self._run.stop()
        if self._reading is not None:
            await asyncio.wait({self._reading}, timeout=_CANCEL_S)
            self._reading.cancel()
        self.agent = Agent.ABSENT

    async def look(self, stuck_s: float) -> None:
        """See whether it does something, and whether it takes too much."""
        if self.agent is not Agent.WORKING:
            return
        now_ms = self._clock()
        measured = await asyncio.to_thread(measure, self._run.pid)
        elapsed_s = (now_ms - self._looked_ms) / 1000
        if elapsed_s >= _WINDOW_S:
            if is_busy(self._measured, measured, elapsed_s):
                self._active()
            self._measured, self._looked_ms = measured, now_ms
        if self.quiet_s >= stuck_s / 2:
            since_s = self._active_ms / 1000
            if await asyncio.to_thread(has_written, self._root, since_s):
                self._active()
        self.memory_mb = measured.memory_mb
        self._work()
        self._bound(measured)

    @property
    def quiet_s(self) -> float:
        """For how long nothing was seen of it."""
        return max(0.0, (self._clock() - self._active_ms) / 1000)

    @property
    def last_words(self) -> str:
        """The end of what it said in its last turn."""
        return self._said

    def _active(self) -> None:
        self._active_ms = self._clock()
        self.is_changed = True

    def _work(self) -> None:
        now_ms = self._clock()
        if self.agent is Agent.WORKING:
            self._meter.work((now_ms - self._worked_ms) / 1000)
        self._worked_ms = now_ms

    def _bound(self, measured: Measured) -> None:
        if len(measured.processes) > self._bounds.processes:
            self._fail(f"it has {len(measured.processes)} processes; {self._bounds.processes} are allowed")
        elif 0 < self._bounds.memory_mb < measured.memory_mb:
            self._fail(f"it takes {measured.memory_mb:.0f} MB of memory; {self._bounds.memory_mb:.0f} are allowed")

    def _fail(self, why: str) -> None:
        self._work()
        self.agent, self.failure = Agent.FAILED, why
        self._changed()

    async def _read(self) -> None:
        async for event in self._run.events():
            self._take(event)
        if self.agent is Agent.WORKING:
            self._fail(self.failure or "its program ended")

    def _take(self, event: AgentEvent) -> None:
        self._active()
        if event.usage is not None:
            self._meter.take(event)
            self._changed()
        if not self.escaped and (escaped := self._fence.find_escape(event)):
            self.escaped = escaped
            self._changed()
        match event.act:
            case Act.PROMPT:
                self._said = ""
            case Act.SAY:
                self._said = f"{self._said}\n{event.text}"[-_MOST_SAID:]
            case Act.FAULT:
                self.faults += 1
                self.failure = event.text[:1_000]
            case Act.IDLE:
                self._end_turn(event)

    def _end_turn(self, event: AgentEvent) -> None:
        self._idle.set()
        if self._is_cancelling or self.agent is not Agent.WORKING:
            return
        if event.phase is Phase.FAILED or event.text in _BROKEN:
            self._fail(f"its turn ended: {self.failure or event.text}")
            return
        self._work()
        self.agent = Agent.IDLE
        self._changed()
