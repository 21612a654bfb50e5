"""The live watch: hears of file events, has them looked at, records what follows, and tells whoever listens."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

import msgspec

from watchkeeper.model.agents import AgentEvent, Session, SessionId
from watchkeeper.model.errors import WatchkeeperError
from watchkeeper.model.events import Event
from watchkeeper.repos.follow import Follower
from watchkeeper.watch.agenda import Agenda, Chore, Saved
from watchkeeper.watch.coverage import Coverage
from watchkeeper.watch.lookout import Lookout
from watchkeeper.watch.measures import WatchStatistics
from watchkeeper.watch.picture import Parts, Picture, Update
from watchkeeper.watch.rounds import Rounds
from watchkeeper.watch.steps import Steps

_T = TypeVar("_T")
_TICK_S = 1.0
_READY_S = 2.0
_REPLAN_S = 0.3
_RULES_S = 30.0
_SURVEYS_S = 30.0
_END_S = 0.7
_HOURLY_S = 600.0


class LiveWatch:
    """One run of the watch: ``run`` it as a task, read ``updates``, and ``stop`` it.

    ``run`` ends when it is stopped; what fails meanwhile is said in the statistics and tried again.
    """

    def __init__(self, parts: Parts, *, follower: Follower | None = None) -> None:
        self._parts = parts
        self._lookout = parts.lookout
        self._ledger = parts.ledger
        self._follower = follower or Follower()
        self._agenda = Agenda(self._lookout.followed)
        self._coverage = Coverage(parts.repositories, self._lookout.followed)
        self._steps = Steps(parts, self._agenda)
        self._wake = asyncio.Event()
        self._rounds = Rounds(self._lookout, self._steps, self._agenda, self._coverage, self._wake.set)
        self._stopping = asyncio.Event()
        self._ready = asyncio.Event()
        self._recording = asyncio.Event()
        self._pictured = asyncio.Event()
        self._ready_by = float("inf")
        self._final: WatchStatistics | None = None
        self._has_proofs = threading.Event()
        self._batches = self._scans = 0
        self._was_recorder = self._ledger.recorder == 0
        if self._was_recorder:
            self._recording.set()

    async def run(self) -> None:
        """Watch until ``stop``. Raises WatchkeeperError where not even a first look is possible."""
        try:
            await self._begin()
            async with asyncio.TaskGroup() as tasks:
                running = [tasks.create_task(each()) for each in (self._hear, self._work, self._rounds.run, self._tick)]
                await self._stopping.wait()
                for task in running:
                    task.cancel()
        finally:
            self._stopping.set()
            self._final = self.statistics()
            await self._end()

    def stop(self) -> None:
        """Let ``run`` end, in order, within a second."""
        self._stopping.set()
        self._wake.set()

    def listen(self, listener: Callable[[Update], None]) -> None:
        """Have ``listener`` called, in the loop, with all that happens from now on. It must not block."""
        self._steps.listen(listener)

    def unlisten(self, listener: Callable[[Update], None]) -> None:
        """Call it no more."""
        self._steps.unlisten(listener)

    async def wait_picture(self, within_s: float) -> bool:
        """Wait for the first look; whether it is done by then."""
        with suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                await self._pictured.wait()
        return self._pictured.is_set()

    async def wait_recorder(self) -> None:
        """Wait until this watch is the one that writes the project's record."""
        await self._recording.wait()

    async def set_sessions(self, root: Path, sessions: Sequence[Session]) -> None:
        """These sessions are at work in a worktree now."""
        await self._steps.do(lambda: self._lookout.set_sessions(root, sessions), root=root)

    async def tell(self, root: Path, session: SessionId, event: AgentEvent) -> None:
        """A session says what it does, at this moment."""
        at = self._parts.clock()
        await self._steps.do(lambda: self._lookout.tell(root, session, event, at), root=root)

    async def wait_ready(self) -> bool:
        """Wait for the first screen: everything live was looked at once. False where the watch ended before."""
        waits = [asyncio.create_task(each.wait()) for each in (self._ready, self._stopping)]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for each in waits:
                each.cancel()
        return self._ready.is_set()

    async def wait_stopped(self) -> None:
        """Wait until the watch is to end."""
        await self._stopping.wait()

    @property
    def roots(self) -> tuple[Path, ...]:
        """The worktrees that are followed."""
        return tuple(self._lookout.followed)

    async def record(self, events: Sequence[Event]) -> None:
        """Record what others found out, and tell all listeners."""
        if events:
            await self._steps.record(events)

    async def ask(self, question: Callable[[Lookout], _T]) -> _T:
        """An answer from all that is followed, as of one moment. The question must be quick: saves wait for it."""
        return await self._steps.ask(question)

    def look_at(self, root: Path, paths: Iterable[str]) -> asyncio.Future[None]:
        """Somebody says that these files were just saved: look at them before all else. Done when that is done."""
        wanted = frozenset(paths)

        async def look() -> None:
            await self._steps.do(lambda: self._lookout.touch(root, wanted), root=root, seen_at=time.monotonic())

        return asyncio.ensure_future(look())

    async def catch_up(self, root: Path, within_s: float) -> None:
        """Look at all that stands in a worktree by now, of which no event may have told yet; later where that takes
        longer than ``within_s``."""

        async def look() -> None:
            await self._steps.do(lambda: self._lookout.scan(root), root=root)

        await asyncio.wait({asyncio.ensure_future(look())}, timeout=within_s)

    @property
    def has_picture(self) -> bool:
        """The first look is done."""
        return self._steps.picture is not None

    @property
    def is_stuck(self) -> bool:
        """The watch has ended, and its last step has not."""
        return self._steps.is_stuck

    def picture(self) -> Picture:
        """Everything as of the last step."""
        picture = self._steps.picture
        assert picture is not None, "wait for `ready` first"
        return msgspec.structs.replace(picture, at=self._parts.clock(), statistics=self.statistics())

    def statistics(self) -> WatchStatistics:
        """How well it keeps up."""
        if self._final is not None:
            return self._final
        follower = self._follower.statistics()
        problems = [
            self._ledger.problem, follower.problem, *self._lookout.troubles,
            *([f"{self._ledger.lost} events were lost"] if self._ledger.lost else []),
        ]  # fmt: skip
        return WatchStatistics(
            worktrees=len(self._lookout.followed),
            changes=len(self._steps.picture.changes) if self._steps.picture else 0,
            watched_folders=follower.folders,
            unwatched_folders=follower.left_out,
            saves=self._steps.saves.latency(),
            sweep=self._rounds.delays.latency(),
            files_parsed=self._parts.readings.parsed_files,
            recorder=self._ledger.recorder,
            problems=tuple(dict.fromkeys(problem for problem in problems if problem)),
            proofs=self._lookout.proved[0],
            unions=self._lookout.proved[1],
            events=self._batches,
            scans=self._scans,
            sweeps=self._rounds.sweeps,
            errors=self._steps.errors,
        )

    async def _begin(self) -> None:
        if self._parts.prover is not None:
            loop = asyncio.get_running_loop()

            def ready() -> None:
                with suppress(RuntimeError):  # the loop has ended
                    loop.call_soon_threadsafe(self._proof_came)

            self._parts.prover.listen(ready)
        await self._steps.begin()
        self._pictured.set()
        self._ready_by = time.monotonic() + _READY_S
        await self._replan()
        self._agenda.plan(
            Chore.SURVEY, time.monotonic()
        )  # what came between the first look and the watching of folders

    async def _end(self) -> None:
        with suppress(asyncio.TimeoutError, WatchkeeperError, asyncio.CancelledError):
            async with asyncio.timeout(_END_S):
                await self._steps.end()
        self._steps.end_thread(0.1)
        with suppress(asyncio.TimeoutError):
            async with asyncio.timeout(_END_S):
                await self._follower.close()

    # What is heard

    async def _hear(self) -> None:
        async for batch in self._follower.batches():
            self._batches += 1
            self._agenda.take(batch, time.monotonic())
            self._wake.set()
            for root, folders in batch.new_folders.items():
                await self._extend(root, folders)

    def _proof_came(self) -> None:
        self._has_proofs.set()
        self._wake.set()

    async def _extend(self, root: Path, folders: frozenset[str]) -> None:
        followed = self._lookout.followed.get(root)
        if followed is None:
            return
        fresh = await self._follower.extend(root, folders, lambda _, names: followed.checkout.ignore.ignored(names))
        if fresh:
            now = time.monotonic()
            self._agenda.hint(root, frozenset(folder for folder in fresh if folder in folders), now, now)
            self._wake.set()

    # What is done

    async def _work(self) -> None:
        while True:
            self._wake.clear()
            now = time.monotonic()
            if not await self._do_one(now):
                with suppress(asyncio.TimeoutError):
                    async with asyncio.timeout(self._agenda.next_due(now, _TICK_S)):
                        await self._wake.wait()

    async def _do_one(self, now: float) -> bool:
        """The most urgent job; whether there was one. Saves come first, the latest of them before all others."""
        if (save := self._agenda.take_save()) is not None:
            await self._look(*save)
        elif (root := self._agenda.take_settled(now)) is not None:
            await self._scan(root)
        elif self._agenda.take_chore(Chore.SURVEY, now):
            await self._steps.do(self._lookout.survey)
            self._replan_soon()
        elif self._agenda.take_chore(Chore.REPLAN, now):
            await self._replan()
        else:
            return await self._do_unhurried(now)
        return True

    async def _do_unhurried(self, now: float) -> bool:
        if self._has_proofs.is_set():
            self._has_proofs.clear()
            await self._steps.do(self._lookout.take_proofs)
            return True
        if self._lookout.has_suspicions:
            await self._steps.do(self._lookout.prove_next, seen_at=self._steps.suspected_at, is_save=False)
            return True
        self._steps.suspected_at = None
        if self._agenda.take_chore(Chore.UNITE, now):
            await self._steps.do(self._lookout.unite)
        elif not self._ready.is_set() and (not self._lookout.has_more or now > self._ready_by):
            self._ready.set()
            await self._steps.do(self._lookout.prepare_proofs)
        elif self._lookout.has_more:
            await self._steps.do(self._lookout.go_on)
        else:
            return False
        return True

    async def _look(self, root: Path, saved: Saved) -> None:
        step = await self._steps.do(lambda: self._lookout.touch(root, saved.paths), root=root, seen_at=saved.seen_at)
        if step is not None and step.needs_scan:
            self._agenda.disturb(root, time.monotonic(), paths=len(saved.paths))

    async def _scan(self, root: Path) -> None:
        if root not in self._lookout.followed:
            return
        self._scans += 1
        await self._steps.do(lambda: self._lookout.scan(root), root=root)
        self._agenda.scanned(root)
        self._replan_soon()

    # What is watched

    def _replan_soon(self) -> None:
        if self._coverage.is_old:
            self._agenda.plan(Chore.REPLAN, time.monotonic() + _REPLAN_S)

    async def _replan(self) -> None:
        """Watch the folders there are now; what was not watched until now is swept at once."""
        self._coverage.note()
        plan = await self._steps.ask(lambda _: self._coverage.plan())
        fresh = await self._follower.set_folders(plan)
        self._coverage.take(plan)
        self._rounds.sweep_soon(fresh)

    # What is done from time to time

    async def _tick(self) -> None:
        """What others recorded, what failed, and what grew old."""
        expired = judged = surveyed = time.monotonic()
        while True:
            await asyncio.sleep(_TICK_S)
            now = time.monotonic()
            await self._steps.renew()
            if (self._ledger.recorder == 0) and not self._was_recorder:
                self._was_recorder = True
                self._recording.set()
                await self._steps.do(self._lookout.reconcile)
            self._agenda.disturb_failed(now)
            await self._steps.do(self._lookout.judge_again)
            if now - surveyed > _SURVEYS_S:  # what no event told of
                surveyed = now
                self._agenda.plan(Chore.SURVEY, now)
            if now - judged > _RULES_S:
                judged = now
                await self._steps.judge_rules()
            if now - expired > _HOURLY_S:
                expired = now
                await self._steps.do(self._lookout.expire_landed)
            self._wake.set()
