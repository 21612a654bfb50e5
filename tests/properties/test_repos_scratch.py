"""After any sequence of trees, and whatever was done to it between, a scratch tree is its tree."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from gitrepo import GitRepo
from watchkeeper.repos.hub import open_hub
from watchkeeper.repos.repository import find_repository
from watchkeeper.repos.scratch import ScratchPool
from watchkeeper.repos.trees import TreeEntry

NAMES = ("a", "b", "dir/a", "dir/b", "dir/deep/a", "-x", "new\nline")
TREES = st.dictionaries(
    st.sampled_from(NAMES),
    st.tuples(st.sampled_from(("100644", "100755", "120000")), st.sampled_from("123")),
    min_size=1,
)
DEEDS = st.tuples(
    st.sampled_from((*NAMES, "left", "dir", "dir/left")), st.sampled_from(("write", "remove", "folder", "link"))
)


def dirty(root: Path, name: str, deed: str, outside: Path) -> None:
    place = root / name
    try:
        if deed == "write" and not place.is_symlink():
            place.write_text("9")
            return
        if place.is_dir() and not place.is_symlink():
            shutil.rmtree(place)
        else:
            place.unlink(missing_ok=True)
        if deed == "folder":
            place.mkdir(parents=True)
        elif deed == "link":
            place.symlink_to(outside)
    except OSError:
        return  # a deed that is not possible there


@settings(max_examples=25)
@given(st.lists(st.tuples(TREES, st.lists(DEEDS, max_size=5)), min_size=1, max_size=4))
def test_a_scratch_tree_is_its_tree(steps: list[tuple[dict[str, tuple[str, str]], list[tuple[str, str]]]]) -> None:
    with tempfile.TemporaryDirectory() as temporary:
        repo, outside = GitRepo.create(Path(temporary) / "repo"), Path(temporary) / "outside"
        outside.mkdir()
        with open_hub(find_repository(repo.path), Path(temporary) / "state") as hub:
            pool = ScratchPool(hub, Path(temporary) / "pool", 1)
            for files, deeds in steps:
                entries = {name: TreeEntry(mode, hub.store(text.encode())) for name, (mode, text) in files.items()}
                with pool.checkout(hub.write_tree(None, entries)) as scratch:
                    found = {}
                    for place, _, _ in os.walk(scratch.path):
                        for path in Path(place).iterdir():
                            if path.is_symlink():
                                found[str(path.relative_to(scratch.path))] = ("120000", str(path.readlink()))
                            elif path.is_file():
                                mode = "100755" if path.stat().st_mode & 0o100 else "100644"
                                found[str(path.relative_to(scratch.path))] = (mode, path.read_text())
                    assert found == files
                    for name, deed in deeds:
                        dirty(scratch.path, name, deed, outside)
        assert not list(outside.iterdir())
