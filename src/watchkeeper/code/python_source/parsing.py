"""Bytes to syntax tree: decoding as Python does it, and reading around the definitions that do not parse."""

from __future__ import annotations

import ast
import codecs
import io
import re
import tokenize
import warnings
from collections.abc import Callable, Sequence
from typing import NamedTuple

from watchkeeper.code.content_cache import kept_by_content
from watchkeeper.code.python_source.salvage import Blank, find_broken, find_broken_chunk, find_unclosed_string
from watchkeeper.model.reading import Span, Status

MAX_BYTES = 2_000_000
_MOST_KEPT = 2_000_000
"""Bytes of files whose trees are kept: a tree takes about thirty times as much as its file."""
_MAX_ROUNDS = 16
_ROUNDS_BUDGET = 1_000_000  # bytes parsed again at most, so that a huge broken file stays quick


_Find = Callable[[list[str], int], list[Blank]]


class Parsed(NamedTuple):
    """A file as text and tree. ``lines`` have the broken definitions blanked; ``tree`` is None when UNKNOWN."""

    lines: Sequence[str]
    tree: ast.Module | None
    status: Status = Status.PARSED
    broken: tuple[Span, ...] = ()
    reason: str = ""


@kept_by_content(_MOST_KEPT)
def parse_source(source: bytes) -> Parsed:
    """The syntax tree of a file, of what can be read of it, or the reason why nothing can. Never raises.

    The last trees are kept: a changed file is read, its symbols are normalised, and checks follow it in the trees of
    every merge that it is in. Nobody may alter a tree.
    """
    if len(source) > MAX_BYTES:
        return _unknown(f"larger than {MAX_BYTES // 1_000_000} MB")
    text, reason = decode(source)
    if text is None:
        return _unknown(reason)
    lines = text.split("\n")
    tree, error = _parse(text)
    if tree is None:
        return _parse_around(lines, error)
    return Parsed(lines, tree, Status.PARTIAL if reason else Status.PARSED, (), reason)


def decode(source: bytes) -> tuple[str | None, str]:
    """The text, every line ended by one line feed, and a reason where the bytes are not what Python accepts."""
    if source.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return None, "encoded as UTF-16"
    if b"\0" in source:
        return None, "contains NUL bytes"
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(source).readline)
        text, reason = source.decode(encoding), ""
        text.encode()
    except (SyntaxError, UnicodeError, LookupError, ValueError):
        text, reason = source.decode("latin-1"), "not valid in its declared encoding: read as Latin-1"
    return text.replace("\r\n", "\n").replace("\r", "\n"), reason


def parse_expression(text: str) -> ast.expr | None:
    """A string annotation as an expression; None where it is none."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError, OverflowError):
        return None


class _Failure(NamedTuple):
    line: int  # 0: not known
    message: str


def _unknown(reason: str) -> Parsed:
    return Parsed((), None, Status.UNKNOWN, (), reason)


def _parse(text: str) -> tuple[ast.Module | None, _Failure]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(text), _Failure(0, "")
    except SyntaxError as error:
        return None, _describe(error)
    except (RecursionError, MemoryError):
        return None, _Failure(0, "nested too deeply")
    except (ValueError, OverflowError) as error:
        return None, _Failure(0, str(error))


def _describe(error: SyntaxError) -> _Failure:
    message = str(error.msg)
    opened = re.search(r"on line (\d+)$", message)  # "expected an indented block after ... on line 3": 3 is to blame
    line = int(opened.group(1)) if opened else error.lineno or 0
    return _Failure(line, f"line {line}: {message}" if line else message)


def _parse_around(lines: list[str], failure: _Failure) -> Parsed:
    """Without the one statement that is plainly to blame, else without those that either way of looking shows.

    Of two ways the one that leaves out fewer lines.
    """
    for find in (find_unclosed_string, find_broken_chunk):
        if (one := _leave_out(lines, failure, find, 1)) is not None:
            return one  # the usual case while somebody types: no need to look further
    readings = [_leave_out(lines, failure, find, _rounds(lines)) for find in (find_broken, find_broken_chunk)]
    found = [parsed for parsed in readings if parsed is not None]
    if not found:
        return _unknown(failure.message)
    return min(found, key=lambda parsed: sum(last - first + 1 for first, last in parsed.broken))


def _leave_out(original: list[str], failure: _Failure, find: _Find, rounds: int) -> Parsed | None:
    lines, reason = list(original), failure.message
    broken: set[Span] = set()
    for _ in range(rounds):
        spans = find(lines, failure.line)
        if not spans:
            return None
        for span, stand_in in spans:
            lines[span[0] - 1 : span[1]] = [stand_in, *[""] * (span[1] - span[0])]
        broken.update(span for span, _ in spans)
        tree, failure = _parse("\n".join(lines))
        if tree is not None:
            return Parsed(lines, tree, Status.PARTIAL, _merge(broken), reason) if tree.body else None
    return None


def _rounds(lines: list[str]) -> int:
    size = sum(map(len, lines)) + 1
    return max(2, min(_MAX_ROUNDS, _ROUNDS_BUDGET // size))


def _merge(spans: set[Span]) -> tuple[Span, ...]:
    merged: list[Span] = []
    for first, last in sorted(spans):
        if merged and first <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(last, merged[-1][1]))
        else:
            merged.append((first, last))
    return tuple(merged)
