"""A worktree that is on its way out whose .git file is gone is not taken for one that deletes."""

from __future__ import annotations

import shutil

import pytest

from gitrepo import GitRepo
from watching import Watched, watch

NAMES = [f"part{number}" for number in range(6)]
USES = "".join(f"from {name} import work as {name}\n" for name in NAMES) + "\n\ndef all_of_it():\n    return [%s]\n"


@pytest.fixture
def repo(git_repo: GitRepo) -> GitRepo:
    """Some modules that one change uses, and another worktree that has them too."""
    git_repo.commit("base", {f"{name}.py": "def work():\n    return 1\n" for name in NAMES})
    return git_repo


def test_files_that_vanish_one_by_one_after_the_git_file_did_are_told_nobody(repo: GitRepo) -> None:
    leaving, using, other = (repo.worktree(name, name) for name in ("leaving", "using", "other"))
    using.write("uses.py", USES % ", ".join(f"{name}()" for name in NAMES))
    leaving.write("own.py", "def own():\n    return 1\n")

    async def act(watched: Watched) -> None:
        await watched.until(lambda: watched.has_appeared("using") and watched.has_appeared("leaving"))
        (leaving.path / ".git").unlink()
        for name in NAMES:
            (leaving.path / f"{name}.py").unlink()
            saves = watched.live.statistics().saves.count
            other.write(f"{name}_aside.py", "def aside():\n    return 1\n")
            await watched.until(lambda before=saves: watched.live.statistics().saves.count > before)
        shutil.rmtree(leaving.path)
        await watched.until(lambda: watched.has_gone("leaving"))

    watched = watch(repo.path, act)
    assert watched.opened == [], watched.events


def test_a_file_that_is_deleted_and_stays_so_is_told(repo: GitRepo) -> None:
    deleting, using = repo.worktree("deleting", "deleting"), repo.worktree("using", "using")
    using.write("uses.py", USES % ", ".join(f"{name}()" for name in NAMES))

    async def act(watched: Watched) -> None:
        await watched.until(lambda: watched.has_appeared("using"))
        (deleting.path / "part3.py").unlink()
        await watched.until(lambda: len(watched.opened) == 1)

    watch(repo.path, act)
