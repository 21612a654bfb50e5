"""What sessions say they did is looked at, and what they have seen by it is kept."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import NamedTuple

from watchkeeper.model.agents import Act, AgentEvent, Phase, Session
from watchkeeper.model.ids import ChangeId
from watchkeeper.watch.believing import Believing
from watchkeeper.watch.engine import LiveWatch

_LOOK_S = 0.4
"""An agent waits for its hook: what takes longer than that to look at is taken in when it is done."""


class _Look(NamedTuple):
    session: Session
    written: AbstractSet[str]
    done: asyncio.Future[None]


class Following:
    """Belongs to the loop in which the watch runs."""

    def __init__(
        self, live: LiveWatch, believing: Believing, working: Callable[[], Mapping[ChangeId, tuple[Session, ...]]]
    ) -> None:
        self._live = live
        self._believing = believing
        self._working = working
        self._looks: list[_Look] = []

    def resume(self) -> None:
        """Take up what was seen before this process was."""
        self._believing.resume()

    async def take(
        self, session: Session, events: Sequence[AgentEvent], places: Mapping[str, tuple[Path, str]]
    ) -> None:
        """What was just written is looked at now: the answer to this very call may be the one that tells of it."""
        by_root: dict[Path, set[str]] = {}
        for event in events:
            if event.act in (Act.RUN, Act.IDLE, Act.END):
                await self._live.tell(Path(session.path), session.id, event)
            elif event.act is Act.WRITE and event.path in places:
                root, path = places[event.path]
                await self._live.tell(root, session.id, event)
                if event.phase is Phase.DONE:
                    by_root.setdefault(root, set()).add(path)
        for root, paths in by_root.items():
            done = self._live.look_at(root, paths)
            await asyncio.wait({done}, timeout=_LOOK_S)
            if root == Path(session.path):
                self._looks.append(_Look(session, paths, done))
        await self._live.record(await self._believing.take(session, events, places))
        await self._infer()

    async def go_on(self, moved: AbstractSet[ChangeId]) -> None:
        """What could not be done at once; and of changes that moved (a rebase, a merge): what their sessions have read
        may be of the past."""
        await self._infer()
        working = self._working()
        for party in await self._live.ask(lambda lookout: lookout.parties) if moved else ():
            for session in working.get(party.id, ()) if party.id in moved else ():
                await self._live.record(await self._believing.check(session, party))
        await self._believing.forget_past()

    async def _infer(self) -> None:
        """What was written and has been looked at since tells what its session has seen."""
        looked = [look for look in self._looks if look.done.done()]
        self._looks = [look for look in self._looks if not look.done.done()]
        if not looked:
            return
        parties, working = await self._live.ask(lambda lookout: lookout.parties), self._working()
        for look in looked:
            for party in parties:
                if look.session.id in {each.id for each in working.get(party.id, ())}:
                    await self._believing.infer(look.session, party, look.written)
