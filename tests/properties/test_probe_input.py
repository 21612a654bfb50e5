"""What untrusted commands write, and sources in any state, never break what reads them."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress

from hypothesis import example, given
from hypothesis import strategies as st

from watchkeeper.code.executable import read_executable
from watchkeeper.code.tree import MemoryTree
from watchkeeper.probes.covering import changed_lines
from watchkeeper.probes.reports import (
    ReportUnreadableError,
    parse_eslint,
    parse_jest,
    parse_junit,
    parse_lines,
    parse_sarif,
    parse_unittest,
    relative_path,
)

ROOT = "/state/scratch/0/tree"
PARSERS: dict[str, Callable[[bytes], object]] = {
    "junit": lambda data: parse_junit(data, ROOT),
    "jest": lambda data: parse_jest(data, ROOT),
    "eslint": lambda data: parse_eslint("x", data, ROOT),
    "sarif": lambda data: parse_sarif("x", data, ROOT),
}
JUNIT = b'<?xml version="1.0" encoding="utf-8"?><testsuite><testcase name="b" time="1"><failure message="m"/>x'
KEYS = [
    "testResults", "assertionResults", "failureMessages", "status", "fullName", "name", "message", "runs", "results",
    "locations", "physicalLocation", "artifactLocation", "uri", "region", "startLine", "ruleId", "text", "messages",
    "line", "filePath", "failed",
]  # fmt: skip
leaves = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.sampled_from(KEYS), st.text(max_size=5), st.just(10**400)
)
documents = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(KEYS), inner, min_size=1, max_size=4)
    ),
    max_leaves=25,
)


@given(st.sampled_from(sorted(PARSERS)), st.binary(max_size=200))
@example("junit", b'<?xml version="1.0" encoding="utf-7"?><a/>')
@example("junit", b'<?xml version="1.0" encoding="shift_jis"?><a/>')
@example("junit", b'<?xml version="1.0" encoding="idna"?><a/>')
def test_random_bytes_are_read_or_unreadable_and_nothing_else(name: str, data: bytes) -> None:
    with suppress(ReportUnreadableError):
        PARSERS[name](data)


@given(st.integers(0, len(JUNIT)), st.integers(0, len(JUNIT)), st.binary(max_size=6))
def test_a_report_that_is_cut_or_overwritten_is_read_or_unreadable(start: int, length: int, put: bytes) -> None:
    whole = JUNIT + b"</testcase></testsuite>"

    with suppress(ReportUnreadableError):
        parse_junit(whole[:start] + put + whole[start + length :], ROOT)


@given(st.sampled_from(["jest", "eslint", "sarif"]), documents)
def test_a_document_with_the_right_words_in_wrong_places_is_read_or_unreadable(name: str, document: object) -> None:
    with suppress(ReportUnreadableError):
        PARSERS[name](json.dumps(document).encode())


COLUMNS = ["", "7:", "7-9:"]
outputs = st.lists(
    st.one_of(
        st.text(max_size=30),
        st.builds("{}:{}:{} {}".format, st.text(max_size=8), st.integers(0), st.sampled_from(COLUMNS), st.text()),
        st.builds("{}({},1): {}".format, st.text(max_size=8), st.integers(0), st.text(max_size=20)),
    ),
    max_size=6,
).map("\n".join)  # fmt: skip


@given(outputs)
def test_any_output_gives_findings_within_the_checkout(text: str) -> None:
    for finding in parse_lines("x", text, ROOT):
        assert finding.path == relative_path(finding.path, ROOT)
        assert finding.line >= 0
        assert finding.message
    parse_unittest(text)


@given(st.text(max_size=40))
def test_a_path_that_is_accepted_leads_into_the_checkout_and_stays_as_it_is(path: str) -> None:
    found = relative_path(path, ROOT)

    assert found is None or (not found.startswith("/") and ".." not in found.split("/"))
    if found is not None and found == found.strip():
        assert relative_path(f"{ROOT}/{found}", ROOT) == found


SOURCE = b'''\
import os

@decorate(
    1,
)
def f(a, *, b=(
    1, 2,
)):
    """Says."""
    with open(a) as file, \\
            other:
        return [
            x for x in file
            if x
        ]

class C(
    B,
):
    x: int = 3
    async def g(self): return lambda: (yield)

try:
    match a:
        case {"b": [1, *_]} if (
            b
        ):
            pass
except* (
    E,
):
    pass
'''
sources = st.one_of(
    st.binary(max_size=80),
    st.text(alphabet="def f(): if:\n\t\r\x0c\\\"'#[]{}@1λ", max_size=80).map(str.encode),
    st.builds(
        lambda start, length, put: SOURCE[:start] + put + SOURCE[start + length :],
        st.integers(0, len(SOURCE)),
        st.integers(0, 60),
        st.binary(max_size=4),
    ),
)


@given(sources)
@example(b"(" * 5000)
@example(b"x = " + b"-" * 5000 + b"1")
@example(b"a\r\nb\rc\n")
def test_any_source_has_executable_lines_or_does_not_compile(source: bytes) -> None:
    found = read_executable(source)

    if found is not None:
        for line in range(source.count(b"\n") + 3):
            assert found.needed_for(line) <= found.lines


@given(sources, sources)
def test_the_lines_of_any_change_are_lines_that_can_be_executed(before: bytes, now: bytes) -> None:
    lines, blind = changed_lines(MemoryTree({"m.py": now}), MemoryTree({"m.py": before}), ["m.py"])
    found = read_executable(now)

    if before == now:
        assert (lines, blind) == ({}, ())
    elif found is None:
        assert [gap.path for gap in blind] == ["m.py"]
    else:
        assert lines["m.py"] <= found.lines


@given(sources)
def test_a_file_that_one_side_added_is_wanted_whole(source: bytes) -> None:
    lines, _ = changed_lines(MemoryTree({"m.py": source}), MemoryTree({}), ["m.py"])
    found = read_executable(source)

    if found is not None and b"\r" not in source and b"\x0c" not in source:
        assert lines["m.py"] == found.lines - {line for line in found.lines if line > len(source.split(b"\n"))}
