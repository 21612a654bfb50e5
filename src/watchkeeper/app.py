"""The composition root: the one place that knows every part. Surfaces get their parts here, already wired."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from watchkeeper.conflicts.lifecycle import fold_all
from watchkeeper.conflicts.standing import State
from watchkeeper.model.changes import Change, WorkNotCounted
from watchkeeper.model.errors import NotARepositoryError
from watchkeeper.model.ids import Millis, ProjectId
from watchkeeper.record.cache import CACHE_FILE, ReadingCache
from watchkeeper.record.config import PROJECT_FILE, Config, Settings, find_store, find_user_file, load_settings
from watchkeeper.record.home import find_home, make_home
from watchkeeper.record.shared import find_shared
from watchkeeper.repos.owners import find_owner
from watchkeeper.repos.repository import Repository, find_repository
from watchkeeper.repos.target import Target, find_target
from watchkeeper.risk.points import Risk

if TYPE_CHECKING:
    from watchkeeper.code.changed_file import ChangedFile

    # Imported where it is used: SQLAlchemy takes a fifth of a second that only those pay who read the record.
    from watchkeeper.probes.commands import CommandRunner, ProjectCommands, RunStore
    from watchkeeper.probes.everything import Everything, ProveReport
    from watchkeeper.probes.prover import Checks, CommandProver
    from watchkeeper.record.log import Log
    from watchkeeper.repos.hub import Hub
    from watchkeeper.repos.objects import Objects
    from watchkeeper.risk.facts import RiskFacts
    from watchkeeper.watch.analyst import Analyst
    from watchkeeper.watch.check import CheckReport, Gathered
    from watchkeeper.watch.merges import Merges
    from watchkeeper.watch.readings import Readings
    from watchkeeper.watch.replay import ReplayReport


SCRATCH_TREES = 2
_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


class Place(msgspec.Struct, frozen=True):
    """Where a command works: a repository, the configuration in force there, and the user's state folder."""

    repository: Repository
    settings: Settings
    home: Path
    fleet_id: ProjectId | None = None

    @property
    def shared(self) -> ProjectId:
        """What it is to all hosts that share the record: under this are its issues and its engagements."""
        return self.fleet_id or self.project

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


def now() -> Millis:
    """The time, for those who pass it on."""
    return Millis(time.time_ns() // 1_000_000)


def find_place(folder: Path, environ: Mapping[str, str], flags: Mapping[str, object] | None = None) -> Place:
    """The repository around ``folder`` with its configuration; in a worktree of a hub the project's. Creates nothing.

    Raises NotARepositoryError, UsageError (a configuration with a mistake), GitError.
    """
    home = find_home(environ)
    repository = find_owner(find_repository(folder), home)
    files = [find_user_file(environ), *project_files(repository)]
    shared = find_shared(home, repository.project) if "://" in find_store(environ) else None
    return Place(repository, load_settings(files, environ, flags), home, shared)


def project_files(repository: Repository) -> tuple[Path, ...]:
    """The project's configuration files that count, the weakest first: the main worktree's, then this worktree's."""
    main = next((tree.path for tree in repository.worktrees() if tree.is_main and not tree.is_bare), None)
    folders = [main, repository.found_at]
    return tuple(dict.fromkeys(folder / PROJECT_FILE for folder in folders if folder is not None))


def find_target_of(place: Place) -> Target | None:
    """The branch that changes land in; None in a repository without commits."""
    return find_target(place.repository, place.config.target or None)


def open_log(home: Path, environ: Mapping[str, str] = os.environ) -> Log:
    """The event log, made where it is missing: in ``home``, or in the database that this user has configured.

    Close it. Raises WatchkeeperError.
    """
    from watchkeeper.record.log import Log
    from watchkeeper.record.store import open_file_store, open_url_store

    address = find_store(environ)
    return Log(open_url_store(address) if address else open_file_store(home))


def find_log(home: Path, environ: Mapping[str, str] = os.environ) -> Log | None:
    """The same; None where nothing was ever recorded. Creates nothing. Raises WatchkeeperError."""
    from watchkeeper.record.log import Log
    from watchkeeper.record.store import find_file_store, find_url_store

    address = find_store(environ)
    store = find_url_store(address) if address else find_file_store(home)
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
    where = place or find_place(repo, os.environ)
    with open_analysis(where) as analysis:
        assessed = assess_in(where, analysis, name, base=base, folder=repo, intent=intent)
        return RiskReport(assessed.gathered.party.change, assessed.risk, assessed.gathered.not_counted)


class Assessed(NamedTuple):
    """A change as it was looked at, with its texts, what is known of it, and the risk that follows."""

    gathered: Gathered
    files: tuple[ChangedFile, ...]
    facts: RiskFacts
    risk: Risk


def assess_in(place: Place, analysis: Analysis, name: str, *, base: str | None, folder: Path, intent: str) -> Assessed:
    """The same with an open analysis, and what the change consists of."""
    from watchkeeper.code.collector import paused_collector
    from watchkeeper.risk.assess import assess
    from watchkeeper.risk.of_change import facts_of
    from watchkeeper.watch.hubtrees import HubTrees

    with paused_collector():
        (gathered,) = _gather(place, analysis, [name], base, folder)
        change = gathered.party.change
        tree = HubTrees(analysis.objects, analysis.readings, analysis.analyst).base(change.base)
        files = analysis.analyst.changed_files(change, gathered.files)
        facts = facts_of(files, gathered.party.footprint, tree, intent=intent)
        return Assessed(gathered, files, facts, assess(facts))


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
        runner, _ = make_runner(place, analysis, None if again else RunStore(cache), SCRATCH_TREES)
        yield CommandProver(runner, found)


def make_runner(
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


def _gather(
    place: Place, analysis: Analysis, changes: Sequence[str], base: str | None, folder: Path
) -> tuple[Gathered, ...]:
    from watchkeeper.watch.check import gather_changes

    # Commits of engagements are in the hub alone.
    is_ours = all(_COMMIT.fullmatch(each) and place.repository.find_commit(each) is None for each in changes)
    return gather_changes(
        analysis.hub.repository if changes and is_ours else place.repository,
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
