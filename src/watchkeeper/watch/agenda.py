"""What has to be looked at, and when: saves at once, a worktree in unrest when it is over, the rest at its time."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum, auto
from pathlib import Path

import msgspec

from watchkeeper.repos.follow import FollowBatch
from watchkeeper.watch.discovery import is_git_at_work, is_in_rebase
from watchkeeper.watch.followed import Followed
from watchkeeper.watch.settling import Unrest, is_burst, wait_before_scan

_SURVEY_S = 0.12
_RETRY_S = 2.0
_LONGEST_RETRY_S = 60.0
_LOCK_S = 0.05
_MANY = 10_000


class Chore(Enum):
    """What is done from time to time."""

    SURVEY = auto()  # find what came, went or moved
    REPLAN = auto()  # watch other folders
    UNITE = auto()  # look at all changes together


class Saved(msgspec.Struct, frozen=True):
    """Paths of one worktree that wait to be looked at, since when."""

    paths: frozenset[str]
    seen_at: float


class Agenda:
    """Belongs to the loop in which the watch runs. All times are those of ``time.monotonic``."""

    def __init__(self, followed: Mapping[Path, Followed]) -> None:
        """``followed`` is read as it is at each call."""
        self._followed = followed
        self._saved: dict[Path, Saved] = {}
        self._unrest: dict[Path, Unrest] = {}
        self._rebasing: set[Path] = set()
        self._retry_at: dict[Path, tuple[float, float]] = {}
        self._chores: dict[Chore, float] = {}

    def take(self, batch: FollowBatch, now: float) -> None:
        """The file system told something."""
        for root, paths in batch.paths.items():
            self.hint(root, paths, batch.seen_at, now)
        for root in batch.overflow:
            self.disturb(root, now, paths=_MANY)
        for root in batch.git_moved:
            self.disturb(root, now)
        if batch.refs_moved or batch.worktrees_changed:
            self.plan(Chore.SURVEY, now + _SURVEY_S)

    def hint(self, root: Path, paths: frozenset[str], seen_at: float, now: float) -> None:
        """Saves are looked at at once, unless more is going on than saves."""
        followed = self._followed.get(root)
        if followed is None:
            return
        if not followed.worktree.path.is_dir():
            self.plan(Chore.SURVEY, now)
            return
        waiting = self._saved.get(root)
        known = waiting.paths if waiting is not None else frozenset()
        if root in self._unrest or is_burst(len(paths | known)) or self._is_git_working(root):
            self._saved.pop(root, None)
            self.disturb(root, now, paths=len(paths | known))
            return
        self._saved[root] = Saved(paths | known, waiting.seen_at if waiting is not None else seen_at)

    def disturb(self, root: Path, now: float, *, paths: int = 0) -> None:
        """Something else than a save is going on: scan the worktree when it is over."""
        if root not in self._followed:
            return
        unrest = self._unrest.get(root) or Unrest(since=now, last=now)
        self._unrest[root] = unrest.more(now, paths, git_works=self._is_git_working(root))
        self._saved.pop(root, None)

    def is_restless(self, root: Path) -> bool:
        """The worktree is to be scanned."""
        return root in self._unrest

    def plan(self, chore: Chore, at: float) -> None:
        """Do it then, or earlier where that is planned."""
        self._chores[chore] = min(self._chores.get(chore, at), at)

    def retry_later(self, root: Path, now: float) -> None:
        """Looking at the worktree failed: try again, ever more seldom."""
        _, pause = self._retry_at.get(root, (0.0, _RETRY_S / 2))
        pause = min(_LONGEST_RETRY_S, pause * 2)
        self._retry_at[root] = (now + pause, pause)

    def succeeded(self, root: Path) -> None:
        """Looking at the worktree went well."""
        self._retry_at.pop(root, None)

    def disturb_failed(self, now: float) -> None:
        """Scan again what failed, where its time has come."""
        for root, (at, _) in list(self._retry_at.items()):
            if at <= now:
                self.disturb(root, now)

    def take_save(self) -> tuple[Path, Saved] | None:
        """The latest of the saves, taken from the list."""
        if not self._saved:
            return None
        root = max(self._saved, key=lambda each: self._saved[each].seen_at)
        return root, self._saved.pop(root)

    def take_settled(self, now: float) -> Path | None:
        """A worktree where it has become quiet, taken from the list."""
        for root, unrest in self._unrest.items():
            if self._settled_in(root, unrest, now) <= 0:
                del self._unrest[root]
                self._saved.pop(root, None)
                return root
        return None

    def take_chore(self, chore: Chore, now: float) -> bool:
        """Whether it is due; it counts as done."""
        is_due = self._chores.get(chore, now + 1) <= now
        if is_due:
            del self._chores[chore]
        return is_due

    def scanned(self, root: Path) -> None:
        """The worktree was scanned: a rebase that stands still in it is known from now on."""
        followed = self._followed.get(root)
        if followed is not None and is_in_rebase(followed.worktree):
            self._rebasing.add(root)
        else:
            self._rebasing.discard(root)

    def next_due(self, now: float, at_most: float) -> float:
        """Seconds until something is due that nobody tells of."""
        due = [self._settled_in(root, unrest, now) for root, unrest in self._unrest.items()]
        due += [at - now for at in self._chores.values()]
        # git lifts its lock without an event that we hear: look at it again soon.
        due += [_LOCK_S for unrest in self._unrest.values() if unrest.git_works]
        return max(0.001, min(due, default=at_most))

    def _settled_in(self, root: Path, unrest: Unrest, now: float) -> float:
        """git may have ended without an event that says so."""
        if unrest.git_works and not self._is_git_working(root):
            unrest = self._unrest[root] = msgspec.structs.replace(unrest, git_works=False)
        if unrest.git_works and not is_git_at_work(self._followed[root].worktree):
            # A rebase: between its steps nothing is locked. Quiet for a while means that it waits for a person.
            unrest = msgspec.structs.replace(unrest, git_works=False, paths=_MANY)
        return wait_before_scan(unrest, now)

    def _is_git_working(self, root: Path) -> bool:
        """git holds the index, or has begun a rebase; one that stopped for a person was scanned, and does not count."""
        followed = self._followed.get(root)
        if followed is None:
            return False
        if is_git_at_work(followed.worktree):
            return True
        return is_in_rebase(followed.worktree) and root not in self._rebasing
