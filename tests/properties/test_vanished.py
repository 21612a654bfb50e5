"""What vanishes in a resolution, for any texts."""

from __future__ import annotations

import subprocess
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from watchkeeper.code.linediff import hunks, line_range
from watchkeeper.code.vanished import Losses, Side, find_vanished

WORDS = [b"a", b"b", b"    return x", b"}", b"\tc", b"d ", b"\xff"]
LINES = st.lists(st.sampled_from(WORDS), max_size=14)


def text(lines: list[bytes]) -> bytes:
    return b"".join(line + b"\n" for line in lines)


@st.composite
def edited(draw: st.DrawFn, lines: list[bytes]) -> list[bytes]:
    """A few lines deleted, replaced or inserted."""
    result = list(lines)
    for _ in range(draw(st.integers(0, 3))):
        place = draw(st.integers(0, len(result)))
        count = draw(st.integers(0, min(2, len(result) - place)))
        result[place : place + count] = draw(st.lists(st.sampled_from([*WORDS, b"new", b"newer"]), max_size=2))
    return result


@st.composite
def edits(draw: st.DrawFn) -> tuple[bytes, bytes, bytes]:
    base = draw(LINES)
    return text(base), text(draw(edited(base))), text(draw(edited(base)))


def vanished(base: bytes, ours: bytes, theirs: bytes, result: bytes) -> Losses:
    return find_vanished({"f": base}, {"f": ours}, {"f": theirs}, {"f": result})


def counted(lines: bytes) -> Counter[bytes]:
    return Counter(lines.split(b"\n"))


@given(edits())
def test_taking_one_side_loses_exactly_what_the_other_alone_added(texts: tuple[bytes, bytes, bytes]) -> None:
    base, ours, theirs = texts
    found = vanished(base, ours, theirs, ours)

    own = (counted(theirs) - counted(base)) - (counted(ours) - counted(base))
    assert {line.side for line in found.lines} <= {Side.THEIRS}
    assert Counter(line.text for line in found.lines) == own


@given(edits())
def test_the_sides_may_be_swapped(texts: tuple[bytes, bytes, bytes]) -> None:
    base, ours, theirs = texts
    for result in texts:
        one, two = vanished(base, ours, theirs, result), vanished(base, theirs, ours, result)
        assert sorted((line.text, line.side, line.number) for line in one.lines) == sorted(
            (line.text, Side.OURS if line.side is Side.THEIRS else Side.THEIRS, line.number) for line in two.lines
        )


@given(edits())
def test_a_result_with_all_lines_of_both_loses_nothing_wherever_they_stand(texts: tuple[bytes, bytes, bytes]) -> None:
    base, ours, theirs = texts
    assert vanished(base, ours, theirs, theirs + ours) == Losses(())
    moved = find_vanished({"f": base}, {"f": ours}, {"f": theirs}, {"g": theirs + ours})
    assert moved == Losses(())


@given(edits(), st.data())
def test_what_is_told_was_added_by_that_side_and_each_place_is_told_once(
    texts: tuple[bytes, bytes, bytes], data: st.DataObject
) -> None:
    base, ours, theirs = texts
    result = data.draw(st.sampled_from([base, ours, theirs, b""]))
    found = vanished(base, ours, theirs, result)
    for side, now in ((Side.OURS, ours), (Side.THEIRS, theirs)):
        lines = [line for line in found.lines if line.side is side]
        assert all(now.split(b"\n")[line.number - 1] == line.text for line in lines)
        assert len({line.number for line in lines}) == len(lines)
        assert Counter(line.text for line in lines) <= counted(now) - counted(base)


def _ranges(base: bytes, now: bytes) -> list[tuple[int, int]]:
    return [line_range(hunk.base_start, hunk.base_count) for hunk in hunks(base, now)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("merges")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(texts=edits())
def test_a_clean_merge_by_git_of_edits_that_do_not_meet_loses_nothing(
    folder: Path, texts: tuple[bytes, bytes, bytes]
) -> None:
    base, ours, theirs = texts
    if any(a <= d and c <= b for a, b in _ranges(base, ours) for c, d in _ranges(base, theirs)):
        return
    for name, content in zip(("base", "ours", "theirs"), texts, strict=True):
        (folder / name).write_bytes(content)
    command = ["git", "merge-file", "-p", "ours", "base", "theirs"]
    done = subprocess.run(command, cwd=folder, capture_output=True, check=False)
    if done.returncode:
        return  # its own diff places the edits otherwise
    assert vanished(base, ours, theirs, done.stdout) == Losses(())
