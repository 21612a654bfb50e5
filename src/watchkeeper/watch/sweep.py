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


class Believed(msgspec.Struct, frozen=True):
    """What the watch takes to be so: the commit that is checked out (None: nobody says), and what differs from it."""

    head: Sha | None = None
    paths: frozenset[str] = frozenset()


NOTHING = Believed()


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

    def sweep(self, worktree: Worktree, believed: Believed) -> Hints:
        """What is new since the last time; the first time what is other than ``believed``. Raises: WatchkeeperError."""
        glance = self._look(worktree)
        before = self._last.get(worktree.path)
        self._last[worktree.path] = glance
        return compare_glances(before, glance, believed)

    def is_first(self, root: Path) -> bool:
        """The next sweep of it has none before to be compared with."""
        return root not in self._last

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


def compare_glances(before: Glance | None, now: Glance, believed: Believed = NOTHING) -> Hints:
    """What to look at again. The first glance hints at everything that differs, and at what is believed to.

    Before it nobody told of anything: what was seen to differ may have been taken back since.
    """
    if before is None:
        if believed.head is not None and now.head != believed.head:
            return Hints(has_moved=True)
        return Hints(believed.paths | now.stamps.keys(), since=_oldest(now.stamps.values()))
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
