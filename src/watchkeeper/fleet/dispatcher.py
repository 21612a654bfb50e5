"""Looks at the record, decides, records what it decided, and has it done: again whenever something was recorded."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from typing import NamedTuple, TypeVar

import msgspec

from watchkeeper.fleet.budgets import is_within
from watchkeeper.fleet.config import FleetConfig
from watchkeeper.fleet.hours import Moment, find_day_begin
from watchkeeper.fleet.machine import Measuring
from watchkeeper.fleet.plan import Machine, Plan, Start
from watchkeeper.fleet.planner import plan
from watchkeeper.fleet.ports import Engagements, Foresight, NoForesight, NoScout, Scout
from watchkeeper.fleet.spending import SpendBook
from watchkeeper.model.errors import WatchkeeperError
from watchkeeper.model.events import Event, Recorded
from watchkeeper.model.fleet import Choice, Dispatch, DispatchDecided, Engagement, EngagementSealed, IssueId
from watchkeeper.model.fleet_state import FleetState, fold_fleet
from watchkeeper.model.ids import Millis, ProjectId, Seq
from watchkeeper.record.codec import FLEET_KINDS
from watchkeeper.record.log import Log

_POLL_S = 1.0
_LONGEST_MS = 300_000
_DEADLINE_S = 120.0
_FIRST_REST_MS = 30_000
_MOST_REST_MS = 1_800_000
_SEALED_MS = 60_000

Result = TypeVar("Result")


def _always() -> bool:
    return True


class Ports(NamedTuple):
    """Everybody outside that a dispatcher speaks to.

    Of several on one record only who ``leads`` tells why something is not started: each sees another machine, and they
    would contradict each other for ever. What one starts itself it always tells.
    """

    engagements: Engagements
    machine: Measuring
    foresight: Foresight = NoForesight()
    scout: Scout = NoScout()
    leads: Callable[[], bool] = _always


class Statistics(msgspec.Struct, frozen=True):
    """What a dispatcher did since it began. ``lost`` are claims that another dispatcher made first."""

    looks: int = 0
    starts: int = 0
    stops: int = 0
    recorded: int = 0
    lost: int = 0
    faults: int = 0


class _Rest(NamedTuple):
    """Why something is left alone, until when, and for how long this time."""

    reason: str
    until: Millis
    pause: int


class _Sealed(NamedTuple):
    """An engagement whose inputs are fixed, and which is not recorded yet; after ``until`` its base is too old."""

    start: Start
    engagement: Engagement
    until: Millis


class Dispatcher:
    """One of a fleet; with several on one record each claim is made by one.

    Holds nothing that is not in the record but caches of it: killed at any moment, the next one goes on.
    """

    def __init__(
        self,
        log: Log,
        projects: Mapping[str, ProjectId],
        config: FleetConfig,
        ports: Ports,
        *,
        clock: Callable[[], Millis],
        zone: dt.tzinfo,
    ) -> None:
        """``projects`` are those of ``config`` that are worked on here, by name."""
        self._log, self._projects, self._config, self._ports = log, dict(projects), config, ports
        self._clock, self._zone = clock, zone
        self._sealed: dict[IssueId, _Sealed] = {}
        self._names = {project: name for name, project in self._projects.items()}
        self._states: dict[str, FleetState] = dict.fromkeys(self._projects, FleetState())
        self._others: dict[ProjectId, FleetState] = {}
        self._book = SpendBook()
        self._seen = self._asked = Seq(0)
        self._rests: dict[str, _Rest] = {}
        self._woken = asyncio.Event()
        self._statistics = Statistics()

    def statistics(self) -> Statistics:
        """What was done until now."""
        return self._statistics

    def troubles(self) -> dict[str, str]:
        """Projects and issues that are left alone for a while, and why."""
        now = self._clock()
        return {name: rest.reason for name, rest in self._rests.items() if rest.until > now}

    def wake(self) -> None:
        """Look at once: something is different that is not in the record. From the loop's own thread."""
        self._woken.set()

    async def run(self) -> None:
        """Until cancelled. What fails is told by ``troubles`` and tried again after a while; nothing ends it."""
        while True:
            wake_at: Millis | None = None
            try:
                wake_at = (await self.look()).wake_at
                self._rests.pop("", None)
            except Exception as error:  # noqa: BLE001 the record itself: there is nowhere to write this to
                self._leave_alone("", _words(error))
                wake_at = self._rests[""].until
            await self._wait(wake_at)

    async def look(self) -> Plan:
        """One look, with all that follows from it. Raises WatchkeeperError where the record cannot be read."""
        self._woken.clear()
        await self._read()
        machine, likely = await asyncio.to_thread(self._measure), await self._foresee()
        found = self._decide(machine, likely)
        if await self._seal_all(found):  # which takes its time: decided is by what is recorded now
            await self._read()
            found = self._decide(machine, likely)
        self._count(looks=1)
        begun = {name: await self._record_all(name, found) for name in self._projects}
        async with asyncio.TaskGroup() as tasks:
            for name, engagements in begun.items():
                tasks.create_task(self._carry_out(name, found, engagements))
        self._sealed = {issue: each for issue, each in self._sealed.items() if self._clock() < each.until}
        return found

    def _decide(self, machine: Machine, likely: Mapping[IssueId, tuple[str, ...]]) -> Plan:
        now = Moment(self._clock(), self._zone)
        spent = self._book.since(find_day_begin(now))
        return plan(
            self._states,
            self._config,
            now,
            machine,
            {self._names.get(project, project): amount for project, amount in spent.items()},
            likely=likely,
            troubles={name: reason for name, reason in self.troubles().items() if name in self._projects},
            others=self._others.values(),
            refused={IssueId(name): reason for name, reason in self.troubles().items() if name not in self._projects},
        )

    def _measure(self) -> Machine:
        return self._ports.machine.measure(self._ports.engagements.processes())

    async def _foresee(self) -> dict[IssueId, tuple[str, ...]]:
        """Where it cannot be foreseen nothing is ordered: two that clash are still found while they are at work."""
        found: dict[IssueId, tuple[str, ...]] = {}
        for name, project in self._projects.items():
            issues = [each.issue for each in self._states[name].open_issues()]
            try:
                async with asyncio.timeout(_DEADLINE_S):
                    found |= await asyncio.to_thread(self._ports.foresight.likely, project, issues)
            except Exception:  # noqa: BLE001 see above
                self._count(faults=1)
        return found

    async def _read(self) -> None:
        """Fold what was recorded since."""
        events = await asyncio.to_thread(lambda: list(self._log.read(None, after=self._seen, kinds=FLEET_KINDS)))
        self._take(events)
        if events:
            self._seen = events[-1].seq

    def _take(self, events: Sequence[Recorded]) -> None:
        by_project: dict[ProjectId, list[Recorded]] = defaultdict(list)
        for each in events:
            by_project[each.project].append(each)
        for project, found in by_project.items():
            if (name := self._names.get(project)) is None:  # another host works on it; issues may depend on its issues
                known = self._others.get(project, FleetState())
                self._others[project] = fold_fleet(found, known)
            else:
                known = self._states[name]
                self._states[name] = fold_fleet(found, known)
            self._book.take(each for each in found if each.seq > known.seq)

    async def _seal_all(self, found: Plan) -> bool:
        """Fix the inputs of all that is to be started, where that is not done yet; whether there was any."""
        wanted = [start for start in found.starts if self._find_sealed(start) is None]
        async with asyncio.TaskGroup() as tasks:
            for start in wanted:
                tasks.create_task(self._seal(self._projects[start.project], start))
        return bool(wanted)

    def _find_sealed(self, start: Start) -> Engagement | None:
        """What was sealed for it, if it is still what is wanted, and may spend no more than it might now."""
        found = self._sealed.get(start.issue)
        if found is None or self._clock() >= found.until:
            return None
        then = found.start
        is_same = (then.atom, then.agent, then.attempt) == (start.atom, start.agent, start.attempt)
        return found.engagement if is_same and is_within(then.budget, start.budget) else None

    async def _record_all(self, name: str, found: Plan) -> list[Engagement]:
        """Record a project's decisions and claims, all or none; the claims that were made."""
        starts = [start for start in found.starts if start.project == name]
        sealed = [each for start in starts if (each := self._find_sealed(start)) is not None]
        wanted = {each.issue for each in sealed}
        decisions = [each for each in found.decisions[name] if self._holds(name, each, wanted)]
        events = [*self._different(name, decisions), *(EngagementSealed(each) for each in sealed)]
        is_recorded = await self._guard(name, self._record(name, events))
        for each in sealed if is_recorded else ():
            del self._sealed[each.issue]
        return sealed if is_recorded else []

    async def _carry_out(self, name: str, found: Plan, begun: Sequence[Engagement]) -> None:
        """What follows outside; each alone may fail."""
        project, engagements = self._projects[name], self._ports.engagements
        for stop in (each for each in found.stops if each.project == name):
            await self._guard(name, engagements.stop(project, stop.engagement, stop.why))
            self._count(stops=1)
        for engagement in begun:
            await self._guard(name, engagements.start(project, engagement))
            self._count(starts=1)
        if name in found.scouts and self._is_scouted_here(name):
            await self._guard(name, self._ports.scout.look(project))

    def _is_scouted_here(self, name: str) -> bool:
        """By one host of several: who leads, but where a project is another one's alone."""
        entry = next((each for each in self._config.projects if each.name == name), None)
        return bool(entry is not None and entry.host) or self._ports.leads()

    def _holds(self, name: str, decision: Dispatch, sealed: set[IssueId]) -> bool:
        """What was to be started and could not be sealed was not started, and nothing is said of it."""
        issue = decision.issue
        if not self._ports.leads() and issue not in sealed:
            return False
        if decision.choice is not Choice.START or issue is None or issue in sealed:
            return True
        return self._states[name].claims(issue) is not None

    def _different(self, name: str, decisions: Sequence[Dispatch]) -> list[Event]:
        before = self._states[name].dispatched
        return [DispatchDecided(each) for each in decisions if before.get(each.issue) != each]

    async def _seal(self, project: ProjectId, start: Start) -> None:
        """Where it cannot be sealed its issue is left alone for a while, and others go on."""
        issue = self._states[start.project].issues[start.issue].issue
        try:
            async with asyncio.timeout(_DEADLINE_S):
                sealed = await self._ports.engagements.seal(start, project, issue)
        except TimeoutError:
            self._leave_alone(start.issue, f"its inputs could not be fixed within {_DEADLINE_S:.0f} s")
        except Exception as error:  # noqa: BLE001 see _guard
            self._leave_alone(start.issue, _words(error))
        else:
            self._rests.pop(start.issue, None)
            self._sealed[start.issue] = _Sealed(start, sealed, Millis(self._clock() + _SEALED_MS))

    async def _record(self, name: str, events: Sequence[Event]) -> bool:
        """False where anybody has recorded something of a fleet since: it is looked at again, and decided anew.

        In any project: slots, memory and the day's budget are of the fleet, and two who decide at once would give
        them away twice.
        """
        if not events:
            return True
        project, last = self._projects[name], self._seen
        recorded = await asyncio.to_thread(
            lambda: self._log.append_if(project, events, self._clock(), kinds=FLEET_KINDS, last=last, everywhere=True)
        )
        if recorded is None:
            self._count(lost=1)
            self._woken.set()
            return False
        self._count(recorded=len(recorded))
        self._take(recorded)
        self._seen = recorded[-1].seq
        return True

    async def _guard(self, name: str, work: Awaitable[Result]) -> Result | None:
        """What fails in one project is no matter of the others; None then."""
        try:
            done = await work
        except Exception as error:  # noqa: BLE001 a fault of one adapter must not stop the fleet; it is told
            self._leave_alone(name, _words(error))
            return None
        rest = self._rests.get(name)
        if rest is not None and rest.until <= self._clock():
            del self._rests[name]
        return done

    def _leave_alone(self, what: str, reason: str) -> None:
        before = self._rests.get(what)
        pause = min(_MOST_REST_MS, before.pause * 2) if before is not None else _FIRST_REST_MS
        self._rests[what] = _Rest(reason, Millis(self._clock() + pause), pause)
        self._count(faults=1)

    async def _wait(self, wake_at: Millis | None) -> None:
        """Until something of a fleet was recorded, the time has come, or somebody wakes us."""
        until = min(filter(None, (wake_at, *self._ends())), default=self._clock() + _LONGEST_MS)
        until = min(until, self._clock() + _LONGEST_MS)
        while not self._woken.is_set() and self._clock() < until:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._woken.wait(), _POLL_S)
            with suppress(WatchkeeperError):
                if await self._has_news():
                    return

    def _ends(self) -> list[Millis]:
        now = self._clock()
        return [rest.until for rest in self._rests.values() if rest.until > now]

    async def _has_news(self) -> bool:
        """One number is asked for; only where it grew, whether what came is of a fleet."""
        last = await asyncio.to_thread(self._log.last_seq)
        if last <= self._asked:
            return False
        self._asked = last
        return bool(await asyncio.to_thread(self._find_new))

    def _find_new(self) -> list[Recorded]:
        return list(self._log.read(None, after=self._seen, kinds=FLEET_KINDS, limit=1))

    def _count(self, **more: int) -> None:
        counts = {name: getattr(self._statistics, name) + count for name, count in more.items()}
        self._statistics = msgspec.structs.replace(self._statistics, **counts)


def _words(error: Exception) -> str:
    return error.message if isinstance(error, WatchkeeperError) else f"{type(error).__name__}: {error}"
