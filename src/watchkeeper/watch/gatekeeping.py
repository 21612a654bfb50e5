"""Agents are kept off what others hold or own, before they write it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from watchkeeper.agents.hooks.vendor import HookCall
from watchkeeper.code.index import display_name
from watchkeeper.conflicts.standing import State
from watchkeeper.model.agents import AgentEvent, Session
from watchkeeper.model.events import GateClosed
from watchkeeper.model.ids import Millis
from watchkeeper.watch.engine import LiveWatch
from watchkeeper.watch.gates import Intention, Owners, reason_to_deny, writes_of
from watchkeeper.watch.looking import symbols_with

_MOST_TEXT = 200_000


class Gatekeeper:
    """Looks at what is about to be written, where anybody holds or owns anything."""

    def __init__(
        self, live: LiveWatch, state: Callable[[], State], clock: Callable[[], Millis], owners: Owners | None = None
    ) -> None:
        self._live = live
        self._state = state
        self._clock = clock
        self._owners = owners or Owners()

    async def judge(self, session: Session, call: HookCall, places: Mapping[str, tuple[Path, str]]) -> str | None:
        """Why the session may not do what it is about to do; None where it may. Recorded where it may not.

        ``places`` gives for each path that the call tells the worktree and the path in it.
        """
        now = self._clock()
        leases = [each for each in self._state().leases.values() if each.until > now]
        writes = [each for each in writes_of(call.events) if each.path in places]
        if not call.can_deny or not writes or not (leases or self._owners.rules):
            return None
        intended = [await self._intention(event, *places[event.path]) for event in writes]
        reason = reason_to_deny(session, intended, leases, self._owners, now)
        if reason is not None:
            await self._live.record([GateClosed(session.id, intended[0].path, reason)])
        return reason

    async def _intention(self, event: AgentEvent, root: Path, path: str) -> Intention:
        olds = [edit.old for edit in event.edits if edit.old]
        text = "\n".join(part for edit in event.edits for part in (edit.old or "", edit.new))
        symbols: tuple[str, ...] = ()
        if olds:
            found = await self._live.ask(lambda lookout: symbols_with(root, path, olds, lookout.read))
            symbols = tuple(display_name(key, frozenset({path})) for key in found)
        return Intention(path, symbols, text[:_MOST_TEXT])
