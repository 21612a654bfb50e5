"""Conflicts appear and go while people work, whatever way their editors and git write."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Iterable
from pathlib import Path

import pytest

from gitrepo import GitRepo
from watching import Watched, numbered, watch
from watchkeeper.conflicts.standing import Status
from watchkeeper.model.conflicts import Kind
from watchkeeper.model.events import ChangeMoved
from watchkeeper.watch.lookout import Lookout, Step

BASE = numbered("update_stage_field", 12, {})
EARLY = numbered("update_stage_field", 12, {1: ["mirror()"]})
LATE = numbered("update_stage_field", 12, {10: ["replicate()"]})
NAME = "stages:update_stage_field"


@pytest.fixture
def repo(git_repo: GitRepo) -> GitRepo:
    """One function that two worktrees, ``a`` and ``b``, will change."""
    git_repo.commit("base", {"stages.py": BASE, "other.py": "value = 1\n"})
    return git_repo


def is_open(watched: Watched) -> bool:
    return any(NAME in each.conflict.subjects for each in watched.conflicts)


def test_two_changes_of_one_function_conflict_before_either_commits(repo: GitRepo) -> None:
    a, b = repo.worktree("a", "a"), repo.worktree("b", "b")

    async def act(watched: Watched) -> None:
        a.write("stages.py", EARLY)
        await watched.until(lambda: watched.has_appeared("a"))
        b.write("stages.py", LATE)
        await watched.until(lambda: is_open(watched))
        assert [each.conflict.kind for each in watched.conflicts] == [Kind.WRITE_WRITE]

    watched = watch(repo.path, act)
    assert {change.id for change in watched.picture.changes} == {"a", "b"}
    assert all(each.seq > 0 for each in watched.recorded)
    repo.git("merge-tree", "--write-tree", "a", "b")


def test_what_git_cannot_merge_comes_and_goes_while_a_side_does_not_parse(repo: GitRepo) -> None:
    a, b = repo.worktree("a", "a"), repo.worktree("b", "b")
    apart = BASE + "\n\nNOTE = 1\n"

    async def act(watched: Watched) -> None:
        a.write("stages.py", EARLY.replace("mirror()", "return lambda: not lambda"))
        b.write("stages.py", apart)
        await watched.until(lambda: [each.conflict.rule for each in watched.conflicts] == ["unread"])
        b.write("stages.py", EARLY.replace("mirror()", "replicate()"))
        await watched.until(lambda: "text" in [each.conflict.rule for each in watched.conflicts])
        b.write("stages.py", apart)
        await watched.until(lambda: [each.conflict.rule for each in watched.conflicts] == ["unread"])

    watch(repo.path, act)


def test_a_fault_of_ours_in_one_step_is_said_and_kept_and_the_watch_goes_on(
    repo: GitRepo, monkeypatch: pytest.MonkeyPatch
) -> None:
    a, b = repo.worktree("a", "a"), repo.worktree("b", "b")
    touch, faults = Lookout.touch, iter([RuntimeError("a fault of ours")])

    def break_once(self: Lookout, root: Path, paths: Iterable[str]) -> Step:
        for fault in faults:
            raise fault
        return touch(self, root, paths)

    async def act(watched: Watched) -> None:
        monkeypatch.setattr(Lookout, "touch", break_once)
        a.write("stages.py", EARLY)
        await watched.until(lambda: watched.has_appeared("a"), "what was not seen is seen when it is tried again")
        b.write("stages.py", LATE)
        await watched.until(lambda: is_open(watched))

    watched = watch(repo.path, act)
    assert watched.live.statistics().errors == 1
    (kept,) = (repo.path.parent / "state" / "failures").iterdir()
    assert "RuntimeError: a fault of ours" in kept.read_text()


def test_changes_of_different_functions_do_not_conflict(repo: GitRepo) -> None:
    a, b = repo.worktree("a", "a"), repo.worktree("b", "b")

    async def act(watched: Watched) -> None:
        a.write("stages.py", EARLY)
        b.write("other.py", "value = 2\n")
        await watched.until(lambda: watched.live_changes == {"a", "b"})

    assert watch(repo.path, act).opened == []


def test_a_conflict_closes_when_one_side_goes_another_way(repo: GitRepo) -> None:
    a, b = repo.worktree("a", "a"), repo.worktree("b", "b")
    a.write("stages.py", EARLY)
    b.write("stages.py", LATE)

    async def act(watched: Watched) -> None:
        assert is_open(watched)
        b.write("stages.py", BASE + "\n\ndef another():\n    pass\n")
        await watched.until(lambda: watched.closed != [])
        assert not is_open(watched)
        b.write("stages.py", LATE)
        await watched.until(lambda: is_open(watched), "the conflict coming back")

    watch(repo.path, act)


def test_a_save_by_rename_is_a_save(repo: GitRepo) -> None:
    a, b = repo.worktree("a", "a"), repo.worktree("b", "b")
    a.write("stages.py", EARLY)

    async def act(watched: Watched) -> None:
        b.write(".stages.py.swp", LATE).replace(b.path / "stages.py")
        await watched.until(lambda: is_open(watched))

    watch(repo.path, act)


def test_the_main_worktree_on_the_target_branch_is_a_change_too(repo: GitRepo) -> None:
    a = repo.worktree("a", "a")
    a.write("stages.py", EARLY)

    async def act(watched: Watched) -> None:
        repo.write("stages.py", LATE)
        await watched.until(lambda: is_open(watched))
        assert watched.live_changes == {"a", "main"}

    watch(repo.path, act)


def test_a_new_worktree_is_followed_at_once(repo: GitRepo) -> None:
    a = repo.worktree("a", "a")
    a.write("stages.py", EARLY)

    async def act(watched: Watched) -> None:
        b = repo.worktree("b", "b")
        b.write("stages.py", LATE)
        await watched.until(lambda: is_open(watched))

    watch(repo.path, act)


def test_a_new_folder_is_looked_into(repo: GitRepo) -> None:
    a, b = repo.worktree("a", "a"), repo.worktree("b", "b")

    async def act(watched: Watched) -> None:
        a.write("deep/er/new.py", "def f():\n    return 1\n")
        b.write("deep/er/new.py", "def f():\n    return 2\n")
        await watched.until(lambda: any("deep/er/new.py" in each.conflict.subjects for each in watched.conflicts))

    watch(repo.path, act)


def test_a_worktree_deleted_under_the_watch_is_gone_and_may_come_back(repo: GitRepo) -> None:
    a, b = repo.worktree("a", "a"), repo.worktree("b", "b")
    a.write("stages.py", EARLY)
    b.write("stages.py", LATE)

    async def act(watched: Watched) -> None:
        shutil.rmtree(b.path)
        await watched.until(lambda: watched.has_gone("b") and watched.closed != [])
        repo.git("worktree", "prune")
        again = repo.worktree("b", "b")
        again.write("stages.py", LATE)
        await watched.until(lambda: is_open(watched))

    watch(repo.path, act)


def test_a_commit_moves_a_change_and_closes_nothing(repo: GitRepo) -> None:
    a, b = repo.worktree("a", "a"), repo.worktree("b", "b")
    a.write("stages.py", EARLY)
    b.write("stages.py", LATE)

    async def act(watched: Watched) -> None:
        b.commit("done")
        await watched.until(lambda: any(isinstance(event, ChangeMoved) for event in watched.events))
        assert is_open(watched)

    assert watch(repo.path, act).closed == []


def test_a_switch_to_another_branch_is_another_change(repo: GitRepo) -> None:
    a, b = repo.worktree("a", "a"), repo.worktree("b", "b")
    a.write("stages.py", EARLY)
    b.commit("late", {"stages.py": LATE})

    async def act(watched: Watched) -> None:
        b.git("checkout", "-q", "-b", "c", "main")
        b.write("other.py", "value = 3\n")
        await watched.until(lambda: watched.has_gone("b") and "c" in watched.live_changes)
        assert not is_open(watched)
        b.git("checkout", "-q", "-f", "b")
        await watched.until(lambda: is_open(watched))

    watch(repo.path, act)


def test_a_rebase_of_many_commits_neither_closes_nor_opens(repo: GitRepo) -> None:
    a, b = repo.worktree("a", "a"), repo.worktree("b", "b")
    a.write("stages.py", EARLY)
    b.commit("late", {"stages.py": LATE})
    for number in range(15):
        b.commit(f"more {number}", {f"file{number}.py": f"x = {number}\n"})

    async def act(watched: Watched) -> None:
        repo.commit("main moves", {"other.py": "value = 7\n"})
        await asyncio.to_thread(b.git, "rebase", "-q", "main")
        head = b.head
        await watched.until(lambda: any(change.head == head for change in watched.picture.changes))
        assert is_open(watched)

    watched = watch(repo.path, act)
    same = {each.conflict.id for each in watched.picture.state.conflicts.values() if NAME in each.conflict.subjects}
    assert not same & set(watched.closed)


def test_a_switch_that_git_has_not_finished_closes_nothing(repo: GitRepo) -> None:
    a, b = repo.worktree("a", "a"), repo.worktree("b", "b")
    a.write("stages.py", EARLY)
    b.commit("late", {"stages.py": LATE})

    async def act(watched: Watched) -> None:
        # What a checkout does, stopped in the middle: the lock is there, and the file is already another one.
        lock = repo.path / ".git" / "worktrees" / "b" / "index.lock"
        lock.write_bytes(b"")
        b.write("stages.py", BASE)
        a.write("other.py", "value = 4\n")
        await watched.until(lambda: any(count == 2 for count in watched.picture.files.values()), "a's save")
        assert is_open(watched)
        b.write("stages.py", LATE)
        b.write("more.py", "x = 1\n")
        lock.unlink()
        await watched.until(lambda: watched.picture.files.get("b") == 2, "the scan after the lock")

    assert watch(repo.path, act).closed == []


def test_a_landed_change_conflicts_with_a_live_one_that_lacks_it(repo: GitRepo) -> None:
    a = repo.worktree("a", "a")
    a.write("stages.py", EARLY)

    async def act(watched: Watched) -> None:
        repo.write("stages.py", LATE)
        repo.git("add", "-A")
        repo.git("commit", "-q", "-m", "replicate", env=_now())
        await watched.until(lambda: any(each.conflict.rule == "landed" for each in watched.conflicts))
        a.git("stash", "-q")
        a.git("merge", "-q", "main")
        a.write("stages.py", numbered("update_stage_field", 12, {1: ["mirror()"], 10: ["replicate()"]}))
        await watched.until(lambda: not watched.conflicts)

    watch(repo.path, act)


def test_what_the_target_checkout_is_forwarded_to_has_landed_and_is_at_no_moment_a_change_of_its_own(
    repo: GitRepo,
) -> None:
    a, b = repo.worktree("a", "a"), repo.worktree("b", "b")
    a.write("stages.py", EARLY)
    b.write("stages.py", LATE)
    b.git("commit", "-q", "-a", "-m", "replicate", env=_now())

    async def act(watched: Watched) -> None:
        repo.git("merge", "-q", "--ff-only", "b")
        await watched.until(lambda: any(each.conflict.rule == "landed" for each in watched.conflicts))

    assert not watch(repo.path, act).has_appeared("main")


def test_a_branch_built_on_another_does_not_conflict_with_it(repo: GitRepo) -> None:
    a = repo.worktree("a", "a")
    a.commit("early", {"stages.py": EARLY})
    b = repo.worktree("b", "b", start="a")
    b.commit("both", {"stages.py": numbered("update_stage_field", 12, {1: ["mirror()"], 10: ["replicate()"]})})

    async def act(watched: Watched) -> None:
        assert watched.live_changes == {"a", "b"}
        assert watched.conflicts == ()
        a.write("stages.py", numbered("update_stage_field", 12, {1: ["mirror()"], 5: ["more()"]}))
        await watched.until(lambda: is_open(watched), "what a does beyond what b has")

    watch(repo.path, act)


def test_branches_that_are_asked_for_are_changes(repo: GitRepo) -> None:
    topic = repo.worktree("topic", "feature/topic")
    topic.commit("late", {"stages.py": LATE})
    repo.git("worktree", "remove", "--force", str(topic.path))
    a = repo.worktree("a", "a")

    async def act(watched: Watched) -> None:
        a.write("stages.py", EARLY)
        await watched.until(lambda: is_open(watched))
        repo.git("branch", "-D", "feature/topic")
        await watched.until(lambda: watched.has_gone("feature/topic") and not is_open(watched))

    watch(repo.path, act, flags={"branches": ["feature/*"]})


def test_another_clone_is_followed_through_its_objects(repo: GitRepo) -> None:
    repo.git("clone", "-q", str(repo.path), str(repo.path.parent / "clone"))
    clone = GitRepo(repo.path.parent / "clone")
    clone.git("checkout", "-q", "-b", "elsewhere")
    clone.commit("late", {"stages.py": LATE})
    a = repo.worktree("a", "a")

    async def act(watched: Watched) -> None:
        a.write("stages.py", EARLY)
        await watched.until(lambda: is_open(watched))
        clone.write("stages.py", BASE)
        await watched.until(lambda: not is_open(watched))

    watch(repo.path, act, flags={"clones": [str(clone.path)]})


def test_a_dismissed_conflict_stays_away_until_it_gets_worse(repo: GitRepo) -> None:
    from watchkeeper.app import find_place, now, open_log
    from watchkeeper.model.events import ConflictDismissed

    a, b = repo.worktree("a", "a"), repo.worktree("b", "b")
    a.write("stages.py", EARLY)
    b.write("stages.py", LATE)

    async def act(watched: Watched) -> None:
        (state,) = watched.conflicts
        place = find_place(repo.path, {})
        with open_log(repo.path.parent / "state") as log:
            said = ConflictDismissed(state.conflict.id, state.conflict.severity, state.conflict.weight)
            log.append(place.project, [said], now())
        await watched.until(lambda: not watched.conflicts)
        assert watched.picture.state.conflicts[state.conflict.id].status is Status.DISMISSED

    watch(repo.path, act)


def test_crlf_and_odd_bytes_are_read(repo: GitRepo) -> None:
    a, b = repo.worktree("a", "a"), repo.worktree("b", "b")

    async def act(watched: Watched) -> None:
        a.write("stages.py", EARLY.replace("\n", "\r\n"))
        b.write("stages.py", LATE.encode() + b"# \xff\xfe\n")
        await watched.until(lambda: bool(watched.conflicts))

    watch(repo.path, act)


def _now() -> dict[str, str]:
    import time

    stamp = f"{int(time.time())} +0000"
    return {"GIT_AUTHOR_DATE": stamp, "GIT_COMMITTER_DATE": stamp}
