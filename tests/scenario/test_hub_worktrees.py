"""Worktrees of the hub for agents, and their snapshots: whatever an agent does to them, what was there is kept."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import pytest

from gitrepo import GitRepo
from watchkeeper.model.errors import GitError
from watchkeeper.model.ids import Sha
from watchkeeper.repos.hub import Hub, open_hub
from watchkeeper.repos.hubworktrees import HubWorktree, HubWorktrees, branch_name
from watchkeeper.repos.repository import find_repository
from watchkeeper.repos.worksnaps import Snapshots, WorkSnapshot, trailed

FILES = {"a.py": "a = 1\n", "deep/b.py": "b = 1\n", ".gitignore": "*.o\n"}


class Desk(NamedTuple):
    """One worktree, as its agent has it (``git``) and as we do."""

    user: GitRepo
    hub: Hub
    trees: HubWorktrees
    tree: HubWorktree
    git: GitRepo
    snapshots: Snapshots

    def snap(self) -> WorkSnapshot:
        taken = self.find()
        assert taken is not None
        return taken

    def find(self) -> WorkSnapshot | None:
        return self.snapshots.take(self.tree, self.trees.look(self.tree), 1)

    def files(self, commit: Sha) -> dict[str, bytes]:
        found = self.hub.repository.tree_files(commit)
        return {path: self.hub.objects.read(entry.sha) or b"" for path, entry in found.items()}


@pytest.fixture
def desk(git_repo: GitRepo) -> Iterator[Desk]:
    base = Sha(git_repo.commit("first", FILES))
    with open_hub(find_repository(git_repo.path)) as hub:
        trees = HubWorktrees(hub, hub.folder.parent / "worktrees")
        tree = trees.place("e-1", branch_name("shop#1", "Fix it: now!"), base)
        trees.make(tree)
        yield Desk(git_repo, hub, trees, tree, GitRepo(tree.path), Snapshots(trees, most_file=1_000, most_all=3_000))


def test_a_worktree_is_the_hubs_and_the_users_repository_knows_nothing_of_it(desk: Desk) -> None:
    assert desk.git.git("branch", "--show-current") == "agent/shop-1-fix-it-now"
    assert desk.git.git("status", "--short") == ""
    assert desk.user.git("worktree", "list").count("\n") == 0
    assert desk.user.git("branch", "--all", "--format=%(refname:short)") == "main"
    assert not (desk.user.path / ".git" / "worktrees").exists()


def test_made_twice_it_is_as_it_was(desk: Desk) -> None:
    desk.git.write("a.py", "a = 2\n")

    desk.trees.make(desk.tree)

    assert desk.git.git("status", "--short") == "M a.py"


def test_half_of_one_that_a_kill_left_is_made_anew(desk: Desk) -> None:
    other = desk.trees.place("e-2", "agent/shop-2", desk.tree.base)
    desk.hub.repository.git("worktree", "add", "-q", "--no-checkout", "--lock", str(other.path), desk.tree.base)
    (other.path / "half").touch()

    desk.trees.make(other)

    assert sorted(each.name for each in other.path.iterdir()) == [".git", ".gitignore", "a.py", "deep"]


def test_many_are_made_at_once_while_others_look(desk: Desk) -> None:
    names = [f"e-{number}" for number in range(10, 26)]
    with ThreadPoolExecutor(8) as pool:
        made = [pool.submit(desk.trees.make, desk.trees.place(name, f"agent/{name}", desk.tree.base)) for name in names]
        looks = [pool.submit(desk.hub.repository.worktrees) for _ in range(40)]
    for each in (*made, *looks):
        each.result()

    assert {each.branch for each in desk.hub.repository.worktrees()} >= {f"agent/{name}" for name in names}
    assert all(GitRepo(desk.trees.folder / name).git("status", "--short") == "" for name in names)


def test_a_snapshot_has_everything_that_is_not_ignored_and_is_on_top_of_the_head(desk: Desk) -> None:
    desk.git.write("a.py", "a = 2\n")
    desk.git.write("new.py", "new\n", executable=True)
    desk.git.write("x.o", "ignored")
    desk.git.remove("deep/b.py")
    (desk.tree.path / "link").symlink_to("/etc/passwd")

    taken = desk.snap()

    assert desk.files(taken.commit).keys() == {".gitignore", "a.py", "new.py", "link"}
    assert (taken.files, taken.left_out, taken.head) == (4, (), desk.tree.base)
    assert desk.hub.pins()["engagements/e-1/1"] == taken.commit
    assert desk.git.git("status", "--short") != "", "the agent's own index is as it was"
    assert desk.hub.repository.tree_files(taken.commit)["new.py"].mode == "100755"


def test_the_same_work_is_pinned_once(desk: Desk) -> None:
    desk.git.write("a.py", "a = 2\n")
    first, second = desk.snap(), desk.snap()
    desk.git.write("a.py", "a = 3\n")

    assert first == second
    assert desk.snap().name == "engagements/e-1/2"
    assert set(desk.hub.pins()) == {"engagements/e-1/1", "engagements/e-1/2"}


def test_names_of_any_bytes_are_kept(desk: Desk) -> None:
    names = [b"h\xff\n\t\"q'", b"-rf", b":(glob)x", b"a b/\xe4.py", b"*"]
    for name in names:
        desk.git.write(name, b"x\n")

    found = desk.files(desk.snap().commit)

    assert {os.fsencode(path) for path in found} >= set(names)


def test_what_is_too_large_or_no_file_is_left_out_and_said(desk: Desk) -> None:
    desk.git.write("large.bin", b"0" * 2_000)
    for number in range(4):
        desk.git.write(f"some{number}.bin", bytes([number]) * 900)
    os.mkfifo(desk.tree.path / "pipe")
    GitRepo.create(desk.tree.path / "nested").commit("inner", {"x": "x"})

    taken = desk.snap()

    assert taken.left_out == (
        "large.bin: larger than 0 MB",
        "nested/: a repository of its own",
        "some3.bin: beyond the 0 MB that are taken in",
    )
    assert {"some0.bin", "some1.bin", "some2.bin"} <= desk.files(taken.commit).keys()


def test_names_that_git_does_not_take_are_left_out_and_said(desk: Desk) -> None:
    desk.git.write("git~1", "x\n")
    desk.git.write("a.py", "a = 2\n")
    (desk.tree.path / "loop").symlink_to("loop")
    deep = desk.tree.path
    for _ in range(60):
        deep = deep / ("d" * 30)
    deep.mkdir(parents=True)
    (deep / "deep.py").write_text("deep\n")

    taken = desk.snap()

    assert taken.left_out == ("git~1: a name that git does not take",)
    assert {"a.py", "loop"} <= desk.files(taken.commit).keys()
    assert any(path.endswith("deep.py") for path in desk.files(taken.commit))


def test_a_branch_that_somebody_left_is_pinned_and_begun_anew_at_the_base(desk: Desk) -> None:
    left = Sha(desk.git.commit("left", {"a.py": "a = 9\n"}))
    desk.hub.repository.git("branch", "agent/shop-2", left)
    other = desk.trees.place("e-2", "agent/shop-2", desk.tree.base)

    desk.trees.make(other)

    assert desk.trees.look(other).head == desk.tree.base
    assert desk.hub.pins()["engagements/e-2/before"] == left


def test_a_branch_that_another_works_on_is_not_taken_from_it(desk: Desk) -> None:
    desk.git.commit("mine", {"a.py": "a = 9\n"})
    head = desk.trees.look(desk.tree).head

    with pytest.raises(GitError) as refused:
        desk.trees.make(desk.trees.place("e-2", desk.tree.branch, desk.tree.base))
    assert refused.value.slug == "branch-taken"

    assert desk.trees.look(desk.tree).head == head


def test_of_landed_work_only_the_newest_snapshot_is_kept(desk: Desk) -> None:
    for number in range(3):
        desk.git.write("a.py", f"a = {number + 5}\n")
        desk.snap()

    desk.snapshots.thin(desk.tree)

    assert set(desk.hub.pins()) == {"engagements/e-1/3"}


def test_a_worktree_with_work_that_cannot_be_pinned_is_not_deleted(desk: Desk) -> None:
    desk.git.write("large.bin", b"0" * 2_000)

    with pytest.raises(GitError, match=r"large\.bin"):
        desk.snapshots.remove(desk.tree, 1)
    desk.git.remove("large.bin")
    desk.git.write("a.py", "a = 7\n")
    desk.snapshots.remove(desk.tree, 1)

    assert not desk.tree.path.exists()
    assert desk.files(desk.hub.pins()["engagements/e-1/2"])["a.py"] == b"a = 7\n"


def test_a_conflicted_locked_or_broken_index_of_the_agents_changes_nothing(desk: Desk) -> None:
    desk.git.commit("mine", {"a.py": "a = 2\n"})
    desk.git.git("checkout", "-q", "-b", "side", "HEAD~1")
    desk.git.commit("side", {"a.py": "a = 3\n"})
    with pytest.raises(AssertionError):
        desk.git.git("merge", "agent/shop-1-fix-it-now")
    clashing = desk.snap()
    (desk.hub.folder / "worktrees" / "e-1" / "index.lock").touch()
    (desk.hub.folder / "worktrees" / "e-1" / "index").write_bytes(b"DIRCgarbage")

    assert b"<<<<<<<" in desk.files(clashing.commit)["a.py"]
    assert desk.snap().tree == clashing.tree


def finish(desk: Desk) -> GitRepo:
    """Commit what stands in the worktree; the hub, to look at it."""
    desk.snapshots.commit(desk.tree, desk.snap(), "codex", "Fix it", 2)
    return GitRepo(desk.hub.folder)


def target(desk: Desk, **files: str) -> Sha:
    """What the user's branch has got meanwhile."""
    return Sha(desk.user.commit("landed", {name.replace("_", "."): text for name, text in files.items()}))


def test_what_landed_is_merged_into_it_and_becomes_a_parent_of_what_is_committed_next(desk: Desk) -> None:
    desk.git.commit("mine", {"deep/b.py": "b = 2\n"})
    landed = target(desk, a_py="a = 2\n")

    assert desk.snapshots.take_up(desk.tree, landed) == ()
    assert (desk.tree.path / "a.py").read_text() == "a = 2\n"
    hub = finish(desk)

    assert landed in hub.git("rev-list", "--parents", "-1", desk.tree.branch).split()
    assert desk.snapshots.take_up(desk.tree, landed) is None, "it is in its history"


def test_what_git_cannot_merge_has_its_marks_and_is_the_same_merge_when_it_is_asked_again(desk: Desk) -> None:
    desk.git.commit("mine", {"a.py": "a = 2\n"})
    landed = target(desk, a_py="a = 3\n")

    assert desk.snapshots.take_up(desk.tree, landed) == ("a.py",)
    assert "<<<<<<<" in (desk.tree.path / "a.py").read_text()
    desk.git.write("a.py", "a = 5\n")
    assert desk.snapshots.take_up(desk.tree, landed) == ("a.py",), "after a restart of its agent"
    assert (desk.tree.path / "a.py").read_text() == "a = 5\n", "what it resolved stays"
    hub = finish(desk)

    assert landed in hub.git("rev-list", "--parents", "-1", desk.tree.branch).split()
    assert hub.git("show", f"{desk.tree.branch}:a.py") == "a = 5"


def test_a_merge_that_a_kill_cut_off_is_done_again_and_never_counts_without_its_content(desk: Desk) -> None:
    desk.git.commit("mine", {"deep/b.py": "b = 2\n"})
    landed = target(desk, a_py="a = 2\n")
    desk.hub.pin("engagements/e-1/merging", landed)  # killed here: no file was touched

    hub = finish(desk)
    assert landed not in hub.git("rev-list", desk.tree.branch).split(), "its content is not in there"

    desk.hub.pin("engagements/e-1/merging", landed)
    assert desk.snapshots.take_up(desk.tree, landed) == ()
    assert (desk.tree.path / "a.py").read_text() == "a = 2\n"


def test_nothing_is_merged_into_what_is_not_committed(desk: Desk) -> None:
    desk.git.write("deep/b.py", "b = 2\n")
    landed = target(desk, a_py="a = 2\n")

    assert desk.snapshots.take_up(desk.tree, landed) is None
    assert (desk.tree.path / "a.py").read_text() == "a = 1\n"
    assert "engagements/e-1/merging" not in desk.hub.pins()


def test_flags_in_the_agents_index_hide_nothing(desk: Desk) -> None:
    desk.git.git("update-index", "--assume-unchanged", "a.py")
    desk.git.git("update-index", "--skip-worktree", "deep/b.py")
    desk.git.write("a.py", "a = 2\n")
    desk.git.write("deep/b.py", "b = 2\n")

    assert desk.snap().files == 2


def test_programs_that_an_agent_configures_are_not_run(desk: Desk, tmp_path: Path) -> None:
    for key, value in {
        "filter.evil.clean": f"touch {tmp_path}/ran; cat", "filter.evil.required": "true",
        "core.fsmonitor": f"touch {tmp_path}/ran", "core.hooksPath": str(tmp_path),
    }.items():  # fmt: skip
        desk.git.git("config", key, value)
    desk.git.write(".gitattributes", "* filter=evil\n")
    desk.git.write("a.py", "a = 2\n")

    taken = desk.snap()
    desk.snapshots.commit(desk.tree, taken, "codex", "x\n", 1)

    assert desk.files(taken.commit)["a.py"] == b"a = 2\n"
    assert not (tmp_path / "ran").exists()


def test_a_dirty_submodule_does_not_stop_it(desk: Desk, tmp_path: Path) -> None:
    inner = GitRepo.create(tmp_path / "inner")
    inner.commit("inner", {"x.py": "x\n"})
    desk.git.git("submodule", "add", "-q", str(inner.path), "sub")
    desk.git.commit("with a submodule")
    (desk.tree.path / "sub" / "x.py").write_text("dirty\n")
    desk.git.write("a.py", "a = 2\n")

    taken = desk.snap()

    assert desk.hub.repository.tree_files(taken.commit)["sub"].mode == "160000"
    assert taken.files == 3


def test_a_worktree_without_its_link_is_pinned_and_mended(desk: Desk) -> None:
    desk.git.write("a.py", "a = 2\n")
    (desk.tree.path / ".git").unlink()

    assert desk.trees.look(desk.tree).why == "its .git is gone"
    taken = desk.snap()
    desk.trees.make(desk.tree)

    assert desk.files(taken.commit)["a.py"] == b"a = 2\n"
    assert desk.git.git("status", "--short") == "M a.py"
    assert desk.trees.look(desk.tree).why == ""


def test_a_repository_of_its_own_in_the_place_of_the_link_is_put_aside_not_lost(desk: Desk) -> None:
    (desk.tree.path / ".git").unlink()
    GitRepo.create(desk.tree.path).commit("its own")

    assert desk.snap().head == desk.tree.base
    desk.trees.make(desk.tree)

    assert desk.trees.look(desk.tree).is_linked
    (aside,) = desk.trees.folder.glob(".e-1.git-*")
    assert (aside / "HEAD").is_file()


def test_the_hubs_side_of_it_may_be_lost_too(desk: Desk) -> None:
    desk.git.write("a.py", "a = 2\n")
    shutil.rmtree(desk.hub.folder / "worktrees")

    assert desk.files(desk.snap().commit)["a.py"] == b"a = 2\n"
    desk.trees.make(desk.tree)

    assert desk.git.git("status", "--short") == "M a.py"


@pytest.mark.parametrize("folder_too", [True, False])
def test_of_lost_files_the_last_good_snapshot_stays_and_is_restored(desk: Desk, folder_too: bool) -> None:
    desk.git.write("a.py", "a = 2\n")
    desk.git.write("new.py", "new\n")
    good = desk.snap()
    if folder_too:
        shutil.rmtree(desk.tree.path)
    else:
        for each in desk.tree.path.iterdir():
            shutil.rmtree(each) if each.is_dir() else each.unlink()

    assert desk.find() is None
    assert desk.snapshots.newest(desk.tree) == good.commit
    desk.trees.restore(desk.tree, good.commit)

    assert desk.snap().tree == good.tree
    assert sorted(desk.git.git("status", "--short").splitlines()) == ["?? new.py", "M a.py"]


def test_one_whose_files_were_deleted_but_not_the_link_counts_as_lost(desk: Desk) -> None:
    for name in ("a.py", ".gitignore"):
        desk.git.remove(name)
    shutil.rmtree(desk.tree.path / "deep")
    (desk.tree.path / "only.o").write_text("")

    assert desk.trees.look(desk.tree).is_present
    assert desk.snap().files == 4, "only.o is no longer ignored: it is work"
    desk.git.remove("only.o")
    (desk.tree.path / "empty").mkdir()
    assert desk.find() is None


def test_rewritten_history_is_seen_and_pinned(desk: Desk) -> None:
    desk.git.git("checkout", "-q", "--orphan", "other")
    desk.git.commit("all new")

    standing = desk.trees.look(desk.tree)

    assert standing.is_rewritten
    assert desk.tree.base[:10] in standing.why
    assert desk.snap().head == standing.head


def test_another_branch_is_seen_and_is_no_rewriting(desk: Desk) -> None:
    desk.git.git("checkout", "-q", "-b", "side")
    desk.git.commit("side", {"a.py": "a = 2\n"})

    standing = desk.trees.look(desk.tree)

    assert (standing.is_rewritten, standing.on_branch) == (False, "side")
    commit = desk.snapshots.commit(desk.tree, desk.snap(), "codex", "x\n", 1)
    assert commit == standing.head
    assert desk.git.git("branch", "--show-current") == desk.tree.branch
    assert desk.git.git("status", "--short") == ""


def test_a_commit_is_in_the_agents_name_and_made_once(desk: Desk) -> None:
    desk.git.write("a.py", "a = 2\n")
    taken = desk.snap()
    message = trailed("Fix\nIssue: forged", "Agent: forged too\n", [("Engagement", "e-1"), ("Agent", "x\nIssue: no")])

    first = desk.snapshots.commit(desk.tree, taken, "codex <evil>\n", message, 1)
    again = desk.snapshots.commit(desk.tree, desk.snap(), "codex", message, 2)

    assert first == again
    assert desk.git.git("status", "--short") == ""
    assert desk.git.git("log", "-1", "--format=%an <%ae>") == "codex evil <codex-evil@agents.watchkeeper.localhost>"
    trailers = desk.git.git("log", "-1", "--format=%(trailers)").splitlines()
    assert trailers == ["Engagement: e-1", "Agent: x Issue: no"]
    assert desk.hub.pins()["engagements/e-1/head"] == first


def test_pins_that_an_agents_git_packed_are_still_pins(desk: Desk) -> None:
    taken = desk.snap()
    desk.git.git("pack-refs", "--all", "--prune")

    assert desk.hub.pins() == {"engagements/e-1/1": taken.commit}
    desk.git.write("a.py", "a = 2\n")
    assert desk.snap().name == "engagements/e-1/2"
    desk.hub.unpin("engagements/e-1/1")
    assert set(desk.hub.pins()) == {"engagements/e-1/2"}


def test_it_is_deleted_only_when_what_stands_in_it_is_pinned(desk: Desk) -> None:
    desk.git.write("a.py", "a = 2\n")
    taken = desk.snap()
    (desk.tree.path / "closed").mkdir(mode=0o500)

    with pytest.raises(GitError) as refused:
        desk.trees.remove(desk.tree, pinned=desk.tree.base)
    assert refused.value.slug == "worktree-not-pinned"
    assert desk.tree.path.is_dir()
    desk.trees.remove(desk.tree, pinned=taken.commit)

    assert not desk.tree.path.exists()
    assert desk.hub.pins() == {"engagements/e-1/1": taken.commit}
    assert list(desk.trees.folder.iterdir()) == []


def test_whoever_watches_it_being_deleted_sees_the_whole_of_it_or_nothing(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken = desk.find()
    seen: list[bool] = []

    def delete(folder: Path) -> None:
        seen.append(desk.tree.path.exists())
        shutil.rmtree(folder)

    monkeypatch.setattr("watchkeeper.repos.hubworktrees._delete", delete)

    desk.trees.remove(desk.tree, pinned=taken.commit if taken else desk.tree.base)

    assert seen
    assert not any(seen)


def test_one_that_was_being_deleted_when_we_were_killed_can_be_made_and_deleted_again(desk: Desk) -> None:
    gone = desk.trees.folder / ".e-1.gone"
    desk.tree.path.rename(gone)

    desk.trees.make(desk.tree)
    taken = desk.snap()
    desk.trees.remove(desk.tree, pinned=taken.commit)

    assert not gone.exists()
    assert list(desk.trees.folder.iterdir()) == []


@pytest.mark.parametrize(
    ("issue", "title", "branch"),
    [
        ("shop#12", "Fix the price", "agent/shop-12-fix-the-price"),
        ("github:o/n#3", "", "agent/github-o-n-3"),
        ("..", "../../x.lock", "agent/issue-x-lock"),
        ("#", "ÄÖ\n~^:", "agent/issue"),
        ("#", "x" * 3, "agent/issue-xxx"),
        ("x" * 200, "y" * 200, f"agent/{'x' * 60}-{'y' * 40}"),
    ],
)
def test_a_branchs_name_is_one_that_git_takes(desk: Desk, issue: str, title: str, branch: str) -> None:
    assert branch_name(issue, title) == branch
    desk.user.git("check-ref-format", f"refs/heads/{branch}")
