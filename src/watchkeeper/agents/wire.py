"""What every adapter of a process needs: its life from start to end, its events, its gate."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import msgspec

from watchkeeper.agents.jsonrpc import Hearer, Peer
from watchkeeper.agents.outbox import Outbox
from watchkeeper.agents.port import AgentError, Gate, Launch, Limits, Verdict
from watchkeeper.agents.process import Conversation, start_process
from watchkeeper.agents.websocket import join
from watchkeeper.model.agents import Act, AgentEvent, Phase, TextEdit, Usage


class Telling:
    """Says what a session does, in its name: whatever an agent says, it speaks for its own session."""

    def __init__(self, agent: str, source: str, limits: Limits) -> None:
        self.about = AgentEvent(agent=agent, session="", act=Act.SAY, source=source)
        self.outbox = Outbox(self.about, limits)
        self._faults = 0

    def name(self, session: str, cwd: Path) -> None:
        """From now on events are this session's."""
        self.about = msgspec.structs.replace(self.about, session=session, cwd=str(cwd))

    def tell(
        self, act: Act, phase: Phase = Phase.DONE, *, text: str = "", tool: str = "",
        path: str = "", edits: tuple[TextEdit, ...] = (),
    ) -> None:  # fmt: skip
        """Put an event."""
        self.outbox.put(
            msgspec.structs.replace(self.about, act=act, phase=phase, text=text, tool=tool, path=path, edits=edits)
        )

    def use(self, usage: Usage | None) -> None:
        """Put what was used of a model, where anything is told."""
        if usage is not None:
            self.outbox.put(msgspec.structs.replace(self.about, act=Act.USAGE, usage=usage))

    def fault(self, text: str) -> None:
        """Put a fault; after ``_MAX_FAULTS`` no more, the last says so: garbage is no reason to fill a log."""
        self._faults += 1
        if self._faults < _MAX_FAULTS:
            self.tell(Act.FAULT, text=text)
        elif self._faults == _MAX_FAULTS:
            self.tell(Act.FAULT, text=f"{text} (further faults of this session are not told)")

    def final_fault(self, text: str) -> None:
        """A fault that ends the session: always told."""
        self.tell(Act.FAULT, text=text)

    def close(self) -> None:
        """Put the last event."""
        self.outbox.close(msgspec.structs.replace(self.about, act=Act.END))


class Wire:
    """An agent that speaks JSON-RPC, from start to end. ``on_end`` is called once, before the last event.

    ``source``: how its process is started, or the socket of a server that runs already, which is left at the end.
    """

    def __init__(self, telling: Telling, source: Launch | Path, limits: Limits, *, is_versioned: bool = True) -> None:
        self._telling = telling
        self._source = source
        self._limits = limits
        self._is_versioned = is_versioned
        self._process: Conversation | None = None
        self._peer: Peer | None = None
        self._life: asyncio.Task[None] | None = None
        self._is_stopping = False

    @property
    def peer(self) -> Peer:
        assert self._peer is not None, "started first"
        return self._peer

    @property
    def pid(self) -> int:
        return 0 if self._process is None else self._process.pid

    async def open(self, cwd: Path, hearer: Hearer, is_busy: Callable[[], bool], on_end: Callable[[], None]) -> None:
        """Start the process and read it from now on. ``is_busy``: within a turn, where silence has a limit."""
        if self._life is not None:
            raise AgentError(
                "this agent was started before", slug="agent-at-work", hint="make a new adapter for a new session"
            )
        source = self._source
        if isinstance(source, Path):
            self._process = await join(source, self._limits)
        else:
            self._process = await start_process(source, cwd, self._limits)
        self._peer = Peer(self._process, hearer, is_versioned=self._is_versioned)
        self._life = asyncio.create_task(self._live(self._process, self._peer, is_busy, on_end))

    async def stop(self) -> None:
        """End the process; returns when the last event is out."""
        self._is_stopping = True
        if self._process is None or self._life is None:
            self._telling.close()
            return
        await self._process.end()
        await asyncio.wait({self._life})

    async def give_up(self, why: BaseException) -> AgentError:
        """End what did not start, and give the error that says why."""
        words = "" if self._process is None else self._process.last_words
        await self.stop()
        said = "it does not answer" if isinstance(why, TimeoutError) else str(why)
        source = self._source
        place = str(source) if isinstance(source, Path) else " ".join(source.command)
        return AgentError(
            f"the agent {self._telling.about.agent} did not open a session: {said}{f': {words}' if words else ''}",
            slug="agent-not-started",
            hint=f"run it by hand: {place[:200]}",
        )

    async def _live(
        self, process: Conversation, peer: Peer, is_busy: Callable[[], bool], on_end: Callable[[], None]
    ) -> None:
        reading = asyncio.create_task(peer.run())
        try:
            why = await watch_process(process, reading, lambda: peer.heard_at if is_busy() else None, self._limits)
            code = await end_process(process, reading)
            why = why or reading.result()
            if why:
                what = "it was left" if isinstance(self._source, Path) else "its processes were killed"
                self._telling.final_fault(f"{why}: {what}")
            elif not self._is_stopping:
                words = f": {process.last_words}" if process.last_words else ""
                how = "it hung up" if isinstance(self._source, Path) else f"exit code {code}"
                self._telling.final_fault(f"the agent's process ended ({how}){words}")
        finally:
            reading.cancel()
            on_end()
            self._telling.close()


async def watch_process(
    process: Conversation, reading: asyncio.Task[str], heard_at: Callable[[], float | None], limits: Limits
) -> str:
    """Wait until a process ended and was read, or is silent for too long; gives why it has to be killed, if it has.

    ``heard_at``: when something came last; None while nothing has to come.
    """
    exited = asyncio.create_task(process.wait())
    try:
        while True:
            done, _ = await asyncio.wait(
                {reading, exited}, timeout=min(1.0, limits.silence_s / 4), return_when=asyncio.FIRST_COMPLETED
            )
            if done:
                return ""
            heard = heard_at()
            silent_s = 0.0 if heard is None else asyncio.get_running_loop().time() - heard
            if silent_s > limits.silence_s:
                return f"nothing came from the agent for {silent_s:.0f} s within a turn"
    finally:
        exited.cancel()


async def end_process(process: Conversation, reading: asyncio.Task[str]) -> int:
    """End a process and all it started, read the rest of what it printed, and give its exit code."""
    code = await process.end()
    await asyncio.wait({reading}, timeout=_DRAIN_S)
    await process.close()
    await asyncio.wait({reading})
    return code


async def ask_gate(gate: Gate, event: AgentEvent, limits: Limits, telling: Telling) -> Verdict:
    """The gate's verdict; where it breaks or is too slow, the agent goes on and a fault says so."""
    try:
        async with asyncio.timeout(limits.gate_s):
            return await gate(event)
    except TimeoutError:
        telling.fault(f"the gate did not decide in {limits.gate_s:g} s: allowed")
    except Exception as error:  # noqa: BLE001 - whatever is wrong with a gate must not stop the agent
        telling.fault(f"the gate broke: allowed: {type(error).__name__}: {error}"[:500])
    return Verdict(allow=True)


_MAX_FAULTS = 100
_DRAIN_S = 5.0
