"""What a worktree differs in from its base: the hard cases, with real git."""

from __future__ import annotations

import hashlib
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from gitrepo import GitRepo
from watchkeeper.model.errors import NotARepositoryError
from watchkeeper.model.footprint import TouchKind
from watchkeeper.model.ids import Sha
from watchkeeper.repos.checkout import Checkout, CheckoutState
from watchkeeper.repos.history import list_branches
from watchkeeper.repos.hub import open_hub
from watchkeeper.repos.objects import Objects
from watchkeeper.repos.repository import Worktree, find_repository
from watchkeeper.repos.target import find_target
from watchkeeper.repos.trees import EXECUTABLE, SUBMODULE, SYMLINK
from watchkeeper.repos.working import WorkingFile, read_base, read_branch_files, read_content, snapshot_entries

BASE = {"a.py": "one\ntwo\nthree\n", "b.py": "b\n" * 20, "pkg/c.py": "c = 1\n", ".gitignore": "*.log\nbuild/\n"}


class Seen:
    """A checkout with what it sees, by path."""

    def __init__(self, repo: GitRepo) -> None:
        self.repo = repo
        self.repository = find_repository(repo.path)
        self.objects = Objects(self.repository.common_dir)
        self.checkout = Checkout(self.repository, self._worktree(repo.path), self.objects)

    def scan(self, base: str | None = "main") -> dict[str, WorkingFile]:
        return by_path(self.checkout.scan(self.repository.resolve(base) if base else None))

    def update(self, *paths: str) -> dict[str, WorkingFile] | None:
        state = self.checkout.update(paths)
        return None if state is None else by_path(state)

    def content(self, file: WorkingFile) -> bytes | None:
        return read_content(file, self.objects)

    def close(self) -> None:
        self.checkout.close()
        self.objects.close()

    def _worktree(self, path: Path) -> Worktree:
        return next(tree for tree in self.repository.worktrees() if tree.path == path.resolve())


def by_path(state: CheckoutState) -> dict[str, WorkingFile]:
    return {file.now_path or file.base_path or "": file for file in state.files}


@pytest.fixture
def work(git_repo: GitRepo) -> Iterator[Seen]:
    """A worktree on the branch ``topic``, fresh from ``main``."""
    git_repo.commit("base", BASE)
    seen = Seen(git_repo.worktree("topic", "topic"))
    yield seen
    seen.close()


def test_a_worktree_without_work_differs_in_nothing(work: Seen) -> None:
    assert work.scan() == {}


def test_committed_staged_unstaged_and_untracked_work_is_one_change(work: Seen) -> None:
    work.repo.commit("c", {"a.py": "one\nTWO\nthree\n"})
    work.repo.write("b.py", "staged\n")
    work.repo.git("add", "b.py")
    work.repo.write("pkg/c.py", "c = 2\n")
    work.repo.write("new/d.py", "d\n")
    work.repo.write("noise.log", "ignored\n")
    work.repo.write("build/out.py", "ignored\n")

    files = work.scan()

    assert {path: file.kind for path, file in files.items()} == {
        "a.py": TouchKind.MODIFIED,
        "b.py": TouchKind.MODIFIED,
        "pkg/c.py": TouchKind.MODIFIED,
        "new/d.py": TouchKind.ADDED,
    }
    assert work.content(files["a.py"]) == b"one\nTWO\nthree\n"
    assert work.content(files["b.py"]) == b"staged\n"
    assert work.content(files["new/d.py"]) == b"d\n"
    assert read_base(files["a.py"], work.objects) == b"one\ntwo\nthree\n"


def test_a_committed_change_taken_back_on_disk_is_none(work: Seen) -> None:
    work.repo.commit("c", {"a.py": "changed\n"})
    work.repo.write("a.py", BASE["a.py"])
    assert work.scan() == {}


def test_a_file_staged_and_deleted_on_disk_is_deleted(work: Seen) -> None:
    work.repo.write("a.py", "staged\n")
    work.repo.git("add", "a.py")
    work.repo.remove("a.py")
    assert work.scan()["a.py"].kind is TouchKind.DELETED


def test_a_file_that_has_just_become_empty_is_left_to_a_scan_for_its_save_may_be_half_done(work: Seen) -> None:
    work.scan()
    work.repo.write("a.py", "")
    work.repo.write("new.py", "n\n")
    assert work.update("a.py") is None
    assert work.update("new.py") is not None
    assert work.update("new.py", "a.py") is None

    files = work.scan()
    assert work.content(files["a.py"]) == b"", "it stayed so"
    again = work.update("a.py")
    assert again is not None
    assert work.content(again["a.py"]) == b""


def test_a_file_that_is_new_and_empty_is_seen_at_once(work: Seen) -> None:
    work.scan()
    work.repo.write("new.py", "")
    seen = work.update("new.py")
    assert seen is not None
    assert seen["new.py"].kind is TouchKind.ADDED


def test_single_paths_are_followed_like_a_scan(work: Seen) -> None:
    work.scan()
    work.repo.write("a.py", "one\n")
    work.repo.write("x/y/new.py", "new\n")
    work.repo.write("x/noise.log", "ignored\n")
    work.repo.remove("b.py")

    live = work.update("a.py", "x", "b.py")

    assert live == work.scan()
    assert live is not None
    assert set(live) == {"a.py", "b.py", "x/y/new.py"}


def test_a_followed_file_that_is_taken_back_leaves_the_change(work: Seen) -> None:
    work.scan()
    work.repo.write("a.py", "other\n")
    assert set(work.update("a.py") or {}) == {"a.py"}
    work.repo.write("a.py", BASE["a.py"])
    assert work.update("a.py") == {}


def test_a_vanished_folder_asks_for_a_scan(work: Seen) -> None:
    work.scan()
    work.repo.remove("pkg/c.py")
    (work.repo.path / "pkg").rmdir()
    assert work.update("pkg") is None
    assert work.scan()["pkg/c.py"].kind is TouchKind.DELETED


def test_a_changed_ignore_file_asks_for_a_scan_and_is_obeyed(work: Seen) -> None:
    work.scan()
    work.repo.write("noise.log", "x\n")
    assert work.update("noise.log") == {}
    work.repo.write(".gitignore", "")
    assert work.update(".gitignore") is None
    assert set(work.scan()) == {".gitignore", "noise.log"}
    assert set(work.update("noise.log") or {}) == {".gitignore", "noise.log"}


def test_a_repository_without_commits_is_all_additions(git_repo: GitRepo) -> None:
    git_repo.write("a.py", "a\n")
    git_repo.write("b.py", "b\n")
    git_repo.git("add", "a.py")
    seen = Seen(git_repo)
    files = seen.scan(base=None)
    assert {path: file.kind for path, file in files.items()} == {"a.py": TouchKind.ADDED, "b.py": TouchKind.ADDED}
    assert seen.checkout.state.head is None
    assert set(seen.update("b.py") or {}) == {"a.py", "b.py"}
    seen.close()


def test_a_detached_worktree_is_seen(git_repo: GitRepo) -> None:
    git_repo.commit("base", BASE)
    seen = Seen(git_repo.worktree("loose", None))
    seen.repo.write("a.py", "x\n")
    assert set(seen.scan()) == {"a.py"}
    assert seen.checkout.state.branch == ""
    seen.close()


def test_renames_committed_and_not_are_followed(work: Seen) -> None:
    work.repo.git("mv", "b.py", "b2.py")
    work.repo.commit("move")
    (work.repo.path / "a.py").rename(work.repo.path / "a2.py")
    work.repo.write("a2.py", "one\ntwo\nfour\n")

    files = work.scan()

    assert {(file.base_path, file.now_path, file.kind) for file in files.values()} == {
        ("b.py", "b2.py", TouchKind.RENAMED),
        ("a.py", "a2.py", TouchKind.RENAMED),
    }


def test_an_unlike_file_is_no_rename(work: Seen) -> None:
    work.repo.remove("a.py")
    work.repo.write("z.py", "nothing\nof\nthat\n")
    assert {file.kind for file in work.scan().values()} == {TouchKind.DELETED, TouchKind.ADDED}


def test_a_rename_source_that_comes_back_is_no_rename(work: Seen) -> None:
    work.repo.git("mv", "b.py", "b2.py")
    work.repo.commit("move")
    work.repo.write("b.py", "back\n")
    files = work.scan()
    assert files["b.py"].kind is TouchKind.MODIFIED
    assert files["b2.py"].kind is TouchKind.ADDED


def test_modes_links_and_binaries_are_told(work: Seen) -> None:
    (work.repo.path / "a.py").chmod(0o755)
    (work.repo.path / "link").symlink_to("/etc/passwd")
    work.repo.write("data.bin", b"\0\1\2")

    files = work.scan()

    assert files["a.py"].mode_changed
    assert files["a.py"].now is not None
    assert files["a.py"].now.entry.mode == EXECUTABLE
    assert files["link"].now is not None
    assert files["link"].now.entry.mode == SYMLINK
    assert work.content(files["link"]) == b"/etc/passwd"
    assert files["data.bin"].is_binary
    assert not files["a.py"].is_binary


def test_nothing_behind_a_link_is_read(work: Seen, tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "secret.py").write_text("secret\n")
    work.scan()
    (work.repo.path / "door").symlink_to(tmp_path / "outside")
    assert set(work.update("door", "door/secret.py") or {}) == {"door"}


def test_pipes_sockets_and_huge_files_are_unknown_with_a_reason(work: Seen, monkeypatch: pytest.MonkeyPatch) -> None:
    work.scan()
    work.repo.write("huge.txt", b"x" * (5 * 1024 * 1024 + 1))
    work.repo.remove("a.py")
    os.mkfifo(work.repo.path / "a.py")
    work.repo.remove("b.py")
    with socket.socket(socket.AF_UNIX) as listener:
        monkeypatch.chdir(work.repo.path)  # socket names are short
        listener.bind("b.py")
        files = work.update("huge.txt", "a.py", "b.py") or {}
    assert files["huge.txt"].unknown == "is larger than 5 MB"
    assert files["a.py"].unknown == "is no plain file"
    assert files["b.py"].unknown == "is no plain file"
    assert work.content(files["huge.txt"]) is None


@pytest.mark.parametrize(
    "name", [b"with space.py", b"new\nline.py", b"latin-\xe9.py", "naïve.py".encode(), b'q"uote\t.py']
)
def test_any_file_name_survives(work: Seen, name: bytes) -> None:
    work.repo.write(name, "x\n")
    (path,) = work.scan()
    assert path.encode("utf-8", "surrogateescape") == name
    assert set(work.update(path) or {}) == {path}
    work.repo.git("add", "-A")
    work.repo.git("commit", "-q", "-m", "named")
    assert set(work.scan()) == {path}


def test_line_ends_that_git_converts_are_no_change(work: Seen) -> None:
    work.repo.git("config", "core.autocrlf", "true")
    work.repo.write("a.py", b"one\r\ntwo\r\nfour\r\n")
    work.repo.write("b.py", b"b\r\n" * 20)
    files = work.scan()
    assert work.content(files["a.py"]) == b"one\ntwo\nfour\n"
    assert work.update("b.py", "a.py") == {"a.py": files["a.py"]}


def test_line_ends_that_git_keeps_are_a_change(work: Seen) -> None:
    work.repo.write("a.py", b"one\r\ntwo\r\nthree\r\n")
    assert work.content(work.scan()["a.py"]) == b"one\r\ntwo\r\nthree\r\n"


def test_the_eol_attribute_is_obeyed(work: Seen) -> None:
    work.repo.commit("attributes", {".gitattributes": "*.txt text eol=crlf\n", "n.txt": "one\n"})
    work.repo.write("n.txt", b"one\r\ntwo\r\n")
    assert work.content(work.scan()["n.txt"]) == b"one\ntwo\n"


def test_files_behind_a_filter_are_unknown_and_the_filter_does_not_run(work: Seen, tmp_path: Path) -> None:
    trace = tmp_path / "ran"
    work.repo.write(".gitattributes", "*.bin filter=evil\n")
    work.repo.write("x.bin", "pointer\n")
    work.repo.git("add", "-A")
    work.repo.git("commit", "-q", "-m", "filtered")
    for verb in ("clean", "smudge", "process"):
        work.repo.git("config", f"filter.evil.{verb}", f"touch {trace}; cat")
    work.repo.git("config", "core.fsmonitor", f"touch {trace}")
    work.repo.write("x.bin", "content\n")
    assert work.scan()["x.bin"].unknown == "is stored through the filter evil"
    assert not trace.exists()


def test_a_submodule_is_a_path_without_content(git_repo: GitRepo, tmp_path: Path) -> None:
    inner = GitRepo.create(tmp_path / "inner")
    inner.commit("i", {"i.py": "i\n"})
    git_repo.commit("base", BASE)
    git_repo.git("submodule", "--quiet", "add", str(inner.path), "sub")
    git_repo.commit("submodule")
    git_repo.branch("topic", "HEAD")
    seen = Seen(git_repo)
    sub = GitRepo(git_repo.path / "sub")
    moved = sub.commit("more", {"j.py": "j\n"})
    sub.write("dirt.py", "not ours\n")

    files = seen.scan()

    assert set(files) == {"sub"}
    now = files["sub"].now
    assert now is not None
    assert (now.entry.mode, now.entry.sha) == (SUBMODULE, moved)
    assert seen.content(files["sub"]) is None
    assert seen.update("sub/dirt.py") == files
    assert find_repository(sub.path).project != seen.repository.project
    assert find_repository(sub.path).worktrees()[0].path == sub.path
    seen.close()


def test_a_worktree_inside_a_worktree_is_not_its_work(work: Seen) -> None:
    work.repo.git("worktree", "add", "-q", "-b", "nested", str(work.repo.path / "inside"))
    (work.repo.path / "inside" / "a.py").write_text("nested\n")
    assert work.scan() == {}
    assert work.update("inside/a.py", "inside") == {}


def test_unmerged_files_keep_their_content_and_say_so(work: Seen, git_repo: GitRepo) -> None:
    work.repo.commit("ours", {"a.py": "one\nOURS\nthree\n"})
    git_repo.commit("theirs", {"a.py": "one\nTHEIRS\nthree\n"})
    with pytest.raises(AssertionError):
        work.repo.git("merge", "main")
    file = work.scan(base=work.repository.merge_base(Sha("topic"), Sha("main")))["a.py"]
    assert file.now is not None
    assert file.now.is_unmerged
    assert b"<<<<<<<" in (work.content(file) or b"")


def test_intent_to_add_is_an_addition(work: Seen) -> None:
    work.repo.write("later.py", "later\n")
    work.repo.git("add", "-N", "later.py")
    assert work.content(work.scan()["later.py"]) == b"later\n"


def test_what_git_was_told_not_to_look_at_is_unchanged(work: Seen) -> None:
    work.repo.git("update-index", "--assume-unchanged", "a.py")
    work.repo.git("update-index", "--skip-worktree", "b.py")
    work.repo.write("a.py", "hidden\n")
    work.repo.remove("b.py")
    assert work.scan() == {}
    assert work.update("a.py", "b.py") == {}


def test_a_sparse_checkout_deletes_nothing(work: Seen) -> None:
    work.repo.git("sparse-checkout", "set", "--no-cone", "/a.py")
    assert not (work.repo.path / "pkg").exists()
    assert work.scan() == {}


def test_a_worktree_whose_folder_is_gone_is_an_error_that_says_so(work: Seen) -> None:
    for path in sorted(work.repo.path.rglob("*"), reverse=True):
        path.unlink() if path.is_file() else path.rmdir()
    work.repo.path.rmdir()
    with pytest.raises(NotARepositoryError, match="is gone"):
        work.scan()


def test_a_file_becomes_a_folder_and_back(work: Seen) -> None:
    work.scan()
    work.repo.remove("a.py")
    work.repo.write("a.py/inner.py", "i\n")
    live = work.update("a.py")
    assert live == work.scan()
    assert set(live or {}) == {"a.py", "a.py/inner.py"}
    work.repo.remove("a.py/inner.py")
    (work.repo.path / "a.py").rmdir()
    work.repo.write("a.py", BASE["a.py"])
    work.update("a.py")
    assert work.scan() == {}


def test_a_branch_gives_the_same_values_as_a_clean_worktree(work: Seen) -> None:
    head = Sha(work.repo.commit("c", {"a.py": "x\n", "n.py": "n\n"}))
    base = work.repository.resolve("main")
    assert {f.path: f.digest for f in read_branch_files(work.repository, base, head)} == {
        f.path: f.digest for f in work.scan().values()
    }


def test_an_orphan_branch_is_all_additions(work: Seen) -> None:
    work.repo.git("checkout", "-q", "--orphan", "fresh")
    work.repo.git("rm", "-rfq", ".")
    work.repo.commit("start", {"only.py": "o\n"})
    assert {path: file.kind for path, file in work.scan(base=None).items()} == {"only.py": TouchKind.ADDED}
    work.repo.write("more.py", "m\n")
    assert set(work.update("more.py") or {}) == {"only.py", "more.py"}


def test_content_beyond_the_bound_is_unknown(work: Seen, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("watchkeeper.repos.disk.MOST_BYTES", 10)
    work.repo.write("u.py", "more than ten bytes\n")
    assert work.scan()["u.py"].unknown.startswith("is beyond")


def test_an_old_file_is_read_once_until_it_changes(work: Seen) -> None:
    place = work.repo.write("u.py", "one\n")
    os.utime(place, (1, 1))
    first = work.scan()["u.py"]
    assert work.scan()["u.py"] == first
    place.write_text("two\n")
    os.utime(place, (1, 1))
    assert work.content(work.scan()["u.py"]) == b"two\n"


def test_the_folders_of_a_worktree_leave_out_ignored_ones(work: Seen) -> None:
    work.repo.write("build/x/out.py", "ignored\n")
    work.repo.write("fresh/deep/n.py", "n\n")
    work.scan()
    assert work.checkout.folders == {"", "pkg", "fresh", "fresh/deep"}


def test_reading_leaves_every_file_of_the_repository_as_it_was(work: Seen, git_repo: GitRepo, tmp_path: Path) -> None:
    work.repo.commit("c", {"a.py": "x\n"})
    work.repo.write("b.py", "dirty\n")
    work.repo.write("u.py", "untracked\n")
    before = fingerprints(git_repo.path) | fingerprints(work.repo.path)

    work.scan()
    work.update("b.py", "u.py", "pkg")
    work.repository.tree_files(work.repository.resolve("main"))
    find_target(work.repository)
    list_branches(work.repository)
    with open_hub(work.repository, tmp_path / "state") as hub:
        base = work.repository.resolve("main")
        tree = hub.write_tree(base, snapshot_entries(work.checkout.state.files, hub.store))
        hub.merge(base, tree, hub.write_tree(base, {"a.py": None}))
        hub.pin("topic", hub.commit(tree, [base]))
        hub.tidy()
    work.scan()

    assert fingerprints(git_repo.path) | fingerprints(work.repo.path) == before


def fingerprints(root: Path) -> dict[Path, tuple[object, ...]]:
    """Content, time and mode of everything below a folder, ``.git`` included."""
    found: dict[Path, tuple[object, ...]] = {}
    for path in [root, *root.rglob("*")]:
        info = path.lstat()
        content = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
        found[path] = (content, info.st_mtime_ns, info.st_mode, info.st_size)
    return found
