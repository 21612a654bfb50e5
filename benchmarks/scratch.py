"""Throw-away git repositories for measuring; the repositories they come from are never written to."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parent.parent
CACHE = ROOT / ".cache" / "benchmarks"

_IDENTITY = {
    "GIT_AUTHOR_NAME": "benchmark",
    "GIT_AUTHOR_EMAIL": "benchmark@invalid",
    "GIT_COMMITTER_NAME": "benchmark",
    "GIT_COMMITTER_EMAIL": "benchmark@invalid",
    "GIT_AUTHOR_DATE": "2026-01-01T00:00:00Z",
    "GIT_COMMITTER_DATE": "2026-01-01T00:00:00Z",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_SYSTEM": os.devnull,
    "GIT_OPTIONAL_LOCKS": "0",
}


class GitFailedError(Exception):
    """git ended with an error; the message holds its words."""


def git(repo: Path, *arguments: str, stdin: str | None = None, ok: Sequence[int] = (0,), timeout_s: int = 300) -> str:
    """git's output in ``repo`` (a work tree or a bare repository). Raises GitFailedError otherwise than ``ok``."""
    done = subprocess.run(
        ["git", "-C", str(repo), *arguments],
        input=stdin,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=timeout_s,
        env={**os.environ, **_IDENTITY},
        check=False,
    )
    if done.returncode not in ok:
        raise GitFailedError(f"git {' '.join(arguments)[:200]}: {done.stderr.strip()[:500]}")
    return done.stdout


def create_repository(path: Path) -> None:
    """An empty repository with branch ``main`` at ``path``; what was there is gone."""
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(parents=True)
    git(path, "init", "-q", "-b", "main")


def commit_all(repo: Path, message: str) -> None:
    """Everything in the work tree as one commit with a fixed author and date: the same content gives the same id."""
    git(repo, "add", "-A", "-f")
    git(repo, "commit", "-q", "--allow-empty", "-m", message)


def commit_patch(repo: Path, branch: str, base: str, patches: Sequence[Path], strip: int) -> bool:
    """``branch`` = ``base`` with the patches applied one after the other. False, and no branch, if one does not."""
    git(repo, "checkout", "-q", "-f", "-B", branch, base)
    for patch in patches:
        try:
            git(repo, "apply", f"-p{strip}", str(patch.resolve()))
        except GitFailedError:
            git(repo, "checkout", "-q", "-f", "main")
            git(repo, "branch", "-q", "-D", branch)
            return False
    commit_all(repo, branch)
    return True


def merge_tree(repo: Path, ours: str, theirs: str) -> tuple[str, bool]:
    """The tree that git makes of merging two commits, and whether that went without a textual conflict."""
    output = git(repo, "merge-tree", "--write-tree", "--no-messages", ours, theirs, ok=(0, 1))
    tree, *conflicted = output.splitlines()
    return tree, not conflicted


@contextmanager
def borrowed(clone: Path, name: str) -> Iterator[Path]:
    """An empty repository that sees all objects of ``clone`` and writes only to itself."""
    source = Path(git(clone, "rev-parse", "--path-format=absolute", "--git-common-dir").strip())
    path = CACHE / "borrowed" / name
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(parents=True)
    git(path, "init", "-q", "-b", "main")
    (path / ".git" / "objects" / "info" / "alternates").write_text(f"{source / 'objects'}\n")
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def find_commit(repo: Path, ref: str) -> str | None:
    """The commit that ``ref`` names, None where there is none."""
    return git(repo, "rev-parse", "--verify", "-q", f"{ref}^{{commit}}", ok=(0, 1, 128)).strip() or None
