"""A repository whose changes are landed through the queue: with real git, real tests, in this process."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from gitrepo import GitRepo
from watchkeeper.cli.main import run

PYTEST = f"PYTEST_DISABLE_PLUGIN_AUTOLOAD=1 {sys.executable} -m pytest -q -p no:cacheprovider"


def begin(repo: GitRepo, files: Mapping[str, str | bytes], *, landing: str = "", test: str = PYTEST) -> None:
    """The first commit of a project that is tested by ``test``."""
    configuration = f"[project]\ntest = {json.dumps(test)}\n[landing]\n{landing}\n"
    repo.commit("base", {**files, "watchkeeper.toml": configuration})


def finish(repo: GitRepo, name: str, files: Mapping[str, str | bytes | None]) -> None:
    """A branch with one commit; the checkout is back on main afterwards."""
    repo.git("checkout", "-q", "-b", name, "main")
    repo.commit(f"work of {name}", files)
    repo.git("checkout", "-q", "main")


class Verbs:
    """The command line in this process, as documents."""

    def __init__(self, repo: GitRepo, capfd: pytest.CaptureFixture[str]) -> None:
        self._repo = repo
        self._capfd = capfd
        self.code = 0

    def __call__(self, *arguments: str) -> dict[str, Any]:
        self._capfd.readouterr()
        self.code = run([*arguments, "--repo", str(self._repo.path), "--json"])
        document: dict[str, Any] = json.loads(self._capfd.readouterr().out.splitlines()[-1])
        return document

    def land(self, *changes: str, options: tuple[str, ...] = ()) -> dict[str, dict[str, Any]]:
        """What became of each entry, by its id."""
        return {each["id"]: each for each in self("land", *changes, *options)["entries"]}


def first_parents(repo: GitRepo, since: str) -> list[str]:
    """The commits on the first-parent line of main after ``since``, the oldest first."""
    return repo.git("rev-list", "--first-parent", "--reverse", f"{since}..main").split()


def passes(repo: GitRepo, commit: str, folder: Path) -> bool:
    """Whether the project's tests pass on a commit, in a fresh checkout of it."""
    repo.git("worktree", "add", "-q", "--detach", str(folder), commit)
    try:
        code = os.system(f"cd {folder} && PYTHONDONTWRITEBYTECODE=1 {PYTEST} >/dev/null 2>&1")
    finally:
        repo.git("worktree", "remove", "--force", str(folder))
    return code == 0
