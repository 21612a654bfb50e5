"""Look at a worktree beside the watch: what git's own scan says, compared with what it said the time before."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path

import msgspec

from watchkeeper.model.ids import Sha
from watchkeeper.repos.git import local_path, run_git
from watchkeeper.repos.judges import Conversion, config_stamp, file_stamp, read_conversion
from watchkeeper.repos.repository import Worktree
from watchkeeper.repos.status import STATUS_ARGS, parse_status

Stamp = tuple[int, int, int, int] | None


class Glance(msgspec.Struct, frozen=True):
    """What differs in a worktree from its HEAD, by path, with what would change if the content did."""

    head: Sha | None
    branch: str
    index: tuple[int, int] | None
    stamps: Mapping[str, Stamp]


class Hints(msgspec.Struct, frozen=True):
    """What a sweep found that the one before did not. ``since`` is the time of the oldest changed file, in seconds."""

    paths: frozenset[str] = frozenset()
    has_moved: bool = False
    since: float = 0.0


class Sweeper:
    """Sweeps single worktrees. Holds nothing of the watch, so that it can run beside it; blocks, mostly on git."""

    def __init__(self) -> None:
        self._last: dict[Path, Glance] = {}
        self._conversions: dict[Path, tuple[object, Conversion]] = {}

    def sweep(self, worktree: Worktree) -> Hints:
        """What is new. Raises: WatchkeeperError."""
        glance = self._look(worktree)
        before = self._last.get(worktree.path)
        self._last[worktree.path] = glance
        return compare_glances(before, glance)

    def forget(self, root: Path) -> None:
        """The worktree is gone, or was scanned as a whole."""
        self._last.pop(root, None)

    def _look(self, worktree: Worktree) -> Glance:
        status = parse_status(
            run_git(worktree.path, *STATUS_ARGS, config=self._overrides(worktree), timeout_s=300.0).output
        )
        paths = [*(entry.path for entry in status.tracked), *status.untracked]
        return Glance(
            head=status.head,
            branch=status.branch,
            index=file_stamp(worktree.git_dir / "index"),
            stamps={path: _stamp(local_path(worktree.path, path)) for path in paths},
        )

    def _overrides(self, worktree: Worktree) -> Mapping[str, str]:
        """Filters are programs of whoever wrote the configuration: never run."""
        stamp = config_stamp(worktree)
        known = self._conversions.get(worktree.path)
        if known is None or known[0] != stamp:
            known = self._conversions[worktree.path] = (stamp, read_conversion(worktree))
        return known[1].overrides


def compare_glances(before: Glance | None, now: Glance) -> Hints:
    """What to look at again. Pure but for nothing: the first glance hints at everything that differs."""
    if before is None:
        return Hints(frozenset(now.stamps), since=_oldest(now.stamps.values()))
    if (before.head, before.branch, before.index) != (now.head, now.branch, now.index):
        return Hints(has_moved=True)
    paths = {path for path, stamp in now.stamps.items() if before.stamps.get(path, ...) != stamp}
    paths |= before.stamps.keys() - now.stamps.keys()
    return Hints(frozenset(paths), since=_oldest(now.stamps[path] for path in paths if path in now.stamps))


def _oldest(stamps: object) -> float:
    times = [stamp[0] / 1e9 for stamp in stamps if stamp is not None]  # type: ignore[attr-defined]
    return min(times, default=time.time())


def _stamp(place: Path) -> Stamp:
    try:
        info = place.lstat()
    except OSError:
        return None
    return info.st_mtime_ns, info.st_size, info.st_ino, info.st_mode
