"""The live watch, run in a test: act, then wait for what has to follow."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path

from watchfiles import awatch

from watchkeeper.app import find_place
from watchkeeper.conflicts.standing import ConflictState, open_conflicts
from watchkeeper.daemon import open_watch
from watchkeeper.model.conflicts import Severity
from watchkeeper.model.events import (
    ChangeAppeared,
    ChangeGone,
    ConflictClosed,
    ConflictOpened,
    Event,
    FileUnreadable,
    Recorded,
)
from watchkeeper.watch.engine import LiveWatch
from watchkeeper.watch.picture import Picture, Update

PATIENCE_S = 20.0

Act = Callable[["Watched"], Awaitable[None]]


class Watched:
    """A running watch, and everything that it has said."""

    def __init__(self, live: LiveWatch) -> None:
        self.live = live
        self.recorded: list[Recorded] = []
        self.updates: list[Update] = []
        self._changed = asyncio.Condition()
        self._notices: set[asyncio.Task[None]] = set()
        live.listen(self._take)

    @property
    def events(self) -> list[Event]:
        return [each.event for each in self.recorded]

    @property
    def picture(self) -> Picture:
        return self.live.picture()

    @property
    def conflicts(self) -> tuple[ConflictState, ...]:
        """What is open now, from minor up."""
        found = open_conflicts(self.picture.state)
        return tuple(each for each in found if each.conflict.severity.rank >= Severity.MINOR.rank)

    @property
    def opened(self) -> list[str]:
        return [event.conflict.id for event in self.events if isinstance(event, ConflictOpened)]

    @property
    def closed(self) -> list[str]:
        return [event.id for event in self.events if isinstance(event, ConflictClosed)]

    @property
    def unreadable(self) -> list[tuple[str, str]]:
        return [(event.change, event.path) for event in self.events if isinstance(event, FileUnreadable)]

    @property
    def live_changes(self) -> set[str]:
        return {change.id for change in self.picture.changes}

    def has_appeared(self, change: str) -> bool:
        return any(isinstance(event, ChangeAppeared) and event.change.id == change for event in self.events)

    def has_gone(self, change: str) -> bool:
        return any(isinstance(event, ChangeGone) and event.change == change for event in self.events)

    async def until(self, condition: Callable[[], bool], what: str = "") -> None:
        """Wait for a condition that some step makes true; fails after twenty seconds."""
        try:
            async with asyncio.timeout(PATIENCE_S), self._changed:
                await self._changed.wait_for(condition)
        except TimeoutError:
            seen = "\n".join(repr(event)[:300] for event in self.events)
            raise AssertionError(f"never came: {what or condition}\n{self.live.statistics()}\n{seen}") from None

    async def until_below(self, folder: Path, condition: Callable[[], bool], what: str = "") -> None:
        """Wait for what another process does in a folder; fails after twenty seconds."""
        try:
            async with asyncio.timeout(PATIENCE_S):
                # Begun before the first look, and told now and then: nothing is missed between the two.
                async for _ in awatch(folder, step=20, rust_timeout=200, yield_on_timeout=True):
                    if condition():
                        return
        except TimeoutError:
            raise AssertionError(f"never came: {what or condition}\n{self.live.statistics()}") from None

    def _take(self, update: Update) -> None:
        self.updates.append(update)
        self.recorded.extend(update.recorded)
        notice = asyncio.get_running_loop().create_task(self._notify())
        self._notices.add(notice)
        notice.add_done_callback(self._notices.discard)

    async def _notify(self) -> None:
        async with self._changed:
            self._changed.notify_all()


def watch(folder: Path, act: Act, *, home: Path | None = None, flags: Mapping[str, object] | None = None) -> Watched:
    """Watch the repository at ``folder`` while ``act`` is at work; everything that was said."""
    environ = {
        "WATCHKEEPER_HOME": str(home or folder.parent / "state"),
        "XDG_CONFIG_HOME": str(folder.parent / "config"),
    }
    return asyncio.run(_watch(folder, act, environ, dict(flags or {})))


async def _watch(folder: Path, act: Act, environ: Mapping[str, str], flags: Mapping[str, object]) -> Watched:
    place = find_place(folder, environ, flags)
    with open_watch(place) as parts:
        live = LiveWatch(parts)
        watched = Watched(live)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(live.run())
            try:
                assert await live.wait_ready()
                await act(watched)
            finally:
                live.stop()
    return watched


def lines(*texts: str) -> str:
    return "".join(f"{text}\n" for text in texts)


def numbered(start: str, count: int, changes: Mapping[int, Sequence[str]]) -> str:
    """A function ``start`` with ``count`` statements; ``changes`` gives what stands after a statement."""
    body = []
    for number in range(count):
        body += [f"    step_{number}()", *(f"    {line}" for line in changes.get(number, ()))]
    return lines(f"def {start}():", *body)
