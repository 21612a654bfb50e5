"""When git has to be asked."""

from __future__ import annotations

from watchkeeper.conflicts.touching import must_ask_git, predict_clashes
from watchkeeper.model.footprint import FileTouch, Footprint, Hunk, TouchKind
from watchkeeper.model.ids import ChangeId


def touch(path: str, *hunks: Hunk, kind: TouchKind = TouchKind.MODIFIED, now: str = "", digest: str = "") -> FileTouch:
    return FileTouch(path=path, now_path=now or path, kind=kind, hunks=hunks, digest=digest or repr(hunks))


def footprint(*files: FileTouch) -> Footprint:
    return Footprint(change=ChangeId("change"), files=files)


NEAR, NEXT, FAR = Hunk(10, 2, 10, 2), Hunk(12, 1, 12, 1), Hunk(90, 1, 90, 1)


def test_overlapping_hunks_must_be_judged_and_will_clash() -> None:
    one, two = footprint(touch("a.txt", NEAR)), footprint(touch("a.txt", Hunk(11, 4, 11, 1)))
    assert must_ask_git(one, two)
    assert [clash.path for clash in predict_clashes(one, two)] == ["a.txt"]


def test_touching_hunks_clash_too() -> None:
    assert list(predict_clashes(footprint(touch("a.txt", NEAR)), footprint(touch("a.txt", NEXT))))


def test_hunks_far_apart_need_no_judge() -> None:
    one, two = footprint(touch("a.txt", NEAR)), footprint(touch("a.txt", FAR))
    assert not must_ask_git(one, two)
    assert not list(predict_clashes(one, two))


def test_different_files_need_no_judge() -> None:
    assert not must_ask_git(footprint(touch("a.txt", NEAR)), footprint(touch("b.txt", NEAR)))


def test_equal_contents_need_no_judge() -> None:
    one, two = footprint(touch("a.txt", NEAR, digest="same")), footprint(touch("a.txt", NEAR, digest="same"))
    assert not must_ask_git(one, two)


def test_a_file_that_one_deletes_and_the_other_edits_must_be_judged() -> None:
    gone = footprint(touch("a.txt", kind=TouchKind.DELETED, digest="-"))
    assert must_ask_git(gone, footprint(touch("a.txt", FAR)))
    assert [clash.kind for clash in predict_clashes(gone, footprint(touch("a.txt", FAR)))] == ["modify/delete"]


def test_a_file_added_to_a_folder_that_the_other_renames_must_be_judged() -> None:
    mover = footprint(touch("old/a.txt", kind=TouchKind.RENAMED, now="new/a.txt"))
    adder = footprint(touch("old/b.txt", kind=TouchKind.ADDED))
    assert must_ask_git(mover, adder)
    assert must_ask_git(adder, mover)


def test_a_binary_file_changed_by_both_must_be_judged() -> None:
    one = FileTouch(path="a.png", now_path="a.png", kind=TouchKind.MODIFIED, is_binary=True, digest="1")
    two = FileTouch(path="a.png", now_path="a.png", kind=TouchKind.MODIFIED, is_binary=True, digest="2")
    assert must_ask_git(footprint(one), footprint(two))
