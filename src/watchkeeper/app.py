"""The composition root: the one place that knows every part. Surfaces get their parts here, already wired."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from watchkeeper.conflicts.lifecycle import State, fold_all
from watchkeeper.model.errors import NotARepositoryError, WatchkeeperError
from watchkeeper.model.ids import Millis, ProjectId
from watchkeeper.record.cache import CACHE_FILE, ReadingCache
from watchkeeper.record.config import PROJECT_FILE, Config, Settings, find_user_file, load_settings
from watchkeeper.record.home import find_home, make_home
from watchkeeper.repos.repository import Repository, find_repository
from watchkeeper.repos.target import Target, find_target

if TYPE_CHECKING:
    # Imported where it is used: SQLAlchemy takes a fifth of a second that only those pay who read the record.
    from watchkeeper.agents.port import Adapter
    from watchkeeper.probes.everything import Everything, ProveReport
    from watchkeeper.probes.prover import Checks, CommandProver
    from watchkeeper.record.log import Log
    from watchkeeper.repos.hub import Hub
    from watchkeeper.repos.objects import Objects
    from watchkeeper.watch.analyst import Analyst
    from watchkeeper.watch.check import CheckReport, Gathered
    from watchkeeper.watch.engine import LiveWatch
    from watchkeeper.watch.gates import Owners
    from watchkeeper.watch.hosting import Hosting
    from watchkeeper.watch.merges import Merges
    from watchkeeper.watch.picture import Parts
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
    from watchkeeper.probes.commands import REPORTS, CommandRunner, ProjectCommands, RunStore
    from watchkeeper.probes.prover import CommandProver
    from watchkeeper.repos.scratch import ScratchPool
    from watchkeeper.sandbox.folders import sweep_folders
    from watchkeeper.sandbox.run import find_sandbox

    project, folder = place.config.project, make_home(place.home) / "projects" / place.project
    pool = ScratchPool(analysis.hub, folder / "scratch", _SCRATCH_TREES)
    commands = ProjectCommands(project.setup, project.test, project.database, float(project.test_timeout))
    sweep_folders(folder / "reports", REPORTS)
    with open_cache(place.home) as cache:
        store = None if again else RunStore(cache)
        runner = CommandRunner(pool, find_sandbox(folder / "jobs"), commands, folder / "reports", store)
        yield CommandProver(runner, found)


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


@contextmanager
def open_watch(place: Place, clock: Callable[[], Millis] = now) -> Iterator[Parts]:
    """What the live watch is made of, closed at the end. Raises WatchkeeperError."""
    from watchkeeper.probes.aside import ProverAside
    from watchkeeper.repos.hub import open_hub
    from watchkeeper.watch.analyst import Analyst
    from watchkeeper.watch.discovery import Surveyor, Wanted, find_clones
    from watchkeeper.watch.ledger import Ledger, RecorderLock
    from watchkeeper.watch.lookout import Lookout
    from watchkeeper.watch.merges import Merges
    from watchkeeper.watch.picture import Parts
    from watchkeeper.watch.readings import Readings

    config, folder = place.config, place.home / "projects" / place.project
    clones = find_clones(place.repository, [Path(each) for each in config.clones])
    wanted = Wanted(config.target, config.branches, config.landed_hours)
    with ExitStack() as open_parts:
        hub = open_parts.enter_context(open_hub(place.repository, folder))
        for clone in clones:
            hub.borrow(clone)
        # Read through the hub: it has the objects of all clones, and no configuration of theirs.
        surveyor = Surveyor(place.repository, hub.repository, clones, wanted)
        readings = Readings(hub.objects, open_parts.enter_context(open_cache(place.home)))
        merges = Merges(hub)
        analyst = Analyst(hub.repository, hub.objects, readings, merges)
        log = open_parts.enter_context(open_log(place.home))
        lock = RecorderLock(folder)
        lock.acquire()
        ledger = Ledger(log, place.project, lock)
        open_parts.callback(ledger.close)
        choose_commands(place)  # a mistake in the configuration is said now
        prover = ProverAside("watchkeeper.app:prove_aside", place)
        lookout = Lookout(
            surveyor,
            hub.objects,
            analyst,
            lambda: ledger.state,
            clock=clock,
            ignore=config.ignore,
            prover=prover,
        )
        open_parts.callback(lookout.close)
        version = metadata.version("watchkeeper")
        yield Parts(
            surveyor.repositories, lookout, ledger, readings, clock, version, prover, partial(_explain, place.home)
        )


def _explain(home: Path, error: Exception) -> WatchkeeperError:
    from watchkeeper.record.failures import explain_fault

    return explain_fault(error, home, "watch")


async def keep_memory_still(watch: LiveWatch) -> None:
    """Once everything was looked at: what is known stays, and going through it for garbage would keep a save waiting.

    For a process whose one purpose the watch is.
    """
    import gc

    if await watch.wait_ready():
        gc.collect()
        gc.freeze()


async def serve(live: LiveWatch, parts: Parts, place: Place) -> None:
    """What goes on beside a watch that is a process of its own, until it is cancelled."""
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(keep_memory_still(live))
        tasks.create_task(make_hosting(live, parts, place).run())


def find_socket(place: Place) -> Path:
    """Where the daemon of this place listens, whether there is one or not."""
    from watchkeeper.agents.sockets import socket_path

    return socket_path(place.home, place.project)


def make_adapter(agent: str) -> Adapter:
    """What runs an agent by its name, with the user's own environment. Raises UsageError for one that nobody knows."""
    from watchkeeper.agents.acp import AcpAdapter
    from watchkeeper.agents.codex_server import CodexAdapter
    from watchkeeper.agents.port import Launch
    from watchkeeper.agents.vendors import ACP_VENDORS
    from watchkeeper.model.errors import UsageError

    if agent == "codex":
        return CodexAdapter(Launch(("codex", "app-server")))
    if agent not in ACP_VENDORS:
        names = ", ".join(sorted({*ACP_VENDORS, "codex"}))
        raise UsageError(
            f"There is no agent {agent!r}", slug="unknown-agent", hint=f"use one of: {names}", facts={"agent": agent}
        )
    vendor = ACP_VENDORS[agent]
    return AcpAdapter(vendor, Launch(vendor.command))


def find_owners(place: Place) -> Owners:
    """Who may write where, as the configuration says; ``CODEOWNERS`` is read where it stands in this checkout."""
    from watchkeeper.watch.gates import Owners, owners_of, read_owners

    rules: list[tuple[str, tuple[str, ...]]] = []
    for line in place.config.owners:
        if line.strip() == "CODEOWNERS" and place.repository.found_at is not None:
            files = [place.repository.found_at / folder / "CODEOWNERS" for folder in (".github", "", "docs")]
            text = next((file.read_text(errors="replace") for file in files if file.is_file()), "")
            rules += read_owners(text).rules
        else:
            rules += owners_of([line]).rules
    return Owners(tuple(rules))


def make_hosting(live: LiveWatch, parts: Parts, place: Place) -> Hosting:
    """What lets agents and the command line speak to a watch."""
    from watchkeeper.agents.callers import find_client
    from watchkeeper.agents.hooks import vendor
    from watchkeeper.agents.lineage import find_agent, find_lineage, is_alive
    from watchkeeper.watch.attendance import Attendance, Outside
    from watchkeeper.watch.hosting import Hosting

    def state() -> State:
        return parts.ledger.state

    outside = Outside(vendor, lambda pid: find_agent(find_lineage(pid)), find_lineage, is_alive, find_client)
    attendance = Attendance(
        live,
        state,
        outside,
        parts.clock,
        least=place.config.notice_severity,
        owners=find_owners(place),
        explain=parts.explain,
    )
    return Hosting(
        live,
        attendance,
        find_socket(place),
        state=state,
        repository=place.repository.common_dir,
        version=parts.version,
        clock=parts.clock,
    )


def prove_aside() -> None:
    """The life of the process that proves for a watch; its place is the first thing that it is told."""
    import sys

    from watchkeeper.probes.aside import serve
    from watchkeeper.probes.live import LiveProver
    from watchkeeper.probes.prover import Prover
    from watchkeeper.probes.sets import SetFinder
    from watchkeeper.probes.static import StaticProver
    from watchkeeper.probes.virtual import VirtualMerges
    from watchkeeper.record.wire import decode_message
    from watchkeeper.sandbox.companion import receive
    from watchkeeper.watch.hubtrees import HubTrees

    introduction = receive(sys.stdin.buffer)
    if introduction is None:
        return
    place = decode_message(introduction, Place)
    with open_analysis(place) as analysis, open_commands(place, analysis) as commands:
        merges = VirtualMerges(analysis.hub)
        reader = HubTrees(analysis.hub.objects, analysis.readings, analysis.analyst)
        prover = LiveProver(
            Prover(merges, reader, StaticProver(reader)),
            merges,
            analysis.hub.repository.is_ancestor,
            commands,
            budget=place.config.project.budget,
            sets=SetFinder(merges, reader, StaticProver(reader), commands),
        )
        serve(prover)
