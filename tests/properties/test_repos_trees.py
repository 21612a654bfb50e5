"""Where two edits clash is symmetric, and trees survive the round trip."""

from __future__ import annotations

import string

from hypothesis import given
from hypothesis import strategies as st

from watchkeeper.model.ids import Sha
from watchkeeper.repos.merging import ClashLines, clash_lines
from watchkeeper.repos.trees import EXECUTABLE, FILE, FOLDER, SYMLINK, TreeEntry, parse_tree, render_tree

TEXT = st.lists(st.sampled_from([b"a", b"b", b"c", b"d"]), max_size=12).map(
    lambda lines: b"".join(x + b"\n" for x in lines)
)
SHA = st.text("0123456789abcdef", min_size=40, max_size=40).map(Sha)
NAME = st.text(string.ascii_letters + "-. ", min_size=1, max_size=6).map(str.encode)
ENTRY = st.builds(TreeEntry, st.sampled_from([FILE, EXECUTABLE, SYMLINK, FOLDER]), SHA)


@given(TEXT, TEXT, TEXT)
def test_clashes_are_the_same_seen_from_either_side(base: bytes, ours: bytes, theirs: bytes) -> None:
    mirrored = tuple(ClashLines(found.base, found.theirs, found.ours) for found in clash_lines(base, theirs, ours))
    assert clash_lines(base, ours, theirs) == mirrored


@given(TEXT, TEXT)
def test_an_unchanged_side_never_clashes(base: bytes, ours: bytes) -> None:
    assert clash_lines(base, ours, base) == ()
    assert clash_lines(base, ours, ours) == ()


@given(st.dictionaries(NAME, ENTRY, max_size=8))
def test_a_tree_reads_as_it_was_written(entries: dict[bytes, TreeEntry]) -> None:
    assert parse_tree(render_tree(entries), 20) == entries
