"""A watch that others speak to: agents' hooks, the command line, other views."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

import msgspec

from watchkeeper.conflicts.standing import State, open_conflicts
from watchkeeper.model.agents import Heed
from watchkeeper.model.conflicts import Severity
from watchkeeper.model.errors import WatchkeeperError
from watchkeeper.model.ids import ConflictId, Millis
from watchkeeper.record.messages import encode_message
from watchkeeper.watch.attendance import Attendance
from watchkeeper.watch.engine import LiveWatch
from watchkeeper.watch.measures import Latency
from watchkeeper.watch.picture import Picture, Update
from watchkeeper.watch.service import Handler, Reply, Request, Service

_PICTURE_S = 0.2


class Line(msgspec.Struct, frozen=True):
    """What those who follow are sent: what happened, or how everything stands (the first line always does)."""

    update: Update | None = None
    picture: Picture | None = None


class Standing(msgspec.Struct, frozen=True):
    """What ``status`` is told of a daemon."""

    pid: int
    version: str
    repository: str
    since: Millis
    worktrees: int
    changes: int
    conflicts: Mapping[str, int]
    sessions: tuple[SessionStanding, ...]
    problems: tuple[str, ...]
    unanswered: tuple[ConflictId, ...] = ()
    saves: Latency = Latency()  # from a save to its conflicts


class SessionStanding(msgspec.Struct, frozen=True):
    """A session at work, and what it was told: queued and not told yet, told, heeded, unanswered."""

    id: str
    agent: str
    path: str
    since: Millis
    queued: int
    told: int
    heeded: int
    unanswered: int


class Hosting:
    """Opens the socket as soon as this watch is the one that records, and serves until it is cancelled."""

    def __init__(
        self,
        live: LiveWatch,
        attendance: Attendance,
        socket: Path,
        *,
        state: Callable[[], State],
        repository: Path,
        version: str,
        clock: Callable[[], Millis],
        beside: Callable[[], str] = str,
    ) -> None:
        """``beside`` says what is wrong with what runs beside the watch, ``""`` where nothing is."""
        self._beside = beside
        self._live = live
        self._attendance = attendance
        self._state = state
        self._repository = repository
        self._version = version
        self._clock = clock
        self._since = clock()
        handlers: Mapping[str, Handler] = {
            "hook": attendance.serve_hook,
            "tell": attendance.serve_tell,
            "notices": attendance.serve_notices,
            "told": attendance.serve_told,
            "judge": attendance.serve_judge,
            "ask": self._serve_ask,
            "follow": self._serve_follow,
        }
        self._service = Service(socket, handlers)
        self.problem = ""

    async def run(self) -> None:
        """Serve. A socket that cannot be opened is a problem that is said, and no reason not to watch."""
        await self._live.wait_recorder()
        try:
            await self._service.open()
        except WatchkeeperError as error:
            self.problem = error.message
        try:
            await self._attendance.run()
        finally:
            await self._service.close()

    async def _serve_ask(self, request: Request, reply: Reply) -> None:
        try:
            asked = json.loads(request.payload)
        except (ValueError, RecursionError):
            return
        match asked.get("ask") if isinstance(asked, dict) else None:
            case "status":
                await reply.write(encode_message(self._standing()))
            case "stop":
                await reply.write(b"{}")
                self._live.stop()
            case "tool":
                await self._attendance.serve_tool(asked, request.peer, reply)

    def _standing(self) -> Standing:
        statistics = self._live.statistics()
        counts: dict[str, int] = {}
        state = self._state()
        for each in open_conflicts(state):
            counts[each.severity.value] = counts.get(each.severity.value, 0) + 1
        return Standing(
            pid=os.getpid(),
            version=self._version,
            repository=str(self._repository),
            since=self._since,
            worktrees=statistics.worktrees,
            changes=statistics.changes,
            conflicts={severity.value: counts.get(severity.value, 0) for severity in reversed(Severity)},
            sessions=tuple(_session(each.id, state) for each in self._attendance.sessions),
            unanswered=tuple(each.conflict.id for each in open_conflicts(state) if each.unanswered),
            saves=statistics.saves,
            problems=tuple(
                filter(
                    None,
                    (
                        *statistics.problems,
                        self.problem,
                        self._attendance.problem,
                        self._service.problem,
                        self._queue_problem(),
                    ),
                )
            ),
        )

    def _queue_problem(self) -> str:
        problem = self._beside()
        return f"the queue is not driven: {problem}" if problem else ""

    async def _serve_follow(self, _: Request, reply: Reply) -> None:
        """A line for each update, and how everything stands whenever it has changed, a few times a second at most."""
        updates: asyncio.Queue[Update] = asyncio.Queue(10_000)

        def take(update: Update) -> None:
            with suppress(asyncio.QueueFull):  # somebody who does not read: the next picture tells him all
                updates.put_nowait(update)

        await self._live.wait_ready()
        self._live.listen(take)
        try:
            alive = await self._send(reply, Line(picture=self._live.picture()))
            while alive:
                alive = await self._send(reply, Line(update=await updates.get()))
                if alive and updates.empty():
                    alive = await self._send(reply, Line(picture=self._live.picture()))
                    await asyncio.sleep(_PICTURE_S)
        finally:
            self._live.unlisten(take)

    @staticmethod
    async def _send(reply: Reply, line: Line) -> bool:
        return await reply.write(encode_message(line) + b"\n")


def _session(identity: str, state: State) -> SessionStanding:
    session = next(each.session for each in state.sessions.values() if each.session.id == identity)
    notices = [each for each in state.notices.values() if each.notice.session == identity]
    return SessionStanding(
        id=session.id,
        agent=session.agent,
        path=session.path,
        since=session.since,
        queued=sum(each.delivered_at is None and each.heed is None for each in notices),
        told=sum(each.delivered_at is not None for each in notices),
        heeded=sum(each.heed is Heed.HEEDED for each in notices),
        unanswered=sum(each.heed is Heed.UNANSWERED for each in notices),
    )
