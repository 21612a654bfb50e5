"""Static checks hold for whatever bytes people and editors leave in a file."""

from __future__ import annotations

import sysconfig
from functools import cache
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from watchkeeper.code.checks import run_static
from watchkeeper.code.tree import MemoryTree
from watchkeeper.model.findings import CheckState

FILES = ("queue.py", "sched.py", "shelve.py", "fileinput.py", "types.py", "enum.py")
NOISE = (
    b"",
    b"(",
    b"'''",
    b":",
    b"\0",
    b"\xff",
    b"\n",
    b"    ",
    b"@",
    b"=",
    b"await ",
    b"del ",
    b"global x\n",
    b"lambda ",
)


@cache
def library_source(name: str) -> bytes:
    return (Path(sysconfig.get_path("stdlib")) / name).read_bytes()


@st.composite
def garbled_sources(draw: st.DrawFn) -> bytes:
    """Real source with some lines left out and noise put somewhere."""
    lines = library_source(draw(st.sampled_from(FILES))).splitlines(keepends=True)
    start = draw(st.integers(0, len(lines)))
    gap = draw(st.integers(0, 30))
    part = b"".join([*lines[:start], *lines[start + gap :]])
    at = draw(st.integers(0, len(part)))
    return part[:at] + draw(st.sampled_from(NOISE)) + part[at:]


def check(contents: dict[str, bytes]) -> None:
    tree = MemoryTree(contents)
    for report in run_static(tree, tuple(contents)):
        assert report.state is CheckState.DONE, report.reason
        for finding in report.findings:
            assert finding.check == report.check
            assert finding.message
            assert 0 <= finding.line <= tree_lines(contents[finding.path])


def tree_lines(source: bytes) -> int:
    return len(source.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n"))


@given(garbled_sources(), garbled_sources())
@settings(max_examples=40, deadline=None)
def test_no_check_raises_on_garbled_sources_that_import_each_other(one: bytes, other: bytes) -> None:
    check({"app/__init__.py": b"from app.a import *\nfrom .b import gone\n", "app/a.py": one, "app/b.py": other})


@given(st.binary(max_size=200), st.sampled_from(["a.py", "a.ts", "a.js", "a.txt", "a.pyi"]))
@settings(max_examples=80, deadline=None)
def test_no_check_raises_on_random_bytes(source: bytes, path: str) -> None:
    check({path: source})


def test_unchanged_library_files_parse_and_define_what_they_use() -> None:
    contents = {name: library_source(name) for name in FILES}
    reports = run_static(MemoryTree(contents), tuple(contents), ["parse", "names"])
    assert [finding.message for report in reports for finding in report.findings] == []
