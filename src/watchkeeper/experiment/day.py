"""A day of scripted agents, played in simulated time; ``arms.ASSUMPTIONS`` says what is real in it and what is not."""

from __future__ import annotations

import heapq
import random
from collections.abc import Iterator
from pathlib import Path

import msgspec

from watchkeeper.app import Analysis, find_place, open_analysis
from watchkeeper.experiment.arms import LEASE_MIN, READING_MIN, Arm, Escape, Figures
from watchkeeper.experiment.tasks import (
    Day,
    Task,
    Work,
    apply_checks,
    apply_engine,
    fee_of_check,
    repair,
    write_application,
    written_symbols,
)
from watchkeeper.experiment.truth import Truth, commit, failing_checks, git, merges
from watchkeeper.model.agents import Lease, Session, SessionId
from watchkeeper.model.conflicts import Severity
from watchkeeper.model.ids import Millis
from watchkeeper.watch.check import Gathered, check_changes, gather_changes
from watchkeeper.watch.gates import Intention, Owners, reason_to_deny

_LEAST_TOLD = Severity.MAJOR


def play_day(folder: Path, day: Day, agents: int, arm: Arm, heeds: float) -> Figures:
    """Plays the whole day in the empty folder ``folder``. Same arguments, same figures. Raises WatchkeeperError."""
    repository = folder / "newsroom"
    write_application(repository)
    git(repository, "init", "-q", "--initial-branch=main")
    commit(repository, "The newsroom")
    git(repository, "checkout", "-q", "--detach")
    for agent in range(agents):
        git(repository, "worktree", "add", "-q", "--detach", str(folder / f"agent-{agent}"), "main")
    environ = {"WATCHKEEPER_HOME": str(folder / "state"), "XDG_CONFIG_HOME": str(folder / "config")}
    with open_analysis(find_place(repository, environ)) as analysis:
        return _Simulation(folder, day, arm, heeds, analysis).run(agents)


class _Running(msgspec.Struct):
    """A task at work. ``based_at`` is when the main branch was taken that it stands on."""

    task: Task
    tree: Path
    based_at: float
    seen: Gathered | None = None
    told: dict[tuple[int, str], int] = msgspec.field(default_factory=dict)
    pending: list[int] = msgspec.field(default_factory=list)
    heeded: set[int] = msgspec.field(default_factory=set)


class _Simulation:
    """Agents are generators that give the minutes until they go on, or None: until a lease is released or ends."""

    def __init__(self, folder: Path, day: Day, arm: Arm, heeds: float, analysis: Analysis) -> None:
        self._folder, self._day, self._arm, self._heeds, self._analysis = folder, day, arm, heeds, analysis
        self._repository = folder / "newsroom"
        self._now = self._rework = self._reading = self._waiting = self._last_landing = 0.0
        self._todo = list(day.tasks)
        self._live: dict[int, _Running] = {}
        self._landed: dict[int, tuple[float, Gathered | None]] = {}
        self._tips: dict[int, str] = {}
        self._started: dict[int, float] = {}
        self._failing: frozenset[str] = frozenset()
        self._leases: list[Lease] = []
        self._parked: list[Iterator[float | None]] = []
        self._put_off: set[int] = set()
        self._heard: list[tuple[int, int]] = []
        self._textual = self._sent_back = self._expired = self._most_holders = self._turn = 0
        self._escapes: list[Escape] = []
        self._queue: list[tuple[float, int, Iterator[float | None]]] = []

    def run(self, agents: int) -> Figures:
        """Until nobody has anything left to do."""
        for agent in range(agents):
            self._schedule(0.0, self._work(agent))
        while self._queue:
            self._now, _, who = heapq.heappop(self._queue)
            delay = next(who, -1.0)
            if delay is None:
                self._parked.append(who)
            elif delay >= 0:
                self._schedule(self._now + delay, who)
        return self._figures()

    def _figures(self) -> Figures:
        pairs = {frozenset((each.earlier, each.later)) for each in self._escapes}
        truth = Truth(self._folder / "agent-0")
        needless = [pair for pair in self._heard if not truth.breaks(*(self._tips[each] for each in pair))]
        return Figures(
            arm=self._arm,
            seed=self._day.seed,
            landed=len(self._landed),
            hours=round(self._last_landing / 60, 3),
            rework=round(self._rework, 1),
            reading=round(self._reading, 1),
            waiting=round(self._waiting, 1),
            textual=self._textual,
            sent_back=self._sent_back,
            escapes=tuple(self._escapes),
            planted_escaped=sum(frozenset(pair) in pairs for pair in self._day.planted),
            notices=len(self._heard),
            needless=len(needless),
            put_off=len(self._put_off),
            expired=self._expired,
            most_holders=self._most_holders,
        )

    def _schedule(self, at: float, who: Iterator[float | None]) -> None:
        self._turn += 1
        heapq.heappush(self._queue, (at, self._turn, who))

    def _work(self, agent: int) -> Iterator[float | None]:
        while self._todo:
            task = self._take(agent)
            if task is None:
                since = self._now
                yield None
                self._waiting += self._now - since
                continue
            yield from self._do(task, self._folder / f"agent-{agent}")
            self._release(agent)

    def _take(self, agent: int) -> Task | None:
        """The first task that this agent may do; its leases are taken all at once, so nobody waits in a circle."""
        if self._arm is not Arm.LEASES:
            return self._todo.pop(0)
        tree = self._folder / f"agent-{agent}"
        git(tree, "reset", "-q", "--hard", "main")
        session = Session(SessionId(f"agent-{agent}"), "scripted", "", "")
        for task in self._todo:
            wanted = written_symbols(tree, task)
            intended = [Intention(path, (f"{path}:{name}",)) for path, name in wanted]
            if reason_to_deny(session, intended, self._leases, Owners(), self._clock()) is None:
                self._hold(session, [f"{path}:{name}" for path, name in wanted])
                self._todo.remove(task)
                return task
            self._put_off.add(task.number)
        return None

    def _hold(self, session: Session, subjects: list[str]) -> None:
        until = self._now + LEASE_MIN
        self._leases += [Lease(subject, session.id, Millis(int(until * 60_000))) for subject in subjects]
        running = [each for each in self._leases if each.until > self._clock()]
        for subject in subjects:
            holders = {each.holder for each in running if each.subject == subject}
            self._most_holders = max(self._most_holders, len(holders))
        if subjects:
            self._schedule(until, self._end_of_lease())

    def _end_of_lease(self) -> Iterator[float | None]:
        """Who waits tries again: a lease may have ended with nobody to release it."""
        self._wake()
        yield from ()

    def _release(self, agent: int) -> None:
        mine = [each for each in self._leases if each.holder == f"agent-{agent}"]
        self._expired += any(each.until <= self._clock() for each in mine)
        self._leases = [each for each in self._leases if each not in mine]
        self._wake()

    def _wake(self) -> None:
        for who in self._parked:
            self._schedule(self._now, who)
        self._parked.clear()

    def _do(self, task: Task, tree: Path) -> Iterator[float | None]:
        running = self._live[task.number] = _Running(task, tree, self._now)
        self._started[task.number] = self._now
        git(tree, "checkout", "-q", "-B", f"task-{task.number}", "main")
        read, edit, checks, verify = task.steps
        yield read + edit
        apply_engine(tree, task)
        self._saved(running)
        yield checks
        yield from self._hear(running)
        apply_checks(tree, task)
        self._saved(running)
        yield verify
        yield from self._hear(running)
        self._tips[task.number] = commit(tree, task.issue)
        yield from self._land(running)

    def _saved(self, running: _Running) -> None:
        """What the analysis finds between this tree and all others, and what landed on its base, is told to both."""
        if not self._arm.is_told:
            return
        running.seen = self._gather(str(running.tree))[0]
        number = running.task.number
        others = {each.task.number: each.seen for each in self._live.values()}
        others |= {each: seen for each, (at, seen) in self._landed.items() if at > running.based_at}
        for other, seen in sorted(others.items()):
            if seen is None or other == number:
                continue
            for conflict in check_changes(self._analysis.analyst, [running.seen, seen]).conflicts:
                if conflict.severity.rank >= _LEAST_TOLD.rank:
                    for told, about in ((running, other), (self._live.get(other), number)):
                        _tell(told, about, conflict.id, conflict.severity.rank)

    def _gather(self, *names: str) -> tuple[Gathered, ...]:
        analysis, place = self._analysis, find_place(self._repository, {})
        return gather_changes(
            place.repository, analysis.objects, analysis.analyst, names, target=None, base="main", folder=self._folder
        )

    def _hear(self, running: _Running) -> Iterator[float]:
        """Notices arrive with the next step: reading costs minutes, and is heeded or not, the same in all arms."""
        pending, running.pending = running.pending, []
        for other in pending:
            number = running.task.number
            self._heard.append((number, other))
            chance = random.Random(f"{self._day.seed} {number} {other}").random()  # noqa: S311 - a day is drawn, no secret
            if chance < self._heeds:
                running.heeded.add(other)
            self._rework += READING_MIN
            self._reading += READING_MIN
            yield READING_MIN

    def _land(self, running: _Running) -> Iterator[float | None]:
        """What is late is done again on the main branch as it is then, which may move on in the meantime."""
        while minutes := self._late(running):
            self._redo(running)
            self._rework += minutes
            yield minutes
            yield from self._hear(running)
        git(running.tree, "update-ref", "refs/heads/main", "HEAD")
        self._landed[running.task.number] = self._now, running.seen
        self._last_landing = self._now
        del self._live[running.task.number]
        yield from self._judge(running)

    def _late(self, running: _Running) -> float:
        """Minutes that it takes to do the task again; 0 where it lands, merged with the main branch."""
        task, tree = running.task, running.tree
        head = git(tree, "rev-parse", "HEAD")
        if not merges(tree, "main"):
            self._textual += 1
            return task.rebase
        if any(self._landed.get(other, (-1.0,))[0] > running.based_at for other in running.heeded):
            return task.adapt
        is_merge = git(tree, "rev-parse", "HEAD") != head
        if self._arm.is_queued and is_merge and failing_checks(tree) - self._failing:
            self._sent_back += 1
            return task.rebase
        return 0.0

    def _redo(self, running: _Running) -> None:
        git(running.tree, "reset", "-q", "--hard", "main")
        running.based_at = self._now
        apply_engine(running.tree, running.task)
        apply_checks(running.tree, running.task)
        commit(running.tree, running.task.issue)
        self._saved(running)

    def _judge(self, running: _Running) -> Iterator[float | None]:
        """Runs the checks on main as it is now; what fails anew has escaped, and who landed last mends it."""
        failing = failing_checks(running.tree)
        fresh, self._failing = sorted(failing - self._failing), failing
        fees = {fee_of_check(running.tree, name): name for name in fresh}
        for fee, name in fees.items():
            self._note_escape(running.task, fee, name)
        if not fees:
            return
        self._rework += running.task.repair
        yield running.task.repair
        git(running.tree, "reset", "-q", "--hard", "main")
        for fee in fees:
            repair(running.tree, fee)
        commit(running.tree, f"Repair after {running.task.issue}")
        git(running.tree, "update-ref", "refs/heads/main", "HEAD")
        self._failing = failing_checks(running.tree)
        self._last_landing = self._now

    def _note_escape(self, task: Task, fee: int, check: str) -> None:
        """The other half: the landed task that the failing check is of, else the last that changed its contract."""
        since = self._started[task.number]
        rivals = [
            each
            for each in self._day.tasks
            if each.fee == fee and each.number != task.number and self._landed.get(each.number, (-1.0,))[0] > since
        ]
        owner = [each for each in rivals if str(each.number) == check]
        contract = [each for each in rivals if each.work in (Work.SIGNATURE, Work.RATE)]
        contract.sort(key=lambda each: self._landed[each.number][0])
        found = owner or contract[-1:]
        if not found:
            self._escapes.append(Escape(None, task.number, seen=False))
            return
        report = check_changes(
            self._analysis.analyst, self._gather(self._tips[found[0].number], self._tips[task.number])
        )
        seen = any(each.severity.rank >= _LEAST_TOLD.rank for each in report.conflicts)
        self._escapes.append(Escape(found[0].number, task.number, seen))

    def _clock(self) -> Millis:
        return Millis(int(self._now * 60_000))


def _tell(running: _Running | None, about: int, conflict: str, rank: int) -> None:
    """Once for each conflict, and again where it is graver, as the daemon does."""
    if running is not None and running.told.get((about, conflict), -1) < rank:
        running.told[about, conflict] = rank
        running.pending.append(about)
