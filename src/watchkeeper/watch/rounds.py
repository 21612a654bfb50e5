"""What events missed: every worktree is swept in turn, within a share of one processor, beside the work."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from watchkeeper.model.errors import WatchkeeperError
from watchkeeper.watch.agenda import Agenda, Chore
from watchkeeper.watch.coverage import Coverage
from watchkeeper.watch.followed import Followed
from watchkeeper.watch.lookout import Lookout
from watchkeeper.watch.measures import Stopwatch
from watchkeeper.watch.settling import Turn, choose_turn, is_burst, pause_after_sweep
from watchkeeper.watch.steps import Steps
from watchkeeper.watch.sweep import NOTHING, Believed, Hints, Sweeper

_IDLE_S = 1.0
_NEVER = float("-inf")


class Rounds:
    """Belongs to the loop in which the watch runs; mostly it waits for git. ``wake`` says that there is work."""

    def __init__(
        self, lookout: Lookout, steps: Steps, agenda: Agenda, coverage: Coverage, wake: Callable[[], None]
    ) -> None:
        self._lookout = lookout
        self._steps = steps
        self._agenda = agenda
        self._coverage = coverage
        self._wake = wake
        self._sweeper = Sweeper()
        self._swept_at: dict[Path, float] = {}
        self.sweeps = 0
        self.delays = Stopwatch()

    def sweep_soon(self, roots: Iterable[Path]) -> None:
        """These were not watched until now. What is followed no longer is forgotten."""
        for root in roots:
            self._swept_at[root] = _NEVER
        for root in self._swept_at.keys() - self._lookout.followed.keys():
            del self._swept_at[root]
            self._sweeper.forget(root)

    async def run(self) -> None:
        """Go round until cancelled."""
        while True:
            now = time.monotonic()
            turns = tuple(self._turns())
            place = choose_turn(turns, now)
            followed = self._lookout.followed.get(Path(place)) if place is not None else None
            if followed is None or place is None:
                await asyncio.sleep(_IDLE_S)
                continue
            root = Path(place)
            is_fresh = self._swept_at.get(root) == _NEVER
            self._swept_at[root] = now
            if not self._agenda.is_restless(root):
                await self._sweep(root, followed)
            took = time.monotonic() - now
            is_behind = any(at == _NEVER for at in self._swept_at.values())
            watched = sum(turn.watched for turn in turns) / len(turns)
            await asyncio.sleep(0.01 if is_fresh and is_behind else pause_after_sweep(took, len(turns), watched))

    def _turns(self) -> Iterator[Turn]:
        for root, followed in list(self._lookout.followed.items()):
            yield Turn(str(root), self._swept_at.get(root, _NEVER), self._coverage.share(followed))

    async def _sweep(self, root: Path, followed: Followed) -> None:
        try:
            believed = await self._steps.ask(lambda _: _believed(followed)) if self._sweeper.is_first(root) else NOTHING
            hints = await asyncio.to_thread(self._sweeper.sweep, followed.worktree, believed)
        except WatchkeeperError as error:
            self._sweeper.forget(root)
            if not followed.worktree.is_present:
                self._agenda.plan(Chore.SURVEY, time.monotonic())
                self._wake()
            elif root in self._lookout.followed:
                self._steps.fail(root, error)
            return
        self.sweeps += 1
        if hints.has_moved or is_burst(len(hints.paths)):
            self._disturb(root, hints)
        elif hints.paths and root in self._lookout.followed and not self._agenda.is_restless(root):
            step = await self._steps.do(lambda: self._lookout.touch(root, hints.paths), root=root)
            if step is not None and step.touched:
                self.delays.take(max(0.0, time.time() - hints.since) * 1000)
            if step is not None and step.needs_scan:
                self._disturb(root, hints)

    def _disturb(self, root: Path, hints: Hints) -> None:
        self._agenda.disturb(root, time.monotonic(), paths=len(hints.paths))
        self._wake()


def _believed(followed: Followed) -> Believed:
    return Believed(followed.found.change.head, followed.checkout.uncommitted)
