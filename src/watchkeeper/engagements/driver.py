"""Drives one engagement to its end: performs what ``life`` decides, and records what became of it.

Killed at any point, the next driver goes on from what is recorded and what stands in the worktree. There is never more
than one: a lock in the file system, the ``by`` of the record, and a sweep of whatever an earlier one left running.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Coroutine, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from watchkeeper.agents.port import AgentError
from watchkeeper.engagements.book import Book
from watchkeeper.engagements.escaping import Fence
from watchkeeper.engagements.holding import MARK, end_marked, is_alive, my_mark
from watchkeeper.engagements.life import Agent, Do, Holder, Rules, Seen, Step, Told, come_back, decide, find_news
from watchkeeper.engagements.ports import Checked, Checks, Clock, Desk, Hold, MakeAgent, Outcome
from watchkeeper.engagements.sealing import (
    find_nothing,
    read_sealed,
    render_again,
    render_nudge,
    render_prompt,
    render_resume,
)
from watchkeeper.engagements.session import Bounds, Session
from watchkeeper.engagements.spending import Meter
from watchkeeper.engagements.working import Workplace
from watchkeeper.model.errors import WatchkeeperError
from watchkeeper.model.fleet import EngagementId, EngagementMoved, FleetEvent, Stage
from watchkeeper.model.fleet_state import EngagementStanding
from watchkeeper.model.ids import Sha
from watchkeeper.record.lock import ProcessLock
from watchkeeper.repos.worksnaps import Snapshots

T = TypeVar("T")

_MOST_SWEEPS = 10
_MOST_FAILURES = 3
_MOST_REFUSED = 30
_LONGEST_PAUSE_S = 60.0
_PASSES = frozenset({"remote-unreachable", "host-in-doubt", "record-busy"})
"""Why a change cannot be queued now and may be soon: half an hour of a night without a network needs no person."""


def no_target() -> Sha | None:
    """Nobody knows where the target branch is: nothing is taken up."""
    return None


def hold_nothing(_engagement: object) -> str:
    """Agents may always be started."""
    return ""


@dataclass(frozen=True)
class Parts:
    """What drivers of one project share. ``others`` gives the folders that no agent may write to but its own.

    ``is_alive`` tells of marks of other hosts; None: nobody can tell, and it counts as alive. ``me`` is the mark of
    this process, where others know it by another name than the machine's.
    """

    book: Book
    snapshots: Snapshots
    make_agent: MakeAgent
    checks: Checks
    desk: Desk
    clock: Clock
    others: Callable[[], Collection[Path]]
    hold: Hold = hold_nothing
    target: Callable[[], Sha | None] = no_target
    is_alive: Callable[[str], bool | None] = is_alive
    me: str = ""
    rules: Rules = Rules()  # noqa: RUF009 - frozen
    bounds: Bounds = Bounds()  # noqa: RUF009 - frozen
    look_s: float = 1.0


class Driver:
    """Of one engagement, once. Everything is called from one loop; ``drive`` does all there is to do."""

    def __init__(self, parts: Parts, identity: EngagementId) -> None:
        self._parts = parts
        self._identity = identity
        self._me = parts.me or my_mark()
        self._wake = asyncio.Event()
        self._place: Workplace | None = None
        self._session: Session | None = None
        self._meter: Meter | None = None
        self._failures = 0
        self._refused = 0
        self._taken_up = ""
        self._snapped_ms = parts.clock()
        self._seen = Seen(me=self._me, is_swept=False)

    async def drive(self) -> EngagementStanding:
        """Until it is over; how it stands then. Cancelled, it lets go in order: the work is pinned, the agent ended.

        Raises: WatchkeeperError where somebody else drives it (``engagement-driven``), where it is not known, or where
        the record cannot be used.
        """
        lock = ProcessLock(self._parts.snapshots.folder / f".{self._identity}.lock")
        if not lock.acquire():
            raise _driven(self._identity, f"process {lock.holder()}")
        try:
            return await self._drive()
        finally:
            await asyncio.shield(self._let_go())
            lock.release()

    def interrupt(self, why: str) -> None:
        """A person wants it to end: it is interrupted, with its work pinned."""
        self._seen = msgspec.structs.replace(self._seen, stop=why)
        self._wake.set()

    @property
    def pid(self) -> int:
        """The first process of its agent; 0 while none runs."""
        return self._session.pid if self._session is not None else 0

    @property
    def memory_mb(self) -> float:
        """What its agent takes of the machine's memory, as it was looked at last."""
        return self._session.memory_mb if self._session is not None else 0.0

    async def _drive(self) -> EngagementStanding:
        while True:
            standing = await self._stand()
            self._place = self._place or Workplace(self._parts.snapshots, standing.engagement)
            self._meter = self._meter or Meter(standing.spend)
            await self._look(standing)
            step = decide(standing, self._seen, self._parts.rules)
            if standing.is_over:
                return standing
            if self._seen.holder is Holder.OTHER:
                raise _driven(self._identity, standing.by)
            self._seen = msgspec.structs.replace(self._seen, ending=step.ending)
            await self._perform(standing, step)

    async def _perform(self, standing: EngagementStanding, step: Step) -> None:
        for action in step.do:
            await self._do(action, standing)
        if step.tell and await self._tell(standing, step.tell):
            self._heed(step.tell)
        if not step.do and not step.tell:
            await self._wait()

    async def _tell(self, standing: EngagementStanding, told: Sequence[Told]) -> bool:
        return await asyncio.to_thread(self._parts.book.tell_if, standing, list[FleetEvent](told))

    async def _wait(self, seconds: float | None = None) -> None:
        try:
            async with asyncio.timeout(seconds or self._parts.look_s):
                await self._wake.wait()
        except TimeoutError:
            pass
        self._wake.clear()

    async def _stand(self) -> EngagementStanding:
        standing = await asyncio.to_thread(self._parts.book.find, self._identity)
        if standing is None:
            raise WatchkeeperError(
                f"there is no engagement {self._identity}", slug="unknown-engagement", hint="watchkeeper status"
            )
        return standing

    async def _look(self, standing: EngagementStanding) -> None:
        """Bring what is seen up to now."""
        session, meter = self._session, self._meter
        assert meter is not None
        seen = self._seen
        if session is not None:
            await session.look(self._parts.rules.stuck_s)
            seen = self._seen  # a person may have spoken meanwhile
            seen = msgspec.structs.replace(
                seen,
                agent=session.agent, session=session.session, failure=session.failure, quiet_s=session.quiet_s,
                is_changed=session.is_changed, escaped=seen.escaped or session.escaped,
                nothing=find_nothing(session.last_words) if session.agent is Agent.IDLE else seen.nothing,
                is_pinned=seen.is_pinned and session.agent is Agent.ABSENT,
            )  # fmt: skip
        self._seen = msgspec.structs.replace(
            seen,
            holder=self._find_holder(standing),
            hold=self._parts.hold(standing.engagement) if standing.stage in _STARTING else "",
            unpinned_s=(self._parts.clock() - self._snapped_ms) / 1000,
            spend=meter.spend,
        )

    def _find_holder(self, standing: EngagementStanding) -> Holder:
        if standing.by == self._me:
            return Holder.MINE
        if not standing.by:
            return Holder.NOBODY
        return Holder.GONE if self._parts.is_alive(standing.by) is False else Holder.OTHER

    def _heed(self, told: Collection[Told]) -> None:
        """What was recorded changes what is to be seen next."""
        if any(isinstance(each, EngagementMoved) and each.stage in _WORKED_ON for each in told):
            self._seen = msgspec.structs.replace(self._seen, tested=None, submitted=None)

    async def _do(self, action: Do, standing: EngagementStanding) -> None:
        match action:
            case Do.SWEEP:
                await self._sweep()
            case Do.PREPARE:
                await self._prepare(standing)
            case Do.START:
                await self._start(standing)
            case Do.NUDGE if self._session is not None:
                await self._session.nudge(render_nudge(self._seen.quiet_s / 60))
            case Do.WARN:
                await self._warn(standing)
            case Do.STOP:
                await self._stop()
            case Do.SNAP:
                await self._snap()
            case Do.COMMIT:
                await self._commit()
            case Do.TEST:
                await self._test()
            case Do.SUBMIT:
                await self._submit(standing)

    async def _sweep(self) -> None:
        """Nothing that bears the engagement's mark may live on: an agent without its driver would go on writing."""
        mark = self._workplace.mark
        for _ in range(_MOST_SWEEPS):
            if not await asyncio.to_thread(end_marked, MARK, mark):
                break
        self._seen = msgspec.structs.replace(self._seen, is_swept=True)

    async def _prepare(self, standing: EngagementStanding) -> None:
        try:
            await asyncio.to_thread(self._workplace.make)
            if standing.notice and (target := await asyncio.to_thread(self._parts.target)) is not None:
                self._taken_up = await asyncio.to_thread(self._workplace.take_up, target) or self._taken_up
            why = await self._unless_stopped(self._parts.checks.set_up(self._workplace.path))
        except WatchkeeperError as error:
            why = error.message
        self._seen = msgspec.structs.replace(self._seen, prepared=why)

    async def _start(self, standing: EngagementStanding) -> None:
        self._seen = msgspec.structs.replace(
            self._seen, tested=None, submitted=None, nothing="", failure="", is_pinned=False, work=None
        )
        try:
            inputs = await asyncio.to_thread(read_sealed, self._parts.snapshots.hub, standing.engagement.seal)
            notice = "\n".join(filter(None, (standing.notice, self._taken_up)))
            if standing.session and await self._resume(standing, notice):
                return
            done = await asyncio.to_thread(self._workplace.describe, self._parts.clock() // 1000)
            text = render_prompt(standing.engagement, inputs)
            if done or notice:
                text = render_again(standing.engagement, inputs, done, notice)
            await self._begin(standing, text)
        except WatchkeeperError as error:
            self._seen = msgspec.structs.replace(self._seen, refused=error.message)

    async def _resume(self, standing: EngagementStanding, notice: str) -> bool:
        """Whether the agent's own session goes on. Agents lose them; then it begins anew in what is there."""
        try:
            return await self._begin(standing, render_resume(notice), standing.session)
        except AgentError:
            return False

    async def _begin(self, standing: EngagementStanding, text: str, resume: str = "") -> bool:
        run = self._parts.make_agent(standing.engagement, {MARK: self._workplace.mark})
        if resume and run.capabilities.resume is not True:
            return False
        assert self._meter is not None
        others = await asyncio.to_thread(self._parts.others)
        fence = Fence(self._workplace.path, others, self._parts.clock() / 1000)
        session = Session(
            run, self._workplace.path, fence, self._meter, self._parts.clock, self._wake.set, self._parts.bounds
        )
        if resume:
            self._meter.resume(resume)
        await session.begin(text, resume)
        self._session = session
        self._seen = msgspec.structs.replace(self._seen, agent=session.agent, session=session.session)
        return True

    async def _warn(self, standing: EngagementStanding) -> None:
        """Tell the agent what it has to know: within its turn if it can hear there, else when that is over."""
        untold = standing.untold
        if self._session is None or not untold:
            return
        channel = await self._session.warn("\n\n".join(untold.values()))
        heard = tuple((notice, channel) for notice in untold) if channel is not None else ()
        agent = self._session.agent
        self._seen = msgspec.structs.replace(self._seen, heard=heard, is_deaf=channel is None, agent=agent)

    async def _stop(self) -> None:
        if self._session is not None:
            await self._session.stop()
            said = self._session.last_words
            self._seen = msgspec.structs.replace(self._seen, nothing=self._seen.nothing or find_nothing(said))
        self._session = None
        await self._sweep()
        self._seen = msgspec.structs.replace(
            self._seen,
            agent=Agent.ABSENT,
            session="",
            prepared=None,
            is_pinned=False,
            failure="",
            is_changed=False,
            quiet_s=0.0,
            is_deaf=False,
        )

    async def _snap(self) -> None:
        """Pin the work. Where that cannot be, its worktree is left as it is, and a person is told where."""
        at = self._parts.clock()
        try:
            work = await asyncio.to_thread(self._workplace.snap, at // 1000)
            self._failures = 0
            self._seen = msgspec.structs.replace(self._seen, work=work, is_pinned=True)
        except WatchkeeperError as error:
            self._failures += 1
            if self._failures >= _MOST_FAILURES:
                why = f"its work could not be pinned ({error.message}), and stands in {self._workplace.path}"
                self._seen = msgspec.structs.replace(self._seen, trouble=why, is_pinned=True)
            else:
                await self._wait()
        self._snapped_ms = at
        if self._session is not None:
            self._session.is_changed = False

    async def _commit(self) -> None:
        try:
            work = await asyncio.to_thread(self._workplace.commit, self._parts.clock() // 1000)
            self._seen = msgspec.structs.replace(self._seen, work=work)
        except WatchkeeperError as error:
            self._seen = msgspec.structs.replace(self._seen, trouble=f"its work cannot be committed: {error.message}")

    async def _test(self) -> None:
        work = self._seen.work
        assert work is not None
        assert work.tree is not None
        assert work.head is not None
        # Tests read no documentation: what was left of a merge there would land.
        marked = await asyncio.to_thread(self._workplace.find_marks, work.head)
        if marked:
            tested: Checked | None = Checked(Outcome.FAILED, f"marks of a merge stand in {', '.join(marked[:20])}")
        else:
            tested = await self._unless_stopped(self._parts.checks.test(work.tree))
        self._seen = msgspec.structs.replace(self._seen, tested=tested)

    async def _unless_stopped(self, doing: Coroutine[Any, Any, T]) -> T | None:
        """Something that may take long; cancelled, and None, once a person wants it to end."""
        task = asyncio.create_task(doing)
        try:
            while not task.done() and not self._seen.stop:
                waking = asyncio.create_task(self._wake.wait())
                await asyncio.wait({task, waking}, return_when=asyncio.FIRST_COMPLETED)
                waking.cancel()
                self._wake.clear()
            return task.result() if task.done() else None
        finally:
            task.cancel()
            await asyncio.wait({task})

    async def _submit(self, standing: EngagementStanding) -> None:
        work = self._seen.work
        assert work is not None
        assert work.head is not None
        try:
            entry = await self._parts.desk.submit(standing.engagement, work.head)
            self._seen = msgspec.structs.replace(self._seen, submitted=entry)
            self._refused = 0
        except WatchkeeperError as error:
            if error.slug in _PASSES and self._refused < _MOST_REFUSED:
                self._refused += 1
                await self._wait(min(_LONGEST_PAUSE_S, 2.0**self._refused))
                return
            self._seen = msgspec.structs.replace(self._seen, trouble=f"its change cannot be queued: {error.message}")

    async def _let_go(self) -> None:
        """Nothing of it lives on; where it is not over, everybody may take it up."""
        if self._session is None and self._seen.holder is not Holder.MINE:
            return
        if self._session is not None:
            await self._stop()
            await self._snap()
        standing = await self._stand()
        if standing.is_over or standing.by != self._me:
            return
        told = find_news(standing, self._seen, is_last=True)
        moved = EngagementMoved(self._identity, standing.stage, standing.reason)
        await self._tell(standing, (*told, moved))

    @property
    def _workplace(self) -> Workplace:
        assert self._place is not None
        return self._place


def send_back(parts: Parts, identity: EngagementId, notice: str) -> bool:
    """A change came back from the queue: its engagement goes on with the notice, when a driver takes it up.

    False where it is not done, or somebody was faster. Raises WatchkeeperError.
    """
    standing = parts.book.find(identity)
    told = come_back(standing, notice, parts.rules) if standing is not None else ()
    return bool(told) and standing is not None and parts.book.tell_if(standing, told)


_WORKED_ON = frozenset({Stage.RUNNING, Stage.CHECKING})
_STARTING = frozenset({Stage.RUNNING, Stage.WAITING})


def _driven(identity: EngagementId, by: str) -> WatchkeeperError:
    return WatchkeeperError(
        f"{identity} is driven by {by}", slug="engagement-driven", hint="watchkeeper status", facts={"by": by}
    )
