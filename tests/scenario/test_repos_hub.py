"""The hub: snapshots and virtual merges beside the user's repository, never in it."""

from __future__ import annotations

import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from gitrepo import GitRepo
from watchkeeper.model.errors import GitError
from watchkeeper.model.ids import Sha
from watchkeeper.repos.hub import Hub, open_hub
from watchkeeper.repos.merging import ClashKind, MergeOutcome, marker_lines
from watchkeeper.repos.objects import Objects
from watchkeeper.repos.repository import find_repository
from watchkeeper.repos.trees import EXECUTABLE, FILE, SYMLINK, TreeEntry

LINES = "".join(f"line {number}\n" for number in range(1, 31))


Files = dict[str, str | bytes | None]
"""Contents by path; None deletes."""


@pytest.fixture
def hub(git_repo: GitRepo, tmp_path: Path) -> Iterator[Hub]:
    git_repo.commit(
        "base", {"a.py": LINES, "pkg/b.py": LINES, "pkg/deep/c.py": "c\n", "d/1": "1\n" * 9, "d/2": "2\n" * 9}
    )
    with open_hub(find_repository(git_repo.path), tmp_path / "state") as opened:
        yield opened


def edit(hub: Hub, base: str, files: Files) -> Sha:
    """A snapshot of ``base`` with these contents; None deletes."""
    entries = {
        path: None if text is None else TreeEntry(FILE, hub.store(text.encode() if isinstance(text, str) else text))
        for path, text in files.items()
    }
    return hub.write_tree(Sha(base), entries)


def listing(hub: Hub, tree: Sha) -> dict[str, str]:
    """Mode by path, as git reads the tree."""
    output = subprocess.run(
        ["git", "--git-dir", str(hub.folder), "ls-tree", "-r", tree], capture_output=True, text=True, check=True
    ).stdout
    return {line.split("\t")[1]: line.split(" ")[0] for line in output.splitlines()}


def test_a_snapshot_is_the_tree_that_git_itself_would_write(hub: Hub, git_repo: GitRepo) -> None:
    base = git_repo.head
    link = TreeEntry(SYMLINK, hub.store(b"a.py"))
    tool = TreeEntry(EXECUTABLE, hub.store(b"#!/bin/sh\n"))
    tree = hub.write_tree(Sha(base), {"pkg/b.py": None, "pkg.txt": tool, "link": link, "pkg-x/y.py": tool})
    (git_repo.path / "pkg/b.py").unlink()
    (git_repo.path / "link").symlink_to("a.py")
    git_repo.write("pkg.txt", "#!/bin/sh\n", executable=True)
    git_repo.write("pkg-x/y.py", "#!/bin/sh\n", executable=True)
    git_repo.commit("same")
    assert tree == git_repo.git("rev-parse", "HEAD^{tree}")


def test_a_file_may_become_a_folder_and_a_folder_a_file(hub: Hub, git_repo: GitRepo) -> None:
    tree = edit(
        hub, git_repo.head, {"a.py": None, "a.py/x": "x\n", "pkg/b.py": None, "pkg/deep/c.py": None, "pkg": "p\n"}
    )
    assert sorted(listing(hub, tree)) == ["a.py/x", "d/1", "d/2", "pkg"]
    back = edit(hub, tree, {"a.py/x": None, "a.py": "file\n", "pkg": None, "pkg/b.py": "b\n"})
    assert sorted(listing(hub, back)) == ["a.py", "d/1", "d/2", "pkg/b.py"]


def test_emptied_folders_vanish_and_an_empty_tree_is_possible(hub: Hub) -> None:
    tree = hub.write_tree(None, {"x/y/z": TreeEntry(FILE, hub.store(b"z"))})
    empty = hub.write_tree(tree, {"x/y/z": None})
    assert empty == "4b825dc642cb6eb9a060e54bf8d69288fbee4904"


@pytest.mark.parametrize("path", ["../x", "a//b", ".git/config", "a/.GIT/x", ""])
def test_a_path_that_no_tree_may_hold_is_refused(hub: Hub, path: str) -> None:
    with pytest.raises(GitError, match="cannot be in a tree"):
        hub.write_tree(None, {path: TreeEntry(FILE, hub.store(b"x"))})


def test_equal_snapshots_are_equal_commits(hub: Hub, git_repo: GitRepo) -> None:
    tree = edit(hub, git_repo.head, {"a.py": "x\n"})
    assert hub.commit(tree, [Sha(git_repo.head)]) == hub.commit(tree, [Sha(git_repo.head)])


def merged(hub: Hub, repo: GitRepo, ours: Files, theirs: Files) -> MergeOutcome:
    base = repo.head
    return hub.merge(Sha(base), edit(hub, base, ours), edit(hub, base, theirs))


def test_edits_of_distant_lines_merge_cleanly(hub: Hub, git_repo: GitRepo) -> None:
    outcome = merged(
        hub, git_repo, {"a.py": LINES.replace("line 2\n", "two\n")}, {"a.py": LINES.replace("line 29\n", "last\n")}
    )
    assert outcome.clean
    assert outcome.clashes == ()
    entry = hub.objects.find_entry(outcome.tree, "a.py")
    assert entry is not None
    assert hub.objects.read(entry.sha) == LINES.replace("line 2\n", "two\n").replace("line 29\n", "last\n").encode()


def test_overlapping_edits_clash_at_their_lines(hub: Hub, git_repo: GitRepo) -> None:
    outcome = merged(
        hub,
        git_repo,
        {"a.py": "first\n" + LINES.replace("line 10\n", "ten\n")},
        {"a.py": LINES.replace("line 10\nline 11\n", "TEN\n")},
    )
    (clash,) = outcome.clashes
    assert (clash.kind, clash.path) == (ClashKind.CONTENT, "a.py")
    (lines,) = hub.conflict_lines(outcome, "a.py")
    assert (lines.base, lines.ours, lines.theirs) == ((10, 11), (11, 12), (10, 10))
    entry = hub.objects.find_entry(outcome.tree, "a.py")
    assert entry is not None
    assert marker_lines(hub.objects.read(entry.sha) or b"") == ((11, 16),)


def test_the_same_edit_on_both_sides_is_clean(hub: Hub, git_repo: GitRepo) -> None:
    outcome = merged(
        hub,
        git_repo,
        {"a.py": LINES.replace("line 3\n", "3\n"), "x": "x\n"},
        {"a.py": LINES.replace("line 3\n", "3\n")},
    )
    assert outcome.clean


@pytest.mark.parametrize(
    ("ours", "theirs", "kind", "path"),
    [
        ({"a.py": None}, {"a.py": LINES + "more\n"}, ClashKind.MODIFY_DELETE, "a.py"),
        ({"n.py": "one\n"}, {"n.py": "two\n"}, ClashKind.ADD_ADD, "n.py"),
        ({"n.bin": b"\0one"}, {"n.bin": b"\0two"}, ClashKind.BINARY, "n.bin"),
        ({"n": "file\n"}, {"n/inner": "folder\n"}, ClashKind.DIRECTORY_FILE, "n~ours"),
        (
            {"d/1": None, "d/2": None, "e/1": "1\n" * 9, "e/2": "2\n" * 9},
            {"d/3": "3\n"},
            ClashKind.FILE_LOCATION,
            "e/3",
        ),
        ({"a.py": None, "z.py": LINES}, {"a.py": None}, ClashKind.RENAME_DELETE, "z.py"),
        ({"a.py": None, "z.py": LINES}, {"a.py": None, "y.py": LINES}, ClashKind.RENAME_RENAME, "a.py"),
    ],
)
def test_every_kind_of_clash_has_its_name(
    hub: Hub, git_repo: GitRepo, *, ours: Files, theirs: Files, kind: ClashKind, path: str
) -> None:
    outcome = merged(hub, git_repo, ours, theirs)
    assert not outcome.clean
    assert (kind, path) in {(clash.kind, clash.path) for clash in outcome.clashes}
    assert all(clash.message for clash in outcome.clashes)


def test_many_merges_come_back_in_order(hub: Hub, git_repo: GitRepo) -> None:
    base = Sha(git_repo.head)
    trees = [edit(hub, base, {"a.py": LINES.replace(f"line {n}\n", "x\n")}) for n in (2, 2, 15, 28)]
    trees.append(edit(hub, base, {"a.py": LINES.replace("line 15\n", "y\n")}))
    pairs = [(one, other) for one in range(5) for other in range(one + 1, 5)]
    outcomes = hub.merge_many([(base, trees[one], trees[other]) for one, other in pairs])
    assert [pair for pair, outcome in zip(pairs, outcomes, strict=True) if not outcome.clean] == [(2, 4)]


def test_union_merge_of_the_attributes_file_is_obeyed(hub: Hub, git_repo: GitRepo) -> None:
    git_repo.commit("attributes", {".gitattributes": "CHANGES merge=union\n", "CHANGES": "top\n"})
    outcome = merged(hub, git_repo, {"CHANGES": "top\none\n"}, {"CHANGES": "top\ntwo\n"})
    assert outcome.clean


def test_a_merge_that_git_cannot_do_says_so_and_spares_the_others(hub: Hub, git_repo: GitRepo) -> None:
    base = Sha(git_repo.head)
    missing = hub.write_tree(base, {"a.py": TreeEntry(FILE, Sha("1" * 40))})
    good, other = edit(hub, base, {"a.py": "g\n"}), edit(hub, base, {"pkg/b.py": "o\n"})
    failed, clean = hub.merge_many([(base, missing, good), (base, good, other)])
    assert failed.failed
    assert not failed.clean
    assert clean.clean


def test_without_a_common_base_both_sides_are_additions(hub: Hub) -> None:
    one = hub.write_tree(None, {"x": TreeEntry(FILE, hub.store(b"1\n"))})
    other = hub.write_tree(None, {"x": TreeEntry(FILE, hub.store(b"2\n"))})
    assert [clash.kind for clash in hub.merge(None, one, other).clashes] == [ClashKind.ADD_ADD]


def test_what_is_pinned_survives_tidying_and_the_rest_does_not(hub: Hub, git_repo: GitRepo) -> None:
    kept = hub.commit(edit(hub, git_repo.head, {"a.py": "kept\n"}))
    lost = hub.commit(edit(hub, git_repo.head, {"a.py": "lost\n"}))
    hub.pin("snapshots/topic", kept)
    assert hub.pins() == {"snapshots/topic": kept}
    hub.close()
    subprocess.run(["git", "--git-dir", str(hub.folder), "prune", "--expire=now"], check=True)
    assert hub.objects.find_info(kept) is not None
    assert hub.objects.find_info(lost) is None
    hub.unpin("snapshots/topic")
    assert hub.pins() == {}
    hub.tidy()


def test_two_threads_and_a_second_hub_write_the_same_snapshots(hub: Hub, git_repo: GitRepo, tmp_path: Path) -> None:
    base = git_repo.head
    with open_hub(find_repository(git_repo.path), tmp_path / "state") as second, ThreadPoolExecutor(4) as pool:
        texts = [f"{number % 5}\n" for number in range(40)]
        found = list(pool.map(lambda text: edit(second if text == "1\n" else hub, base, {"a.py": text}), texts))
    assert len(set(found)) == 5
    assert not list(hub.folder.rglob("tmp_obj_*"))


def test_the_hub_opens_again_after_a_kill_in_mid_write(hub: Hub, git_repo: GitRepo, tmp_path: Path) -> None:
    tree = edit(hub, git_repo.head, {"a.py": "x\n"})
    (hub.folder / "objects" / tree[:2] / "tmp_obj_1_dead").write_bytes(b"half")
    broken = hub.folder / "objects" / tree[:2] / tree[2:]
    broken.chmod(0o644)
    broken.write_bytes(b"")  # what a power failure leaves of a file that was not flushed
    with open_hub(find_repository(git_repo.path), tmp_path / "state") as again:
        assert edit(again, git_repo.head, {"a.py": "x\n"}) == tree
        assert listing(again, tree)


def test_a_repository_at_an_odd_path_is_borrowed_from(tmp_path: Path) -> None:
    repo = GitRepo.create(tmp_path / 'new\nline "quoted" #1')
    repo.commit("base", {"a.py": "a\n"})
    with open_hub(find_repository(repo.path), tmp_path / "state") as hub:
        assert listing(hub, Sha(repo.head)) == {"a.py": FILE}


def test_the_reader_survives_the_death_of_its_process(hub: Hub, git_repo: GitRepo) -> None:
    tree = hub.objects.tree_of(Sha(git_repo.head))
    process = hub.objects._process._process
    assert process is not None
    process.kill()
    process.wait()
    assert hub.objects.tree_of(Sha(git_repo.head)) == tree


def test_a_missing_object_is_a_clear_error(hub: Hub) -> None:
    with pytest.raises(GitError, match="is not in") as caught:
        hub.objects.read(Sha("2" * 40))
    assert caught.value.slug == "object-missing"
    assert hub.objects.find_info(Sha("2" * 40)) is None


def test_a_state_folder_that_cannot_be_written_is_a_clear_error(git_repo: GitRepo, tmp_path: Path) -> None:
    git_repo.commit("base")
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(GitError, match="cannot write"):
        open_hub(find_repository(git_repo.path), tmp_path / "file")


def test_a_sha256_repository_works_too(tmp_path: Path) -> None:
    path = tmp_path / "sha256"
    path.mkdir()
    repo = GitRepo(path)
    repo.git("init", "-q", "--object-format=sha256")
    repo.commit("base", {"a.py": LINES})
    with open_hub(find_repository(path), tmp_path / "state") as hub:
        outcome = merged(hub, repo, {"a.py": LINES + "x\n"}, {"a.py": LINES + "y\n"})
        assert [clash.kind for clash in outcome.clashes] == [ClashKind.CONTENT]


def test_the_user_s_repository_gets_nothing_from_a_hub(hub: Hub, git_repo: GitRepo) -> None:
    before = {path: path.lstat().st_mtime_ns for path in git_repo.path.rglob("*")}
    merged(hub, git_repo, {"a.py": "1\n"}, {"a.py": "2\n"})
    assert {path: path.lstat().st_mtime_ns for path in git_repo.path.rglob("*")} == before
    shutil.rmtree(hub.folder)


def test_another_clone_s_commits_are_compared_in_the_hub(hub: Hub, git_repo: GitRepo, tmp_path: Path) -> None:
    base = Sha(git_repo.head)
    git_repo.git("clone", "-q", "--no-local", str(git_repo.path), str(tmp_path / "clone"))
    theirs = Sha(GitRepo(tmp_path / "clone").commit("theirs", {"a.py": "theirs\n"}))
    ours = Sha(git_repo.commit("ours", {"a.py": "ours\n"}))
    hub.borrow(find_repository(tmp_path / "clone"))
    assert hub.repository.merge_base(ours, theirs) == base
    assert [change.new_path for change in hub.repository.diff(base, theirs)] == ["a.py"]
    assert not hub.merge(base, ours, theirs).clean


def test_a_partial_clone_s_missing_content_is_an_error_and_never_fetched(git_repo: GitRepo, tmp_path: Path) -> None:
    git_repo.commit("base", {"a.py": "a\n", "b.py": "b\n"})
    git_repo.git("config", "uploadpack.allowFilter", "true")
    url = f"file://{git_repo.path}"
    git_repo.git("clone", "-q", "--no-checkout", "--filter=blob:none", url, str(tmp_path / "partial"))
    repository = find_repository(tmp_path / "partial")
    entry = repository.tree_files(Sha(git_repo.head))["a.py"]
    with Objects(repository.common_dir) as objects, pytest.raises(GitError, match="is not in"):
        objects.read(entry.sha)
    with open_hub(repository, tmp_path / "state") as hub, pytest.raises(GitError, match="is not in"):
        hub.objects.read(entry.sha)


WRITER = """
import sys
import threading
from pathlib import Path
from watchkeeper.model.ids import Sha
from watchkeeper.repos.hub import open_hub
from watchkeeper.repos.repository import find_repository
from watchkeeper.repos.trees import TreeEntry

hub = open_hub(find_repository(Path(sys.argv[1])), Path(sys.argv[2]))
for number in range(1_000_000):
    tree = hub.write_tree(Sha(sys.argv[3]), {"a.py": TreeEntry("100644", hub.store(b"%d" % number))})
    hub.pin("live", hub.commit(tree))
    print(tree, flush=True)
"""


def test_a_writer_killed_at_any_point_leaves_a_sound_hub(hub: Hub, git_repo: GitRepo, tmp_path: Path) -> None:
    for lines in (1, 7, 20):
        args = [sys.executable, "-c", WRITER, str(git_repo.path), str(tmp_path / "state"), git_repo.head]
        with subprocess.Popen(args, stdout=subprocess.PIPE) as writer:
            assert writer.stdout is not None
            for _ in range(lines):
                assert writer.stdout.readline()
            writer.kill()
        commit = hub.pins()["live"]
        assert listing(hub, commit)["a.py"] == FILE
        assert edit(hub, git_repo.head, {"a.py": "after\n"})
    check = subprocess.run(
        ["git", "--git-dir", str(hub.folder), "fsck", "--strict"], capture_output=True, text=True, check=False
    )
    assert (check.returncode, "error" in check.stderr) == (0, False), check.stderr


def test_who_lists_refs_while_others_are_pinned_sees_no_half_of_one(hub: Hub, git_repo: GitRepo) -> None:
    commit = Sha(git_repo.commit("pinned", {"a": "1"}))
    hub.borrow(find_repository(git_repo.path))
    is_over = threading.Event()

    def pin() -> None:
        number = 0
        while not is_over.is_set():
            hub.pin(f"changes/{number % 50}/1", commit)
            number += 1

    pinning = threading.Thread(target=pin)
    pinning.start()
    try:
        names = [hub.repository.git("for-each-ref", "--format=%(refname)").output.decode() for _ in range(60)]
    finally:
        is_over.set()
        pinning.join()

    assert not [each for each in names if "tmp_obj" in each]
