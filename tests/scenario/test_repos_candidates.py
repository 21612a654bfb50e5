"""Candidates: entries on top of the target branch come out as git merge after git merge would make them."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from gitrepo import GitRepo
from landingrepo import LINES, LandingRepo, changed
from watchkeeper.model.errors import GitError, UsageError
from watchkeeper.model.ids import Sha
from watchkeeper.model.landing import Entry, EntryId
from watchkeeper.repos.candidates import Builder, Clashed
from watchkeeper.repos.keeping import finished_commit, keep_change, kept_changes, release_change
from watchkeeper.repos.merging import ClashKind
from watchkeeper.repos.repository import Worktree, find_repository


@pytest.fixture
def landing(git_repo: GitRepo, tmp_path: Path) -> Iterator[LandingRepo]:
    made = LandingRepo(git_repo, tmp_path / "state")
    yield made
    made.hub.close()


def merged_by_git(landing: LandingRepo, *heads: str) -> str:
    """The tree after ``git merge`` of one head after the other."""
    landing.repo.git("checkout", "-q", "--detach", "main")
    for head in heads:
        landing.repo.git("merge", "-q", "--no-edit", head)
    tree = landing.repo.git("rev-parse", "HEAD^{tree}")
    landing.repo.switch("main")
    return tree


def clash(landing: LandingRepo, *entries: Entry) -> Clashed:
    outcome = landing.builder.build(landing.main, entries)
    assert isinstance(outcome, Clashed)
    return outcome


def test_several_entries_make_the_tree_that_git_makes_of_one_merge_after_the_other(landing: LandingRepo) -> None:
    one = landing.branch("one", {"a.py": changed(2)})
    two = landing.branch("two", {"a.py": changed(20), "new.py": "new\n"})
    landing.repo.commit("main moves", {"b.py": changed(5)})

    built = landing.build(one, two)

    assert built.tree == merged_by_git(landing, one.head, two.head)
    assert built.steps[0].tree == landing.build(one).tree


def test_an_empty_candidate_is_the_branch_itself(landing: LandingRepo) -> None:
    assert landing.build().tree == landing.repo.git("rev-parse", "main^{tree}")


def test_an_entry_that_contains_anothers_commits_is_no_clash_with_it(landing: LandingRepo) -> None:
    lower = landing.branch("lower", {"a.py": changed(2, "first version")})
    upper = landing.branch("upper", {"a.py": changed(2, "second version")}, start="lower")
    landing.repo.commit("main moves", {"b.py": changed(5)})

    assert landing.build(lower, upper).tree == merged_by_git(landing, lower.head, upper.head)
    assert "second version" in landing.text(landing.build(lower, upper).steps[1].commit, "a.py")


def test_a_criss_cross_history_is_merged_as_git_merges_it(landing: LandingRepo) -> None:
    landing.repo.switch("topic")
    first = landing.repo.commit("topic", {"a.py": changed(3, "topic")})
    landing.repo.switch("main")
    landing.repo.commit("main", {"b.py": changed(3, "main")})
    on_main = landing.main
    landing.repo.git("merge", "-q", "--no-edit", first)
    landing.repo.switch("topic")
    landing.repo.git("merge", "-q", "--no-edit", on_main)
    head = landing.repo.commit("more topic", {"a.py": changed(3, "topic again"), "b.py": changed(3, "by topic")})
    landing.repo.switch("main")
    landing.repo.commit("more main", {"b.py": changed(3, "main").replace("line 20\n", "main 20\n")})
    assert len(landing.repo.git("merge-base", "--all", "main", head).split()) == 2

    assert landing.build(landing.entry("topic", head)).tree == merged_by_git(landing, head)


def test_a_picked_entry_brings_its_own_difference_and_nothing_of_what_lies_below_it(landing: LandingRepo) -> None:
    below = landing.branch("topic", {"a.py": changed(2)})
    top = landing.branch("topic", {"b.py": changed(9)})
    picked = Entry(top.id, top.change, top.head, base=below.head, is_picked=True)

    step = landing.build(picked).steps[0]

    assert landing.text(step.commit, "a.py") == LINES
    assert landing.text(step.commit, "b.py") == changed(9)


def test_a_clash_names_paths_kinds_and_the_first_entry_that_it_clashes_with(landing: LandingRepo) -> None:
    free = landing.branch("free", {"pkg/c.py": changed(1)})
    first = landing.branch("first", {"a.py": changed(4, "one")})
    between = landing.branch("between", {"b.py": changed(9)})
    second = landing.branch("second", {"a.py": changed(4, "two"), "b.py": changed(1)})

    found = clash(landing, free, first, between, second)

    assert (found.entry, found.partner, found.paths, found.kinds) == (
        second.id, first.id, ("a.py",), (ClashKind.CONTENT,),
    )  # fmt: skip
    assert "Merge conflict in a.py" in found.reason


def test_an_entry_that_does_not_fit_the_branch_has_no_partner(landing: LandingRepo) -> None:
    free = landing.branch("free", {"b.py": changed(1)})
    late = landing.branch("late", {"a.py": changed(4, "late")})
    landing.repo.commit("main moves", {"a.py": changed(4, "main")})

    assert clash(landing, free, late).partner is None


def test_unrelated_histories_do_not_fit_and_say_so(landing: LandingRepo) -> None:
    landing.repo.git("checkout", "-q", "--orphan", "other")
    head = landing.repo.commit("other root", {"z.py": "z\n"})
    landing.repo.git("checkout", "-q", "-f", "main")

    assert clash(landing, landing.entry("other", head)).reason == "unrelated histories"


def test_a_missing_commit_is_an_error_and_no_clash(landing: LandingRepo) -> None:
    with pytest.raises(GitError, match="not in") as caught:
        landing.builder.build(landing.main, [landing.entry("gone", "1" * 40)])
    assert caught.value.slug == "object-missing"


def test_the_same_candidate_is_the_same_commit_for_every_builder(landing: LandingRepo) -> None:
    one = landing.branch("one", {"a.py": changed(2)})
    two = landing.branch("two", {"b.py": changed(2)})

    assert landing.build(one, two) == Builder(landing.hub).build(landing.main, [one, two])


def test_what_was_built_once_is_not_asked_of_git_again(landing: LandingRepo, monkeypatch: pytest.MonkeyPatch) -> None:
    one = landing.branch("one", {"a.py": changed(2)})
    two = landing.branch("two", {"b.py": changed(2)})
    built = landing.build(one, two)
    monkeypatch.setenv("PATH", "")  # no git can be started any more

    assert landing.builder.build(Sha(landing_tip(landing)), [one, two]) == built


def test_what_tidying_may_have_deleted_is_built_again(landing: LandingRepo) -> None:
    one = landing.branch("one", {"a.py": changed(2)})
    landing.repo.commit("main moves", {"a.py": changed(20)})
    now = [0.0]
    builder = Builder(landing.hub, lambda: now[0])
    built = builder.build(landing.main, [one])
    landing.hub.tidy(keep_days=0)
    landing.hub.close()
    with pytest.raises(GitError):
        landing.hub.objects.tree_entries(built.tree)

    now[0] += 2 * 86_400

    assert builder.build(landing.main, [one]) == built
    assert landing.hub.objects.tree_entries(built.tree)


def landing_tip(landing: LandingRepo) -> str:
    return (landing.repo.path / ".git/refs/heads/main").read_text().strip()


def test_a_kept_change_survives_the_users_branch_worktree_and_garbage_collection(
    landing: LandingRepo, tmp_path: Path
) -> None:
    work = landing.repo.worktree("agent", "fix")
    head = Sha(work.commit("fix", {"a.py": changed(7, "precious"), "deep/er/new.py": "precious too\n"}))
    entry = landing.entry("fix", head)
    keep_change(landing.hub, landing.repository, entry.id, head, landing.main)
    landing.repo.git("worktree", "remove", "--force", str(work.path))
    landing.repo.git("branch", "-D", "fix")
    landing.repo.git("reflog", "expire", "--expire=now", "--expire-unreachable=now", "--all")
    landing.repo.git("gc", "-q", "--prune=now")
    with pytest.raises(AssertionError, match=f"cat-file -e {head}"):
        landing.repo.git("cat-file", "-e", head)
    landing.hub.close()
    landing.hub.tidy(keep_days=0)

    assert kept_changes(landing.hub) == {entry.id: head}
    assert landing.text(landing.build(entry).steps[0].commit, "deep/er/new.py") == "precious too\n"
    GitRepo(landing.hub.folder).git("--git-dir=.", "fsck", "--connectivity-only")


def test_without_a_pin_the_same_loss_is_real(landing: LandingRepo) -> None:
    entry = landing.branch("fix", {"a.py": changed(7)})
    landing.repo.git("branch", "-D", "fix")
    landing.repo.git("reflog", "expire", "--expire=now", "--expire-unreachable=now", "--all")
    landing.repo.git("gc", "-q", "--prune=now")
    landing.hub.close()

    with pytest.raises(GitError):
        landing.builder.build(landing.main, [entry])


def test_what_landed_is_let_go_and_tidied_away(landing: LandingRepo) -> None:
    entry = landing.branch("fix", {"a.py": changed(7)})
    keep_change(landing.hub, landing.repository, entry.id, entry.head, landing.main)
    own = landing.hub.folder / "objects" / entry.head[:2] / entry.head[2:]
    assert own.exists()

    release_change(landing.hub, entry.id)
    landing.hub.tidy(keep_days=0)

    assert kept_changes(landing.hub) == {}
    assert not own.exists()


def test_the_pin_of_a_plain_name_is_where_git_shows_it(landing: LandingRepo) -> None:
    entry = landing.branch("fix-login", {"a.py": changed(7)})
    keep_change(landing.hub, landing.repository, entry.id, entry.head, landing.main)

    refs = GitRepo(landing.hub.folder).git("--git-dir=.", "for-each-ref", "--format=%(refname) %(objectname)")
    assert refs == f"refs/watchkeeper/changes/fix-login/1 {entry.head}"


@pytest.mark.parametrize(
    "names",
    [["x/1", "x/1/2"], ["a b/1", "a%20b/1"], ["..lock/1", ".hidden.lock/2"], ["w\n\udcff@{~^:?*[\\/9"], ["-/1", "@/1"]],
)
def test_entries_with_any_names_are_kept_beside_each_other(landing: LandingRepo, names: list[str]) -> None:
    head = landing.branch("fix", {"a.py": changed(7)}).head
    for name in names:
        keep_change(landing.hub, landing.repository, EntryId(name), head, landing.main)

    assert kept_changes(landing.hub) == {EntryId(name): head for name in names}
    shown = GitRepo(landing.hub.folder).git("--git-dir=.", "for-each-ref", "--format=%(objectname)")
    assert shown.split() == [head] * len(names)


def test_an_entry_is_never_kept_as_another_commit(landing: LandingRepo) -> None:
    entry = landing.branch("fix", {"a.py": changed(7)})
    keep_change(landing.hub, landing.repository, entry.id, entry.head, landing.main)
    keep_change(landing.hub, landing.repository, entry.id, entry.head, landing.main)

    with pytest.raises(GitError, match="as another commit"):
        keep_change(landing.hub, landing.repository, entry.id, landing.main, landing.main)
    assert kept_changes(landing.hub) == {entry.id: entry.head}


def test_a_change_that_cannot_be_copied_is_not_kept(landing: LandingRepo) -> None:
    entry = landing.branch("fix", {"a.py": changed(7)})
    blob = landing.repo.git("rev-parse", f"{entry.head}:a.py")
    (landing.repo.path / ".git/objects" / blob[:2] / blob[2:]).unlink()

    with pytest.raises(GitError):
        keep_change(landing.hub, landing.repository, entry.id, entry.head, landing.main)
    assert kept_changes(landing.hub) == {}


def test_a_change_of_another_clone_is_kept_too(landing: LandingRepo, tmp_path: Path) -> None:
    landing.repo.git("clone", "-q", str(landing.repo.path), str(tmp_path / "clone"))
    clone = GitRepo(tmp_path / "clone")
    head = Sha(clone.commit("elsewhere", {"a.py": changed(3, "elsewhere")}))
    entry = landing.entry("elsewhere", head)
    keep_change(landing.hub, find_repository(clone.path), entry.id, head, landing.main)
    shutil.rmtree(clone.path)
    landing.hub.close()

    assert "elsewhere" in landing.text(landing.build(entry).steps[0].commit, "a.py")


def worktree_of(landing: LandingRepo, repo: GitRepo) -> Worktree:
    return next(each for each in landing.repository.worktrees() if each.path == repo.path)


def test_a_worktree_with_uncommitted_work_is_refused_and_the_paths_are_named(landing: LandingRepo) -> None:
    work = landing.repo.worktree("agent", "fix")
    work.write("a.py", "half\n")
    work.write("untracked.py", "new\n")

    with pytest.raises(UsageError, match=r"not committed: a\.py, untracked\.py") as caught:
        finished_commit(worktree_of(landing, work))
    assert caught.value.slug == "uncommitted-work"


def test_a_snapshot_may_stand_for_uncommitted_work(landing: LandingRepo) -> None:
    work = landing.repo.worktree("agent", "fix")
    work.write("a.py", "half\n")
    snapshot = landing.hub.commit(landing.hub.objects.tree_of(landing.main), [landing.main])

    assert finished_commit(worktree_of(landing, work), snapshot) == snapshot
    keep_change(landing.hub, landing.repository, EntryId("fix/1"), snapshot, landing.main)
    assert kept_changes(landing.hub) == {EntryId("fix/1"): snapshot}


def test_a_clean_worktree_is_its_head_whatever_is_ignored_there(landing: LandingRepo) -> None:
    work = landing.repo.worktree("agent", "fix")
    head = work.commit("fix", {".gitignore": "*.log\n"})
    work.write("run.log", "noise\n")

    assert finished_commit(worktree_of(landing, work)) == head
