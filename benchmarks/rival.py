"""What git alone can do: merge the worktrees' present contents pair by pair, after every save."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path
from typing import Self

from scratch import CACHE, git

SCRATCH = CACHE / "rival.git"


class Rival:
    """Keeps one commit for each worktree's content in a bare clone; the user's repository is not written to."""

    def __init__(self, repo: Path, trees: Sequence[Path]) -> None:
        self._repo = repo
        self._trees = list(trees)
        self._commits: list[str] = []

    def __enter__(self) -> Self:
        shutil.rmtree(SCRATCH, ignore_errors=True)
        git(self._repo, "clone", "-q", "--bare", "--shared", str(self._repo), str(SCRATCH))
        self._base = git(SCRATCH, "rev-parse", "main").strip()
        self._commits = [self._snapshot(tree) for tree in self._trees]
        return self

    def __exit__(self, *_: object) -> None:
        shutil.rmtree(SCRATCH, ignore_errors=True)

    def look(self, saved: int, *, at_most: int | None = None) -> tuple[float, set[int]]:
        """Milliseconds for one save, and the worktrees that it clashes with. ``at_most`` merges only so many pairs."""
        started = time.perf_counter()
        self._commits[saved] = self._snapshot(self._trees[saved])
        pairs = sorted(combinations(range(len(self._trees)), 2), key=lambda pair: saved not in pair)
        clashing = self._merge(pairs[:at_most])
        took = (time.perf_counter() - started) * 1000
        return took, {other for pair in clashing if saved in pair for other in pair if other != saved}

    def look_at_one(self, saved: int) -> float:
        """Milliseconds where only the saved worktree is merged, with each other one."""
        started = time.perf_counter()
        self._commits[saved] = self._snapshot(self._trees[saved])
        self._merge([(saved, other) for other in range(len(self._trees)) if other != saved])
        return (time.perf_counter() - started) * 1000

    def _merge(self, pairs: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
        """The pairs that git cannot merge; all in one process, which is the cheapest way there is."""
        asked = "".join(f"{self._commits[one]} {self._commits[other]}\n" for one, other in pairs)
        output = git(SCRATCH, "merge-tree", "--write-tree", "--no-messages", "--stdin", stdin=asked, timeout_s=1_800)
        marks = [field for field in output.split("\0") if field in ("0", "1")]
        return [pair for pair, mark in zip(pairs, marks, strict=True) if mark == "0"]

    def _snapshot(self, tree: Path) -> str:
        """A commit of the worktree's present files, made with an index of its own."""
        index = SCRATCH / "index"
        index.unlink(missing_ok=True)
        changed = git(tree, "diff", "--name-only", "-z", "HEAD").split("\0")[:-1]
        environment = {**os.environ, "GIT_INDEX_FILE": str(index)}
        self._run(["read-tree", self._base], environment)
        self._run(
            ["--work-tree", str(tree), "update-index", "--add", "--remove", "-z", "--stdin"],
            environment,
            "\0".join(changed),
        )
        made = self._run(["write-tree"], environment).strip()
        return git(SCRATCH, "commit-tree", made, "-p", self._base, "-m", "snapshot").strip()

    def _run(self, arguments: list[str], environment: dict[str, str], stdin: str = "") -> str:
        done = subprocess.run(
            ["git", "--git-dir", str(SCRATCH), *arguments],
            input=stdin,
            capture_output=True,
            text=True,
            env=environment,
            timeout=300,
            check=True,
        )
        return done.stdout
