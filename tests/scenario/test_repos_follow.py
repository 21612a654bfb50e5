"""Following files live: real events of a real file system, waited for by condition."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from gitrepo import GitRepo
from watchkeeper.repos.follow import FollowBatch, Follower
from watchkeeper.repos.followplan import FollowedTree, FollowKind, FollowPlace, FollowPlan, plan_folders_to_follow
from watchkeeper.repos.repository import find_repository
from watchkeeper.repos.trees import folders_of

Until = Callable[[Callable[["Seen"], bool]], Awaitable[None]]


class Seen:
    """Everything the batches said so far."""

    def __init__(self) -> None:
        self.paths: set[tuple[Path, str]] = set()
        self.new: set[str] = set()
        self.git_moved: set[Path] = set()
        self.refs_moved = self.worktrees_changed = False

    def take(self, batch: FollowBatch) -> None:
        self.paths |= {(root, path) for root, paths in batch.paths.items() for path in paths}
        self.new |= {path for paths in batch.new_folders.values() for path in paths}
        self.git_moved |= batch.git_moved
        self.refs_moved |= batch.refs_moved
        self.worktrees_changed |= batch.worktrees_changed


def plan(repo: GitRepo, budget: int = 1000) -> FollowPlan:
    """All folders of all worktrees."""
    repository = find_repository(repo.path)
    trees = []
    for tree in repository.worktrees():
        files = [str(path.relative_to(tree.path)) for path in tree.path.rglob("*") if path.is_file()]
        kept = [file for file in files if not file.startswith(".git")]
        trees.append(FollowedTree(root=tree.path, git_dir=tree.git_dir, folders=folders_of(kept)))
    return plan_folders_to_follow(trees, repository.common_dir, budget)


def follow(repo: GitRepo, act: Callable[[Follower, Until], Awaitable[None]]) -> Seen:
    """Run ``act`` while following; it waits with ``until(condition)``, at most ten seconds."""
    seen = Seen()

    async def run() -> None:
        follower = Follower()
        await follower.set_folders(plan(repo))
        changed = asyncio.Condition()

        async def read() -> None:
            async for batch in follower.batches():
                async with changed:
                    seen.take(batch)
                    changed.notify_all()

        async def until(condition: Callable[[Seen], bool]) -> None:
            async with asyncio.timeout(10), changed:
                await changed.wait_for(lambda: condition(seen))

        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(read())
            try:
                await act(follower, until)
            finally:
                await follower.close()

    asyncio.run(run())
    return seen


@pytest.fixture
def repo(git_repo: GitRepo) -> GitRepo:
    git_repo.commit("base", {"a.py": "a\n", "pkg/b.py": "b\n", ".gitignore": "node_modules/\n"})
    return git_repo


def test_a_save_and_a_save_by_rename_are_seen_in_the_right_worktree(repo: GitRepo) -> None:
    topic = repo.worktree("topic", "topic")

    async def act(_: Follower, until: Until) -> None:
        topic.write("pkg/b.py", "changed\n")
        await until(lambda seen: (topic.path, "pkg/b.py") in seen.paths)
        repo.write("a.py.tmp", "new\n").rename(repo.path / "a.py")
        await until(lambda seen: (repo.path, "a.py") in seen.paths)

    seen = follow(repo, act)
    assert (repo.path, "pkg/b.py") not in seen.paths


def test_a_commit_and_a_branch_switch_are_told_from_saves(repo: GitRepo) -> None:
    topic = repo.worktree("topic", "topic")

    async def act(_: Follower, until: Until) -> None:
        topic.commit("work", {"a.py": "x\n"})
        await until(lambda seen: topic.path in seen.git_moved and seen.refs_moved)

    seen = follow(repo, act)
    assert repo.path not in seen.git_moved
    assert not seen.worktrees_changed


def test_a_new_branch_in_a_folder_is_noticed(repo: GitRepo) -> None:
    async def act(_: Follower, until: Until) -> None:
        repo.branch("deep/er/topic")
        await until(lambda seen: seen.refs_moved)

    follow(repo, act)


def test_worktrees_that_come_and_go_are_noticed(repo: GitRepo) -> None:
    repo.worktree("old", "old")

    async def act(_: Follower, until: Until) -> None:
        repo.worktree("late", "late")
        await until(lambda seen: seen.worktrees_changed)

    follow(repo, act)


def test_a_new_folder_is_extended_into_without_its_ignored_parts(repo: GitRepo) -> None:
    async def act(follower: Follower, until: Until) -> None:
        repo.write("new/deep/node_modules/x.js", "x\n")
        repo.write("new/deep/c.py", "c\n")
        await until(lambda seen: "new" in seen.new)
        found = await follower.extend(repo.path, ["new"], lambda _, names: frozenset(n for n in names if "node_" in n))
        assert found == {"new", "new/deep"}
        repo.write("new/deep/d.py", "d\n")
        await until(lambda seen: (repo.path, "new/deep/d.py") in seen.paths)
        assert follower.statistics().problem == ""

    follow(repo, act)


def test_changing_the_folders_loses_no_event(repo: GitRepo) -> None:
    async def act(follower: Follower, until: Until) -> None:
        for number in range(8):
            repo.write(f"dir{number}/old.py", "x\n")
            fresh = await follower.set_folders(plan(repo))
            assert fresh == {repo.path: {f"dir{number}"}}
            repo.write(f"dir{number}/f.py", "f\n")
            repo.write("a.py", f"{number}\n")
            await until(lambda seen, path=f"dir{number}/f.py": (repo.path, path) in seen.paths)  # type: ignore[misc]
        assert follower.statistics().watchers <= 4

    follow(repo, act)


def test_thousands_of_touched_files_become_a_request_to_scan(repo: GitRepo) -> None:
    seen_overflow: list[FollowBatch] = []

    async def run() -> None:
        follower = Follower()
        await follower.set_folders(plan(repo))
        for number in range(3_000):
            (repo.path / "pkg" / f"f{number}").touch()
        async with asyncio.timeout(20):
            async for batch in follower.batches():
                seen_overflow.append(batch)
                if batch.overflow:
                    await follower.close()

    asyncio.run(run())
    assert seen_overflow[-1].overflow == {repo.path}
    assert all(len(paths) <= 2_000 for batch in seen_overflow for paths in batch.paths.values())


def test_a_budget_watches_changed_folders_first_and_counts_the_rest(repo: GitRepo) -> None:
    tree = FollowedTree(
        root=repo.path,
        git_dir=repo.path / ".git",
        folders=frozenset({"", "a", "a/b", "a/b/c", "z"}),
        changed=frozenset({"a/b/c"}),
    )
    git_only = len(plan_folders_to_follow([], repo.path / ".git", 100).places)
    found = plan_folders_to_follow([tree], repo.path / ".git", git_only + 2)
    kept = [place.folder for place in found.places.values() if place.root == repo.path and place.kind == "files"]
    assert kept == ["a/b/c", ""]
    assert found.left_out == 3


def test_a_folder_that_vanished_does_not_keep_the_others_from_being_watched(repo: GitRepo) -> None:
    async def act(follower: Follower, until: Until) -> None:
        full = plan(repo)
        gone = FollowPlace(FollowKind.FILES, repo.path, "gone")
        fresh = await follower.set_folders(FollowPlan({**full.places, str(repo.path / "gone"): gone}))
        assert fresh == {}
        repo.write("a.py", "seen\n")
        await until(lambda seen: (repo.path, "a.py") in seen.paths)

    follow(repo, act)


def test_a_worktree_deleted_under_the_watch_is_noticed(repo: GitRepo) -> None:
    topic = repo.worktree("topic", "topic")

    async def act(_: Follower, until: Until) -> None:
        shutil.rmtree(topic.path)
        await until(lambda seen: seen.worktrees_changed)

    follow(repo, act)
