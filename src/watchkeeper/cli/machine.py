"""Measures what doctor judges: this machine, the state folder, the record, the repository. Changes nothing."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from pathlib import Path

import msgspec

from watchkeeper.app import Place, find_log
from watchkeeper.model.errors import UsageError
from watchkeeper.record.config import find_store
from watchkeeper.repos.git import get_git_version

_INOTIFY = Path("/proc/sys/fs/inotify")


class Watching(msgspec.Struct, frozen=True):
    """The limits of inotify, None where the system has none, and the instances that this user holds."""

    max_watches: int | None
    max_instances: int | None
    used_instances: int


class RecordFile(msgspec.Struct, frozen=True):
    """Where the event log is. ``damage`` is what is wrong with it, ``""`` for nothing; of a server there is no size."""

    place: str
    exists: bool
    damage: str = ""
    size: int = 0
    events: int = 0


class RepositoryFacts(msgspec.Struct, frozen=True):
    """Worktrees that can be read and that are gone, and whether history is complete."""

    present: int
    gone: int
    is_shallow: bool
    is_partial: bool


def measure_git() -> str:
    """The version of git. Raises GitError where it is missing or too old."""
    return ".".join(str(part) for part in get_git_version())


def measure_watching() -> Watching:
    """The kernel's limits for watching files."""
    return Watching(
        max_watches=_read_number(_INOTIFY / "max_user_watches"),
        max_instances=_read_number(_INOTIFY / "max_user_instances"),
        used_instances=_count_instances(),
    )


def measure_free(home: Path) -> tuple[str, int] | None:
    """The folder nearest to ``home`` that exists, and the free bytes there; None where that cannot be asked."""
    place = next((folder for folder in (home, *home.parents) if folder.exists()), None)
    try:
        return (str(place), shutil.disk_usage(place).free) if place else None
    except OSError:
        return None


def measure_clocks(home: Path) -> tuple[float, float | None]:
    """This machine's time, and the time that a file gets that is written into ``home`` now (None: none can be)."""
    try:
        with tempfile.NamedTemporaryFile(dir=home) as probe:
            return time.time(), Path(probe.name).stat().st_mtime
    except OSError:
        return time.time(), None


def measure_record(home: Path) -> RecordFile:
    """Reads the whole record. Raises WatchkeeperError where it cannot be opened although it is sound."""
    from watchkeeper.record.store import RECORD_FILE, find_damage

    if address := find_store(os.environ):
        return _measure_server(address)
    path = home / RECORD_FILE
    if not path.exists():
        return RecordFile(str(path), exists=False)
    damage = find_damage(home)
    log = None if damage else find_log(home)
    if log is None:
        return RecordFile(str(path), exists=True, damage=damage)
    with log:
        return RecordFile(str(path), exists=True, size=path.stat().st_size, events=log.last_seq())


def measure_repository(place: Place) -> RepositoryFacts:
    """Raises GitError."""
    trees = [tree for tree in place.repository.worktrees() if not tree.is_bare]
    present = sum(tree.is_present for tree in trees)
    shallow = place.repository.git("rev-parse", "--is-shallow-repository").output.strip() == b"true"
    promisors = place.repository.git("config", "--get-regexp", r"^remote\..*\.promisor$", allowed=(0, 1)).output
    return RepositoryFacts(present, len(trees) - present, is_shallow=shallow, is_partial=b"true" in promisors)


def set_damaged_aside(home: Path) -> tuple[Path, ...]:
    """Move the damaged record away and give the new names. Raises UsageError for one that is sound."""
    from watchkeeper.record.store import find_damage, place_of, set_record_aside

    if address := find_store(os.environ):
        raise UsageError(
            f"The record is in {place_of(address)}, which is no file that could be set aside",
            slug="record-elsewhere",
            hint="ask whoever looks after that database, or take the file again: unset WATCHKEEPER_STORE",
        )
    if not find_damage(home):
        raise UsageError(
            f"The record in {home} is not damaged; it was left where it is",
            slug="record-sound",
            hint="watchkeeper doctor",
        )
    return set_record_aside(home, f"damaged-{time.strftime('%Y%m%d-%H%M%S')}")


def _measure_server(address: str) -> RecordFile:
    from watchkeeper.record.store import place_of

    log = find_log(Path(), os.environ)
    if log is None:
        return RecordFile(place_of(address), exists=False)
    with log:
        return RecordFile(place_of(address), exists=True, events=log.last_seq())


def _read_number(path: Path) -> int | None:
    try:
        return int(path.read_text())
    except (OSError, ValueError):
        return None


def _count_instances() -> int:
    """Counts open inotify handles of this user's processes, as far as they can be seen."""
    found = 0
    for handles in Path("/proc").glob("[0-9]*/fd"):
        try:
            if handles.stat().st_uid == os.getuid():
                found += sum(str(handle.readlink()) == "anon_inode:inotify" for handle in handles.iterdir())
        except OSError:
            continue  # it ended, or it is not ours to look into
    return found
