"""The ``parse`` check: files that do not parse, and conflict markers left in them."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator, Sequence
from functools import partial

from watchkeeper.code.checks._finding import make_finding
from watchkeeper.code.memory import recall
from watchkeeper.code.python_source.parsing import parse_source
from watchkeeper.code.tree import SourceTree
from watchkeeper.model.findings import Finding, FindingKey
from watchkeeper.model.reading import Status

_MARKERS = re.compile(rb"^<{7} .*\n(?:.*\n)*?={7}\r?\n(?:.*\n)*?>{7} ", re.MULTILINE)
_LINE = re.compile(r"line (\d+)")
_NOT_ABOUT_SYNTAX = re.compile(r"larger than|minified|encoded as|NUL bytes|nested too deeply|Latin-1")


class Parse:
    """Whether the files parse. A file that nobody can read is no finding: nothing is known of it."""

    name = "parse"

    def find(self, tree: SourceTree, roots: Sequence[str]) -> Iterator[Finding]:
        for path in roots:
            yield from recall(tree, (self.name, path), partial(_find_in, path), len)


CHECK = Parse()


def find_marks(source: bytes) -> int:
    """The line in which marks of a merge that nobody resolved begin; 0 where there are none."""
    marker = _MARKERS.search(source) if b"<<<<<<< " in source else None
    return source.count(b"\n", 0, marker.start()) + 1 if marker is not None else 0


def _find_in(path: str, tree: SourceTree) -> tuple[Finding, ...]:
    source = tree.source(path)
    if source is None:
        return ()
    if line := find_marks(source):
        key = FindingKey(Parse.name, "conflict-marker", path, "")
        return (make_finding(tree, key, f"{path} holds conflict markers", line),)
    problem = _problem(tree, path, source)
    if not problem:
        return ()
    line = int(at.group(1)) if (at := _LINE.search(problem)) else 0
    key = FindingKey(Parse.name, "syntax", path, "")
    return (make_finding(tree, key, f"{path} does not parse: {problem}", line),)


def _problem(tree: SourceTree, path: str, source: bytes) -> str:
    if path.endswith((".py", ".pyw")):
        parsed = parse_source(source)
        status, reason = parsed.status, parsed.reason
    elif (reading := tree.reading(path)) is not None:
        status, reason = reading.status, reading.reason
    else:
        return ""
    if status is not Status.PARSED:
        return "" if _NOT_ABOUT_SYNTAX.search(reason) else reason or "its syntax is broken"
    return _not_compiled(source) if path.endswith((".py", ".pyw")) else ""


def _not_compiled(source: bytes) -> str:
    """What Python says of a file whose grammar is right: ``await`` outside of an async function, a repeated keyword."""
    tree = parse_source(source).tree
    if tree is None:
        return ""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            compile(tree, "<source>", "exec", dont_inherit=True)
    except SyntaxError as error:
        return f"line {error.lineno}: {error.msg}"
    except (ValueError, RecursionError, MemoryError, OverflowError):
        return ""
    return ""
