"""Agents that Watchkeeper runs: the daemon hears what they do, and they hear what the daemon has to tell, at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from pathlib import Path

from watchkeeper.agents.port import Adapter, AgentError, Capabilities, Gate, Verdict
from watchkeeper.model.agents import Act, AgentEvent, Channel, Notice, NoticeId, SessionId
from watchkeeper.model.errors import WatchkeeperError
from watchkeeper.record.messages import decode_message, encode_message
from watchkeeper.watch.attached import open_request
from watchkeeper.watch.attendance import Heard, Told

_AGAIN_S = 2.0
_ANSWER_S = 10.0
_BATCH = 200


def gate_of(agent: str, socket: Path) -> Gate:
    """What a person holds or owns is kept from the agent where its protocol asks first; without a daemon nothing is."""

    async def judge(event: AgentEvent) -> Verdict:
        with suppress(WatchkeeperError, OSError, ValueError, TimeoutError):
            answer = await _request(socket, "judge", encode_message(event), agent, event.session)
            return decode_message(answer, Verdict)
        return Verdict(allow=True)

    return judge


class Attended:
    """An adapter's session that takes part: an ``Adapter`` itself, which tells the daemon all that it hears, and pushes
    what the daemon has to tell into the running turn.

    Where the agent could not hear something within its turn, the end of the turn begins another one with it, once:
    ``events`` has no ``idle`` for the first then. Without a daemon it works as it would alone, and joins one that
    comes. ``issue`` says what it works on.
    """

    def __init__(self, agent: str, adapter: Adapter, socket: Path, *, issue: str = "") -> None:
        self._agent = agent
        self._issue = issue
        self._adapter = adapter
        self._socket = socket
        self._cwd = Path()
        self._vendor_id = ""
        self._untold: asyncio.Queue[AgentEvent] = asyncio.Queue()
        self._prompted: set[NoticeId] = set()
        self._is_over = asyncio.Event()
        self._beside: list[asyncio.Task[None]] = []
        self._has_told_end = False
        self.session: SessionId | None = None

    @property
    def capabilities(self) -> Capabilities:
        return self._adapter.capabilities

    @property
    def pid(self) -> int:
        """The first process of the agent, 0 before it runs."""
        return self._adapter.pid

    async def start(self, cwd: Path, *, resume: str = "") -> str:
        self._cwd = cwd
        self._vendor_id = await self._adapter.start(cwd, resume=resume)
        await self._say(AgentEvent(self._agent, self._vendor_id, Act.BEGIN, cwd=str(cwd)))
        self._beside = [asyncio.create_task(each()) for each in (self._tell, self._hear)]
        return self._vendor_id

    async def prompt(self, text: str) -> None:
        await self._adapter.prompt(text)

    async def advise(self, text: str) -> Channel | None:
        return await self._adapter.advise(text)

    async def cancel(self) -> None:
        await self._adapter.cancel()

    async def stop(self) -> None:
        self._is_over.set()
        with suppress(asyncio.CancelledError):
            await self._adapter.stop()
        await self._finish()

    async def events(self) -> AsyncIterator[AgentEvent]:
        async for event in self._adapter.events():
            self._untold.put_nowait(event)
            if event.act is Act.IDLE and not self._is_over.is_set() and await self._go_on():
                continue
            yield event

    async def _go_on(self) -> bool:
        """The turn is over: what the agent could not hear within it begins another, once. Whether one began.

        Only what still stands: its hooks may have told the rest, or the conflict is over.
        """
        notices = [each for each in await self._find_waiting() if each.id not in self._prompted]
        if not notices:
            return False
        self._prompted |= {each.id for each in notices}
        try:
            await self._adapter.prompt("\n\n".join(notice.text for notice in notices))
        except AgentError:
            return False
        for notice in notices:
            await self._confirm(notice, Channel.PROMPT)
        return True

    async def _hear(self) -> None:
        """Notices as they come: pushed into the turn where that can be, else they wait for its end."""
        while not self._is_over.is_set():
            with suppress(WatchkeeperError, OSError, ValueError):
                await self._hear_from_daemon()
            await asyncio.sleep(_AGAIN_S)

    async def _hear_from_daemon(self) -> None:
        how = ("steer",) if Channel.STEER in self._adapter.capabilities.push else ()
        async with open_request(self._socket, "notices", b"", self._agent, self._vendor_id, *how) as reader:
            while line := await reader.readline():
                notice = decode_message(line, Notice)
                channel = await self._adapter.advise(notice.text)
                if channel is not None:
                    await self._confirm(notice, channel)

    async def _find_waiting(self) -> list[Notice]:
        with suppress(WatchkeeperError, OSError, ValueError, TimeoutError):
            lines = await _request(self._socket, "notices", b"", self._agent, self._vendor_id, "now")
            return [decode_message(line, Notice) for line in lines.splitlines()]
        return []

    async def _confirm(self, notice: Notice, channel: Channel) -> None:
        with suppress(WatchkeeperError, TimeoutError):
            await _request(self._socket, "told", b"", self._agent, self._vendor_id, notice.id, channel.value)

    async def _tell(self) -> None:
        """What the agent does, in its order; what no daemon heard is not told later: it would be of the past."""
        while True:
            events = [await self._untold.get()]
            while not self._untold.empty() and len(events) < _BATCH:
                events.append(self._untold.get_nowait())
            await self._say(*events)

    async def _say(self, *events: AgentEvent) -> None:
        with suppress(WatchkeeperError, TimeoutError, ValueError):
            payload = encode_message(Told(events))
            about = (self._agent, self._vendor_id, str(self._cwd), *([self._issue] if self._issue else ()))
            answer = await _request(self._socket, "tell", payload, *about)
            self.session = decode_message(answer, Heard).session if answer else self.session
            self._has_told_end = self._has_told_end or any(event.act is Act.END for event in events)

    async def _finish(self) -> None:
        beside, self._beside = self._beside, []
        for task in beside:
            task.cancel()
        await asyncio.gather(*beside, return_exceptions=True)
        left = [self._untold.get_nowait() for _ in range(self._untold.qsize())]
        if beside and not self._has_told_end and not any(event.act is Act.END for event in left):
            left.append(AgentEvent(self._agent, self._vendor_id, Act.END, cwd=str(self._cwd)))
        if left and self._vendor_id and not self._has_told_end:  # after its end it would begin anew
            await self._say(*left)


class Running:
    """One session, from its task to its end."""

    def __init__(self, agent: str, adapter: Adapter, socket: Path, cwd: Path) -> None:
        self._attended = Attended(agent, adapter, socket)
        self._cwd = cwd

    @property
    def session(self) -> SessionId | None:
        """How the daemon calls it; None without one."""
        return self._attended.session

    async def run(self, task: str, seen: Callable[[AgentEvent], None]) -> AgentEvent | None:
        """Let the agent do the task; its last event. ``seen`` is called with each. Raises: AgentError."""
        await self._attended.start(self._cwd)
        last: AgentEvent | None = None
        try:
            await self._attended.prompt(task)
            async for event in self._attended.events():
                last = event
                seen(event)
                if event.act is Act.IDLE:
                    await self._attended.stop()
        finally:
            await self._attended.stop()
        return last

    async def cancel(self) -> None:
        """End the turn, and so the task."""
        await self._attended.cancel()


async def _request(socket: Path, verb: str, payload: bytes, *arguments: str) -> bytes:
    async with asyncio.timeout(_ANSWER_S), open_request(socket, verb, payload, *arguments) as reader:
        return await reader.read()
