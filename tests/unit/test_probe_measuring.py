"""Which changed lines of an entry tests executed, on a tree that others changed too."""

from __future__ import annotations

import pytest

from watchkeeper.code.linediff import hunks
from watchkeeper.code.tree import MemoryTree
from watchkeeper.model.exposure import Exposure
from watchkeeper.model.findings import CheckReport
from watchkeeper.probes.measuring import follow_lines, measure, unmeasured
from watchkeeper.probes.runs import Ran

OWN = "a = 1\n\n\ndef f():\n    return a\n\n\ndef g():\n    return 2\n"
"""Changed are lines 5 and 9."""
EXPOSURE = Exposure(lines={"x.py": ((5, 5), (9, 9))}, unseen=("which changed lines of y.js tests execute: no tracer",))


def ran(*lines: int, has_witness: bool = True) -> Ran:
    return Ran(CheckReport("tests"), executed={"x.py": frozenset(lines)}, has_witness=has_witness)


def tree(text: str | None) -> MemoryTree:
    return MemoryTree({"x.py": text.encode()} if text is not None else {"z.py": b""})


def test_lines_that_were_executed_are_not_missed_and_others_are() -> None:
    some = measure(EXPOSURE, tree(OWN), tree(OWN), ran(1, 4, 5))
    every = measure(EXPOSURE, tree(OWN), tree(OWN), ran(5, 9))

    assert (some.missed, some.of) == ({"x.py": ((9, 9),)}, {"x.py": 2})
    assert (every.missed, every.of) == ({}, {"x.py": 2})
    assert some.unseen == every.unseen == EXPOSURE.unseen


def test_lines_are_followed_to_where_others_moved_them() -> None:
    merged = "import os\nimport sys\n" + OWN

    assert measure(EXPOSURE, tree(OWN), tree(merged), ran(7, 11)).missed == {}
    assert measure(EXPOSURE, tree(OWN), tree(merged), ran(5, 9)).missed == {"x.py": ((5, 5), (9, 9))}


def test_a_line_that_others_took_out_is_not_asked_for() -> None:
    merged = OWN.replace("\n\n\ndef g():\n    return 2\n", "\n")

    measured = measure(EXPOSURE, tree(OWN), tree(merged), ran())

    assert (measured.missed, measured.of) == ({"x.py": ((5, 5),)}, {"x.py": 1})


@pytest.mark.parametrize(
    ("merged", "seen"), [(OWN, ran(has_witness=False)), (None, ran(5, 9))], ids=["no witness", "not at its place"]
)
def test_what_cannot_be_seen_is_said_and_neither_missed_nor_executed(merged: str | None, seen: Ran) -> None:
    measured = measure(EXPOSURE, tree(OWN), tree(merged), seen)

    assert (measured.missed, measured.of) == ({}, {})
    assert len(measured.unseen) == 2


def test_where_there_is_nothing_to_execute_nothing_is_said() -> None:
    assert unmeasured(Exposure(), "why") == measure(Exposure(), tree(OWN), tree(OWN), ran(has_witness=False))
    assert unmeasured(Exposure(), "why").unseen == ()


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        ("0\na\nb\nc\n", {1: 2, 2: 3, 3: 4}),
        ("a\n0\nb\nc\n", {1: 1, 2: 3, 3: 4}),
        ("a\nB\nc\n", {1: 1, 3: 3}),
        ("c\n", {3: 1}),
        ("a\nb\nc\n", {1: 1, 2: 2, 3: 3}),
    ],
)
def test_lines_are_found_again_in_another_text(now: str, expected: dict[int, int]) -> None:
    assert follow_lines([1, 2, 3], hunks(b"a\nb\nc\n", now.encode())) == expected
