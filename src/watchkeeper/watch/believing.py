"""What sessions have read is kept with its version, and they are told when what they rely on is another now."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from collections.abc import Set as AbstractSet
from pathlib import Path

from watchkeeper.conflicts.notice import outdated_id, outdated_text
from watchkeeper.conflicts.pair import Party
from watchkeeper.conflicts.standing import State
from watchkeeper.model.agents import Act, AgentEvent, Heed, How, Notice, Phase, Session
from watchkeeper.model.conflicts import Severity
from watchkeeper.model.events import Event, NoticeQueued, NoticeSettled
from watchkeeper.model.ids import Millis, SymbolKey
from watchkeeper.model.reading import Span
from watchkeeper.watch.engine import LiveWatch
from watchkeeper.watch.looking import symbols_at, versions_of
from watchkeeper.watch.pages import Pages, is_past
from watchkeeper.watch.seen import Beliefs, Outdated, Version


class Believing:
    """Belongs to the loop in which the watch runs."""

    def __init__(
        self, live: LiveWatch, state: Callable[[], State], clock: Callable[[], Millis], pages: Pages | None = None
    ) -> None:
        """``pages`` is where what was seen is kept over a restart; None: it is not."""
        self._live = live
        self._pages = pages
        self._state = state
        self._clock = clock
        self._beliefs = Beliefs()

    def resume(self) -> None:
        """Take up what was seen before this process was."""
        if self._pages is not None:
            for session, seen in self._pages.read(self._state().sessions, self._clock()):
                self._beliefs.take_up(session, seen)

    async def take(
        self, session: Session, events: Sequence[AgentEvent], places: Mapping[str, tuple[Path, str]]
    ) -> tuple[Event, ...]:
        """The session has read files; what follows for what it was told of them."""
        read: dict[SymbolKey, Version] = {}
        for event in events:
            if event.act is not Act.READ or event.phase is not Phase.DONE or event.path not in places:
                continue
            root, path = places[event.path]
            found = await self._read(root, path, event.lines)
            how = How.INFERRED if event.command else How.DECLARED
            self._beliefs.read(session.id, found, how, self._clock())
            read |= found
        await self._keep()
        return tuple(self._refreshed(session, read))

    async def infer(self, session: Session, party: Party, paths: AbstractSet[str]) -> None:
        """The session has just written these files: it knows what it wrote, and, as it is now, what that relies on
        and it never told to have read. Whether it has seen what the rest of its change relies on is unknown."""
        own = {SymbolKey(write.path, write.key.qualname) for write in party.footprint.writes if write.path in paths}
        if own:
            now = await self._live.ask(lambda lookout: versions_of(Path(session.path), own, lookout.read))
            self._beliefs.wrote(session.id, now, self._clock())
        relied_on, root = _relied_on(party), Path(session.path)
        written = {read.target for read in party.footprint.reads if read.path in paths}
        for how, unseen in (
            (How.INFERRED, self._beliefs.unsure(session.id, [each for each in relied_on if each in written])),
            (How.UNKNOWN, self._beliefs.unseen(session.id, [each for each in relied_on if each not in written])),
        ):
            if unseen:
                now = await self._versions(root, unseen)
                self._beliefs.read(session.id, now, how, self._clock())
        await self._keep()

    async def check(self, session: Session, party: Party) -> tuple[Event, ...]:
        """The ground under the session's work has moved: what it believes of what it relies on is compared with it."""
        relies_on, root = _relied_on(party), Path(session.path)
        now = await self._versions(root, relies_on)
        outdated = self._beliefs.outdated(session.id, relies_on, now.get)
        parties = await self._live.ask(lambda lookout: lookout.parties) if outdated else ()
        notices = [self._notice(session, each, parties) for each in outdated]
        return tuple(NoticeQueued(each) for each in notices if each.id not in self._state().notices)

    async def forget_past(self) -> None:
        """Of sessions that will not be resumed nothing is kept."""
        sessions, now = self._state().sessions, self._clock()
        for each in self._beliefs.sessions:
            if is_past(sessions.get(each), now):
                self._beliefs.forget(each)
        await self._keep()

    async def _keep(self) -> None:
        """In the thread of the watch: the disk may be slow."""
        fresh, pages = self._beliefs.take_fresh(), self._pages
        if fresh and pages is not None:
            await self._live.ask(lambda _: pages.keep(fresh))

    async def _versions(self, root: Path, symbols: Collection[SymbolKey]) -> Mapping[SymbolKey, Version]:
        return await self._live.ask(lambda lookout: versions_of(root, symbols, lookout.read))

    async def _read(self, root: Path, path: str, lines: Span | None) -> Mapping[SymbolKey, Version]:
        return await self._live.ask(lambda lookout: symbols_at(root, path, lines, lookout.read))

    def _refreshed(self, session: Session, read: Mapping[SymbolKey, Version]) -> Sequence[Event]:
        return [
            NoticeSettled(each.notice.id, Heed.HEEDED if each.delivered_at else Heed.MOOT, "it was read again")
            for each in self._state().notices.values()
            if each.notice.session == session.id and each.notice.symbol in read and each.heed in (None, Heed.UNANSWERED)
        ]

    def _notice(self, session: Session, outdated: Outdated, parties: Sequence[Party]) -> Notice:
        symbol, now = outdated.seen.symbol, outdated.now
        landed = (
            party.change
            for party in parties
            if party.is_landed and any(symbol in (write.key, write.successor) for write in party.footprint.writes)
        )
        by = max(landed, key=lambda change: change.landed_at or 0, default=None)
        text = outdated_text(outdated.seen, now.contract if now is not None else None, by, self._clock())
        is_contract = now is None or now.contract != outdated.seen.contract
        return Notice(
            id=outdated_id(session.id, symbol, now.digest if now is not None else ""),
            session=session.id,
            severity=Severity.MAJOR if is_contract else Severity.MINOR,
            text=text,
            symbol=symbol,
        )


def _relied_on(party: Party) -> list[SymbolKey]:
    """What the change's code relies on, and did not write itself."""
    own = {write.key for write in party.footprint.writes}
    return [read.target for read in party.footprint.reads if read.target not in own]
