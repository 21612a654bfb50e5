"""Engagements that run in this process: ``fleet.ports.Engagements`` over their drivers, woken by a durable engine."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import CancelledError

from watchkeeper.durable.port import Engine, Steps, Stopped, Work, WorkId
from watchkeeper.engagements.driver import Driver, Parts
from watchkeeper.engagements.holding import MARK, end_marked
from watchkeeper.engagements.working import Workplace
from watchkeeper.fleet.plan import Start
from watchkeeper.fleetdeck.company import Company
from watchkeeper.fleetdeck.projects import Project
from watchkeeper.model.errors import WatchkeeperError
from watchkeeper.model.fleet import Engagement, EngagementId, Issue
from watchkeeper.model.fleet_state import EngagementStanding
from watchkeeper.model.ids import ProjectId

ENGAGE = "engage"
"""The kind of work that drives one engagement to its end."""

_DRIVEN = "engagement-driven"
_TEND_S = 2.0
_REST_S = 60.0


class Hosted:
    """Belongs to the loop in which it was made; the engine calls ``engage`` from threads of its own.

    What is to be driven is put into the engine, which gives it back after a crash; what the driver then does follows
    from the record alone, so that being woken twice is harmless.
    """

    def __init__(
        self,
        projects: Mapping[ProjectId, Project],
        tell: Callable[[str], None],
        company: Company,
        explain: Callable[[Exception], WatchkeeperError],
    ) -> None:
        """``tell`` hears of faults, in a sentence that ``explain`` gives of those of our own.

        ``company`` says whose an engagement is, where several hosts share them.
        """
        self._explain = explain
        self._projects = projects
        self._tell = tell
        self._company = company
        self._loop = asyncio.get_running_loop()
        self._engine: Engine | None = None
        self._drivers: dict[EngagementId, Driver] = {}
        self._driving: set[asyncio.Task[str]] = set()
        self._taken: set[EngagementId] = set()
        self._rests: dict[EngagementId, float] = {}
        self._is_ending = False

    async def begin(self, engine: Engine) -> None:
        """From now on engagements are driven. Those that are live and that nobody has are taken up."""
        self._engine = engine
        await asyncio.to_thread(engine.start, {ENGAGE: self.engage})
        for opened in self._projects.values():
            live = (await asyncio.to_thread(opened.parts.book.state)).live()
            others = [each for each in live if not self._company.is_mine(each)]
            await asyncio.to_thread(self._end_strays, opened, others)
        await self._take_up(lambda _, __: True)

    async def tend(self) -> None:
        """Until cancelled: who is live and driven by nobody is taken up. Raises WatchkeeperError.

        What comes back while its last work is just ending is for the engine the same work still, and would be dropped.
        """
        while True:
            await asyncio.sleep(_TEND_S)
            await self._take_up(self._is_left)

    async def _take_up(self, is_due: Callable[[EngagementStanding, Parts], bool]) -> None:
        for project, opened in self._projects.items():
            for standing in (await asyncio.to_thread(opened.parts.book.state)).live():
                if self._company.is_mine(standing) and is_due(standing, opened.parts):
                    await self._put(project, standing.engagement.id)

    def _is_left(self, standing: EngagementStanding, parts: Parts) -> bool:
        identity = standing.engagement.id
        if identity in self._drivers or self._loop.time() < self._rests.get(identity, 0.0):
            return False
        return not standing.by or parts.is_alive(standing.by) is False

    async def end(self) -> None:
        """Let go of all in order: their work is pinned, their agents are ended, and the next process goes on."""
        self._is_ending = True
        for task in self._driving:
            task.cancel()
        if self._driving:
            await asyncio.wait(self._driving)

    # What the dispatcher asks

    async def seal(self, start: Start, project: ProjectId, issue: Issue) -> Engagement:
        identity = EngagementId(f"e-{secrets.token_hex(4)}")
        return await asyncio.to_thread(self._projects[project].seal, start, issue, identity)

    async def start(self, project: ProjectId, engagement: Engagement) -> None:
        await self._put(project, engagement.id)

    async def stop(self, project: ProjectId, engagement: EngagementId, why: str) -> None:  # noqa: ARG002
        if (driver := self._drivers.get(engagement)) is not None:
            driver.interrupt(why)

    def processes(self) -> Mapping[EngagementId, int]:
        return {identity: driver.pid for identity, driver in self._drivers.items() if driver.pid}

    async def again(self, project: ProjectId, engagement: EngagementId) -> None:
        """It goes on after it was over: its change came back."""
        await self._put(project, engagement)

    async def adopt(self, project: ProjectId, engagement: EngagementId) -> None:
        """It is driven here from now on: its host is gone, and what it pinned is here."""
        self.answer_for(engagement)
        await self._put(project, engagement)

    def answer_for(self, engagement: EngagementId) -> None:
        """Should it go on once more, it goes on here."""
        self._taken.add(engagement)

    # What the engine asks

    def engage(self, steps: Steps, argument: str) -> str:  # noqa: ARG002 - nothing of it is remembered by the engine
        """Drive one engagement until it is over, in the loop; blocks a thread of the engine."""
        project, _, identity = argument.partition(" ")
        if self._is_ending or ProjectId(project) not in self._projects:
            raise Stopped("it is not driven here")
        driving = asyncio.run_coroutine_threadsafe(self._drive(ProjectId(project), EngagementId(identity)), self._loop)
        try:
            return driving.result()
        except CancelledError as error:
            raise Stopped("the daemon ends") from error

    async def _drive(self, project: ProjectId, identity: EngagementId) -> str:
        task = asyncio.ensure_future(self._drive_one(project, identity))
        self._driving.add(task)
        task.add_done_callback(self._driving.discard)
        return await task

    async def _drive_one(self, project: ProjectId, identity: EngagementId) -> str:
        standing = await asyncio.to_thread(self._projects[project].parts.book.find, identity)
        if standing is not None and not self._company.is_mine(standing) and identity not in self._taken:
            return "another host's"
        driver = self._drivers[identity] = Driver(self._projects[project].parts, identity)
        try:
            standing = await driver.drive()
        except Exception as fault:  # noqa: BLE001 - one engagement must not end the others; it is told, and tried again
            error = self._explain(fault)
            self._rests[identity] = self._loop.time() + _REST_S
            if error.slug != _DRIVEN:
                self._tell(f"{identity}: {error.message}")
            return error.slug
        finally:
            self._drivers.pop(identity, None)
        return standing.stage.value

    def _end_strays(self, project: Project, others: Sequence[EngagementStanding]) -> None:
        """Agents of engagements that another host has by now must not go on here."""
        for standing in others:
            place = Workplace(project.parts.snapshots, standing.engagement)
            if place.path.exists():
                end_marked(MARK, place.mark)

    async def _put(self, project: ProjectId, identity: EngagementId) -> None:
        engine = self._engine
        if engine is None:
            return  # it is found in the fold when this begins
        where = self._company.name
        work = Work(
            WorkId(f"{identity}.{secrets.token_hex(3)}"),
            ENGAGE,
            f"{project} {identity}",
            dedup=f"{identity}{where and '@'}{where}",
            at=where,
        )
        await asyncio.to_thread(engine.enqueue, work)
