"""The composition root: the one place that knows every part. Surfaces get their parts here, already wired."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from watchkeeper.conflicts.lifecycle import State, fold_all
from watchkeeper.model.changes import Change, WorkNotCounted
from watchkeeper.model.errors import NotARepositoryError, UsageError
from watchkeeper.model.ids import Millis, ProjectId
from watchkeeper.record.cache import CACHE_FILE, ReadingCache
from watchkeeper.record.config import PROJECT_FILE, Config, Settings, find_user_file, load_settings
from watchkeeper.record.home import find_home, make_home
from watchkeeper.record.lock import ProcessLock
from watchkeeper.repos.repository import Repository, find_repository
from watchkeeper.repos.target import Target, find_target
from watchkeeper.risk.points import Risk

if TYPE_CHECKING:
    # Imported where it is used: SQLAlchemy takes a fifth of a second that only those pay who read the record.
    from watchkeeper.landing.book import Book
    from watchkeeper.landing.page import EntryPage
    from watchkeeper.landing.policy import Policy
    from watchkeeper.landing.submitting import Desk
    from watchkeeper.landing.view import Outcome
    from watchkeeper.landing.workshop import GitWorkshop
    from watchkeeper.model.landing import EntryId
    from watchkeeper.probes.commands import CommandRunner, ProjectCommands, RunStore
    from watchkeeper.probes.everything import Everything, ProveReport
    from watchkeeper.probes.gate import TreeGate
    from watchkeeper.probes.prover import Checks, CommandProver
    from watchkeeper.record.log import Log
    from watchkeeper.repos.hub import Hub
    from watchkeeper.repos.objects import Objects
    from watchkeeper.watch.analyst import Analyst
    from watchkeeper.watch.check import CheckReport, Gathered
    from watchkeeper.watch.merges import Merges
    from watchkeeper.watch.readings import Readings
    from watchkeeper.watch.replay import ReplayReport


_SCRATCH_TREES = 2


class Place(msgspec.Struct, frozen=True):
    """Where a command works: a repository, the configuration in force there, and the user's state folder."""

    repository: Repository
    settings: Settings
    home: Path

    @property
    def project(self) -> ProjectId:
        return self.repository.project

    @property
    def config(self) -> Config:
        return self.settings.config


class RiskReport(msgspec.Struct, frozen=True):
    """A change and its risk; and work beside it that nobody asked for."""

    change: Change
    risk: Risk
    not_counted: tuple[WorkNotCounted, ...] = ()


@dataclass(frozen=True)
class Analysis:
    """The parts that look at code, wired."""

    objects: Objects
    hub: Hub
    readings: Readings
    merges: Merges
    analyst: Analyst


@dataclass(frozen=True)
class Landing:
    """The parts that land changes, wired. ``lock`` is held by the one process that drives the queue."""

    book: Book
    desk: Desk
    workshop: GitWorkshop
    gate: TreeGate
    policy: Policy
    lock: ProcessLock
    target: Target


def now() -> Millis:
    """The time, for those who pass it on."""
    return Millis(time.time_ns() // 1_000_000)


def find_place(folder: Path, environ: Mapping[str, str], flags: Mapping[str, object] | None = None) -> Place:
    """The repository around ``folder`` with its configuration. Creates nothing.

    Raises NotARepositoryError, UsageError (a configuration with a mistake), GitError.
    """
    repository = find_repository(folder)
    files = [find_user_file(environ), *project_files(repository)]
    return Place(repository, load_settings(files, environ, flags), find_home(environ))


def project_files(repository: Repository) -> tuple[Path, ...]:
    """The project's configuration files that count, the weakest first: the main worktree's, then this worktree's."""
    main = next((tree.path for tree in repository.worktrees() if tree.is_main and not tree.is_bare), None)
    folders = [main, repository.found_at]
    return tuple(dict.fromkeys(folder / PROJECT_FILE for folder in folders if folder is not None))


def find_target_of(place: Place) -> Target | None:
    """The branch that changes land in; None in a repository without commits."""
    return find_target(place.repository, place.config.target or None)


def open_log(home: Path) -> Log:
    """The event log, made where it is missing. Close it. Raises WatchkeeperError."""
    from watchkeeper.record.log import Log
    from watchkeeper.record.store import open_file_store

    return Log(open_file_store(home))


def find_log(home: Path) -> Log | None:
    """The event log; None where nothing was ever recorded. Creates nothing. Raises WatchkeeperError."""
    from watchkeeper.record.log import Log
    from watchkeeper.record.store import find_file_store

    store = find_file_store(home)
    return Log(store) if store else None


def open_cache(home: Path) -> ReadingCache:
    """The cache of readings. Close it."""
    return ReadingCache(make_home(home) / CACHE_FILE)


def read_state(log: Log, project: ProjectId) -> State:
    """What the project's events say about now."""
    return fold_all(log.read(project))


@contextmanager
def open_analysis(place: Place) -> Iterator[Analysis]:
    """Everything that looking at code needs, closed at the end. Creates the project's folder in the state folder."""
    from watchkeeper.repos.hub import open_hub
    from watchkeeper.watch.analyst import Analyst
    from watchkeeper.watch.merges import Merges
    from watchkeeper.watch.readings import Readings

    with (
        open_hub(place.repository, place.home / "projects" / place.project) as hub,
        open_cache(place.home) as cache,
    ):
        # Read through the hub: it has the user's objects, and the merges that are made of them.
        readings, merges = Readings(hub.objects, cache), Merges(hub)
        yield Analysis(hub.objects, hub, readings, merges, Analyst(place.repository, hub.objects, readings, merges))


def check(repo: Path, changes: Sequence[str], *, base: str | None = None, place: Place | None = None) -> CheckReport:
    """What ``watchkeeper check`` finds. Raises WatchkeeperError."""
    from watchkeeper.watch.check import check_changes

    where = place or find_place(repo, os.environ)
    with open_analysis(where) as analysis:
        return check_changes(analysis.analyst, _gather(where, analysis, changes, base, repo))


def assess_change(
    repo: Path, name: str, *, base: str | None = None, place: Place | None = None, intent: str = ""
) -> RiskReport:
    """What ``watchkeeper risk`` finds of the change that ``name`` means. Raises WatchkeeperError."""
    from watchkeeper.risk.assess import assess
    from watchkeeper.risk.of_change import facts_of
    from watchkeeper.watch.hubtrees import HubTrees

    where = place or find_place(repo, os.environ)
    with open_analysis(where) as analysis:
        (gathered,) = _gather(where, analysis, [name], base, repo)
        change = gathered.party.change
        tree = HubTrees(analysis.objects, analysis.readings, analysis.analyst).base(change.base)
        files = analysis.analyst.changed_files(change, gathered.files)
        facts = facts_of(files, gathered.party.footprint, tree, intent=intent)
        return RiskReport(change, assess(facts), gathered.not_counted)


def prove(
    repo: Path,
    changes: Sequence[str],
    *,
    base: str | None = None,
    place: Place | None = None,
    checks: Sequence[str] | None = None,
    only_static: bool = False,
    again: bool = False,
) -> ProveReport:
    """What ``watchkeeper prove`` finds: ``check``, then what running the merges says. Raises WatchkeeperError.

    ``checks`` are analysers by name, None: as configured. ``again``: what was run before is run again.
    """
    from watchkeeper.model.probing import LiveTree
    from watchkeeper.watch.check import check_changes

    where = place or find_place(repo, os.environ)
    with (
        open_analysis(where) as analysis,
        open_commands(where, analysis, checks, only_static=only_static, again=again) as commands,
    ):
        gathered = _gather(where, analysis, changes, base, repo)
        report = check_changes(analysis.analyst, gathered)
        live = [
            LiveTree(each.party.id, each.party.change.base, analysis.merges.tree(each.party.id), each.paths)
            for each in gathered
        ]
        everything = _everything(where, analysis, commands)
        proved = everything.prove_all(report.changes, live, report.conflicts)
        return msgspec.structs.replace(proved, not_counted=report.not_counted)


def _everything(place: Place, analysis: Analysis, commands: CommandProver | None) -> Everything:
    from watchkeeper.probes.everything import Everything
    from watchkeeper.probes.prover import Prover
    from watchkeeper.probes.sets import SetFinder
    from watchkeeper.probes.static import StaticProver
    from watchkeeper.probes.virtual import VirtualMerges
    from watchkeeper.watch.hubtrees import HubTrees

    merges = VirtualMerges(analysis.hub)
    reader = HubTrees(analysis.hub.objects, analysis.readings, analysis.analyst)
    static = StaticProver(reader)
    prover = Prover(merges, reader, static, commands)
    sets = SetFinder(merges, reader, static, commands)
    return Everything(prover, sets, place.repository.is_ancestor)


def choose_commands(place: Place, checks: Sequence[str] | None = None) -> Checks:
    """The commands to run on merges: the analysers named ``checks``, None: as configured; and the tests.

    Raises UsageError for a check that nobody knows.
    """
    from watchkeeper.probes.presets import chosen_checks, find_tests
    from watchkeeper.probes.prover import Checks

    project = place.config.project
    is_set = checks is not None or place.settings.is_set("project.checks")
    analysers = chosen_checks(tuple(checks) if checks is not None else project.checks, is_set=is_set)
    tests = find_tests(analysers, project.test)
    return Checks(tuple(check for check in analysers if not check.is_tests), tests)


@contextmanager
def open_commands(
    place: Place,
    analysis: Analysis,
    checks: Sequence[str] | None = None,
    *,
    only_static: bool = False,
    again: bool = False,
) -> Iterator[CommandProver | None]:
    """What runs commands on merges, closed at the end; None where there is no command to run.

    Raises UsageError for a check that nobody knows, or tests that point at a service of the user's.
    """
    found = choose_commands(place, checks)
    if only_static or not (found.analysers or found.tests):
        yield None
        return
    from watchkeeper.probes.commands import RunStore
    from watchkeeper.probes.prover import CommandProver

    with open_cache(place.home) as cache:
        runner, _ = _make_runner(place, analysis, None if again else RunStore(cache), _SCRATCH_TREES)
        yield CommandProver(runner, found)


def _make_runner(
    place: Place, analysis: Analysis, store: RunStore | None, trees: int
) -> tuple[CommandRunner, ProjectCommands]:
    """What runs commands on trees of the hub, in so many checkouts."""
    from watchkeeper.probes.commands import REPORTS, CommandRunner, ProjectCommands
    from watchkeeper.repos.scratch import ScratchPool
    from watchkeeper.sandbox.folders import sweep_folders
    from watchkeeper.sandbox.run import find_sandbox

    project, folder = place.config.project, make_home(place.home) / "projects" / place.project
    pool = ScratchPool(analysis.hub, folder / "scratch", trees)
    commands = ProjectCommands(project.setup, project.test, project.database, float(project.test_timeout))
    sweep_folders(folder / "reports", REPORTS)
    return CommandRunner(pool, find_sandbox(folder / "jobs"), commands, folder / "reports", store), commands


@contextmanager
def open_book(place: Place) -> Iterator[Book]:
    """The queue of the project, and the way to say something to it. Raises WatchkeeperError."""
    from watchkeeper.landing.book import Book

    with open_log(place.home) as log:
        book = Book(log, place.project, now)
        book.refresh()
        yield book


@contextmanager
def open_landing(place: Place) -> Iterator[Landing]:
    """Everything that landing needs, closed at the end.

    Raises UsageError where there is no target branch, or nothing that tests it; WatchkeeperError.
    """
    from watchkeeper.landing.book import Book
    from watchkeeper.landing.policy import Policy
    from watchkeeper.landing.submitting import Desk, Waiting
    from watchkeeper.landing.workshop import GitWorkshop, find_branch
    from watchkeeper.probes.commands import RunStore
    from watchkeeper.probes.gate import TreeGate
    from watchkeeper.probes.virtual import VirtualMerges
    from watchkeeper.record.codec import LANDING_KINDS
    from watchkeeper.repos.authors import Committer
    from watchkeeper.repos.landingcommits import Method
    from watchkeeper.watch.hubtrees import HubTrees

    config, folder = place.config.landing, place.home / "projects" / place.project
    target, checks = find_target_of(place), choose_commands(place)
    if target is None:
        raise UsageError(
            f"{place.repository.common_dir} has no commits yet, so there is no branch to land in",
            slug="no-target",
            hint="make a first commit, or set the target: watchkeeper init",
        )
    if checks.tests is None:
        raise UsageError(
            "There is no test command, so nothing can be landed: the target branch is always a tree that was tested",
            slug="no-tests",
            hint='set it in watchkeeper.toml: [project] test = "python -m pytest -q"',
        )
    with open_log(place.home) as log, open_analysis(place) as analysis, open_cache(place.home) as cache:
        runner, commands = _make_runner(place, analysis, RunStore(cache), max(_SCRATCH_TREES, config.slots))
        reader = HubTrees(analysis.hub.objects, analysis.readings, analysis.analyst)
        gate = TreeGate(VirtualMerges(analysis.hub), reader, runner, checks, commands)
        branch, look_again_s = find_branch(analysis.hub, place.repository, target.name, config.remote)
        workshop = GitWorkshop(
            analysis.hub,
            branch,
            Method(config.method),
            lambda: Committer(analysis.hub, place.repository, now() // 1000),
            look_again_s,
        )
        book = Book(log, place.project, now)
        desk = Desk(
            book,
            analysis.hub,
            place.repository,
            Waiting(config.wait_risk, config.wait_paths),
            lambda: log.read(place.project, kinds=LANDING_KINDS),
        )
        policy = Policy(slots=config.slots, batch=config.batch, lanes=config.lanes)
        lock = ProcessLock(folder / "landing.lock")
        try:
            yield Landing(book, desk, workshop, gate, policy, lock, target)
        finally:
            lock.release()


def submit(place: Place, landing: Landing, name: str, *, issue: str, folder: Path) -> EntryId:
    """Queue a change: a branch by its name, or a worktree by its path. Raises WatchkeeperError."""
    from watchkeeper.landing.submitting import Finished
    from watchkeeper.model.ids import ChangeId
    from watchkeeper.repos.keeping import finished_commit
    from watchkeeper.watch.check import find_named

    named = find_named(place.repository, name, folder)
    head = finished_commit(named.worktree) if named.worktree is not None else named.head
    tip = landing.workshop.tip()
    if head is None or tip is None:
        raise UsageError(
            f"{name} cannot be landed: {'it has no commit' if head is None else 'there is no target branch'}",
            slug="nothing-to-land",
            hint="commit the work first: git add -A && git commit",
        )
    if named.name == landing.target.name:
        raise UsageError(
            f"{name} is the target branch itself",
            slug="nothing-to-land",
            hint="test what went past the queue: watchkeeper land --from-main",
        )
    identity, _ = landing.desk.submit(Finished(ChangeId(named.name), head, issue=issue), tip.commit)
    return identity


def read_entry_page(place: Place, name: str) -> EntryPage:
    """What became of an entry, whether it is still in the queue or not. Raises UsageError for one there never was."""
    from watchkeeper.landing.page import read_page
    from watchkeeper.repos.hub import open_hub

    with open_log(place.home) as log, open_hub(place.repository, place.home / "projects" / place.project) as hub:
        return read_page(log, hub, place.project, name)


def submit_revert(landing: Landing, name: str) -> EntryId:
    """Queue the revert that was prepared of an entry, before all others. Raises UsageError where there is none."""
    from watchkeeper.landing.submitting import Finished
    from watchkeeper.model.ids import ChangeId
    from watchkeeper.model.landing import RevertPrepared

    prepared = [each.event for each in landing.desk.history() if isinstance(each.event, RevertPrepared)]
    found = next((each for each in reversed(prepared) if each.entry == name), None)
    tip = landing.workshop.tip()
    if found is None or tip is None:
        known = ", ".join(dict.fromkeys(each.entry for each in prepared))
        raise UsageError(
            f"no revert of {name} was prepared",
            slug="no-revert",
            hint=f"there is one of: {known}" if known else "find out what broke it: watchkeeper land --from-main",
        )
    change = ChangeId(f"revert-{found.entry.rpartition('/')[0]}")
    identity, _ = landing.desk.submit(Finished(change, found.commit, priority=1), tip.commit)
    return identity


def find_outcomes(landing: Landing, entries: Sequence[EntryId]) -> tuple[Outcome, ...]:
    """Where these entries stand."""
    from watchkeeper.landing.view import view_outcome
    from watchkeeper.model.landing import EntryQueued

    events = list(landing.desk.history())
    known = {each.event.entry.id: each.event.entry for each in events if isinstance(each.event, EntryQueued)}
    return tuple(view_outcome(landing.book.queue, known[each], events) for each in entries)


def _gather(
    place: Place, analysis: Analysis, changes: Sequence[str], base: str | None, folder: Path
) -> tuple[Gathered, ...]:
    from watchkeeper.watch.check import gather_changes

    return gather_changes(
        place.repository,
        analysis.objects,
        analysis.analyst,
        changes,
        target=find_target_of(place),
        base=base,
        folder=folder,
    )


def replay(
    place: Place,
    *,
    days: int | None = None,
    merges: int | None = None,
    on_progress: Callable[[int, int], None] = lambda _done, _all: None,
) -> ReplayReport:
    """What ``watchkeeper replay`` finds. Raises NotARepositoryError without commits, WatchkeeperError."""
    from watchkeeper.watch.replay import replay_history

    target = find_target_of(place)
    if target is None:
        raise NotARepositoryError(
            f"{place.repository.common_dir} has no commits yet, so there is no history to replay",
            slug="no-history",
            hint="watchkeeper watch",
        )
    since = Millis(now() - days * 86_400_000) if days is not None else None
    with open_analysis(place) as analysis:
        return replay_history(
            place.repository,
            analysis.analyst,
            target.commit,
            since=since,
            limit=merges or 2_000,
            on_progress=on_progress,
        )


def find_socket(place: Place) -> Path:
    """Where the daemon of this place listens, whether there is one or not."""
    from watchkeeper.agents.sockets import socket_path

    return socket_path(place.home, place.project)
