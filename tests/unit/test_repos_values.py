"""Parsing and deciding without a disk."""

from __future__ import annotations

import errno
from pathlib import Path

from watchkeeper.code.linediff import hunks
from watchkeeper.model.footprint import Hunk, TouchKind
from watchkeeper.model.ids import Sha
from watchkeeper.repos.git import decode_path, encode_path, git_environment, show_path
from watchkeeper.repos.judges import Attributes, convert_to_git
from watchkeeper.repos.loose import explain_write
from watchkeeper.repos.merging import clash_lines
from watchkeeper.repos.renames import find_renames
from watchkeeper.repos.status import parse_status
from watchkeeper.repos.trees import FILE, TreeEntry, folders_of, parse_raw_diff, parse_tree, render_tree
from watchkeeper.repos.working import NowFile, combine, snapshot_entries

ONE, OTHER = Sha("1" * 40), Sha("2" * 40)


def test_hunks_number_lines_as_a_unified_diff_does() -> None:
    assert hunks(b"a\nb\nc\n", b"a\nB\nc\n") == (Hunk(2, 1, 2, 1),)
    assert hunks(b"a\nc\n", b"a\nb\nc\n") == (Hunk(1, 0, 2, 1),)
    assert hunks(b"a\nb\nc\n", b"a\nc\n") == (Hunk(2, 1, 1, 0),)
    assert hunks(b"", b"a\n") == (Hunk(0, 0, 1, 1),)
    assert hunks(b"a\n", b"a\n") == ()


def test_a_missing_newline_at_the_end_changes_the_last_line() -> None:
    assert hunks(b"a\nb\n", b"a\nb") == (Hunk(2, 1, 2, 1),)


def test_a_file_that_shares_nothing_is_one_hunk() -> None:
    assert hunks(b"a\n" * 500, b"b\n" * 700) == (Hunk(1, 500, 1, 700),)


def test_touching_edits_clash_and_separate_ones_do_not() -> None:
    base = b"1\n2\n3\n4\n5\n"
    assert clash_lines(base, b"1\nx\n3\n4\n5\n", b"1\n2\ny\n4\n5\n")
    assert not clash_lines(base, b"1\nx\n3\n4\n5\n", b"1\n2\n3\ny\n5\n")


def test_an_equal_edit_is_no_clash() -> None:
    assert not clash_lines(b"1\n2\n3\n", b"1\nx\n3\n", b"1\nx\n3\n")


def test_paths_survive_in_any_encoding_and_print_on_one_line() -> None:
    path = b"a\xff\n\xc3\xa9"
    assert encode_path(decode_path(path)) == path
    assert "\n" not in show_path(decode_path(path))
    assert show_path(decode_path(path)).isprintable()


def test_the_environment_of_git_holds_its_switches() -> None:
    environment = git_environment({"core.fsmonitor": "false"})
    assert environment["GIT_CONFIG_COUNT"] == "1"
    assert environment["GIT_CONFIG_KEY_0"] == "core.fsmonitor"
    assert environment["GIT_OPTIONAL_LOCKS"] == "0"


def test_a_status_is_read_with_all_its_kinds() -> None:
    ids = f"{ONE} {OTHER}"
    status = parse_status(
        b"# branch.oid (initial)\0# branch.head (detached)\0"
        + f"1 .M N... 100644 100644 100755 {ids} a b.py\0".encode()
        + f"1 .D S..U 160000 160000 000000 {ids} sub\0".encode()
        + f"u UU N... 100644 100644 100644 100644 {ONE} {ids} c.py\0".encode()
        + b"? new\nfile\0? nested/\0! ignored\0"
    )
    assert (status.head, status.branch, status.untracked) == (None, "", ("new\nfile",))
    modified, gone, unmerged = status.tracked
    assert (modified.path, modified.on_disk, modified.same_on_disk) == ("a b.py", True, False)
    assert (gone.is_submodule, gone.on_disk) == (True, False)
    assert unmerged.is_unmerged


def test_a_raw_diff_of_odd_names_is_read() -> None:
    output = f":100644 100755 {ONE} {OTHER} R087\0".encode() + b"old\tname\0new\nname\0"
    (change,) = parse_raw_diff(output)
    assert (change.kind, change.old_path, change.new_path) == (TouchKind.RENAMED, "old\tname", "new\nname")
    assert change.similarity == 87


def test_a_tree_sorts_folders_as_git_does() -> None:
    entries = {b"a": TreeEntry("40000", ONE), b"a.b": TreeEntry(FILE, OTHER), b"a-b": TreeEntry(FILE, OTHER)}
    content = render_tree(entries)
    assert parse_tree(content, 20) == entries
    assert list(parse_tree(content, 20)) == [b"a-b", b"a.b", b"a"]


def test_all_folders_above_a_file_count() -> None:
    assert folders_of(["a/b/c.py", "d.py"]) == {"", "a", "a/b"}


def test_an_empty_file_is_nobody_s_rename() -> None:
    empty = TreeEntry(FILE, Sha("e69de29bb2d1d6434b8b29ae775ad8c2e48c5391"))
    assert find_renames({"a": empty}, {"b": empty}, lambda _: b"", lambda _: b"") == {}


def test_the_most_alike_pair_becomes_the_rename() -> None:
    old = {"a": b"1\n2\n3\n4\n", "b": b"5\n6\n7\n8\n"}
    new = {"x": b"5\n6\n7\n9\n", "y": b"1\n2\n3\n4\n5\n", "z": b"0\n"}
    gone = {path: TreeEntry(FILE, Sha(f"old {path}")) for path in old}
    came = {path: TreeEntry(FILE, Sha(f"new {path}")) for path in new}
    assert find_renames(gone, came, old.get, new.get) == {"y": "a", "x": "b"}


def test_line_ends_are_converted_only_where_git_would() -> None:
    crlf, given = b"a\r\nb\r\n", Attributes(text="set")
    assert convert_to_git(crlf, Attributes(), autocrlf=False, known=None) == crlf
    assert convert_to_git(crlf, Attributes(), autocrlf=True, known=None) == b"a\nb\n"
    assert convert_to_git(crlf, Attributes(), autocrlf=True, known=crlf) == crlf
    assert convert_to_git(crlf, Attributes(text="unset"), autocrlf=True, known=None) == crlf
    assert convert_to_git(crlf, given, autocrlf=False, known=crlf) == b"a\nb\n"
    assert convert_to_git(b"\0\r\n", Attributes(), autocrlf=True, known=None) == b"\0\r\n"
    assert (
        convert_to_git("é".encode("utf-16"), Attributes(encoding="utf-16"), autocrlf=False, known=None) == "é".encode()
    )
    assert convert_to_git(b"\xff", Attributes(encoding="ascii"), autocrlf=False, known=None) is None
    assert convert_to_git(b"x", Attributes(filter="lfs"), autocrlf=False, known=None) is None


def test_unknown_contents_never_look_unchanged_in_a_snapshot() -> None:
    hidden = NowFile(TreeEntry(FILE, Sha("")), unknown="is larger than 5 MB", stamp="1:2")
    (file,) = combine([], {"big": hidden}, lambda _: TreeEntry(FILE, ONE))
    stored: list[bytes] = []

    def store(content: bytes) -> Sha:
        stored.append(content)
        return OTHER

    assert snapshot_entries([file], store) == {"big": TreeEntry(FILE, OTHER)}
    assert b"larger than 5 MB" in stored[0]
    assert file.digest == "1:2"


def test_a_full_disk_is_told_from_a_forbidden_folder() -> None:
    assert explain_write(Path("x/y"), OSError(errno.ENOSPC, "no space")).slug == "disk-full"
    assert explain_write(Path("x/y"), OSError(errno.EACCES, "denied")).slug == "state-not-writable"
