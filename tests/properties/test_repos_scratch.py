"""What holds for a scratch tree, whatever trees it held and whatever a command did to it before."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gitrepo import GitRepo
from watchkeeper.model.ids import Sha
from watchkeeper.repos.hub import Hub, open_hub
from watchkeeper.repos.repository import find_repository
from watchkeeper.repos.scratch import ScratchPool
from watchkeeper.repos.trees import EXECUTABLE, FILE, SYMLINK, TreeEntry


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


def nest(root: Path) -> None:
    """A file in each folder."""
    for place in sorted(root.rglob("*")):
        if place.is_dir() and not place.is_symlink():
            (place / "left").write_text("left")


def exchange(root: Path) -> None:
    """Files trade places, each as it was written."""
    places = [place for place in sorted(root.rglob("*")) if place.is_file() and not place.is_symlink()]
    for one, other in zip(places[::2], places[1::2], strict=False):
        one.rename(root / "between")
        other.rename(one)
        (root / "between").rename(other)


DISTURBANCES = ["", "", "edit", "add", "nest", "exchange", "link", "delete"]


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
        case "nest":
            nest(root)
        case "exchange":
            exchange(root)
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
@given(steps=st.lists(st.tuples(TREES, st.sampled_from(DISTURBANCES)), min_size=1, max_size=5))
def test_after_any_trees_and_any_disturbance_the_checkout_equals_the_tree(hub: Hub, tmp_path: Path, steps) -> None:
    pool = ScratchPool(hub, tmp_path / "scratch", size=1)
    for files, disturbance in steps:
        wanted = consistent(files)
        with pool.checkout(tree_of(hub, wanted)) as scratch:
            assert contents(scratch.path) == wanted
            disturb(scratch.path, disturbance)
