"""Whether two tasks break each other, by making their merge and running the checks on it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from watchkeeper.repos.git import run_git

WHO = {"user.name": "Experiment", "user.email": "experiment@watchkeeper.invalid", "commit.gpgSign": "false"}
_CHECKS_S = 60


class Truth:
    """Looks at commits in one checkout of its own, which it leaves where the last question put it."""

    def __init__(self, tree: Path) -> None:
        self._tree = tree
        self._failing: dict[str, frozenset[str]] = {}
        self._breaks: dict[frozenset[str], bool] = {}

    def breaks(self, one: str, two: str) -> bool:
        """Whether git cannot merge the two commits, or a check fails on the merge that passes on both."""
        pair = frozenset((one, two))
        if pair not in self._breaks:
            self._breaks[pair] = self._look(one, two)
        return self._breaks[pair]

    def _look(self, one: str, two: str) -> bool:
        alone = self._failing_at(one) | self._failing_at(two)
        git(self._tree, "checkout", "-q", "--detach", one)
        return not merges(self._tree, two) or bool(failing_checks(self._tree) - alone)

    def _failing_at(self, commit: str) -> frozenset[str]:
        if commit not in self._failing:
            git(self._tree, "checkout", "-q", "--detach", commit)
            self._failing[commit] = failing_checks(self._tree)
        return self._failing[commit]


def failing_checks(tree: Path) -> frozenset[str]:
    """The names of the checks that fail in this tree, by running them all."""
    command = [sys.executable, "-I", "-S", "-B", str(tree / "checks/run.py")]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=_CHECKS_S, cwd=tree)
    return frozenset(done.stdout.split())


def merges(tree: Path, other: str) -> bool:
    """Merges ``other`` into what is checked out; False, and nothing is changed, where git cannot."""
    merge = run_git(tree, "merge", "-q", "--no-edit", other, config=WHO, isolated=True, allowed=(0, 1))
    if merge.code:
        git(tree, "merge", "--abort")
    return merge.code == 0


def commit(folder: Path, message: str) -> str:
    """Commits all there is, also nothing; the commit."""
    git(folder, "add", "--all")
    git(folder, "commit", "-q", "--allow-empty", "-m", message)
    return git(folder, "rev-parse", "HEAD")


def git(folder: Path, *args: str) -> str:
    """What git prints."""
    return run_git(folder, *args, config=WHO, isolated=True).output.decode().strip()
