"""A branch that is checked out moves with its worktree, and what the user has there is never touched."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from gitrepo import GitRepo, contents_of
from landingrepo import LINES, LandingRepo, changed
from watchkeeper.model.ids import Sha
from watchkeeper.repos.moving import LocalBranch, LostRace, Moved, Refused
from watchkeeper.repos.trees import EXECUTABLE, FILE, SYMLINK, TreeEntry, render_tree

Files = dict[str, str | None]


@pytest.fixture
def landing(git_repo: GitRepo, tmp_path: Path) -> Iterator[LandingRepo]:
    made = LandingRepo(git_repo, tmp_path / "state")
    made.repo.commit("more", {".gitignore": "*.log\nbuild/\n", "d/one.py": "1\n", "d/two.py": "2\n", "e.py": "e\n"})
    yield made
    made.hub.close()


def above(landing: LandingRepo, files: Files) -> Sha:
    """A commit of the hub above main with these contents; None deletes."""
    entries = {
        path: None if text is None else TreeEntry(FILE, landing.hub.store(text.encode()))
        for path, text in files.items()
    }
    tree = landing.hub.write_tree(landing.hub.objects.tree_of(landing.main), entries)
    return landing.hub.commit(tree, [landing.main], "landing")


def land(landing: LandingRepo, files: Files) -> Moved | Refused:
    outcome = LocalBranch(landing.hub, landing.repository, "main").move(landing.main, above(landing, files), "land")
    assert isinstance(outcome, Moved | Refused)
    return outcome


def refused(landing: LandingRepo, files: Files) -> Refused:
    """What was refused; nothing in the repository and no file has changed by the attempt."""
    before = {path: stamp for path, stamp in contents_of(landing.repo.path).items() if "/objects/" not in path}
    outcome = land(landing, files)
    after = {path: stamp for path, stamp in contents_of(landing.repo.path).items() if "/objects/" not in path}
    assert isinstance(outcome, Refused)
    assert after == before
    return outcome


def status(repo: GitRepo) -> str:
    return repo.git("status", "--porcelain", "--untracked-files=all")


NEW: Files = {"a.py": changed(2), "d/two.py": None, "fresh/deep.py": "x\n"}


def test_a_clean_worktree_moves_along(landing: LandingRepo) -> None:
    assert isinstance(land(landing, NEW), Moved)

    assert status(landing.repo) == ""
    assert (landing.repo.path / "a.py").read_text() == changed(2)
    assert not (landing.repo.path / "d/two.py").exists()
    assert landing.repo.git("reflog", "-1", "--format=%gs", "HEAD") == "land"
    assert not list((landing.repo.path / ".git").glob("*watchkeeper*"))
    assert not (landing.repo.path / ".git/index.lock").exists()


def test_work_in_other_files_stays_as_it_is_staged_or_not(landing: LandingRepo) -> None:
    landing.repo.write("b.py", "staged\n")
    landing.repo.git("add", "b.py")
    landing.repo.write("b.py", "staged, then more\n")
    landing.repo.write("e.py", "unstaged\n")
    landing.repo.write("staged-new.py", "n\n")
    landing.repo.git("add", "staged-new.py")
    landing.repo.write("untracked.py", "u\n")
    landing.repo.remove("d/one.py")
    before = status(landing.repo)

    assert isinstance(land(landing, NEW), Moved)

    assert status(landing.repo) == before
    assert landing.repo.git("show", ":b.py") == "staged"
    assert (landing.repo.path / "b.py").read_text() == "staged, then more\n"


@pytest.mark.parametrize("staged", [False, True], ids=["unstaged", "staged"])
@pytest.mark.parametrize("text", ["mine\n", changed(2), None], ids=["edited", "the same edit", "deleted"])
def test_a_file_with_work_of_the_users_is_in_the_way(landing: LandingRepo, text: str | None, staged: bool) -> None:
    if text is None:
        landing.repo.remove("a.py")
    else:
        landing.repo.write("a.py", text)
    if staged:
        landing.repo.git("add", "-A")

    found = refused(landing, NEW)

    assert (found.slug, found.paths) == ("worktree-in-the-way", ("a.py",))
    assert str(landing.repo.path) in found.reason


@pytest.mark.parametrize(
    ("mine", "theirs", "path"),
    [
        ("fresh/deep.py", "fresh/deep.py", "fresh/deep.py"),
        ("fresh/run.log", "fresh/run.log", "fresh/run.log"),
        ("build/out.js", "build/out.js", "build/out.js"),
        ("fresh", "fresh/deep.py", "fresh"),
        ("fresh.log", "fresh.log/deep.py", "fresh.log"),
        ("fresh/deep.py", "fresh", "fresh/deep.py"),
        ("fresh/cache.log", "fresh", "fresh/cache.log"),
        ("d/mine.log", "d", "d/mine.log"),
    ],
)
def test_an_untracked_file_is_in_the_way_also_one_that_is_ignored(
    landing: LandingRepo, mine: str, theirs: str, path: str
) -> None:
    landing.repo.write(mine, "precious\n")
    gone: Files = {"d/one.py": None, "d/two.py": None} if theirs == "d" else {}

    found = refused(landing, {"a.py": changed(2), theirs: "x\n", **gone})

    assert found.paths == (path,)


def test_a_link_where_a_folder_will_be_is_in_the_way_and_nothing_is_written_through_it(
    landing: LandingRepo, tmp_path: Path
) -> None:
    (tmp_path / "outside").mkdir()
    (landing.repo.path / "fresh").symlink_to(tmp_path / "outside")

    assert refused(landing, NEW).paths == ("fresh",)
    assert list((tmp_path / "outside").iterdir()) == []


def test_empty_folders_are_not_in_the_way(landing: LandingRepo) -> None:
    (landing.repo.path / "fresh/deep.py").mkdir(parents=True)

    assert isinstance(land(landing, NEW), Moved)
    assert status(landing.repo) == ""


def test_files_and_folders_may_change_places(landing: LandingRepo) -> None:
    assert isinstance(
        land(landing, {"d/one.py": None, "d/two.py": None, "d": "file\n", "e.py": None, "e.py/x": "x\n"}), Moved
    )
    assert status(landing.repo) == ""
    assert isinstance(land(landing, {"d": None, "d/one.py": "1\n", "e.py/x": None, "e.py": "e\n"}), Moved)
    assert status(landing.repo) == ""


@pytest.mark.parametrize("marker", ["MERGE_HEAD", "CHERRY_PICK_HEAD", "REVERT_HEAD"])
def test_an_unfinished_merge_or_pick_is_in_the_way(landing: LandingRepo, marker: str) -> None:
    (landing.repo.path / ".git" / marker).write_text(f"{landing.base}\n")

    assert marker in refused(landing, NEW).reason


def test_a_branch_in_the_middle_of_a_rebase_is_in_the_way(landing: LandingRepo) -> None:
    other = landing.branch("other", {"e.py": "other\n"})
    landing.repo.commit("mine", {"e.py": "mine\n"})
    with pytest.raises(AssertionError):
        landing.repo.git("rebase", "-q", other.head)

    assert "rebased" in refused(landing, NEW).reason


def test_an_unmerged_file_anywhere_is_in_the_way(landing: LandingRepo) -> None:
    blob = landing.repo.git("rev-parse", "HEAD:e.py")
    lines = "".join(f"100644 {blob} {stage}\te.py\n" for stage in (1, 2, 3))
    landing.repo.git("update-index", "--index-info", stdin=f"0 {'0' * 40}\te.py\n{lines}".encode())

    assert refused(landing, NEW).paths == ("e.py",)


def test_an_index_that_another_git_has_locked_is_in_the_way(
    landing: LandingRepo, monkeypatch: pytest.MonkeyPatch
) -> None:
    (landing.repo.path / ".git/index.lock").write_text("")

    found = refused(landing, NEW)

    assert "another git works" in found.reason
    assert (landing.repo.path / ".git/index.lock").exists(), "it is not ours to remove"


def test_a_linked_worktree_that_has_the_branch_moves_along_too(landing: LandingRepo) -> None:
    landing.repo.switch("elsewhere")
    work = landing.repo.worktree("linked", "main")

    assert isinstance(land(landing, NEW), Moved)

    assert status(work) == status(landing.repo) == ""
    assert (work.path / "a.py").read_text() == changed(2)
    assert (landing.repo.path / "a.py").read_text() == LINES
    assert work.git("reflog", "-1", "--format=%gs", "HEAD") == "land"


def test_of_two_worktrees_on_the_branch_both_move_or_none(landing: LandingRepo) -> None:
    landing.repo.git("worktree", "add", "-q", "--force", str(landing.repo.path.parent / "second"), "main")
    second = GitRepo(landing.repo.path.parent / "second")
    second.write("a.py", "mine\n")

    assert refused(landing, NEW).paths == ("a.py",)
    assert status(landing.repo) == ""

    second.git("checkout", "-q", "a.py")
    assert isinstance(land(landing, NEW), Moved)
    assert status(landing.repo) == status(second) == ""


def test_a_worktree_whose_folder_is_gone_hinders_nobody(landing: LandingRepo) -> None:
    landing.repo.switch("elsewhere")
    work = landing.repo.worktree("linked", "main")
    subprocess.run(["rm", "-rf", str(work.path)], check=True)

    assert isinstance(land(landing, NEW), Moved)


def test_line_ends_links_and_executables_arrive_as_git_checks_them_out(landing: LandingRepo) -> None:
    landing.repo.commit("attributes", {".gitattributes": "*.txt eol=crlf\n", "w.txt": "one\n"})
    tree = landing.hub.write_tree(
        landing.hub.objects.tree_of(landing.main),
        {
            "w.txt": TreeEntry(FILE, landing.hub.store(b"one\ntwo\n")),
            "link": TreeEntry(SYMLINK, landing.hub.store(b"a.py")),
            "tool": TreeEntry(EXECUTABLE, landing.hub.store(b"#!/bin/sh\n")),
        },
    )
    new = landing.hub.commit(tree, [landing.main], "landing")

    assert LocalBranch(landing.hub, landing.repository, "main").move(landing.main, new, "land") == Moved(new)

    assert status(landing.repo) == ""
    assert (landing.repo.path / "w.txt").read_bytes() == b"one\r\ntwo\r\n"
    assert (landing.repo.path / "link").readlink() == Path("a.py")
    assert os.access(landing.repo.path / "tool", os.X_OK)


def test_what_a_sparse_checkout_leaves_out_stays_out(landing: LandingRepo) -> None:
    landing.repo.git("sparse-checkout", "set", "--no-cone", "/*", "!/pkg/", "!/fresh/")

    assert isinstance(land(landing, {**NEW, "pkg/c.py": changed(3)}), Moved)

    assert status(landing.repo) == ""
    assert not (landing.repo.path / "pkg").exists()
    assert not (landing.repo.path / "fresh").exists()


@pytest.mark.parametrize(
    "options",
    [("--split-index",), ("--index-version", "4"), ("--untracked-cache",)],
    ids=lambda options: options[0][2:],
)
def test_every_kind_of_index_moves_along(landing: LandingRepo, options: tuple[str, ...]) -> None:
    landing.repo.git("update-index", *options)
    landing.repo.write("b.py", "mine\n")
    landing.repo.git("add", "b.py")

    for files in (NEW, {"a.py": changed(3), "fresh/deep.py": None}):
        assert isinstance(land(landing, files), Moved)
        assert status(landing.repo) == "M  b.py"
    landing.repo.git("fsck", "--connectivity-only", "--no-dangling")


def test_a_submodule_that_the_branch_moves_is_left_to_its_user_as_git_does(
    landing: LandingRepo, tmp_path: Path
) -> None:
    inner = GitRepo.create(tmp_path / "inner")
    first = inner.commit("first", {"x.py": "x\n"})
    second = inner.commit("second", {"x.py": "xx\n"})
    landing.repo.git("submodule", "add", "-q", str(inner.path), "sub")
    GitRepo(landing.repo.path / "sub").git("checkout", "-q", first)
    landing.repo.commit("with a submodule")
    tree = landing.hub.write_tree(landing.hub.objects.tree_of(landing.main), {"sub": TreeEntry("160000", Sha(second))})
    new = landing.hub.commit(tree, [landing.main], "landing")

    assert LocalBranch(landing.hub, landing.repository, "main").move(landing.main, new, "land") == Moved(new)

    assert landing.repo.git("ls-files", "-s", "sub").split()[1] == second
    assert GitRepo(landing.repo.path / "sub").head == first


def test_a_branch_that_moves_while_its_worktree_is_on_the_way_loses_nothing(landing: LandingRepo) -> None:
    """A filter that commits elsewhere to the branch while files are written: the last compare-and-swap fails."""
    landing.repo.commit("attributes", {".gitattributes": "z.slow filter=slow\n"})
    other = landing.repo.git("commit-tree", "-p", "main", "-m", "other", "main^{tree}")
    landing.repo.git("config", "filter.slow.smudge", f"git update-ref refs/heads/main {other} && cat")
    new = above(landing, {"a.py": changed(2), "z.slow": "x\n"})

    outcome = LocalBranch(landing.hub, landing.repository, "main").move(landing.main, new, "land")

    assert outcome == LostRace(Sha(other))
    assert landing.main == other
    assert status(landing.repo) == ""
    assert (landing.repo.path / "a.py").read_text() == LINES


def test_files_with_names_that_are_no_text_move_along(landing: LandingRepo) -> None:
    name = 'f\udcff \n"x.py'
    assert isinstance(land(landing, {name: "odd\n"}), Moved)
    assert status(landing.repo) == ""
    assert isinstance(land(landing, {name: None}), Moved)
    assert status(landing.repo) == ""


@pytest.mark.parametrize("names", [(b".git", b"hooks"), (b"..", b"victim"), (b".GIT", b"config"), (b"pkg", b"..")])
def test_a_tree_that_reaches_out_of_the_checkout_is_refused_and_nothing_outside_is_touched(
    landing: LandingRepo, names: tuple[bytes, bytes]
) -> None:
    victim = landing.repo.path.parent / "victim"
    victim.write_text("")
    blob = landing.hub.store(b"evil\n")
    inner = landing.hub._write("tree", render_tree({names[1]: TreeEntry(FILE, blob)}))
    entries = landing.hub.objects.tree_entries(landing.hub.objects.tree_of(landing.main))
    root = landing.hub._write("tree", render_tree({**entries, names[0]: TreeEntry("40000", inner)}))
    new = landing.hub.commit(root, [landing.main], "evil")

    outcome = LocalBranch(landing.hub, landing.repository, "main").move(landing.main, new, "land")

    assert isinstance(outcome, Refused)
    assert outcome.slug == "worktree-in-the-way"
    assert victim.read_text() == ""
    assert status(landing.repo) == ""


def test_a_folder_that_became_a_link_is_a_folder_again_where_the_move_is_taken_back(
    landing: LandingRepo, tmp_path: Path
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "one.py").write_text("theirs\n")
    landing.repo.commit("attributes", {".gitattributes": "z.bad filter=bad\n"})
    landing.repo.git("config", "filter.bad.smudge", "false")
    landing.repo.git("config", "filter.bad.required", "true")
    link = TreeEntry(SYMLINK, landing.hub.store(os.fsencode(outside)))
    files = {"d/one.py": None, "d/two.py": None, "d": link, "z.bad": TreeEntry(FILE, landing.hub.store(b"x"))}
    new = landing.hub.commit(
        landing.hub.write_tree(landing.hub.objects.tree_of(landing.main), files), [landing.main], "landing"
    )

    assert isinstance(LocalBranch(landing.hub, landing.repository, "main").move(landing.main, new, "land"), Refused)

    assert status(landing.repo) == ""
    assert (outside / "one.py").read_text() == "theirs\n"


def test_a_write_that_fails_half_way_is_taken_back(landing: LandingRepo) -> None:
    """A smudge filter that fails: git has written some files by then."""
    landing.repo.commit("attributes", {".gitattributes": "z.bad filter=bad\n"})
    landing.repo.git("config", "filter.bad.smudge", "false")
    landing.repo.git("config", "filter.bad.required", "true")

    outcome = land(landing, {"a.py": changed(2), "b.py": None, "z.bad": "x\n", "fresh/new.py": "x\n"})

    assert isinstance(outcome, Refused)
    assert "smudge filter bad failed" in outcome.words
    assert status(landing.repo) == ""
    assert not (landing.repo.path / "fresh").exists()


KILLS = Path(__file__).with_name("kill_moves.py")


def test_thirty_random_kills_leave_the_branch_old_or_new_and_the_worktree_repairable(
    landing: LandingRepo, tmp_path: Path
) -> None:
    landing.repo.write("e.py", "the user's own\n")
    landing.repo.write("untracked.py", "his too\n")
    landing.repo.git("checkout", "-q", "-b", "aside")
    landing.repo.git("checkout", "-q", "main")

    done = subprocess.run(
        [sys.executable, str(KILLS), str(landing.repo.path), str(tmp_path / "kills"), "30"],
        capture_output=True, text=True, timeout=110, check=False,
    )  # fmt: skip

    assert done.returncode == 0, done.stdout + done.stderr
    print(done.stdout)
