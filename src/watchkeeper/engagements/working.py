"""Where one engagement's work stands: its worktree, its pins, its commits. Blocks; one caller at a time."""

from __future__ import annotations

from pathlib import Path

import msgspec

from watchkeeper.code.checks.parse import find_marks
from watchkeeper.engagements.life import Work
from watchkeeper.model.fleet import Engagement
from watchkeeper.model.ids import Sha
from watchkeeper.repos.hub import Hub
from watchkeeper.repos.hubworktrees import HubWorktree, branch_name
from watchkeeper.repos.trees import SUBMODULE, TreeEntry
from watchkeeper.repos.worksnaps import Snapshots, WorkSnapshot, trailed


class Workplace:
    """Of one engagement; everything follows from its id."""

    def __init__(self, snapshots: Snapshots, engagement: Engagement) -> None:
        self._snapshots = snapshots
        self._trees = snapshots.trees
        self._engagement = engagement
        branch = engagement.branch or branch_name(engagement.issue, engagement.title, engagement.attempt)
        self._tree = self._trees.place(engagement.id, branch, engagement.seal.base)
        self._taken: WorkSnapshot | None = None

    @property
    def tree(self) -> HubWorktree:
        """Where it is, and what it began from."""
        return self._tree

    @property
    def path(self) -> Path:
        return self._tree.path

    @property
    def mark(self) -> str:
        """What the environment of its agent's processes says."""
        return f"{self._engagement.id}@{self._tree.path}"

    def make(self) -> None:
        """The worktree is there, with what was pinned last where its files were lost. Raises: WatchkeeperError."""
        standing = self._trees.look(self._tree)
        newest = self._snapshots.newest(self._tree)
        if newest is not None and not standing.is_present:
            self._trees.restore(self._tree, newest)
        else:
            self._trees.make(self._tree)

    def snap(self, at_s: int) -> Work:
        """Pin it as it is. Raises: WatchkeeperError."""
        standing = self._trees.look(self._tree)
        self._taken = self._snapshots.take(self._tree, standing, at_s)
        if self._taken is None:
            newest = self._snapshots.newest(self._tree)
            return Work(newest, standing.head, is_lost=True, why=standing.why or "its files are gone")
        return self._work(self._taken, standing.is_rewritten, standing.why)

    def commit(self, at_s: int) -> Work:
        """What was pinned last becomes the branch's commit. Raises: WatchkeeperError."""
        taken = self._taken
        if taken is None:
            return self.snap(at_s)
        engagement = self._engagement
        trailers = (("Engagement", engagement.id), ("Issue", engagement.issue), ("Agent", engagement.agent))
        message = trailed(engagement.title or f"Resolve {engagement.issue}", "", trailers)
        head = self._snapshots.commit(self._tree, taken, engagement.agent, message, at_s)
        work = self._work(taken, is_rewritten=False, why="")
        return msgspec.structs.replace(work, head=head, is_committed=True)

    def describe(self, at_s: int) -> str:
        """What was done in it until now, in words; ``""``: nothing. Raises: WatchkeeperError."""
        taken = self._snapshots.take(self._tree, self._trees.look(self._tree), at_s)
        if taken is None or taken.files == 0:
            return ""
        what = "1 file differs" if taken.files == 1 else f"{taken.files} files differ"
        return f"{what} from where you began."

    def take_up(self, target: Sha) -> str:
        """Merge the target branch into it, for an agent to go on with; what came of that, in words; ``""``: nothing.

        Raises: WatchkeeperError.
        """
        clashing = self._snapshots.take_up(self._tree, target)
        if clashing is None:
            return ""
        if not clashing:
            return f"The target branch ({target[:10]}) is merged into the folder."
        paths = ", ".join(clashing[:20])
        return (
            f"The target branch ({target[:10]}) is merged into the folder. git could not merge all of it: resolve what "
            f"stands between the marks <<<<<<< and >>>>>>>, and keep what both sides meant, in {paths}"
        )

    def find_marks(self, head: Sha) -> tuple[str, ...]:
        """The files, with the line, in which a commit has marks of a merge that its base has not. Raises: GitError."""
        hub = self._snapshots.hub
        found = []
        for each in hub.repository.diff(self._engagement.seal.base, head):
            line = find_marks(_text_of(hub, each.new))
            if line and not find_marks(_text_of(hub, each.old)):
                found.append(f"{each.new_path}:{line}")
        return tuple(found)

    def remove(self, at_s: int) -> None:
        """Delete the worktree; what stands in it is pinned first. Raises: GitError where not all of it can be."""
        self._snapshots.remove(self._tree, at_s)

    def _work(self, taken: WorkSnapshot, is_rewritten: bool, why: str) -> Work:
        return Work(
            snapshot=taken.commit, head=taken.head, tree=taken.tree, files=taken.files, is_rewritten=is_rewritten,
            why=why, left_out=taken.left_out,
        )  # fmt: skip


def _text_of(hub: Hub, entry: TreeEntry | None) -> bytes:
    """What a file says; nothing of a submodule."""
    return (hub.objects.read(entry.sha) or b"") if entry is not None and entry.mode != SUBMODULE else b""
