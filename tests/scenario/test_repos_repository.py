"""Finding and reading repositories, hostile and odd ones among them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from gitrepo import START, GitRepo
from watchkeeper.model.errors import GitError, NotARepositoryError, UsageError
from watchkeeper.model.footprint import TouchKind
from watchkeeper.model.ids import Millis, Sha
from watchkeeper.repos.git import run_git
from watchkeeper.repos.history import first_parent_merges, list_branches, read_log
from watchkeeper.repos.repository import find_repository
from watchkeeper.repos.target import find_target


def test_every_way_into_a_repository_finds_the_same_project(git_repo: GitRepo, tmp_path: Path) -> None:
    git_repo.commit("base", {"pkg/a.py": "a\n"})
    linked = git_repo.worktree("linked", "topic")
    (tmp_path / "door").symlink_to(git_repo.path)
    ways = [
        git_repo.path,
        git_repo.path / "pkg",
        git_repo.path / "pkg" / "a.py",
        git_repo.path / ".git",
        linked.path,
        linked.path / "pkg",
        tmp_path / "door",
    ]
    assert {find_repository(way).project for way in ways} == {find_repository(git_repo.path).project}


def test_a_folder_outside_any_repository_is_an_error_with_a_hint(tmp_path: Path) -> None:
    with pytest.raises(NotARepositoryError, match="not in a git repository"):
        find_repository(tmp_path)
    with pytest.raises(NotARepositoryError, match="no folder"):
        find_repository(tmp_path / "nowhere")


def test_all_worktrees_are_listed_with_what_is_checked_out(git_repo: GitRepo) -> None:
    base = git_repo.commit("base")
    topic = git_repo.worktree("odd\nname", "topic/one")
    loose = git_repo.worktree("loose")
    gone = git_repo.worktree("gone", "gone")
    git_repo.git("worktree", "lock", "--reason", "on a stick", str(loose.path))
    for path in sorted(gone.path.iterdir()):
        path.unlink()
    gone.path.rmdir()

    main, *others = find_repository(topic.path).worktrees()
    by_path = {tree.path: tree for tree in others}

    assert (main.path, main.branch, main.head, main.is_main) == (git_repo.path, "main", base, True)
    assert by_path[topic.path].branch == "topic/one"
    assert by_path[topic.path].git_dir.parent == git_repo.path / ".git" / "worktrees"
    assert by_path[loose.path].is_detached
    assert by_path[loose.path].locked == "on a stick"
    assert by_path[gone.path].prunable
    assert not by_path[gone.path].is_present
    assert by_path[topic.path].is_present


def test_a_bare_repository_with_worktrees_works(git_repo: GitRepo, tmp_path: Path) -> None:
    git_repo.commit("base", {"a.py": "a\n"})
    git_repo.git("clone", "-q", "--bare", str(git_repo.path), str(tmp_path / "bare.git"))
    linked = GitRepo(tmp_path / "bare.git").worktree("linked", "topic")
    repository = find_repository(tmp_path / "bare.git")
    assert repository.is_bare
    assert find_repository(linked.path).project == repository.project
    bare, tree = repository.worktrees()
    assert (bare.is_bare, bare.is_present) == (True, False)
    assert (tree.path, tree.branch, tree.is_present) == (linked.path, "topic", True)
    target = find_target(repository)
    assert target is not None
    assert target.name == "main"


def test_a_separate_git_directory_is_found_from_its_checkout(tmp_path: Path) -> None:
    (tmp_path / "work").mkdir()
    repo = GitRepo(tmp_path / "work")
    repo.git("init", "-q", f"--separate-git-dir={tmp_path / 'elsewhere'}")
    repo.commit("base")
    assert find_repository(repo.path).worktrees()[0].path == repo.path


def test_a_branch_in_mid_rebase_keeps_its_name(git_repo: GitRepo) -> None:
    git_repo.commit("base", {"a.py": "a\n"})
    topic = git_repo.worktree("topic", "topic")
    topic.commit("ours", {"a.py": "ours\n"})
    git_repo.commit("theirs", {"a.py": "theirs\n"})
    with pytest.raises(AssertionError):
        topic.git("rebase", "main")
    tree = find_repository(topic.path).worktrees()[1]
    assert (tree.branch, tree.is_detached) == ("topic", True)


def test_an_unknown_revision_names_its_neighbours(git_repo: GitRepo) -> None:
    git_repo.commit("base")
    git_repo.branch("feature/login")
    repository = find_repository(git_repo.path)
    with pytest.raises(UsageError) as caught:
        repository.resolve("feature/logn")
    assert "feature/login" in caught.value.hint
    for odd in ("", "--all", "a\nb", "a\0b", "-"):
        assert repository.find_commit(odd) is None


def test_the_target_is_chosen_and_the_choice_explained(git_repo: GitRepo, tmp_path: Path) -> None:
    assert find_target(find_repository(git_repo.path)) is None
    base = git_repo.commit("base")
    git_repo.branch("develop")
    git_repo.switch("develop")
    repository = find_repository(git_repo.path)
    checked_out = find_target(repository)
    assert checked_out is not None
    assert (checked_out.name, checked_out.commit) == ("develop", base)
    assert checked_out.reason == "develop is the target: it is checked out in the main worktree"
    configured = find_target(repository, "main")
    assert configured is not None
    assert configured.ref == "refs/heads/main"
    with pytest.raises(UsageError):
        find_target(repository, "nope")


def test_a_local_branch_behind_its_upstream_gives_way_to_it(git_repo: GitRepo, tmp_path: Path) -> None:
    git_repo.commit("base")
    git_repo.git("clone", "-q", str(git_repo.path), str(tmp_path / "clone"))
    ahead = git_repo.commit("ahead")
    clone = GitRepo(tmp_path / "clone")
    clone.git("fetch", "-q")
    repository = find_repository(clone.path)
    behind = find_target(repository)
    assert behind is not None
    assert (behind.name, behind.commit) == ("origin/main", ahead)
    local = clone.commit("own work on top of the old base")
    diverged = find_target(repository)
    assert diverged is not None
    assert (diverged.name, diverged.commit) == ("main", local)


def test_branches_and_pull_requests_are_listed_by_pattern(git_repo: GitRepo) -> None:
    head = git_repo.commit("base")
    git_repo.branch("agent/one")
    git_repo.git("update-ref", "refs/pull/7/head", head)
    git_repo.git("update-ref", "refs/pull/7/merge", head)
    git_repo.git("update-ref", "refs/remotes/origin/two", head)
    git_repo.git("symbolic-ref", "refs/remotes/origin/HEAD", "refs/remotes/origin/two")
    repository = find_repository(git_repo.path)
    assert {branch.name for branch in list_branches(repository)} == {"main", "agent/one", "origin/two"}
    assert {branch.name for branch in list_branches(repository, ["pull/*"])} == {"pull/7"}
    (one,) = list_branches(repository, ["agent/*"])
    assert (one.author, one.head, one.subject) == ("Ada", head, "base")


def test_the_log_gives_merges_with_parents_and_times(git_repo: GitRepo) -> None:
    base = git_repo.commit("base")
    git_repo.switch("topic")
    work = git_repo.commit("work\n\nbody", {"a.py": "a\n"})
    git_repo.switch("main")
    git_repo.git("merge", "-q", "--no-ff", "-m", "merge topic", "topic")
    repository = find_repository(git_repo.path)
    (merge,) = first_parent_merges(repository, "main", limit=10)
    assert (merge.parents, merge.subject, merge.author) == ((base, work), "merge topic", "Ada")
    assert merge.committed_at > START * 1000
    log = read_log(repository, ["main"])
    assert [commit.subject for commit in log] == ["merge topic", "work", "base"]
    assert read_log(repository, ["main", "^topic"]) == (merge,)
    assert read_log(repository, ["main"], since=Millis(merge.committed_at + 1000)) == ()


def test_a_diff_follows_renames(git_repo: GitRepo) -> None:
    old = Sha(git_repo.commit("base", {"a.py": "a\n" * 20, "b.py": "b\n", "c.py": "c\n"}))
    git_repo.git("mv", "a.py", "z.py")
    git_repo.remove("b.py")
    new = Sha(git_repo.commit("change", {"c.py": "C\n", "n.py": "n\n"}))
    changes = find_repository(git_repo.path).diff(old, new)
    assert {(change.kind, change.old_path, change.new_path) for change in changes} == {
        (TouchKind.RENAMED, "a.py", "z.py"),
        (TouchKind.DELETED, "b.py", None),
        (TouchKind.MODIFIED, "c.py", "c.py"),
        (TouchKind.ADDED, None, "n.py"),
    }


def test_unrelated_histories_have_no_merge_base(git_repo: GitRepo) -> None:
    one = Sha(git_repo.commit("one"))
    git_repo.git("checkout", "-q", "--orphan", "other")
    other = Sha(git_repo.commit("two"))
    repository = find_repository(git_repo.path)
    assert repository.merge_base(one, other) is None
    assert repository.merge_base(one, one) == one


def test_variables_of_a_surrounding_git_do_not_leak_in(
    git_repo: GitRepo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    git_repo.commit("base")
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(tmp_path / "index"))
    assert find_repository(git_repo.path).common_dir == git_repo.path / ".git"


def test_too_slow_and_too_much_output_end_with_an_error(git_repo: GitRepo) -> None:
    git_repo.commit("base", {"big.txt": "x" * 100_000})
    with pytest.raises(GitError, match="printed more than"):
        run_git(git_repo.path, "show", "HEAD:big.txt", max_output=1000)
    with pytest.raises(GitError, match="took longer than"):
        run_git(git_repo.path, "slow", config={"alias.slow": "!sleep 30"}, timeout_s=0.2)


def test_a_missing_git_is_an_error_with_a_hint(
    git_repo: GitRepo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(GitError, match="git is not installed"):
        run_git(git_repo.path, "version")


def test_a_damaged_repository_is_an_error_with_a_hint(git_repo: GitRepo) -> None:
    git_repo.commit("base", {"a.py": "a\n"})
    (git_repo.path / ".git" / "index").write_bytes(b"DIRC garbage")
    with pytest.raises(GitError) as caught:
        run_git(git_repo.path, "status", "--porcelain=v2")
    assert caught.value.slug == "repository-damaged"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder to another user")
def test_another_user_s_repository_is_an_error_with_a_hint(git_repo: GitRepo, monkeypatch: pytest.MonkeyPatch) -> None:
    git_repo.commit("base")
    for path in [git_repo.path, *git_repo.path.rglob("*")]:
        os.chown(path, 4242, 4242)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    with pytest.raises(GitError) as caught:
        find_repository(git_repo.path)
    assert caught.value.slug == "dubious-ownership"
    assert "safe.directory" in caught.value.hint


def test_a_system_without_resources_is_an_error_that_names_the_limits() -> None:
    program = (
        "import resource\n"
        "from pathlib import Path\n"
        "from watchkeeper.model.errors import GitError\n"
        "from watchkeeper.repos.git import get_git_version\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (3, 3))\n"
        "try:\n"
        "    get_git_version()\n"
        "except GitError as error:\n"
        "    print(error.slug)\n"
    )

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)

    assert done.stdout.strip() == "git-not-started"
