"""The tools that an agent may call by itself: who calls is found from its process, never from what it says."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from watchkeeper.agents.lineage import Process
from watchkeeper.conflicts.notice import quote
from watchkeeper.conflicts.pair import Party
from watchkeeper.conflicts.standing import State
from watchkeeper.model.agents import Heed, Session
from watchkeeper.model.events import Event, NoticeSettled
from watchkeeper.watch.notices import standing_for, waiting_for
from watchkeeper.watch.questions import whats_changed, who_touches
from watchkeeper.watch.service import Peer
from watchkeeper.watch.sessions import Sessions
from watchkeeper.watch.tools import (
    Answer,
    Ask,
    ToolError,
    Working,
    inbox,
    intend,
    reach,
    record_decision,
    text_of,
    texts_of,
    told_changes,
    told_touches,
)

if TYPE_CHECKING:
    from watchkeeper.watch.attendance import Outside
    from watchkeeper.watch.engine import LiveWatch

_READY_S = 8.0
_MOST_NAME = 24
_GUEST = "mcp:"
_LOOKING = frozenset({"who_touches", "whats_changed", "intend"})


class Toolbox:
    """Belongs to the loop in which the watch runs."""

    def __init__(
        self,
        live: LiveWatch,
        state: Callable[[], State],
        sessions: Sessions,
        outside: Outside,
        *,
        root_of: Callable[[str], Path | None],
        working: Callable[[], Working],
        decide: Callable[[], Awaitable[None]],
    ) -> None:
        """``decide`` queues what is due, so that an inbox holds what is known now."""
        self._live = live
        self._state = state
        self._sessions = sessions
        self._outside = outside
        self._root_of = root_of
        self._working = working
        self._decide = decide

    async def answer(self, ask: Ask, peer: Peer) -> Answer:
        """What the tool says, and what is to be recorded of it. Raises ToolError."""
        await self._wait_picture()
        caller = await self._find_caller(ask, peer)
        parties: tuple[Party, ...] = ()
        if ask.tool in _LOOKING:
            parties = await self._live.ask(lambda lookout: lookout.parties)
        else:
            await self._decide()
        return answer_tool(ask, caller, self._state(), parties, self._working())

    async def _wait_picture(self) -> None:
        try:
            async with asyncio.timeout(_READY_S):
                ready = await self._live.wait_ready()
        except TimeoutError:
            ready = False
        if not ready:
            raise ToolError("Watchkeeper has not looked at everything yet: ask again in a moment")

    async def _find_caller(self, ask: Ask, peer: Peer) -> tuple[Session, ...]:
        """The sessions of the process that asks, in the worktree where it works; else one that begins now."""
        root = self._find_root(ask.cwd)
        process = await self._find_process(ask, peer)
        known = self._sessions.of(process, str(root)) if process is not None else ()
        told = tuple(each for each in known if not each.vendor_id.startswith(_GUEST))
        if told:
            await self._live.record(self._retire([each for each in known if each not in told]))
            return told
        name = f"{_GUEST}{process.pid}:{process.started:.0f}" if process is not None else f"{_GUEST}0"
        session, events = self._sessions.hear(agent_name(ask.agent), name, str(root), process)
        await self._live.record(events)
        if session is None:
            raise ToolError("this session belongs to another process")
        return (session,)

    def _find_root(self, cwd: str) -> Path:
        try:
            root = self._root_of(cwd)
        except ValueError:  # a NUL in it
            root = None
        if root is None:
            raise ToolError(f"{quote(cwd, 200)} is in no worktree that Watchkeeper follows here")
        return root

    async def _find_process(self, ask: Ask, peer: Peer) -> Process | None:
        if not peer.pid:
            return None
        if ask.ports is not None:
            # All processes are looked through: the loop does not wait for it.
            found = await asyncio.to_thread(self._outside.client_of, peer.pid, *ask.ports)
            if found is None:
                raise ToolError("it cannot be seen which process asks")
            return found
        return self._outside.agent_above(peer.pid)

    def _retire(self, guests: Sequence[Session]) -> tuple[Event, ...]:
        """Its agent speaks for itself by now (its hooks do): a session that was made for its questions is over."""
        state, why = self._state(), "its agent is told in another session"
        return tuple(
            event
            for guest in guests
            for event in (
                *(NoticeSettled(notice.id, Heed.MOOT, why) for notice in waiting_for(state, guest.id)),
                *(NoticeSettled(notice.id, Heed.MOOT, why) for notice in standing_for(state, guest.id)),
                *self._sessions.end(guest.id, why),
            )
        )


def parse_ask(asked: Mapping[str, object]) -> Ask:
    """A call as it came over the socket. Raises ToolError where it is none."""
    try:
        return msgspec.convert({key: value for key, value in asked.items() if key != "ask"}, Ask)
    except msgspec.ValidationError as error:
        raise ToolError(f"this is no call of a tool: {error}") from error


def answer_tool(
    ask: Ask, caller: Sequence[Session], state: State, parties: Sequence[Party], working: Working
) -> Answer:
    """What a tool says to sessions; the newest of them is who intends and decides. Raises ToolError. Pure."""
    arguments, me = ask.arguments, caller[-1]
    ours = {each.id for each in caller}
    mine = frozenset(change for change, sessions in working.items() if any(session.id in ours for session in sessions))
    others = [party for party in parties if party.id not in mine]
    live = [party for party in others if not party.is_landed]
    match ask.tool:
        case "inbox":
            return inbox(state, caller)
        case "who_touches":
            about = text_of(arguments, "about")
            return told_touches(about, who_touches(live, about, working), mine)
        case "whats_changed":
            symbol = text_of(arguments, "symbol")
            return told_changes(symbol, whats_changed(others, symbol, working), mine)
        case "intend":
            subjects = texts_of(arguments, "subjects")
            note = text_of(arguments, "note", needed=False)
            touches = [touch for subject in subjects for touch in who_touches(live, subject, working)]
            return intend(state, me, subjects, note, tuple(dict.fromkeys(touches)))
        case "record_decision":
            title, choice = text_of(arguments, "title"), text_of(arguments, "choice")
            return record_decision(me, title, choice, text_of(arguments, "why", needed=False))
        case "reach":
            return reach(me, arguments)
        case _:
            raise ToolError(f"there is no tool {quote(ask.tool, 40)}")


def agent_name(told: str) -> str:
    """What a session's agent is called, from what its program calls itself: ``gemini-cli-mcp-client`` is ``gemini``.

    So it is called as the one whose hooks speak.
    """
    plain = re.sub(r"[^a-z0-9]+", "-", told[:200].lower()).strip("-")
    return re.sub(r"(?<=.)(-mcp|-client|-cli|-code)+$", "", plain)[:_MOST_NAME].strip("-") or "agent"
