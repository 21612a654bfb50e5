"""Scratch trees: byte-exact whatever ran in them, confined whatever the tree holds."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from gitrepo import GitRepo
from watchkeeper.model.errors import GitError
from watchkeeper.model.ids import Sha
from watchkeeper.repos.hub import Hub, open_hub
from watchkeeper.repos.repository import find_repository
from watchkeeper.repos.scratch import ScratchPool, ScratchTree
from watchkeeper.repos.trees import TreeEntry


@pytest.fixture
def hub(git_repo: GitRepo, tmp_path: Path) -> Iterator[Hub]:
    git_repo.commit("base", {"a.txt": "a\n", "lib/b.py": "b = 1\n", "lib/c.py": "c = 1\n"})
    with open_hub(find_repository(git_repo.path), tmp_path / "state") as hub:
        yield hub


@pytest.fixture
def pool(hub: Hub, tmp_path: Path) -> ScratchPool:
    return ScratchPool(hub, tmp_path / "scratch", 2)


def content(root: Path) -> dict[str, tuple[int, bytes]]:
    found = {}
    for place, folders, files in os.walk(root):
        for name in [*files, *(folder for folder in folders if (Path(place) / folder).is_symlink())]:
            path = Path(place) / name
            mode = path.lstat().st_mode
            body = os.fsencode(path.readlink()) if stat.S_ISLNK(mode) else path.read_bytes()
            found[os.path.relpath(path, root)] = (mode, body)
        if not files and not folders and place != str(root):
            found[os.path.relpath(place, root)] = (0, b"")
    return found


def gone_tree(hub: Hub) -> Sha:
    """A tree that only this hub has."""
    old = hub.store(b"old = 1\n")
    return hub.write_tree(None, {"old.py": TreeEntry("100644", old)})


def test_a_switch_gives_the_tree_and_says_what_changed(git_repo: GitRepo, pool: ScratchPool) -> None:
    first = git_repo.head
    second = git_repo.commit("next", {"a.txt": "A\n", "new/d.py": "d\n"})

    with pool.checkout(Sha(first)) as scratch:
        before = scratch.path
        assert set(scratch.changed) == {"a.txt", "lib/b.py", "lib/c.py"}
    with pool.checkout(Sha(second)) as scratch:
        assert scratch.path == before
        assert scratch.changed == ("a.txt", "new/d.py")
        assert {path: body for path, (_, body) in content(scratch.path).items()} == {
            "a.txt": b"A\n", "lib/b.py": b"b = 1\n", "lib/c.py": b"c = 1\n", "new/d.py": b"d\n",
        }  # fmt: skip


def test_what_a_run_left_is_gone_and_what_is_kept_stays(git_repo: GitRepo, pool: ScratchPool) -> None:
    head = Sha(git_repo.head)
    with pool.checkout(head) as scratch:
        root, clean = scratch.path, content(scratch.path)
        (root / "lib/b.py").write_text("b = 2\n")  # as long as before, in the same moment
        (root / "lib/c.py").chmod(0o755)
        (root / "a.txt").unlink()
        (root / "a.txt").mkdir()
        (root / "a.txt/inner").write_text("x")
        (root / "left").mkdir()
        (root / "left").chmod(0)
        (root / ".venv/lib").mkdir(parents=True)
        (root / ".venv/lib/x").write_text("kept")
        (root / ".git").mkdir()
    with pool.checkout(head) as scratch:
        found = content(scratch.path)
        assert found.pop(".venv/lib/x")[1] == b"kept"
        assert found == clean
        assert scratch.changed == ()


def test_a_link_that_a_run_put_in_a_folders_place_leads_nowhere(
    git_repo: GitRepo, pool: ScratchPool, tmp_path: Path
) -> None:
    head = Sha(git_repo.head)
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "b.py").write_text("mine\n")
    with pool.checkout(head) as scratch:
        clean = content(scratch.path)
        for name in ("b.py", "c.py"):
            (scratch.path / "lib" / name).unlink()
        (scratch.path / "lib").rmdir()
        (scratch.path / "lib").symlink_to(outside)
    with pool.checkout(head) as scratch:
        assert content(scratch.path) == clean
    assert content(outside) == {"b.py": ((outside / "b.py").stat().st_mode, b"mine\n")}


def test_hostile_names_are_left_out_and_said(hub: Hub, pool: ScratchPool, tmp_path: Path) -> None:
    blob = hub.store(b"owned\n")
    raw = b"".join(
        mode + b" " + name + b"\0" + bytes.fromhex(sha)
        for mode, name, sha in ((b"100644", b"..", blob), (b"100644", b".GIT", blob), (b"100644", b"ok", blob))
    )
    tree = hub._write("tree", raw)

    with pool.checkout(tree) as scratch:
        assert content(scratch.path).keys() == {"ok"}
        assert set(scratch.left_out) == {"..", ".GIT"}


def test_links_modes_submodules_and_names_are_as_in_the_tree(hub: Hub, pool: ScratchPool) -> None:
    blob = hub.store(b"text\r\n")
    tree = hub.write_tree(
        None,
        {
            ".gitattributes": TreeEntry("100644", hub.store(b"* text eol=lf filter=lfs ident\n")),
            "run": TreeEntry("100755", blob),
            "out": TreeEntry("120000", hub.store(b"/etc/passwd")),
            "-rf": TreeEntry("100644", blob),
            "new\nline": TreeEntry("100644", blob),
            "\udcff\udcfe": TreeEntry("100644", blob),
            "sub/module": TreeEntry("160000", Sha("1" * 40)),
        },
    )
    with pool.checkout(tree) as scratch:
        found = content(scratch.path)

    assert found["run"] == (stat.S_IFREG | 0o755, b"text\r\n")
    assert found["out"][1] == b"/etc/passwd"
    assert found["sub/module"] == (0, b"")
    assert {"-rf", "new\nline", os.fsdecode(b"\xff\xfe")} <= found.keys()


def test_two_users_never_share_a_checkout_and_the_nearest_free_one_is_taken(
    git_repo: GitRepo, pool: ScratchPool
) -> None:
    first = Sha(git_repo.head)
    second = Sha(git_repo.commit("next", {f"f{number}": "x" for number in range(20)}))
    with pool.checkout(first) as one, pool.checkout(second) as other:
        places = one.path, other.path
        assert one.path != other.path
    for revision, place in ((second, places[1]), (first, places[0])):
        with pool.checkout(revision) as scratch:
            assert scratch.path == place
            assert scratch.changed == ()


def test_notes_survive_a_switch(git_repo: GitRepo, pool: ScratchPool) -> None:
    first = Sha(git_repo.head)
    second = Sha(git_repo.commit("next", {"a.txt": "2"}))
    with pool.checkout(first) as scratch:
        scratch.notes["setup"] = "digest"
    with pool.checkout(second) as scratch:
        assert scratch.notes == {"setup": "digest"}


def test_a_checkout_whose_tree_is_gone_from_the_hub_is_made_equal_all_the_same(
    git_repo: GitRepo, pool: ScratchPool, tmp_path: Path
) -> None:
    with (
        open_hub(find_repository(git_repo.path), tmp_path / "lost") as lost,
        ScratchPool(lost, tmp_path / "scratch", 2).checkout(gone_tree(lost)) as scratch,
    ):
        (scratch.path / ".venv").mkdir()
        scratch.notes["setup"] = "done"

    with pool.checkout(Sha(git_repo.head)) as scratch:
        assert set(scratch.changed) == {"a.txt", "lib/b.py", "lib/c.py"}
        assert (scratch.notes, (scratch.path / ".venv").is_dir()) == ({"setup": "done"}, True)
        (scratch.path / ".venv").rmdir()
        assert {path: body for path, (_, body) in content(scratch.path).items()} == {
            "a.txt": b"a\n", "lib/b.py": b"b = 1\n", "lib/c.py": b"c = 1\n",
        }  # fmt: skip


def test_a_wanted_tree_that_is_not_in_the_hub_is_an_error(pool: ScratchPool) -> None:
    with pytest.raises(GitError), pool.checkout(Sha("1" * 40)):
        pass


def test_a_smaller_pool_lets_go_of_the_checkout_not_used_for_longest(
    hub: Hub, git_repo: GitRepo, pool: ScratchPool, tmp_path: Path
) -> None:
    head = Sha(git_repo.head)
    with pool.checkout(head), pool.checkout(head):
        pass
    smaller = ScratchPool(hub, tmp_path / "scratch", 1)
    with smaller.checkout(head):
        assert len(smaller.held()) == 1


def test_a_nest_too_deep_to_walk_costs_a_new_checkout_and_nothing_else(git_repo: GitRepo, pool: ScratchPool) -> None:
    head = Sha(git_repo.head)
    with pool.checkout(head) as scratch:
        clean = content(scratch.path)
        digger = "import os\nfor _ in range(3000):\n os.mkdir('deep')\n os.chdir('deep')\n"
        subprocess.run([sys.executable, "-c", digger], cwd=scratch.path, check=True)
    with pool.checkout(head) as scratch:
        assert content(scratch.path) == clean


CACHE = "lib/.mypy_cache/half.json"


def leave_cache(scratch: ScratchTree) -> None:
    for name in (CACHE, ".venv/bin/tool"):
        file = scratch.path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("{")


def is_fine(scratch: ScratchTree) -> bool:
    """A command that fails on a cache file that is half written."""
    command = f"test ! -e {CACHE} || {sys.executable} -m json.tool {CACHE}"
    return subprocess.run(["sh", "-c", command], cwd=scratch.path, check=False, capture_output=True).returncode == 0


@pytest.mark.parametrize("is_set_up", [False, True])
def test_a_run_that_was_killed_with_its_whole_process_leaves_no_half_written_cache_to_the_next(
    git_repo: GitRepo, pool: ScratchPool, *, is_set_up: bool
) -> None:
    head = Sha(git_repo.head)
    child = os.fork()
    if not child:
        with pool.checkout(head) as scratch:
            if is_set_up:
                scratch.notes["setup"] = "done"
                scratch.save_notes()
            with scratch.one_run():
                leave_cache(scratch)
                os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(child, 0)

    with pool.checkout(head) as scratch:
        assert is_fine(scratch)
        assert (scratch.path / ".venv/bin/tool").exists() == is_set_up  # what a setup made is whole


def test_a_run_that_did_not_end_by_itself_leaves_no_half_written_cache_to_the_next(
    git_repo: GitRepo, pool: ScratchPool
) -> None:
    head = Sha(git_repo.head)
    with pool.checkout(head) as scratch, scratch.one_run():
        leave_cache(scratch)
        assert not is_fine(scratch)

    with pool.checkout(head) as scratch:
        assert is_fine(scratch)


def test_a_run_that_ended_by_itself_keeps_its_caches(git_repo: GitRepo, pool: ScratchPool) -> None:
    head = Sha(git_repo.head)
    with pool.checkout(head) as scratch, scratch.one_run() as ended:
        leave_cache(scratch)
        ended()

    with pool.checkout(head) as scratch:
        assert (scratch.path / CACHE).exists()
        assert (scratch.path / ".venv/bin/tool").exists()
