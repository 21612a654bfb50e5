"""Agents take part in a watch: what they do is heard, and they are told of conflicts where they can hear it."""

from __future__ import annotations

import asyncio
import json
import os
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import msgspec

from watchkeeper.agents.hooks.vendor import HookCall, HookVendor, Point, Said, decode_payload
from watchkeeper.agents.lineage import Process, find_agent
from watchkeeper.agents.port import Verdict
from watchkeeper.conflicts.standing import State
from watchkeeper.model.agents import Act, AgentEvent, Channel, Heed, NoticeId, Session, SessionId
from watchkeeper.model.changes import Change, Source
from watchkeeper.model.conflicts import Severity
from watchkeeper.model.errors import WatchkeeperError
from watchkeeper.model.events import ChangeMoved, Event, NoticeDelivered, NoticeSettled, WatchStopped
from watchkeeper.model.ids import ChangeId, Millis
from watchkeeper.record.messages import decode_message, encode_message
from watchkeeper.watch.believing import Believing
from watchkeeper.watch.ending import record_ends
from watchkeeper.watch.engine import LiveWatch
from watchkeeper.watch.following import Following
from watchkeeper.watch.gatekeeping import Gatekeeper
from watchkeeper.watch.gates import Owners, writes_of
from watchkeeper.watch.notices import decide_notices, standing_for, waiting_for
from watchkeeper.watch.pages import Pages
from watchkeeper.watch.picture import Update, as_error
from watchkeeper.watch.service import Peer, Reply, Request
from watchkeeper.watch.sessions import Sessions, by_path
from watchkeeper.watch.toolbox import Toolbox, parse_ask
from watchkeeper.watch.tools import ToolError

_MOST_TOLD = 3
_ONCE = "This call was held back once, so that you hear of it; make it again if it is still right."
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")
"""Of an agent: it is part of what others are told, unquoted."""

_PICTURE_S = 1.2  # the shim waits for two seconds
_SWEEP_S = 3.0
_MOST_ISSUE = 200


class Outside(NamedTuple):
    """What is asked of the system and of vendors' files; wired by the composition root."""

    vendor: Callable[[str], HookVendor | None]
    agent_above: Callable[[int], Process | None]
    lineage: Callable[[int], Sequence[Process]]
    is_alive: Callable[[Process], bool]
    client_of: Callable[[int, int, int], Process | None] = lambda _server, _from, _to: None


class Told(msgspec.Struct, frozen=True):
    """What a session did, in its order."""

    events: tuple[AgentEvent, ...]


class Heard(msgspec.Struct, frozen=True):
    """Who that was, by our name."""

    session: SessionId


class Attendance:
    """Belongs to the loop in which the watch runs."""

    def __init__(
        self,
        live: LiveWatch,
        state: Callable[[], State],
        outside: Outside,
        clock: Callable[[], Millis],
        *,
        least: Severity,
        owners: Owners | None = None,
        pages: Pages | None = None,
        explain: Callable[[Exception], WatchkeeperError] = as_error,
    ) -> None:
        """``least`` is what an agent is told of; ``owners`` say who may write where; ``explain`` faults of our own.

        What sessions read is kept in ``pages``.
        """
        self._live = live
        self._state = state
        self._outside = outside
        self._clock = clock
        self._least = least
        self._explain = explain
        self._sessions = Sessions(state(), outside.is_alive, clock, lambda pid: next(iter(outside.lineage(pid)), None))
        self._toolbox = Toolbox(
            live, state, self._sessions, outside, root_of=self._root_of, working=self._working, decide=self.decide
        )
        self._gatekeeper = Gatekeeper(live, state, clock, owners)
        self._following = Following(live, Believing(live, state, clock, pages), self._working)
        self._moved: set[ChangeId] = set()
        self._steered: set[SessionId] = set()
        self._decided = asyncio.Condition()
        self._deciding = asyncio.Lock()
        self._due = asyncio.Event()
        self._seated: dict[str, tuple[Session, ...]] = {}
        self._is_seated = False
        self.problem = ""
        live.listen(self._take)  # from the first look on: what moved while nobody watched is told by that

    @property
    def sessions(self) -> tuple[Session, ...]:
        """Those at work."""
        return self._sessions.live

    async def run(self) -> None:
        """Tell whom it concerns as things happen, until cancelled."""
        self._following.resume()
        self._due.set()
        while True:
            with suppress(asyncio.TimeoutError):
                async with asyncio.timeout(_SWEEP_S):
                    await self._due.wait()
            self._due.clear()
            if await self._live.wait_picture(_SWEEP_S):
                await self._go_round()

    async def _go_round(self) -> None:
        try:
            await record_ends(self._live, self._state(), self._sessions.sweep())
            await self._seat()
            moved, self._moved = self._moved, set()
            await self._following.go_on(moved)
            await self.decide()
        except WatchkeeperError as error:
            self.problem = error.message
        except Exception as error:  # noqa: BLE001 - the next round may go well, and the watch goes on in any case
            self.problem = self._explain(error).message

    async def _seat(self) -> None:
        """Let the watch know who works where: what several do in one checkout it tells apart."""
        if not self._is_seated:
            self._is_seated = True  # who was at work when the last process ended may be so no more
            known = await self._live.ask(lambda lookout: lookout.seated)
            self._seated = {str(root): sessions for root, sessions in known.items()}
        now = by_path(self._sessions.live)
        for path in now.keys() | self._seated.keys():
            sessions = now.get(path, ())
            if sessions != self._seated.get(path, ()):
                self._seated[path] = sessions
                await self._live.set_sessions(Path(path), sessions)

    async def serve_hook(self, request: Request, reply: Reply) -> None:
        """``hook AGENT CWD``: the payload is what the agent gave its hook, the answer is what that is to print."""
        if len(request.arguments) != 2 or not await self._live.wait_picture(_PICTURE_S):
            return
        agent, cwd = request.arguments
        vendor = self._outside.vendor(agent)
        if vendor is None:
            return
        try:
            call = vendor.read(decode_payload(request.payload), cwd)
        except WatchkeeperError as error:
            self.problem = error.message
            return
        session = await self._hear(agent, call, cwd, request.peer)
        if session is None:
            return
        places = self._places(session, call)
        reason = await self._gatekeeper.judge(session, call, places)
        if reason is not None:
            await reply.write(vendor.answer(call, Said(deny=reason)))
            return
        await self._follow(session, call, places)
        await self._answer(vendor, call, session, reply)

    async def serve_tool(self, asked: Mapping[str, object], peer: Peer, reply: Reply) -> None:
        """An agent asks or says something by itself (``ask`` with a ``tool.Ask``): ``{"text"}`` or ``{"error"}``."""
        try:
            answer = await self._toolbox.answer(parse_ask(asked), peer)
        except ToolError as error:
            await reply.write(json.dumps({"error": str(error)}).encode())
            return
        told = [event for event in answer.events if isinstance(event, NoticeDelivered)]
        await self._live.record([event for event in answer.events if not isinstance(event, NoticeDelivered)])
        if await reply.write(json.dumps({"text": answer.text}).encode()):
            await self._live.record(told)

    async def _answer(self, vendor: HookVendor, call: HookCall, session: Session, reply: Reply) -> None:
        """What was not told yet goes out with this answer, where that can be heard; told is what left."""
        state = self._state()
        is_last_way = call.is_deaf and call.can_deny and bool(writes_of(call.events))
        hears = call.can_advise or call.can_hold or is_last_way
        hears = hears and (call.can_hold or session.id not in self._steered)
        told = waiting_for(state, session.id)[:_MOST_TOLD] if hears else ()
        again = standing_for(state, session.id)[-_MOST_TOLD:] if call.is_fleeting and call.can_advise else ()
        text = "\n\n".join(notice.text for notice in (*again, *told))
        if call.can_hold:
            said, channel = Said(hold=text), Channel.STOP
        elif call.can_advise:
            said, channel = Said(advice=text), Channel.HOOK
        else:
            said, channel = Said(deny=f"{text}\n{_ONCE}"), Channel.HOOK
        if await reply.write(vendor.answer(call, said) if text else b"") and told:
            await self._live.record([NoticeDelivered(notice.id, channel) for notice in told])
        elif call.point is Point.STOP:
            await self._leave_unanswered(session.id)

    async def decide(self) -> None:
        """Queue and settle notices as everything stands."""
        async with self._deciding:
            await self._live.record(decide_notices(self._state(), self._working(), self._least, self._clock()))
        async with self._decided:
            self._decided.notify_all()

    async def serve_tell(self, request: Request, reply: Reply) -> None:
        """``tell AGENT SESSION CWD [ISSUE]``: who runs an agent tells what it does (``Told``), and gets ``Heard``."""
        if len(request.arguments) not in (3, 4) or not await self._live.wait_picture(_PICTURE_S):
            return
        agent, vendor_id, cwd = request.arguments[:3]
        if not _NAME.fullmatch(agent):
            return
        try:
            told = decode_message(request.payload, Told)
        except (ValueError, RecursionError):
            return
        is_over = any(event.act is Act.END for event in told.events)
        call = HookCall(Point.END if is_over else Point.OTHER, vendor_id, cwd, events=told.events)
        speaker, is_kin = self._speaker(request.peer)
        issue = "".join(request.arguments[3:])[:_MOST_ISSUE]
        session = await self._admit(agent, call, cwd, speaker, is_kin, guest=False, issue=issue)
        if session is not None:
            await self._follow(session, call, self._places(session, call))
            await reply.write(encode_message(Heard(session.id)))

    async def serve_notices(self, request: Request, reply: Reply) -> None:
        """``notices AGENT SESSION [steer | now]``: a line (``Notice``) for each that is to be told, as they come.

        ``steer``: they are pushed into its turn, so hooks need not tell them. ``now``: those that wait at this moment.
        """
        session = await self._find_own(request) if len(request.arguments) in (2, 3) else None
        if session is None:
            return
        if request.arguments[2:] == ("now",):
            await reply.write(b"".join(encode_message(each) + b"\n" for each in waiting_for(self._state(), session.id)))
            return
        if request.arguments[2:] == ("steer",):
            self._steered.add(session.id)
        sent: set[NoticeId] = set()
        try:
            while session.id in {each.id for each in self._sessions.live}:
                for notice in waiting_for(self._state(), session.id):
                    if notice.id not in sent and not await reply.write(encode_message(notice) + b"\n"):
                        return
                    sent.add(notice.id)
                async with self._decided:
                    await self._decided.wait()
        finally:
            self._steered.discard(session.id)

    async def serve_told(self, request: Request, reply: Reply) -> None:
        """``told AGENT SESSION NOTICE CHANNEL``: it is with the model now."""
        session = await self._find_own(request) if len(request.arguments) == 4 else None
        channels = {each.value: each for each in Channel}
        if session is None or request.arguments[3] not in channels:
            return
        waiting = {notice.id for notice in waiting_for(self._state(), session.id)}
        if (notice := NoticeId(request.arguments[2])) in waiting:
            await self._live.record([NoticeDelivered(notice, channels[request.arguments[3]])])
        await reply.write(encode_message(Heard(session.id)))

    async def serve_judge(self, request: Request, reply: Reply) -> None:
        """``judge AGENT SESSION``: may it do what this event (``AgentEvent``) intends? The answer is a ``Verdict``."""
        session = await self._find_own(request) if len(request.arguments) == 2 else None
        if session is not None:
            event = decode_message(request.payload, AgentEvent)
            call = HookCall(Point.BEFORE_TOOL, session.vendor_id, session.path, events=(event,), can_deny=True)
            reason = await self._gatekeeper.judge(session, call, self._places(session, call))
            await reply.write(encode_message(Verdict(reason is None, reason or "")))

    async def _find_own(self, request: Request) -> Session | None:
        """The session that is named first in the request, where it is the speaker's to speak for; else that is said."""
        agent, vendor_id = request.arguments[:2]
        session = self._sessions.find(agent, vendor_id)
        if session is None:
            return None
        speaker, is_kin = self._speaker(request.peer)
        own, events = self._sessions.hear(agent, vendor_id, session.path, speaker, guest=session.guest, is_kin=is_kin)
        await self._live.record(events)
        return own

    def _speaker(self, peer: Peer) -> tuple[Process | None, Callable[[Process], bool]]:
        """Who runs an agent, and speaks for it: itself, not what is above it; and whom it belongs together with."""
        above = self._outside.lineage(peer.pid) if peer.pid else ()
        speaker = above[0] if above else None
        return speaker, lambda owner: owner in above or speaker in self._outside.lineage(owner.pid)

    async def _hear(self, agent: str, call: HookCall, cwd: str, peer: Peer) -> Session | None:
        above = self._outside.lineage(peer.pid) if peer.pid else ()
        return await self._admit(agent, call, cwd, find_agent(above), lambda owner: owner in above)

    async def _admit(
        self,
        agent: str,
        call: HookCall,
        cwd: str,
        process: Process | None,
        is_kin: Callable[[Process], bool],
        *,
        guest: bool = True,
        issue: str = "",
    ) -> Session | None:
        root = self._root_of(call.cwd or cwd)
        if root is None or not call.session:
            return None
        # Who comes may take the place of one that died a moment ago: the two never were at work together.
        gone = self._sessions.sweep() if self._sessions.find(agent, call.session) is None else ()
        session, events = self._sessions.hear(
            agent, call.session, str(root), process, guest=guest, is_kin=is_kin, issue=issue
        )
        await record_ends(self._live, self._state(), gone)
        await self._live.record(events)
        ended: tuple[Event, ...] = ()
        if session is not None and call.point is Point.END:
            ended = self._sessions.end(session.id, "it said so")
            await record_ends(self._live, self._state(), ended)
        if gone or events or ended:
            await self._seat()
        return session

    async def _follow(self, session: Session, call: HookCall, places: Mapping[str, tuple[Path, str]]) -> None:
        await self._following.take(session, call.events, places)
        await self.decide()

    def _places(self, session: Session, call: HookCall) -> dict[str, tuple[Path, str]]:
        """For each path that the call tells, the followed worktree that it is in, and the path there."""
        found: dict[str, tuple[Path, str]] = {}
        for path in {event.path for event in call.events if event.path}:
            with suppress(ValueError, OSError):  # a path that no system has
                whole = find_place(call.cwd or session.path, path)
                root = self._root_of(str(whole.parent))
                if root is not None:
                    found[path] = (root, str(whole.relative_to(root)))
        return found

    async def _leave_unanswered(self, session: SessionId) -> None:
        """The turn is over: what the session was told and what stands is for a person to know."""
        left = standing_for(self._state(), session)
        await self._live.record(
            [NoticeSettled(each.id, Heed.UNANSWERED, "the turn ended, and the conflict stands") for each in left]
        )

    def _root_of(self, folder: str) -> Path | None:
        """The followed worktree around a folder; the innermost, where they are nested."""
        try:
            real = os.path.realpath(folder)
        except (ValueError, OSError):
            return None
        found = [root for root in self._live.roots if real == str(root) or real.startswith(f"{root}{os.sep}")]
        return max(found, key=lambda root: len(str(root)), default=None)

    def _working(self) -> dict[ChangeId, tuple[Session, ...]]:
        found: dict[ChangeId, tuple[Session, ...]] = {}
        for change in self._live.picture().changes:
            sessions = tuple(each for each in self._sessions.at(change.path) if is_of(each, change))
            if sessions:
                found[change.id] = sessions
        return found

    def _take(self, update: Update) -> None:
        self._moved |= {each.event.change.id for each in update.recorded if isinstance(each.event, ChangeMoved)}
        if any(not isinstance(each.event, WatchStopped) for each in update.recorded):
            self._due.set()


def is_of(session: Session, change: Change) -> bool:
    """Whether what the session does in its worktree counts as this change."""
    match change.source:
        case Source.WORKTREE:
            return True
        case Source.SESSION:
            return change.id.endswith(f"@{session.id}")
        case _:
            return False


def find_place(folder: str, path: str) -> Path:
    """Where the file is that an agent told of: its folder as it really is, its own name as told."""
    whole = Path(os.path.normpath(Path(folder, path)))
    return Path(os.path.realpath(whole.parent), whole.name)
