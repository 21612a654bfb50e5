"""Lines that a resolution dropped are told; lines that moved, or were there anyway, are not."""

from __future__ import annotations

import pytest

from watchkeeper.code.vanished import Losses, Side, find_vanished

BASE = "def f():\n    one()\n    two()\n    three()\n"


def losses(base: str | None, ours: str | None, theirs: str | None, result: str | None, **more: str) -> Losses:
    """Of one file; ``more``: others that only the result has."""
    texts = [{} if text is None else {"f.py": text.encode()} for text in (base, ours, theirs, result)]
    texts[3] |= {f"{name}.py": text.encode() for name, text in more.items()}
    return find_vanished(*texts)


def told(found: Losses) -> list[tuple[str, str, int, str]]:
    return [(line.side, line.path, line.number, line.text.decode()) for line in found.lines]


OURS = BASE.replace("    two()\n", "    two()\n    ours()\n")
THEIRS = BASE.replace("    one()\n", "    theirs()\n    one()\n")
BOTH = "def f():\n    theirs()\n    one()\n    two()\n    ours()\n    three()\n"


def test_a_resolution_that_keeps_both_sides_loses_nothing() -> None:
    assert losses(BASE, OURS, THEIRS, BOTH) == Losses(())


def test_a_resolution_that_takes_one_side_loses_the_other_ones_lines() -> None:
    assert told(losses(BASE, OURS, THEIRS, OURS)) == [(Side.THEIRS, "f.py", 2, "    theirs()")]
    assert told(losses(BASE, OURS, THEIRS, THEIRS)) == [(Side.OURS, "f.py", 4, "    ours()")]
    assert told(losses(BASE, OURS, THEIRS, BASE)) == [
        (Side.OURS, "f.py", 4, "    ours()"), (Side.THEIRS, "f.py", 2, "    theirs()"),
    ]  # fmt: skip


def test_a_line_that_was_deleted_on_purpose_by_the_other_side_is_none_of_ours() -> None:
    assert losses(BASE, OURS, BASE.replace("    one()\n", ""), OURS.replace("    one()\n", "")) == Losses(())


def test_what_both_added_has_to_be_there_once() -> None:
    same = BASE + "    same()\n"
    assert losses(BASE, same, same, same) == Losses(())
    assert len(losses(BASE, same, same, BASE).lines) == 2


def test_a_line_counts_as_often_as_it_occurs() -> None:
    twice = BASE + "    again()\n" * 2
    assert [line.text for line in losses(BASE, twice, BASE, BASE + "    again()\n").lines] == [b"    again()"]
    assert losses(BASE, twice, BASE, twice) == Losses(())


def test_an_added_copy_of_a_line_that_the_base_has_is_missed_too() -> None:
    more = BASE + "    one()\n"
    assert [line.text for line in losses(BASE, more, THEIRS, THEIRS).lines] == [b"    one()"]


def test_a_copy_of_the_bases_that_the_other_side_deleted_does_not_stand_for_ours() -> None:
    ours = BASE + "    one()\n"
    theirs = BASE.replace("    one()\n", "")
    assert losses(BASE, ours, theirs, theirs + "    one()\n") == Losses(())
    assert [line.text for line in losses(BASE, ours, theirs, theirs).lines] == [b"    one()"]


def test_a_line_that_moved_within_the_file_has_not_vanished() -> None:
    assert losses(BASE, OURS, THEIRS, "ours()\n".join(["def f():\n    theirs()\n    ", BASE[9:]])) == Losses(())


def test_a_line_that_moved_to_another_file_has_not_vanished() -> None:
    assert losses(BASE, OURS, THEIRS, THEIRS, helper="    ours()\n") == Losses(())
    assert losses(BASE, OURS, None, None, renamed=OURS) == Losses(())


def test_the_other_sides_own_copy_in_another_file_does_not_stand_for_ours() -> None:
    base = {"f.py": b"f\n", "g.py": b"g\n"}
    ours = {**base, "f.py": b"f\nreturn None\n"}
    theirs = {**base, "g.py": b"g\nreturn None\n"}

    assert [line.path for line in find_vanished(base, ours, theirs, theirs).lines] == ["f.py"]


def test_what_a_side_moved_between_files_and_the_result_left_in_place_has_not_vanished() -> None:
    base = {"f.py": b"a\nlong line\n", "g.py": b"g\n"}
    ours = {"f.py": b"a\n", "g.py": b"g\nlong line\n"}

    assert find_vanished(base, ours, base, base) == Losses(())
    gone = {"f.py": b"a\n", "g.py": b"g\n"}
    assert [line.path for line in find_vanished(base, ours, base, gone).lines] == ["g.py"]


@pytest.mark.parametrize("text", ["\tours()\n", "  ours( )\n", "    ours()\r\n", "ours()\n"])
def test_a_line_with_other_white_space_is_told_apart(text: str) -> None:
    (line,) = losses(BASE, OURS, THEIRS, THEIRS + text).lines
    assert (line.text, line.is_spacing) == (b"    ours()", True)


def test_a_line_that_is_really_gone_is_no_question_of_white_space() -> None:
    (line,) = losses(BASE, OURS, THEIRS, THEIRS + "    oursX()\n").lines
    assert not line.is_spacing


def test_another_ones_line_that_differs_in_white_space_is_not_taken_for_ours() -> None:
    theirs = THEIRS + "ours()\n"
    (line,) = losses(BASE, OURS, theirs, theirs).lines
    assert not line.is_spacing


def test_lines_without_any_sign_and_a_missing_newline_at_the_end_are_not_told() -> None:
    assert losses(BASE, BASE + "\n   \n", BASE, BASE) == Losses(())
    assert losses(BASE, BASE + "end", BASE, BASE + "end\n") == Losses(())


def test_a_new_file_that_the_result_does_not_have_is_told_line_by_line() -> None:
    assert [line.number for line in losses(None, "a\nb\n", None, None).lines] == [1, 2]


def test_a_file_that_somebody_deleted_against_edits_tells_the_edits() -> None:
    assert told(losses(BASE, OURS, None, None)) == [(Side.OURS, "f.py", 4, "    ours()")]
    assert losses(BASE, BASE, None, None) == Losses(())


@pytest.mark.parametrize(("result", "lost"), [("\0ours", ()), ("\0other", ("f.py",)), ("\0base", ("f.py",))])
def test_a_binary_file_is_not_analysed_and_named_where_a_sides_version_is_gone(
    result: str, lost: tuple[str, ...]
) -> None:
    assert losses("\0base", "\0ours", "\0base", result) == Losses((), lost)


def test_two_versions_of_a_binary_file_cannot_both_come_out() -> None:
    assert losses("\0base", "\0ours", "\0theirs", "\0ours").not_analysed == ("f.py",)


def test_bytes_in_any_encoding_are_lines() -> None:
    base, ours = {"f": b"\xff\n"}, {"f": b"\xff\n\xe4\xfe\n"}
    assert [line.text for line in find_vanished(base, ours, base, base).lines] == [b"\xe4\xfe"]
