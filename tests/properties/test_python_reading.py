"""Reading Python holds for whatever bytes people and editors leave in a file."""

from __future__ import annotations

import ast
import sysconfig
from functools import cache
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from watchkeeper.code.languages.python import LANGUAGE
from watchkeeper.model.reading import Reading, Status, SymbolKind

FILES = ("textwrap.py", "queue.py", "bisect.py", "sched.py", "shelve.py", "fileinput.py", "types.py")
NOISE = st.sampled_from(
    [b"", b"(", b"'''", b'"', b":", b"\\", b"\0", b"\xff", b"\r", b"\n", b"    ", b"@", b"=", b"\xef\xbb\xbf"]
)


@cache
def library_source(name: str) -> bytes:
    return (Path(sysconfig.get_path("stdlib")) / name).read_bytes()


@st.composite
def garbled_sources(draw: st.DrawFn) -> bytes:
    """A slice of real source with noise put somewhere, as it stands while somebody types."""
    source = library_source(draw(st.sampled_from(FILES)))
    start = draw(st.integers(0, len(source)))
    part = source[start : start + draw(st.integers(0, 6000))]
    at = draw(st.integers(0, len(part)))
    return part[:at] + draw(NOISE) + part[at + draw(st.integers(0, 5)) :]


def check(source: bytes, reading: Reading) -> None:
    last = max(1, len(source.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")))
    spans = [*reading.broken, *(span for symbol in reading.symbols for span in symbol.spans)]
    assert all(1 <= first <= end <= last for first, end in spans)
    assert all(1 <= use.line <= last and use.chain for symbol in reading.symbols for use in symbol.references)
    assert (reading.status is Status.PARSED) == (reading.reason == "")
    assert len({symbol.qualname for symbol in reading.symbols}) == len(reading.symbols)
    if reading.status is not Status.UNKNOWN:
        assert reading.symbols[0].kind is SymbolKind.MODULE


def without_references(reading: Reading) -> Reading:
    return replace(reading, symbols=tuple(replace(symbol, references=()) for symbol in reading.symbols))


@given(st.binary(max_size=300))
@settings(max_examples=150, deadline=None)
def test_reading_never_raises_on_random_bytes(source: bytes) -> None:
    check(source, LANGUAGE.read(source, bodies=True))


@given(garbled_sources())
@settings(max_examples=60, deadline=None)
def test_reading_never_raises_on_garbled_source_and_bodies_only_add_references(source: bytes) -> None:
    full = LANGUAGE.read(source, bodies=True)

    check(source, full)
    assert LANGUAGE.read(source, bodies=False) == without_references(full)
    for symbol in full.symbols[:3]:
        assert isinstance(LANGUAGE.normalise(source, symbol), str)


@given(st.sampled_from(FILES), st.data())
@settings(max_examples=20, deadline=None)
def test_normalising_does_not_see_comments_blank_lines_or_reformatting(name: str, data: st.DataObject) -> None:
    source = library_source(name)
    reading = LANGUAGE.read(source, bodies=False)
    rewritten = ast.unparse(ast.parse(source)).encode() + b"\n\n# a comment\n"
    by_name = {symbol.qualname: symbol for symbol in LANGUAGE.read(rewritten, bodies=False).symbols}
    symbol = data.draw(st.sampled_from(reading.symbols))

    expected = LANGUAGE.normalise(source, symbol)

    assert LANGUAGE.normalise(rewritten, by_name[symbol.qualname]) == expected
    assert LANGUAGE.normalise(source + b"\n\n# a comment\n\n", symbol) == expected
