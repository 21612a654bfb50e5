"""Whoever works in a worktree of a hub works on the project that the hub was made for."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from gitrepo import GitRepo
from hookserver import HookServer
from watchkeeper.agents.shimcopy import render_shim, shim_place
from watchkeeper.app import find_place, find_socket
from watchkeeper.model.errors import NotARepositoryError
from watchkeeper.model.ids import Sha
from watchkeeper.repos.hub import open_hub
from watchkeeper.repos.hubworktrees import HubWorktrees
from watchkeeper.repos.repository import find_repository

MADE = {"a.py": "a = 1\n", "watchkeeper.toml": '[project]\ntest = "true"\n'}


@pytest.fixture
def home() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="wk-", dir="/tmp") as folder:
        yield Path(folder, "state")


def make_worktree(user: GitRepo, home: Path) -> Path:
    """An engagement's folder, as a fleet makes it."""
    repository = find_repository(user.path)
    base = Sha(user.commit("first", MADE))
    with open_hub(repository, home / "projects" / repository.project) as hub:
        trees = HubWorktrees(hub, hub.folder.parent / "worktrees")
        tree = trees.place("e-1", "agent/1", base)
        trees.make(tree)
    return tree.path


def install(home: Path) -> Path:
    copy = shim_place(home)
    copy.parent.mkdir(parents=True, exist_ok=True)
    copy.write_bytes(render_shim(home, 20.0))
    return copy


def run(copy: Path, folder: Path, env: Mapping[str, str] | None = None) -> bytes:
    """What a hook prints that an agent runs in a folder."""
    done = subprocess.run(
        [sys.executable, "-I", "-S", str(copy), "codex"],
        input=b'{"session_id":"s"}', cwd=folder, env=dict(env or {}), capture_output=True, timeout=60, check=True,
    )  # fmt: skip
    return done.stdout


def test_a_verb_in_a_hubs_worktree_finds_the_users_project_its_settings_and_its_daemon(
    git_repo: GitRepo, home: Path
) -> None:
    tree = make_worktree(git_repo, home)
    (tree / "deep").mkdir()
    environ = {"WATCHKEEPER_HOME": str(home)}

    found, usual = find_place(tree / "deep", environ), find_place(git_repo.path, environ)

    assert (found.project, found.repository.common_dir) == (usual.project, usual.repository.common_dir)
    assert found.repository.found_at == tree
    assert found.config.project.test == "true"
    assert find_socket(found) == find_socket(usual)
    assert found.repository.worktrees() == usual.repository.worktrees()


def test_a_hub_that_borrows_of_several_clones_belongs_to_the_first(git_repo: GitRepo, home: Path) -> None:
    tree = make_worktree(git_repo, home)
    repository = find_repository(git_repo.path)
    clone = GitRepo.create(git_repo.path.parent / 'clo"ne\n\u00fc')
    with open_hub(repository, home / "projects" / repository.project) as hub:
        hub.borrow(find_repository(clone.path))

    assert find_place(tree, {"WATCHKEEPER_HOME": str(home)}).project == repository.project


def test_a_hub_of_another_state_folder_is_a_repository_as_any(git_repo: GitRepo, home: Path, tmp_path: Path) -> None:
    tree = make_worktree(git_repo, home)

    assert find_place(tree, {"WATCHKEEPER_HOME": str(tmp_path)}).project == find_repository(tree).project


def test_a_hub_whose_repository_is_gone_says_so(git_repo: GitRepo, home: Path) -> None:
    tree = make_worktree(git_repo, home)
    git_repo.path.rename(git_repo.path.with_name("elsewhere"))

    with pytest.raises(NotARepositoryError) as caught:
        find_place(tree, {"WATCHKEEPER_HOME": str(home)})

    assert caught.value.slug == "hub-without-owner"


def test_a_hook_in_a_hubs_worktree_speaks_to_the_daemon_of_the_project(git_repo: GitRepo, home: Path) -> None:
    tree = make_worktree(git_repo, home)
    copy = install(home)
    linked = home.parent / "link"
    linked.symlink_to(home)

    with HookServer(home, find_repository(git_repo.path).project, b"found"):
        assert run(copy, tree) == b"found"
    with HookServer(linked, find_repository(git_repo.path).project, b"found"):
        assert run(copy, tree, env={"WATCHKEEPER_HOME": str(linked)}) == b"found"


def test_a_hook_in_a_folder_that_only_looks_like_a_hub_takes_it_for_a_repository(
    git_repo: GitRepo, home: Path, tmp_path: Path
) -> None:
    copy = install(home)
    project = find_repository(git_repo.path).project
    bare = GitRepo.create(tmp_path / "projects" / project / "hub.git", bare=True)
    bare.git("fetch", "-q", str(git_repo.path), f"{git_repo.commit('first', MADE)}:refs/heads/main")
    tree = bare.worktree("tree", "side", "main")

    with HookServer(home, project, b"found"):
        assert run(copy, tree.path) == b""
