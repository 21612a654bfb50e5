"""A scratch tree holds exactly the tree that was asked for, whatever a command did to it before."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gitrepo import GitRepo
from watchkeeper.model.ids import Sha
from watchkeeper.repos.hub import Hub, open_hub
from watchkeeper.repos.repository import find_repository
from watchkeeper.repos.scratch import ScratchPool, read_ledger
from watchkeeper.repos.trees import EXECUTABLE, FILE, SUBMODULE, SYMLINK, TreeEntry


@pytest.fixture
def hub(git_repo: GitRepo, tmp_path: Path) -> Iterator[Hub]:
    git_repo.commit("base", {"a.txt": "a\n", "sub/b.txt": "b\n", "sub/deep/c.txt": "c\n"})
    with open_hub(find_repository(git_repo.path), tmp_path / "state") as opened:
        yield opened


def tree_of(hub: Hub, files: dict[str, tuple[str, bytes]]) -> Sha:
    return hub.write_tree(None, {path: TreeEntry(mode, hub.store(content)) for path, (mode, content) in files.items()})


def contents(root: Path) -> dict[str, tuple[str, bytes]]:
    """Everything in a folder as a tree would have it."""
    found = {}
    for folder, folders, files in os.walk(root):
        for name in [*files, *(name for name in folders if Path(folder, name).is_symlink())]:
            place = Path(folder, name)
            path = os.fsencode(place.relative_to(root)).decode("utf-8", "surrogateescape")
            if place.is_symlink():
                found[path] = (SYMLINK, os.fsencode(place.readlink()))
            else:
                mode = EXECUTABLE if place.stat().st_mode & 0o100 else FILE
                found[path] = (mode, place.read_bytes())
    return found


NAMES = st.sampled_from(["a", "b", "d/a", "d/b", "d/e/f", "na\nme", "d", "e/\udcff", "-x", "ü"])
MODES = st.sampled_from([FILE, EXECUTABLE, SYMLINK])
TREES = st.dictionaries(NAMES, st.tuples(MODES, st.sampled_from([b"one", b"two\n", b"../../outside"])), max_size=6)


def consistent(tree: dict[str, tuple[str, bytes]]) -> dict[str, tuple[str, bytes]]:
    """Without files that stand in the way of a folder."""
    return {path: entry for path, entry in tree.items() if not any(other.startswith(f"{path}/") for other in tree)}


def disturb(root: Path, what: str) -> None:
    """What commands do to a checkout."""
    match what:
        case "edit":
            for place in sorted(root.rglob("*")):
                if place.is_file() and not place.is_symlink():
                    before = place.stat()
                    place.write_bytes(b"x" * before.st_size)
                    os.utime(place, ns=(before.st_atime_ns, before.st_mtime_ns))
        case "add":
            (root / "left" / "over").mkdir(parents=True, exist_ok=True)
            (root / "left" / "over" / "file").write_text("left")
            (root / "__pycache__").mkdir(exist_ok=True)
        case "link":
            for place in sorted(root.iterdir()):
                if place.is_dir() and not place.is_symlink():
                    place.rename(root / "moved")
                    place.symlink_to("/")
                    break
        case "delete":
            for place in sorted(root.rglob("*")):
                if not place.is_dir() or place.is_symlink():
                    place.unlink()


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(st.tuples(TREES, st.sampled_from(["", "edit", "add", "link", "delete"])), min_size=1, max_size=5))
def test_after_any_trees_and_any_disturbance_the_checkout_equals_the_tree(hub: Hub, tmp_path: Path, steps) -> None:
    pool = ScratchPool(hub, tmp_path / "scratch", size=1)
    for files, disturbance in steps:
        wanted = consistent(files)
        with pool.checkout(tree_of(hub, wanted)) as scratch:
            assert contents(scratch.path) == wanted
            disturb(scratch.path, disturbance)


def test_kept_folders_outlive_a_switch_and_others_do_not(hub: Hub, tmp_path: Path) -> None:
    pool = ScratchPool(hub, tmp_path / "scratch", size=1)
    one, two = tree_of(hub, {"a": (FILE, b"1")}), tree_of(hub, {"a": (FILE, b"2")})
    with pool.checkout(one) as scratch:
        for name in (".venv", "web/node_modules", "build"):
            (scratch.path / name).mkdir(parents=True)
            (scratch.path / name / "made").touch()
        scratch.note("setup", "digest")

    with pool.checkout(two) as scratch:
        assert scratch.notes == {"setup": "digest"}
        assert (scratch.path / ".venv" / "made").exists()
        assert not (scratch.path / "build").exists()
        assert scratch.changed == {"a"}


def test_the_nearest_free_checkout_is_taken(hub: Hub, tmp_path: Path) -> None:
    pool = ScratchPool(hub, tmp_path / "scratch", size=2)
    many = {f"f{number}": (FILE, b"x") for number in range(20)}
    near, far = tree_of(hub, many), tree_of(hub, {"other": (FILE, b"y")})
    with pool.checkout(near) as one, pool.checkout(far) as two:
        places = one.path, two.path

    with pool.checkout(tree_of(hub, {**many, "new": (FILE, b"z")})) as scratch:
        assert scratch.path == places[0]
        assert scratch.changed == {"new"}


def test_a_link_that_leads_outside_is_never_written_through(hub: Hub, tmp_path: Path) -> None:
    pool = ScratchPool(hub, tmp_path / "scratch", size=1)
    outside = tmp_path / "outside"
    outside.mkdir()
    with pool.checkout(tree_of(hub, {"d": (SYMLINK, os.fsencode(outside)), "e/x": (FILE, b"x")})) as scratch:
        (scratch.path / "e" / "x").unlink()
        (scratch.path / "e").rmdir()
        (scratch.path / "e").symlink_to(outside)

    with pool.checkout(tree_of(hub, {"d/inside": (FILE, b"1"), "e/x": (FILE, b"2")})) as scratch:
        assert contents(scratch.path) == {"d/inside": (FILE, b"1"), "e/x": (FILE, b"2")}
    assert list(outside.iterdir()) == []


def test_submodules_are_empty_folders_and_nothing_named_git_is_written(hub: Hub, tmp_path: Path) -> None:
    commit = hub.commit(tree_of(hub, {}))
    tree = hub.write_tree(None, {"lib": TreeEntry(SUBMODULE, commit), "a": TreeEntry(FILE, hub.store(b"a"))})
    with ScratchPool(hub, tmp_path / "scratch").checkout(tree) as scratch:
        assert sorted(place.name for place in scratch.path.iterdir()) == ["a", "lib"]
        assert list((scratch.path / "lib").iterdir()) == []


def test_a_switch_that_was_killed_is_done_again(hub: Hub, tmp_path: Path) -> None:
    files = {"a": (FILE, b"1"), "d/b": (FILE, b"2")}
    pool = ScratchPool(hub, tmp_path / "scratch", size=1)
    with pool.checkout(tree_of(hub, files)) as scratch:
        place = scratch.path.parent
    ledger = read_ledger(place)
    (place / "ledger").write_bytes((place / "ledger").read_bytes()[:-3])
    (place / "tree" / "a").write_text("half")

    with pool.checkout(tree_of(hub, files)) as scratch:
        assert contents(scratch.path) == files
    assert read_ledger(place).tree == ledger.tree


def test_a_checkout_that_another_process_has_is_waited_for(hub: Hub, tmp_path: Path) -> None:
    pool, folder = ScratchPool(hub, tmp_path / "scratch", size=1), tmp_path / "scratch"
    tree = tree_of(hub, {"a": (FILE, b"1")})
    with pool.checkout(tree):
        pass
    code = (
        "import fcntl, sys; f = open(sys.argv[1], 'r+'); fcntl.flock(f, fcntl.LOCK_EX); print('has', flush=True); "
        "sys.stdin.read()"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", code, str(folder / "0.lock")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    got = threading.Event()

    def borrow() -> None:
        with pool.checkout(tree):
            got.set()

    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "has\n"
        waiting = threading.Thread(target=borrow)
        waiting.start()
        assert not got.wait(0.2)
    finally:
        holder.communicate("")
    assert got.wait(10)
    waiting.join()
