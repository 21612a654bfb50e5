"""The composition root: the one place that knows every part. Surfaces get their parts here, already wired."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from watchkeeper.conflicts.lifecycle import State, fold_all
from watchkeeper.model.errors import NotARepositoryError
from watchkeeper.model.ids import Millis, ProjectId
from watchkeeper.record.cache import CACHE_FILE, ReadingCache
from watchkeeper.record.config import PROJECT_FILE, Config, Settings, find_user_file, load_settings
from watchkeeper.record.home import find_home, make_home
from watchkeeper.repos.repository import Repository, find_repository
from watchkeeper.repos.target import Target, find_target

if TYPE_CHECKING:
    # Imported where it is used: SQLAlchemy takes a fifth of a second that only those pay who read the record.
    from watchkeeper.record.log import Log
    from watchkeeper.repos.objects import Objects
    from watchkeeper.watch.analyst import Analyst
    from watchkeeper.watch.check import CheckReport
    from watchkeeper.watch.engine import Parts
    from watchkeeper.watch.readings import Readings
    from watchkeeper.watch.replay import ReplayReport


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
    readings: Readings
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
    from watchkeeper.repos.objects import Objects
    from watchkeeper.watch.analyst import Analyst
    from watchkeeper.watch.merges import Merges
    from watchkeeper.watch.readings import Readings

    with (
        Objects(place.repository.common_dir) as objects,
        open_hub(place.repository, place.home / "projects" / place.project) as hub,
        open_cache(place.home) as cache,
    ):
        readings = Readings(objects, cache)
        yield Analysis(objects, readings, Analyst(place.repository, objects, readings, Merges(hub)))


def check(repo: Path, changes: Sequence[str], *, base: str | None = None, place: Place | None = None) -> CheckReport:
    """What ``watchkeeper check`` finds. Raises WatchkeeperError."""
    from watchkeeper.watch.check import check_changes

    where = place or find_place(repo, os.environ)
    with open_analysis(where) as analysis:
        return check_changes(
            where.repository,
            analysis.objects,
            analysis.analyst,
            changes,
            target=find_target_of(where),
            base=base,
            folder=repo,
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
    from watchkeeper.repos.hub import open_hub
    from watchkeeper.watch.analyst import Analyst
    from watchkeeper.watch.discovery import Surveyor, Wanted, find_clones
    from watchkeeper.watch.engine import Parts
    from watchkeeper.watch.ledger import Ledger, RecorderLock
    from watchkeeper.watch.lookout import Lookout
    from watchkeeper.watch.merges import Merges
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
        analyst = Analyst(hub.repository, hub.objects, readings, Merges(hub))
        log = open_parts.enter_context(open_log(place.home))
        lock = RecorderLock(folder)
        lock.acquire()
        ledger = Ledger(log, place.project, lock)
        open_parts.callback(ledger.close)
        lookout = Lookout(surveyor, hub.objects, analyst, lambda: ledger.state, clock=clock, ignore=config.ignore)
        open_parts.callback(lookout.close)
        yield Parts(surveyor.repositories, lookout, ledger, readings, clock, metadata.version("watchkeeper"))
