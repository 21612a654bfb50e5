"""The fleet's daemon: watches every project, decides, and drives engagements, until it is told to end."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import NamedTuple, Protocol

from watchkeeper.app import now
from watchkeeper.durable.port import Engine
from watchkeeper.durable.thishost import find_host_name
from watchkeeper.fleet.config import FleetConfig, watch_flags
from watchkeeper.fleet.dispatcher import Dispatcher, Ports
from watchkeeper.fleet.foresight import IssueForesight
from watchkeeper.fleet.machine import LocalMachine, find_zone
from watchkeeper.fleet.ports import Foresight, NoScout, Scout
from watchkeeper.fleet.roster import Roster
from watchkeeper.fleetdeck.company import Alone, Company, Together, keep_company
from watchkeeper.fleetdeck.following import Follower
from watchkeeper.fleetdeck.hosted import Hosted
from watchkeeper.fleetdeck.projects import Project, open_project
from watchkeeper.fleetdeck.rooms import keep_rooms
from watchkeeper.fleetdeck.sharing import Sharing
from watchkeeper.fleetdeck.tidying import Tidier
from watchkeeper.fleetdeck.trackers import keep_in_step
from watchkeeper.model.errors import WatchkeeperError
from watchkeeper.record.failures import explain_fault
from watchkeeper.record.lock import ProcessLock
from watchkeeper.record.log import Log
from watchkeeper.sandbox.keeper import Keeper

LOCK = "fleet.lock"
_FOLLOW_S, _TIDY_S, _AGAIN_S = 1.0, 10.0, 5.0
_ACQUIRE_S, _ACQUIRE_TRIES = 0.05, 20
_SPARE_THREADS = 4

Fenced = Callable[[WatchkeeperError], None]


class Scouts(Scout, Protocol):
    """Who looks for work where there is none, and does so while ``run`` goes on."""

    async def run(self) -> None:
        """Until cancelled."""
        ...


MakeScouts = Callable[[Sequence[Project]], Scouts]


class Fleet(NamedTuple):
    """A fleet as it is configured, on this machine. ``home`` is the state folder, ``log`` its record."""

    config: FleetConfig
    roster: Roster
    home: Path
    log: Log
    environ: Mapping[str, str]


class FleetDaemon:
    """One process. ``run`` it; ``stop`` lets it end in order: agents are ended, their work is pinned."""

    def __init__(
        self,
        fleet: Fleet,
        tell: Callable[[str], None],
        foresight: Foresight | None = None,
        make_scouts: MakeScouts | None = None,
    ) -> None:
        """``tell`` hears of what goes wrong and goes on, a sentence each; ``make_scouts`` gives who looks for work."""
        self._fleet = fleet
        self._tell = tell
        self._foresight = foresight
        self._make_scouts = make_scouts
        self._stopping = asyncio.Event()
        self._fault: WatchkeeperError | None = None

    def stop(self, fault: WatchkeeperError | None = None) -> None:
        """End. With a ``fault``, ``run`` raises it. From the loop."""
        self._fault = self._fault or fault
        self._stopping.set()

    async def run(self) -> None:
        """Until ``stop``. Raises WatchkeeperError where a second one runs on this state folder, or nothing can."""
        lock = ProcessLock(self._fleet.home / LOCK)
        if not await _acquire(lock):
            raise _runs_already(self._fleet.home, lock.holder())
        try:
            with ExitStack() as stack:
                await self._run(stack)
        finally:
            lock.release()
        if self._fault is not None:
            raise self._fault

    async def _run(self, stack: ExitStack) -> None:
        loop = asyncio.get_running_loop()

        def fenced(fault: WatchkeeperError) -> None:
            loop.call_soon_threadsafe(self.stop, fault)

        company = await asyncio.to_thread(stack.enter_context, _keep_company(self._fleet, fenced, self._tell))
        projects = await asyncio.to_thread(self._open_projects, stack, company)
        hosted = Hosted({each.place.shared: each for each in projects}, self._tell, company, self._explain)
        grounds = {each.place.shared: each.ground for each in projects}
        scouts = self._make_scouts(projects) if self._make_scouts is not None else None
        foresight = self._foresight or IssueForesight(grounds.get)
        ports = Ports(hosted, self._machine(company), foresight, scouts or NoScout(), company.leads)
        dispatcher = self._dispatcher(projects, ports)
        engine = await asyncio.to_thread(_open_engine, self._fleet, company, self._tell)
        try:
            await hosted.begin(engine)
            if isinstance(company, Together):
                company.pulse.relieve_with(engine)
            async with asyncio.TaskGroup() as tasks:
                running = [tasks.create_task(self._keep(what, run)) for what, run in self._works(projects, hosted)]
                running.append(tasks.create_task(dispatcher.run()))
                if scouts is not None:
                    running.append(tasks.create_task(self._keep("scouts", scouts.run)))
                if isinstance(company, Together):
                    running.append(tasks.create_task(Sharing(projects, self._fleet, company, hosted, self._tell).run()))
                await self._stopping.wait()
                for task in running:
                    task.cancel()
        finally:
            await hosted.end()
            await asyncio.to_thread(engine.close)

    def _open_projects(self, stack: ExitStack, company: Company) -> list[Project]:
        """Those that can be opened; what is wrong with the others is told, and keeps nobody back."""
        for name, error in self._fleet.roster.problems.items():
            self._tell(f"{name} cannot be worked on: {error.message}")
        found = []
        fleet = self._fleet
        for member in fleet.roster.members:
            opening = open_project(member, fleet.config, fleet.log, fleet.environ, company)
            try:
                found.append(stack.enter_context(opening))
            except WatchkeeperError as error:
                self._tell(f"{member.entry.name} cannot be worked on: {error.message}")
        return found

    def _machine(self, company: Company) -> LocalMachine:
        fleet = self._fleet
        path = fleet.environ.get("PATH", os.defpath)
        return LocalMachine(fleet.config.agents, path, fleet.config.origin.parent, company.name)

    def _dispatcher(self, projects: Sequence[Project], ports: Ports) -> Dispatcher:
        fleet = self._fleet
        return Dispatcher(
            fleet.log,
            {each.name: each.place.shared for each in projects},
            fleet.config,
            ports,
            clock=now,
            zone=find_zone(fleet.config.fleet.time_zone, fleet.environ),
        )

    def _works(
        self, projects: Sequence[Project], hosted: Hosted
    ) -> Iterator[tuple[str, Callable[[], Awaitable[None]]]]:
        """What goes on beside the dispatcher, each until it is cancelled, and what it is called."""
        yield "who drives what", hosted.tend
        for each in projects:
            again = partial(hosted.again, each.place.shared)
            follower, tidier = Follower(each, self._fleet.log, now, again), Tidier(each, now, self._tell)
            yield f"what of {each.name} landed", partial(_again_and_again, follower.look, _FOLLOW_S)
            yield f"old worktrees of {each.name}", partial(_again_and_again, _in_thread(tidier.tidy), _TIDY_S)
            yield f"the watch of {each.name}", _watch(each).run
            yield f"the tracker of {each.name}", partial(keep_in_step, each, self._fleet, self._tell)
        for what, keeper in keep_rooms(self._fleet.config, self._fleet.home):
            yield what, keeper.run

    async def _keep(self, what: str, run: Callable[[], Awaitable[None]]) -> None:
        """What fails of one thing ends no other: it is told, once for each reason, and begun again after a while."""
        said = ""
        while True:
            try:
                await run()
            except Exception as error:  # noqa: BLE001 - also a fault of our own must not end a whole night
                message = self._explain(error).message
                if message != said:
                    self._tell(f"{what}: {message}")
                said = message
            await asyncio.sleep(_AGAIN_S)

    def _explain(self, error: Exception) -> WatchkeeperError:
        return error if isinstance(error, WatchkeeperError) else explain_fault(error, self._fleet.home, "fleet")


async def _again_and_again(look: Callable[[], Awaitable[object]], pause_s: float) -> None:
    while True:
        await look()
        await asyncio.sleep(pause_s)


def _in_thread(call: Callable[[], object]) -> Callable[[], Awaitable[object]]:
    return partial(asyncio.to_thread, call)


async def _acquire(lock: ProcessLock) -> bool:
    """Who only looks whether a daemon runs has the lock too, for an instant: that is no second daemon."""
    for _ in range(_ACQUIRE_TRIES):
        if lock.acquire():
            return True
        await asyncio.sleep(_ACQUIRE_S)
    return False


def _watch(project: Project) -> Keeper:
    """The watch of a project, in a process of its own, as long as this one lives; what the fleet's file says counts."""
    folder = project.place.home / "projects" / project.place.project
    top = project.place.repository.found_at or project.place.repository.common_dir
    flags = {name: str(value) for name, value in watch_flags(project.member.entry).items() if value is not None}
    told = [f"WATCHKEEPER_{name.upper().replace('.', '_')}={value}" for name, value in flags.items()]
    command = ("env", *told, sys.executable, "-m", "watchkeeper", "up", "--foreground", "--kept", "--repo", str(top))
    return Keeper(command, folder / "daemon.log", _always)


async def _always() -> bool:
    return True


@contextmanager
def _keep_company(fleet: Fleet, fenced: Fenced, tell: Callable[[str], None]) -> Iterator[Company]:
    """Who else drives work of this record. Raises WatchkeeperError."""
    if not fleet.config.is_shared:
        yield Alone()
        return
    hub = fleet.config.find_host(find_host_name(fleet.environ)).hub
    with keep_company(hub, fleet.log, fenced, tell) as company:
        yield company


def _open_engine(fleet: Fleet, company: Company, tell: Callable[[str], None]) -> Engine:
    """What wakes engagements: of this host alone, or of all hosts that share the record. Raises WatchkeeperError."""
    from watchkeeper.durable.dbos_engine import open_file_engine, open_url_engine

    at_once = fleet.config.fleet.concurrency * 2 + _SPARE_THREADS
    if not isinstance(company, Together):
        return open_file_engine(fleet.home, at_once=at_once, on_trouble=tell)
    may_act = company.membership.may_act
    return open_url_engine(fleet.config.store, host=company.me.token, may_act=may_act, at_once=at_once, on_trouble=tell)


def _runs_already(home: Path, holder: int) -> WatchkeeperError:
    return WatchkeeperError(
        f"A fleet's daemon runs already on {home}: process {holder}",
        slug="fleet-runs-already",
        hint="watchkeeper down --fleet, or set WATCHKEEPER_HOME to another folder for another fleet",
        facts={"home": str(home), "pid": str(holder)},
    )


def find_daemon(home: Path) -> int:
    """The process of the fleet's daemon on this state folder; 0 where none runs."""
    lock = ProcessLock(home / LOCK)
    return lock.holder() if lock.is_held() else 0
