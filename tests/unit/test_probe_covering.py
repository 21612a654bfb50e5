"""Which lines a run has to execute to say anything about a change, and which of them a tracer can see."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Mapping
from types import FrameType
from typing import Any

import pytest

from watchkeeper.code.executable import read_executable
from watchkeeper.code.tree import MemoryTree
from watchkeeper.probes.covering import Gap, changed_lines, describe_gaps, find_gaps


def wanted(before: str | None, now: str | None, path: str = "m.py") -> tuple[Mapping[str, frozenset[int]], list[str]]:
    """Which lines are wanted of one file, and what nobody can see."""
    trees = [
        MemoryTree({} if text is None else {path: textwrap.dedent(text).lstrip("\n").encode()})
        for text in (now, before)
    ]
    lines, blind = changed_lines(trees[0], trees[1], [path])
    return lines, [gap.reason for gap in blind]


BASE = """
def f(a):
    x = 1
    y = 2
    return x + y
"""


@pytest.mark.parametrize(
    ("now", "lines"),
    [
        (BASE.replace("y = 2", "y = 3"), {3}),
        (BASE.replace("    return", "    z = 3\n    return"), {4}),
        (BASE.replace("    y = 2\n", ""), {3}),  # taken away: the next line stands for it
        (BASE.replace("    return x + y\n", ""), set()),  # nothing comes after it
        (BASE.replace("x = 1", "x = 1  # one"), {2}),
        (BASE.replace("    x = 1\n", "    # a comment\n\n    x = 1\n"), set()),
        (BASE.replace("def f(a):\n", 'def f(a):\n    """Says more."""\n'), set()),
        (BASE.replace("def f(a)", "def f(a, b)"), {1, 2}),  # defining it does not try it
        (BASE.replace("def f", "@print\ndef f"), {1, 3}),
        ("import os\n" + BASE.lstrip("\n"), {1}),
    ],
)
def test_the_lines_of_a_change_are_those_that_do_something(now: str, lines: set[int]) -> None:
    assert wanted(BASE, now) == ({"m.py": frozenset(lines)}, [])


LONG = """
    NAMES = (
        "a",
        "b",
    )


    def f(
        one,
        two,
    ):
        # about it
        return g(
            one,
            "three",
        )
"""


@pytest.mark.parametrize(
    ("line", "lines"),
    [
        ('    "a",\n', {1}),  # a constant is folded: the statement stands for it
        ("    two,\n", {7, 12}),
        ('        "three",\n', {14}),  # an argument is on a line of its own
        ("    # about it\n", set()),
    ],
)
def test_a_line_in_a_longer_statement_is_tried_with_the_statement(line: str, lines: set[int]) -> None:
    now = textwrap.dedent(LONG)
    assert line in now

    found, _ = wanted(now.replace(line, ""), now)

    assert found["m.py"] == lines


def test_a_line_of_a_long_statement_never_asks_for_what_the_statement_holds() -> None:
    text = "if (\n    a\n    and True\n):\n    b = 1\n    c = 2\n"
    found, _ = wanted(text.replace("    and True\n", ""), text)

    assert not found["m.py"] & {5, 6}


def test_the_tuple_of_an_except_is_tried_with_the_except() -> None:
    text = "try:\n    f()\nexcept (\n    ValueError,\n    TypeError,\n):\n    g()\n"
    found, _ = wanted(text.replace("    TypeError,\n", ""), text)

    assert found["m.py"]
    assert not found["m.py"] & {1, 2, 7}


def test_an_added_file_is_wanted_whole_and_a_deleted_one_not_at_all() -> None:
    assert wanted(None, "a = 1\n\nb = 2\n") == ({"m.py": frozenset({1, 3})}, [])
    assert wanted("a = 1\n", None) == ({}, [])


def test_a_file_that_is_the_same_on_both_sides_is_not_wanted() -> None:
    assert wanted(BASE, BASE) == ({}, [])


@pytest.mark.parametrize(
    "path",
    [
        "README.md",
        "docs/index.RST",
        "notes.md",
        "changelog/12.bugfix.rst",
        "LICENSE",
        "LICENSE-MIT.txt",
        "lib/README.md",
    ],
)
def test_what_no_program_executes_is_not_wanted(path: str) -> None:
    assert wanted("a", "b", path) == ({}, [])


@pytest.mark.parametrize(
    "path",
    [
        "a.ts",
        "settings.toml",
        "data.json",
        "Makefile",
        "a.pyi",
        "requirements.txt",
        "poetry.lock",
        "logo.svg",
        "agent/prompts/system.md",
        "tests/fixtures/page.rst",
        "locale/de.po",
        "readme.json",
        "license.py.txt",
    ],
)
def test_what_no_tracer_sees_is_said_to_be_unseen(path: str) -> None:
    assert wanted("a", "b", path) == ({}, ["no tracer sees its lines"])
    assert wanted("a", "a", path) == ({}, [])


def test_data_that_is_gone_may_have_been_read_and_documentation_not() -> None:
    assert wanted("a", None, "rates.txt") == ({}, ["no tracer sees it go"])
    assert wanted("a", None, "docs/rates.md") == ({}, [])


def test_a_file_that_was_not_read_is_never_taken_for_unchanged() -> None:
    class Unread(MemoryTree):
        def source(self, path: str) -> bytes | None:
            return None if path == "big.bin" else super().source(path)

    tree = Unread({"big.bin": b"0", "a.py": b"a = 1"})

    assert changed_lines(tree, tree, ["a.py", "big.bin", "gone.bin"]) == (
        {},
        (Gap("", "big.bin", reason="it is a link or too large, and was not read"),),
    )


@pytest.mark.parametrize("now", ["def f(:\n", "a = '\0'\n", "# coding: nothing\n"])
def test_what_does_not_compile_is_said_so(now: str) -> None:
    assert wanted("a = 1\n", now) == ({}, ["it does not compile with this Python"])


def test_a_gap_is_what_was_wanted_and_not_executed() -> None:
    lines = {"a.py": frozenset({1, 2, 3}), "b.py": frozenset({5}), "c.py": frozenset[int]()}
    blind = [Gap("", "d.ts", reason="no tracer sees its lines")]

    gaps = find_gaps("agent-a", lines, blind, {"a.py": frozenset({2, 9}), "b.py": frozenset({5})})

    assert gaps == (Gap("agent-a", "d.ts", (), "no tracer sees its lines"), Gap("agent-a", "a.py", (1, 3)))
    assert find_gaps("agent-a", lines, (), {"a.py": frozenset({1, 2, 3}), "b.py": frozenset({5})}) == ()


@pytest.mark.parametrize(
    ("gaps", "said"),
    [
        ([Gap("a", "x.py", (4,))], "a: x.py:4 was not executed by any test that ran"),
        ([Gap("a", "x.py", (4, 9))], "a: x.py:4-9 was not executed by any test that ran"),
        ([Gap("a", "x.ts", (), "unseen"), Gap("b", "y.py", (1,))], "a: x.ts: unseen, and 1 more places"),
    ],
)
def test_the_first_gap_is_told_and_the_others_counted(gaps: list[Gap], said: str) -> None:
    assert describe_gaps(gaps) == said


STRAIGHT = '''
"""A module."""
from __future__ import annotations

import dataclasses
from contextlib import suppress

TABLE = {
    "a": 1,
    "b": [n for n in range(3)],
}


@dataclasses.dataclass
class Point:
    """Where."""

    x: int = 0
    y: int = 0

    @property
    def size(self) -> int:
        return (
            self.x
            + self.y
        )


def each(
    most: int = 3,
    *,
    step: int = 1,
):
    """All of them."""
    for number in range(
        0, most, step
    ):
        if number == 1:
            continue
        yield number


def run() -> object:
    with suppress(ValueError):
        raise ValueError
    try:
        raise TypeError
    except (
        TypeError,
        KeyError,
    ):
        text = f"{Point(1).size}"
    finally:
        found = list(each())
    match found:
        case [0, *_]:
            text += "!"
    key = lambda one: -one
    while found:
        found.pop()
    return text, sorted(TABLE["b"], key=key), dict(
        a=1,
        b=2,
    )


run()
'''


def test_all_lines_of_a_module_that_runs_whole_are_seen_by_a_tracer() -> None:
    source = STRAIGHT.lstrip("\n")
    seen: set[int] = set()

    def trace(frame: FrameType, event: str, _argument: Any) -> Any:
        if frame.f_code.co_filename != "<merge>":
            return None
        seen.add(frame.f_lineno)
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        exec(compile(source, "<merge>", "exec", dont_inherit=True), {"__name__": "__main__"})
    finally:
        sys.settrace(before)
    found = read_executable(source.encode())

    assert found is not None
    assert found.lines - seen == frozenset()
    needed = frozenset().union(*(found.needed_for(line) for line in range(1, source.count("\n") + 1)))
    assert needed == found.lines
