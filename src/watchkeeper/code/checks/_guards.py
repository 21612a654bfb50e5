"""Where a Python file expects that something is missing: ``try`` with a handler for it, tests of failures, versions."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from watchkeeper.code.python_source.annotations import last_name
from watchkeeper.model.reading import Span

_EXPECTS = frozenset(
    {"suppress", "raises", "assertRaises", "assertRaisesRegex", "assertRaisesMessage", "deprecated_call"}
)
_BROAD = frozenset({"Exception", "BaseException", ""})
_CONDITION = re.compile(
    r"TYPE_CHECKING|hasattr|version|platform|PYPY|PY\d|find_spec|os\.name|_?HAS_|HAVE_", re.IGNORECASE
)
_QUIET = re.compile(r"#\s*(type|ty|pyright|mypy|pyrefly)\s*:\s*ignore|#\s*noqa(?!:)|#\s*noqa:.*F8|\bassertRaises\(")
_WITH_BLOCKS = (
    ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.If, ast.For, ast.AsyncFor, ast.While, ast.With,
    ast.AsyncWith, ast.Try, ast.TryStar, ast.Match,
)  # fmt: skip
ANY = "*"


class Guards:
    """The guarded lines, by what they are guarded against."""

    def __init__(self, spans: list[tuple[frozenset[str], Span]]) -> None:
        self._spans = spans

    def expects(self, line: int, *exceptions: str) -> bool:
        """At ``line`` one of ``exceptions`` is caught, or whatever it raises is what a test wants to see."""
        for caught, (first, last) in self._spans:
            if first <= line <= last and (ANY in caught or not caught.isdisjoint(exceptions)):
                return True
        return False


def find_guards(tree: ast.Module, lines: Sequence[str]) -> Guards:
    """All guarded lines of a file; those whose comment tells checkers to be quiet are among them."""
    quiet = [
        (frozenset({ANY}), (at, at))
        for at, line in enumerate(lines, 1)
        if ("#" in line or "assertRaises(" in line) and _QUIET.search(line)
    ]
    return Guards([*_find(tree.body), *quiet])


class _Block(NamedTuple):
    statements: list[ast.stmt]
    caught: frozenset[str]


def _find(statements: list[ast.stmt]) -> Iterator[tuple[frozenset[str], Span]]:
    stack = [statements]
    while stack:
        for statement in stack.pop():
            if not isinstance(statement, _WITH_BLOCKS):
                continue
            for block in _blocks(statement):
                if not block.statements:
                    continue
                if block.caught:
                    last = block.statements[-1].end_lineno or block.statements[-1].lineno
                    yield block.caught, (block.statements[0].lineno, last)
                stack.append(block.statements)


def _blocks(node: ast.stmt) -> Iterator[_Block]:
    nothing: frozenset[str] = frozenset()
    if isinstance(node, (ast.Try, ast.TryStar)):
        caught = frozenset(name for handler in node.handlers for name in _caught(handler, node.body))
        yield _Block(node.body, caught)
        for handler in node.handlers:
            yield _Block(handler.body, nothing)
        yield _Block(node.orelse, nothing)
        yield _Block(node.finalbody, nothing)
    elif isinstance(node, (ast.With, ast.AsyncWith)):
        expects = any(
            isinstance(i.context_expr, ast.Call) and last_name(i.context_expr) in _EXPECTS for i in node.items
        )
        yield _Block(node.body, frozenset({ANY}) if expects else nothing)
    elif isinstance(node, ast.If):
        depends = _CONDITION.search(_text(node.test)) is not None
        yield _Block(node.body, frozenset({ANY}) if depends else nothing)
        yield _Block(node.orelse, frozenset({ANY}) if depends else nothing)
    elif isinstance(node, ast.Match):
        for case in node.cases:
            yield _Block(case.body, nothing)
    else:
        yield _Block(getattr(node, "body", []), nothing)
        yield _Block(getattr(node, "orelse", []), nothing)


def _caught(handler: ast.ExceptHandler, body: list[ast.stmt]) -> Iterator[str]:
    """The names of what is caught; a broad handler around a mere import or two expects that they are missing."""
    types = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    for item in types:
        name = last_name(item) if item is not None else ""
        yield name or "BaseException"
        if name in _BROAD and all(isinstance(one, (ast.Import, ast.ImportFrom, ast.Assign)) for one in body):
            yield ANY


def _text(node: ast.expr) -> str:
    named = (item for item in ast.walk(node) if isinstance(item, (ast.Name, ast.Attribute)))
    return " ".join(item.id if isinstance(item, ast.Name) else item.attr for item in named)
