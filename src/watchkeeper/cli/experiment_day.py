"""A day of scripted agents, played in simulated time. Real: the repository, worktrees, edits, merges, the analysis that
finds conflicts, the gate that keeps leases, the application's checks after each landing. Simulated: the clock, how long
steps take, and that an agent which is told of a conflict understands it with a stated chance.
"""

from __future__ import annotations

import heapq
import random
import subprocess
import sys
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path

import msgspec

from watchkeeper.app import Analysis, find_place, open_analysis
from watchkeeper.cli.experiment_tasks import (
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
from watchkeeper.model.agents import Lease, Session, SessionId
from watchkeeper.model.conflicts import Conflict, Severity
from watchkeeper.model.ids import Millis
from watchkeeper.repos.git import run_git
from watchkeeper.watch.check import Gathered, check_changes, gather_changes
from watchkeeper.watch.gates import Intention, Owners, reason_to_deny

UNDERSTANDS = 0.8
REREAD_MIN = 3.0
_WHO = {"user.name": "Experiment", "user.email": "experiment@watchkeeper.invalid", "commit.gpgSign": "false"}
_CHECKS_S = 60


class Arm(StrEnum):
    """What agents are given."""

    ALONE = "alone"
    NOTICES = "notices"
    LEASES = "leases"


class Escape(msgspec.Struct, frozen=True):
    """Two tasks that merged cleanly and whose sum fails a check; ``seen``: the analysis of both says so, unrun."""

    earlier: int
    later: int
    seen: bool


class Figures(msgspec.Struct, frozen=True):
    """What a day came to in one arm. Minutes are of all agents together."""

    arm: Arm
    seed: int
    landed: int
    hours: float
    rework: float
    waiting: float
    textual: int
    escapes: tuple[Escape, ...]
    planted_escaped: int
    notices: int
    most_holders: int

    @property
    def throughput(self) -> float:
        """Tasks landed for each hour of the day."""
        return self.landed / self.hours if self.hours else 0.0


def play_day(folder: Path, day: Day, agents: int, arm: Arm) -> Figures:
    """Plays the whole day in the empty folder ``folder``. Same arguments, same figures. Raises WatchkeeperError."""
    repository = folder / "newsroom"
    write_application(repository)
    _git(repository, "init", "-q", "--initial-branch=main")
    _commit(repository, "The newsroom")
    _git(repository, "checkout", "-q", "--detach")
    for agent in range(agents):
        _git(repository, "worktree", "add", "-q", "--detach", str(folder / f"agent-{agent}"), "main")
    environ = {"WATCHKEEPER_HOME": str(folder / "state"), "XDG_CONFIG_HOME": str(folder / "config")}
    with open_analysis(find_place(repository, environ)) as analysis:
        return _Simulation(folder, day, arm, analysis).run(agents)


class _Running(msgspec.Struct):
    """A task at work."""

    task: Task
    tree: Path
    seen: Gathered | None = None
    told: set[int] = msgspec.field(default_factory=set)
    pending: set[int] = msgspec.field(default_factory=set)
    heeds: bool = False


class _Simulation:
    """Agents are generators that give the minutes until they go on, or None: until a lease is released."""

    def __init__(self, folder: Path, day: Day, arm: Arm, analysis: Analysis) -> None:
        self._folder, self._day, self._arm, self._analysis = folder, day, arm, analysis
        self._repository = folder / "newsroom"
        self._now = self._rework = self._waiting = 0.0
        self._todo = list(day.tasks)
        self._live: dict[int, _Running] = {}
        self._landed: dict[int, tuple[float, Gathered | None]] = {}
        self._tips: dict[int, str] = {}
        self._started: dict[int, float] = {}
        self._failing: set[str] = set()
        self._leases: list[Lease] = []
        self._parked: list[Iterator[float | None]] = []
        self._textual = self._notices = self._most_holders = 0
        self._escapes: list[Escape] = []
        self._queue: list[tuple[float, int, Iterator[float | None]]] = []
        self._turn = 0
        self._last_landing = 0.0

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
        pairs = {frozenset((each.earlier, each.later)) for each in self._escapes}
        return Figures(
            arm=self._arm,
            seed=self._day.seed,
            landed=len(self._landed),
            hours=round(self._last_landing / 60, 3),
            rework=round(self._rework, 1),
            waiting=round(self._waiting, 1),
            textual=self._textual,
            escapes=tuple(self._escapes),
            planted_escaped=sum(frozenset(pair) in pairs for pair in self._day.planted),
            notices=self._notices,
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
        for task in self._todo:
            wanted = written_symbols(self._main(agent), task) if self._arm is Arm.LEASES else ()
            session = Session(SessionId(f"agent-{agent}"), "scripted", "", "")
            intended = [Intention(path, (f"{path}:{name}",)) for path, name in wanted]
            if reason_to_deny(session, intended, self._leases, Owners(), self._clock()) is None:
                end = Millis(self._clock() + 7 * 86_400_000)
                self._leases += [Lease(f"{path}:{name}", session.id, end) for path, name in wanted]
                self._count_holders()
                self._todo.remove(task)
                return task
        return None

    def _main(self, agent: int) -> Path:
        tree = self._folder / f"agent-{agent}"
        _git(tree, "reset", "-q", "--hard", "main")
        return tree

    def _release(self, agent: int) -> None:
        self._leases = [each for each in self._leases if each.holder != f"agent-{agent}"]
        for who in self._parked:
            self._schedule(self._now, who)
        self._parked.clear()

    def _count_holders(self) -> None:
        for subject in {each.subject for each in self._leases}:
            holders = {each.holder for each in self._leases if each.subject == subject}
            self._most_holders = max(self._most_holders, len(holders))

    def _do(self, task: Task, tree: Path) -> Iterator[float | None]:
        running = self._live[task.number] = _Running(task, tree)
        self._started[task.number] = self._now
        _git(tree, "checkout", "-q", "-B", f"task-{task.number}", "main")
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
        yield from self._land(running)

    def _saved(self, running: _Running) -> None:
        """What the analysis finds between this tree and all others, and what landed since it began, is told to both."""
        if self._arm is Arm.ALONE:
            return
        running.seen = self._gather(str(running.tree))
        number, began = running.task.number, self._started[running.task.number]
        others = {each.task.number: each.seen for each in self._live.values()}
        others |= {each: seen for each, (at, seen) in self._landed.items() if at > began}
        for other, seen in sorted(others.items()):
            if seen is None or other == number or other in running.told:
                continue
            if any(_is_told(each) for each in check_changes(self._analysis.analyst, [running.seen, seen]).conflicts):
                for told, about in ((running, other), (self._live.get(other), number)):
                    if told is not None:
                        told.told.add(about)
                        told.pending.add(about)

    def _gather(self, *names: str) -> Gathered:
        return self._gather_all(*names)[0]

    def _gather_all(self, *names: str) -> tuple[Gathered, ...]:
        analysis, place = self._analysis, find_place(self._repository, {})
        return gather_changes(
            place.repository, analysis.objects, analysis.analyst, names, target=None, base="main", folder=self._folder
        )

    def _hear(self, running: _Running) -> Iterator[float]:
        """Notices arrive with the next step: reading costs minutes, and is understood or not."""
        pending, running.pending = sorted(running.pending), set()
        for other in pending:
            self._notices += 1
            chance = random.Random(f"{self._day.seed} {running.task.number} {other}").random()  # noqa: S311 - a day is drawn, no secret
            running.heeds = running.heeds or chance < UNDERSTANDS
            self._rework += REREAD_MIN
            yield REREAD_MIN

    def _land(self, running: _Running) -> Iterator[float | None]:
        task, tree = running.task, running.tree
        _commit(tree, task.issue)
        self._tips[task.number] = _git(tree, "rev-parse", "HEAD")
        if running.heeds and _git(tree, "merge-base", "HEAD", "main") != _git(tree, "rev-parse", "main"):
            self._rework += task.adapt
            yield task.adapt
            self._redo(running)
        elif not self._merges(tree):
            self._textual += 1
            self._rework += task.rebase
            yield task.rebase
            self._redo(running)
        _git(tree, "update-ref", "refs/heads/main", "HEAD")
        self._landed[task.number] = self._now, running.seen
        self._last_landing = self._now
        del self._live[task.number]
        yield from self._judge(running)

    def _merges(self, tree: Path) -> bool:
        merge = run_git(tree, "merge", "-q", "--no-edit", "main", config=_WHO, isolated=True, allowed=(0, 1))
        if merge.code:
            _git(tree, "merge", "--abort")
        return merge.code == 0

    def _redo(self, running: _Running) -> None:
        """The same task again, on main as it is now."""
        _git(running.tree, "reset", "-q", "--hard", "main")
        apply_engine(running.tree, running.task)
        apply_checks(running.tree, running.task)
        _commit(running.tree, running.task.issue)

    def _judge(self, running: _Running) -> Iterator[float | None]:
        """Runs the checks on main as it is now; what fails anew has escaped, and who landed last mends it."""
        failing = _failing(running.tree)
        fresh, self._failing = sorted(failing - self._failing), failing
        fees = {fee_of_check(running.tree, name): name for name in fresh}
        for fee, name in fees.items():
            self._note_escape(running.task, fee, name)
        if not fees:
            return
        self._rework += running.task.repair
        yield running.task.repair
        _git(running.tree, "reset", "-q", "--hard", "main")
        for fee in fees:
            repair(running.tree, fee)
        _commit(running.tree, f"Repair after {running.task.issue}")
        _git(running.tree, "update-ref", "refs/heads/main", "HEAD")
        self._failing = _failing(running.tree)
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
        if found := (owner or contract[-1:]):
            tips = self._tips[found[0].number], self._tips[task.number]
            report = check_changes(self._analysis.analyst, self._gather_all(*tips))
            seen = any(_is_told(each) for each in report.conflicts)
            self._escapes.append(Escape(found[0].number, task.number, seen))

    def _clock(self) -> Millis:
        return Millis(int(self._now * 60_000))


def _is_told(conflict: Conflict) -> bool:
    return conflict.severity.rank >= Severity.MAJOR.rank


def _failing(tree: Path) -> set[str]:
    command = [sys.executable, "-I", "-S", "-B", str(tree / "checks/run.py")]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=_CHECKS_S, cwd=tree)
    return set(done.stdout.split())


def _commit(folder: Path, message: str) -> None:
    _git(folder, "add", "--all")
    _git(folder, "commit", "-q", "--allow-empty", "-m", message)


def _git(folder: Path, *args: str) -> str:
    return run_git(folder, *args, config=_WHO, isolated=True).output.decode().strip()
