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

from watchkeeper.conflicts.lifecycle import State
from watchkeeper.model.agents import AgentEvent, Session, SessionId
from watchkeeper.model.changes import Change
from watchkeeper.model.errors import NotARepositoryError, WatchkeeperError
from watchkeeper.model.events import Event, Recorded, WatchStarted, WatchStopped
from watchkeeper.model.ids import Millis
from watchkeeper.repos.follow import FollowBatch, Follower
from watchkeeper.repos.followplan import (
    FollowedTree,
    FollowPlace,
    FollowPlan,
    plan_folders_to_follow,
    read_watch_budget,
)
from watchkeeper.repos.repository import Repository
from watchkeeper.repos.target import Target
from watchkeeper.watch.discovery import is_git_at_work, is_in_rebase
from watchkeeper.watch.ledger import Ledger
from watchkeeper.watch.lookout import Lookout, Step
from watchkeeper.watch.measures import Stopwatch, WatchStatistics
from watchkeeper.watch.proving import Prover
from watchkeeper.watch.readings import Readings
from watchkeeper.watch.settling import Turn, Unrest, choose_turn, is_burst, pause_after_sweep, wait_before_scan
from watchkeeper.watch.sweep import Sweeper
from watchkeeper.watch.thread import WorkThread

_T = TypeVar("_T")
_TICK_S = 1.0
_READY_S = 2.0
_REPLAN_S = 0.3
_SURVEY_S = 0.12
_RETRY_S = 2.0
_UNITE_S = 3.0
_PROOFS_S = 5.0
_RULES_S = 30.0
_SURVEYS_S = 30.0
_END_S = 0.7
_HOURLY_S = 600.0


def as_error(error: Exception) -> WatchkeeperError:
    """A fault of our own in one sentence."""
    return WatchkeeperError(f"Watchkeeper failed: {type(error).__name__}: {error}", slug="internal", hint="report it")


class Parts(msgspec.Struct, frozen=True):
    """What a watch is made of; ``version`` is Watchkeeper's own, ``explain`` keeps what helps to mend a fault of it."""

    repositories: tuple[Repository, ...]
    lookout: Lookout
    ledger: Ledger
    readings: Readings
    clock: Callable[[], Millis]
    version: str
    prover: Prover | None = None
    explain: Callable[[Exception], WatchkeeperError] = as_error


class Picture(msgspec.Struct, frozen=True):
    """Everything to be seen at one moment."""

    at: Millis
    target: Target | None
    changes: tuple[Change, ...]
    files: dict[str, int]
    state: State
    statistics: WatchStatistics
    is_complete: bool
    left_out: tuple[str, ...] = ()


class Update(msgspec.Struct, frozen=True):
    """Events of one step; none where only the picture changed.

    ``latency_ms`` is from the file event that caused it, None where none did.
    """

    recorded: tuple[Recorded, ...]
    latency_ms: float | None = None


class Saved(msgspec.Struct, frozen=True):
    """Paths of one worktree that wait to be looked at, since when."""

    paths: frozenset[str]
    seen_at: float


class LiveWatch:
    """One run of the watch: ``run`` it as a task, read ``updates``, and ``stop`` it.

    ``run`` ends when it is stopped; what fails meanwhile is said in the statistics and tried again.
    """

    def __init__(self, parts: Parts, *, follower: Follower | None = None) -> None:
        self._parts = parts
        self._lookout = parts.lookout
        self._ledger = parts.ledger
        self._follower = follower or Follower()
        self._sweeper = Sweeper()
        self._thread = WorkThread()
        self._wake = asyncio.Event()
        self._stopping = asyncio.Event()
        self._ready = asyncio.Event()
        self._recording = asyncio.Event()
        self._pictured = asyncio.Event()
        self._ready_by = float("inf")
        self._saved: dict[Path, Saved] = {}
        self._unrest: dict[Path, Unrest] = {}
        self._rebasing: set[Path] = set()
        self._survey_at: float | None = None
        self._replan_at: float | None = None
        self._planned: frozenset[tuple[Path, frozenset[str]]] = frozenset()
        self._watched: dict[Path, int] = {}
        self._swept_at: dict[Path, float] = {}
        self._retry_at: dict[Path, tuple[float, float]] = {}
        self._listeners: list[Callable[[Update], None]] = []
        self._saves, self._sweeps = Stopwatch(), Stopwatch()
        self._final: WatchStatistics | None = None
        self.is_stuck = False
        self._has_proofs = threading.Event()
        self._suspected_at: float | None = None
        self._unite_at: float | None = None
        self._counts = {"events": 0, "scans": 0, "sweeps": 0, "errors": 0}
        self._picture: Picture | None = None
        self._was_recorder = self._ledger.recorder == 0
        if self._was_recorder:
            self._recording.set()

    async def run(self) -> None:
        """Watch until ``stop``. Raises WatchkeeperError where not even a first look is possible."""
        try:
            await self._begin()
            async with asyncio.TaskGroup() as tasks:
                running = [tasks.create_task(each()) for each in (self._hear, self._work, self._sweep, self._tick)]
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
        self._listeners.append(listener)

    def unlisten(self, listener: Callable[[Update], None]) -> None:
        """Call it no more."""
        with suppress(ValueError):
            self._listeners.remove(listener)

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
        await self._step(lambda: self._lookout.set_sessions(root, sessions), root=root)

    async def tell(self, root: Path, session: SessionId, event: AgentEvent) -> None:
        """A session says what it does, at this moment."""
        at = self._parts.clock()
        await self._step(lambda: self._lookout.tell(root, session, event, at), root=root)

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
            at = self._parts.clock()

            def perform() -> tuple[Recorded, ...]:
                recorded = self._ledger.record(events, at)
                self._take_picture()
                return recorded

            self._publish(await self._thread.do(perform), None)

    async def ask(self, question: Callable[[Lookout], _T]) -> _T:
        """An answer from all that is followed, as of one moment. The question must be quick: saves wait for it."""
        return await self._thread.do(lambda: question(self._lookout))

    async def look_at(self, root: Path, paths: Iterable[str], *, within_s: float) -> None:
        """Somebody says that these files were just saved: look at them before all else, for so long at most."""
        wanted = frozenset(paths)
        looking = asyncio.ensure_future(
            self._step(lambda: self._lookout.touch(root, wanted), root=root, seen_at=time.monotonic())
        )
        await asyncio.wait({looking}, timeout=within_s)

    @property
    def has_picture(self) -> bool:
        """The first look is done."""
        return self._picture is not None

    def picture(self) -> Picture:
        """Everything as of the last step."""
        assert self._picture is not None, "wait for `ready` first"
        return msgspec.structs.replace(self._picture, at=self._parts.clock(), statistics=self.statistics())

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
            changes=len(self._picture.changes) if self._picture else 0,
            watched_folders=follower.folders,
            unwatched_folders=follower.left_out,
            saves=self._saves.latency(),
            sweep=self._sweeps.latency(),
            files_parsed=self._parts.readings.parsed_files,
            recorder=self._ledger.recorder,
            problems=tuple(dict.fromkeys(problem for problem in problems if problem)),
            proofs=self._lookout.proved[0],
            unions=self._lookout.proved[1],
            **self._counts,
        )

    async def _begin(self) -> None:
        if self._parts.prover is not None:
            loop = asyncio.get_running_loop()

            def ready() -> None:
                with suppress(RuntimeError):  # the loop has ended
                    loop.call_soon_threadsafe(self._proof_came)

            self._parts.prover.listen(ready)
        self._publish(await self._thread.do(self._first_look), None)
        self._pictured.set()
        self._ready_by = time.monotonic() + _READY_S
        await self._replan()
        self._survey_at = time.monotonic()  # what came between the first look and the watching of folders

    def _first_look(self) -> tuple[Recorded, ...]:
        step = self._lookout.survey()
        target = self._lookout.target
        started = WatchStarted(version=self._parts.version, target=target.name if target else "")
        recorded = self._ledger.record([started, *step.events], self._parts.clock())
        self._take_picture()
        return recorded

    async def _end(self) -> None:
        with suppress(asyncio.TimeoutError, WatchkeeperError, asyncio.CancelledError):
            async with asyncio.timeout(_END_S):
                await self._thread.do(self._close_parts)
        self.is_stuck = not self._thread.end(0.1)
        with suppress(asyncio.TimeoutError):
            async with asyncio.timeout(_END_S):
                await self._follower.close()

    def _close_parts(self) -> None:
        self._ledger.record([WatchStopped()], self._parts.clock())
        self._ledger.close()
        self._lookout.close()

    # What is heard

    async def _hear(self) -> None:
        async for batch in self._follower.batches():
            self._counts["events"] += 1
            self._take(batch)
            for root, folders in batch.new_folders.items():
                await self._extend(root, folders)

    def _take(self, batch: FollowBatch) -> None:
        now = time.monotonic()
        for root, paths in batch.paths.items():
            self._hint(root, paths, batch.seen_at, now)
        for root in batch.overflow:
            self._disturb(root, now, paths=10_000)
        for root in batch.git_moved:
            self._disturb(root, now)
        if batch.refs_moved or batch.worktrees_changed:
            self._survey_at = min(self._survey_at or now + _SURVEY_S, now + _SURVEY_S)
        self._wake.set()

    def _hint(self, root: Path, paths: frozenset[str], seen_at: float, now: float) -> None:
        """Saves are looked at at once, unless more is going on than saves."""
        followed = self._lookout.followed.get(root)
        if followed is None:
            return
        if not followed.worktree.path.is_dir():
            self._survey_at = now
            return
        waiting = self._saved.get(root)
        known = waiting.paths if waiting is not None else frozenset()
        if root in self._unrest or is_burst(len(paths | known)) or self._is_git_working(root):
            self._saved.pop(root, None)
            self._disturb(root, now, paths=len(paths | known))
            return
        self._saved[root] = Saved(paths | known, waiting.seen_at if waiting is not None else seen_at)

    def _disturb(self, root: Path, now: float, *, paths: int = 0) -> None:
        if root not in self._lookout.followed:
            return
        unrest = self._unrest.get(root) or Unrest(since=now, last=now)
        self._unrest[root] = unrest.more(now, paths, git_works=self._is_git_working(root))
        self._saved.pop(root, None)

    def _is_git_working(self, root: Path) -> bool:
        """git holds the index, or has begun a rebase; one that stopped for a person was scanned, and does not count."""
        worktree = self._lookout.followed[root].worktree
        if is_git_at_work(worktree):
            return True
        return is_in_rebase(worktree) and root not in self._rebasing

    def _proof_came(self) -> None:
        self._has_proofs.set()
        self._wake.set()

    async def _extend(self, root: Path, folders: frozenset[str]) -> None:
        followed = self._lookout.followed.get(root)
        if followed is None:
            return
        fresh = await self._follower.extend(root, folders, lambda _, names: followed.checkout.ignore.ignored(names))
        if fresh:
            self._hint(
                root, frozenset(folder for folder in fresh if folder in folders), time.monotonic(), time.monotonic()
            )
            self._wake.set()

    # What is done

    async def _work(self) -> None:
        while True:
            self._wake.clear()
            now = time.monotonic()
            if not await self._do_one(now):
                with suppress(asyncio.TimeoutError):
                    async with asyncio.timeout(self._next_due(now)):
                        await self._wake.wait()

    async def _do_one(self, now: float) -> bool:
        """The most urgent job; whether there was one. Saves come first, the latest of them before all others."""
        if self._saved:
            root = max(self._saved, key=lambda each: self._saved[each].seen_at)
            saved = self._saved.pop(root)
            await self._look(root, saved)
            return True
        for root, unrest in self._unrest.items():
            if self._settled_in(root, unrest, now) <= 0:
                await self._settle(root)
                return True
        if self._survey_at is not None and self._survey_at <= now:
            self._survey_at = None
            await self._survey()
            return True
        if self._replan_at is not None and self._replan_at <= now:
            self._replan_at = None
            await self._replan()
            return True
        if self._has_proofs.is_set():
            self._has_proofs.clear()
            await self._step(self._lookout.take_proofs)
            return True
        if self._lookout.has_suspicions:
            await self._step(self._lookout.prove_next, seen_at=self._suspected_at, is_save=False)
            return True
        self._suspected_at = None
        if self._unite_at is not None and self._unite_at <= now:
            self._unite_at = None
            await self._step(self._lookout.unite)
            return True
        if not self._ready.is_set() and (not self._lookout.has_more or now > self._ready_by):
            self._ready.set()
            await self._step(self._lookout.prepare_proofs)
            return True
        if self._lookout.has_more:
            await self._step(self._lookout.go_on)
            return True
        return False

    def _settled_in(self, root: Path, unrest: Unrest, now: float) -> float:
        """git may have ended without an event that says so."""
        if unrest.git_works and root in self._lookout.followed and not self._is_git_working(root):
            unrest = self._unrest[root] = msgspec.structs.replace(unrest, git_works=False)
        if unrest.git_works and not is_git_at_work(self._lookout.followed[root].worktree):
            # A rebase: between its steps nothing is locked. Quiet for a while means that it waits for a person.
            unrest = msgspec.structs.replace(unrest, git_works=False, paths=10_000)
        return wait_before_scan(unrest, now)

    def _next_due(self, now: float) -> float:
        due = [self._settled_in(root, unrest, now) for root, unrest in self._unrest.items()]
        due += [at - now for at in (self._survey_at, self._replan_at, self._unite_at) if at is not None]
        # git lifts its lock without an event that we hear: look at it again soon.
        due += [0.05 for unrest in self._unrest.values() if unrest.git_works]
        return max(0.001, min(due, default=_TICK_S))

    async def _look(self, root: Path, saved: Saved) -> None:
        step = await self._step(lambda: self._lookout.touch(root, saved.paths), root=root, seen_at=saved.seen_at)
        if step is not None and step.needs_scan:
            self._disturb(root, time.monotonic(), paths=len(saved.paths))

    async def _settle(self, root: Path) -> None:
        self._unrest.pop(root)
        self._saved.pop(root, None)
        followed = self._lookout.followed.get(root)
        if followed is None:
            return
        self._counts["scans"] += 1
        await self._step(lambda: self._lookout.scan(root), root=root)
        if is_in_rebase(followed.worktree):
            self._rebasing.add(root)
        else:
            self._rebasing.discard(root)
        self._replan_soon()

    async def _survey(self) -> None:
        await self._step(self._lookout.survey)
        self._replan_soon()

    async def _step(
        self,
        job: Callable[[], Step],
        *,
        root: Path | None = None,
        seen_at: float | None = None,
        is_save: bool = True,
    ) -> Step | None:
        """Do a job and record what follows from it; None where it failed."""
        try:
            step, recorded = await self._thread.do(lambda: self._perform(job))
        except NotARepositoryError:
            self._survey_at = time.monotonic()
            return None
        except WatchkeeperError as error:
            self._fail(root, error)
            return None
        except Exception as error:  # noqa: BLE001 - a fault in one step must not end the watch of a whole night
            self._fail(root, self._parts.explain(error))
            return None
        now = time.monotonic()
        if root is not None:
            self._retry_at.pop(root, None)
            if step.needs_scan and seen_at is None:
                self._disturb(root, now)
        for each in step.unsettled:
            self._disturb(each, now)
        if step.needs_survey:
            self._survey_at = now
        latency = (now - seen_at) * 1000 if seen_at is not None else None
        if latency is not None and is_save:
            self._saves.take(latency)
            self._suspected_at = self._suspected_at or seen_at
        if step.touched or step.events:
            self._unite_at = self._unite_at or now + _UNITE_S
        self._publish(recorded, latency, is_news=step.touched)
        return step

    def _perform(self, job: Callable[[], Step]) -> tuple[Step, tuple[Recorded, ...]]:
        step = job()
        recorded = self._ledger.record(step.events, self._parts.clock())
        self._take_picture()
        return step, recorded

    def _renew(self) -> tuple[Recorded, ...]:
        news = self._ledger.renew()
        if news:
            self._take_picture()
        return news

    def _judge_rules(self) -> tuple[Recorded, ...]:
        """Show a rule lower that was too often wrong, or in full again."""
        events = self._ledger.judge_rules()
        recorded = self._ledger.record(events, self._parts.clock())
        if events:
            self._take_picture()
        return recorded

    def _take_picture(self) -> None:
        """Here, in the thread that owns the lookout: nothing moves while it is taken."""
        lookout = self._lookout
        changes = lookout.changes
        self._picture = Picture(
            at=self._parts.clock(),
            target=lookout.target,
            changes=changes,
            files={change.id: lookout.count_files(change.id) for change in changes},
            state=self._ledger.state,
            statistics=WatchStatistics(),
            is_complete=lookout.is_complete,
            left_out=lookout.left_out,
        )

    def _fail(self, root: Path | None, error: WatchkeeperError) -> None:
        """Say it, and try again, ever more seldom."""
        self._counts["errors"] += 1
        place = str(root) if root is not None else "survey"
        self._lookout.note(place, error.message)
        now = time.monotonic()
        if root is None:
            self._survey_at = now + _RETRY_S
            return
        _, pause = self._retry_at.get(root, (0.0, _RETRY_S / 2))
        self._retry_at[root] = (now + min(60.0, pause * 2), min(60.0, pause * 2))

    def _publish(self, recorded: tuple[Recorded, ...], latency: float | None, *, is_news: bool = False) -> None:
        if recorded or is_news:
            update = Update(recorded, latency)
            for listener in tuple(self._listeners):
                listener(update)

    # What is watched

    def _replan_soon(self) -> None:
        if self._folders() != self._planned and self._replan_at is None:
            self._replan_at = time.monotonic() + _REPLAN_S

    def _folders(self) -> frozenset[tuple[Path, frozenset[str]]]:
        return frozenset((root, followed.checkout.folders) for root, followed in self._lookout.followed.items())

    async def _replan(self) -> None:
        """Watch the folders there are now; what was not watched until now is swept at once."""
        self._planned = self._folders()
        plan = await self._thread.do(self._plan)
        fresh = await self._follower.set_folders(plan)
        self._watched = {}
        for place in plan.places.values():
            self._watched[place.root] = self._watched.get(place.root, 0) + 1
        for root in fresh:
            self._swept_at[root] = float("-inf")
        for root in self._swept_at.keys() - self._lookout.followed.keys():
            del self._swept_at[root]
            self._sweeper.forget(root)

    def _plan(self) -> FollowPlan:
        budget = read_watch_budget()
        places: dict[str, FollowPlace] = {}
        left_out = 0
        for repository in self._parts.repositories:
            trees = [
                FollowedTree(
                    root=root,
                    git_dir=followed.worktree.git_dir,
                    folders=followed.checkout.folders,
                    changed=frozenset(file.path.rpartition("/")[0] for file in followed.files),
                    active_at=followed.active_at,
                )
                for root, followed in self._lookout.followed.items()
                if followed.found.repository.common_dir == repository.common_dir
            ]
            plan = plan_folders_to_follow(trees, repository.common_dir, budget - len(places))
            places.update(plan.places)
            left_out += plan.left_out
        return FollowPlan(places, left_out)

    # What events missed

    async def _sweep(self) -> None:
        """Every worktree in turn, within a share of one processor, beside the work: mostly it waits for git."""
        while True:
            now = time.monotonic()
            turns = tuple(self._turns())
            place = choose_turn(turns, now)
            followed = self._lookout.followed.get(Path(place)) if place is not None else None
            if followed is None or place is None:
                await asyncio.sleep(_TICK_S)
                continue
            root = Path(place)
            is_fresh = self._swept_at.get(root) == float("-inf")
            self._swept_at[root] = now
            if root not in self._unrest:
                await self._sweep_one(root)
            took = time.monotonic() - now
            behind = any(at == float("-inf") for at in self._swept_at.values())
            watched = sum(turn.watched for turn in turns) / len(turns)
            await asyncio.sleep(0.01 if is_fresh and behind else pause_after_sweep(took, len(turns), watched))

    def _turns(self) -> Iterable[Turn]:
        for root, followed in list(self._lookout.followed.items()):
            count = max(1, len(followed.checkout.folders))
            yield Turn(str(root), self._swept_at.get(root, float("-inf")), min(1.0, self._watched.get(root, 0) / count))

    async def _sweep_one(self, root: Path) -> None:
        followed = self._lookout.followed[root]
        try:
            hints = await asyncio.to_thread(self._sweeper.sweep, followed.worktree)
        except WatchkeeperError as error:
            self._sweeper.forget(root)
            if not followed.worktree.is_present:
                self._survey_at = time.monotonic()
                self._wake.set()
            elif root in self._lookout.followed:
                self._fail(root, error)
            return
        self._counts["sweeps"] += 1
        if hints.has_moved or is_burst(len(hints.paths)):
            self._disturb(root, time.monotonic(), paths=len(hints.paths))
            self._wake.set()
        elif hints.paths and root in self._lookout.followed and root not in self._unrest:
            step = await self._step(lambda: self._lookout.touch(root, hints.paths), root=root)
            if step is not None and step.touched:
                self._sweeps.take(max(0.0, time.time() - hints.since) * 1000)
            if step is not None and step.needs_scan:
                self._disturb(root, time.monotonic(), paths=len(hints.paths))
                self._wake.set()

    async def _tick(self) -> None:
        """What others recorded, what failed, and what grew old."""
        expired = judged = surveyed = time.monotonic()
        while True:
            await asyncio.sleep(_TICK_S)
            now = time.monotonic()
            self._publish(await self._thread.do(self._renew), None)
            if (self._ledger.recorder == 0) and not self._was_recorder:
                self._was_recorder = True
                self._recording.set()
                await self._step(self._lookout.reconcile)
            for root, (at, _) in list(self._retry_at.items()):
                if at <= now:
                    self._disturb(root, now)
            await self._step(self._lookout.judge_again)
            if now - surveyed > _SURVEYS_S:  # what no event told of
                surveyed = now
                self._survey_at = self._survey_at or now
            if now - judged > _RULES_S:
                judged = now
                self._publish(await self._thread.do(self._judge_rules), None)
            if now - expired > _HOURLY_S:
                expired = now
                await self._step(self._lookout.expire_landed)
            self._wake.set()


def look_once(parts: Parts) -> Picture:
    """One picture of everything, recorded, without following. Blocks. Raises: WatchkeeperError."""

    def perform(job: Callable[[], Step]) -> None:
        parts.ledger.record(job().events, parts.clock())

    perform(parts.lookout.survey)
    for _ in range(50):
        unsettled = [root for root, followed in parts.lookout.followed.items() if not followed.is_scanned]
        if not unsettled:
            break
        time.sleep(0.1)
        perform(lambda: parts.lookout.survey(unsettled))  # noqa: B023 - called at once
    while parts.lookout.has_more:
        perform(parts.lookout.go_on)
    while parts.lookout.has_suspicions:
        perform(parts.lookout.prove_next)
    ends = time.monotonic() + _PROOFS_S
    while parts.lookout.awaits_proofs and time.monotonic() < ends:
        time.sleep(0.02)
        perform(parts.lookout.take_proofs)
    lookout = parts.lookout
    return Picture(
        at=parts.clock(),
        target=lookout.target,
        changes=lookout.changes,
        files={change.id: lookout.count_files(change.id) for change in lookout.changes},
        state=parts.ledger.state,
        statistics=WatchStatistics(
            worktrees=len(lookout.followed),
            changes=len(lookout.changes),
            files_parsed=parts.readings.parsed_files,
            recorder=parts.ledger.recorder,
            problems=tuple(
                dict.fromkeys([*lookout.troubles, *([parts.ledger.problem] if parts.ledger.problem else [])])
            ),
        ),
        is_complete=True,
        left_out=lookout.left_out,
    )
