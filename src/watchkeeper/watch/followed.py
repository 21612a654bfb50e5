"""A worktree that is followed."""

from __future__ import annotations

from watchkeeper.model.ids import ChangeId
from watchkeeper.repos.checkout import Checkout
from watchkeeper.repos.repository import Worktree
from watchkeeper.repos.working import WorkingFile
from watchkeeper.watch.discovery import Found


class Followed:
    """A worktree that is followed, with its checkout and the change, or the changes, that it is at the moment."""

    def __init__(self, found: Found, worktree: Worktree, checkout: Checkout) -> None:
        self.found = found
        self.worktree = worktree
        self.checkout = checkout
        self.files: tuple[WorkingFile, ...] = ()
        self.parts: frozenset[ChangeId] = frozenset()  # the sessions' changes, where it is split into those
        self.is_scanned = False
        self.active_at = 0.0

    def is_going(self) -> bool:
        """What makes it a worktree is gone: its files are being removed, or are about to be."""
        return not (self.worktree.path / ".git").exists() or not (self.worktree.git_dir / "HEAD").exists()
