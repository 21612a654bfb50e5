"""A repository of real size with many worktrees at work, thrown away afterwards."""

from __future__ import annotations

import random
import shutil
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from scratch import CACHE, commit_all, create_repository, git

FLEET = CACHE / "fleet"


class Worktree(NamedTuple):
    """One checkout with uncommitted edits of its own."""

    name: str
    path: Path


def base_repository(sources: Path) -> Path:
    """A repository whose only commit holds ``sources``; made once."""
    repo = CACHE / f"{sources.name}-repository"
    if not (repo / ".git" / "made").is_file():
        create_repository(repo)
        git(repo, "config", "gc.auto", "0")
        shutil.copytree(sources, repo, dirs_exist_ok=True)
        commit_all(repo, "the published sources")
        git(repo, "repack", "-a", "-d", "-q")
        (repo / ".git" / "made").touch()
    return repo


@contextmanager
def fleet(repo: Path, count: int) -> Iterator[list[Worktree]]:
    """``count`` worktrees, each on a branch of its own at the base commit; removed at the end."""
    drop_fleet(repo)
    FLEET.mkdir(parents=True)
    trees = [Worktree(f"agent-{number:03}", FLEET / f"agent-{number:03}") for number in range(count)]

    def add(tree: Worktree) -> None:
        git(repo, "worktree", "add", "-q", "--no-checkout", "-B", tree.name, str(tree.path), "main")

    for tree in trees:  # git writes its own configuration here: one at a time
        add(tree)
    try:
        with ThreadPoolExecutor(2) as threads:
            list(threads.map(lambda tree: git(tree.path, "reset", "-q", "--hard"), trees))
        yield trees
    finally:
        drop_fleet(repo)


def drop_fleet(repo: Path) -> None:
    """Removes the worktrees of this or an earlier run that was cut short."""
    shutil.rmtree(FLEET, ignore_errors=True)
    git(repo, "worktree", "prune")
    branches = git(repo, "for-each-ref", "--format=%(refname:short)", "refs/heads/agent-*").split()
    if branches:
        git(repo, "branch", "-q", "-D", *branches)


def edit_files(tree: Worktree, files: Sequence[Path], dice: random.Random) -> None:
    """Small real edits: a line is added to one function of each file."""
    for relative in files:
        path = tree.path / relative
        lines = path.read_text().splitlines(keepends=True)
        returns = [at for at, line in enumerate(lines) if line.strip().startswith("return ")]
        at = dice.choice(returns)
        indent = lines[at][: len(lines[at]) - len(lines[at].lstrip())]
        lines.insert(at, f"{indent}noticed = {tree.name!r}\n")
        path.write_text("".join(lines))


def watchkeeper_command() -> list[str]:
    """The program as its users start it, of this environment."""
    return [str(Path(sys.executable).with_name("watchkeeper"))]
