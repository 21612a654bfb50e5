"""Which lines of a Python file do something when they are run. Pure: the code is compiled, never run."""

from __future__ import annotations

import ast
import warnings
from collections.abc import Iterator, Mapping
from types import CodeType

import msgspec

from watchkeeper.code.linediff import hunks


class Executable(msgspec.Struct, frozen=True):
    """``lines`` are those that a tracer can see, 1-based.

    ``standing`` gives, for a line of a longer statement, the lines that have to be executed for it: a constant that
    stands on a line of its own is none that a tracer sees, and a function is not tried by being defined.
    """

    lines: frozenset[int]
    standing: Mapping[int, frozenset[int]] = {}

    def needed_for(self, line: int) -> frozenset[int]:
        """What has to be executed to try this line; nothing for comments, empty lines and docstrings."""
        own = frozenset({line}) if line in self.lines else frozenset()
        return own | self.standing.get(line, frozenset())


def read_executable(source: bytes) -> Executable | None:
    """What can be executed of a file; None where it does not compile with this interpreter."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(source)
            code = compile(source, "<merge>", "exec", dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError, MemoryError, OverflowError):
        return None
    found: set[int] = set()
    waiting = [code]
    while waiting:
        block = waiting.pop()
        found.update(_lines_of(block))
        waiting += [constant for constant in block.co_consts if isinstance(constant, CodeType)]
    return Executable(frozenset(found), _standing(tree, source, frozenset(found)))


def find_lines_to_try(before: bytes, now: bytes, executable: Executable) -> frozenset[int]:
    """What has to be executed to try what differs from ``before``; ``executable`` is of ``now``.

    Where lines were only taken away, the next line that is executed stands for them.
    """
    ordered = sorted(executable.lines)
    found: set[int] = set()
    for hunk in hunks(before, now):
        for line in range(hunk.now_start, hunk.now_start + hunk.now_count):
            found |= executable.needed_for(line)
        if not hunk.now_count:
            found.update([line for line in ordered if line > hunk.now_start][:1])
    return frozenset(found)


def _lines_of(block: CodeType) -> set[int]:
    """Without line 0 and a function's own first line, which marks its start and is no statement of it."""
    lines = {line for _, _, line in block.co_lines() if line}
    if block.co_name != "<module>":
        lines.discard(block.co_firstlineno)
    return lines


def _standing(tree: ast.Module, source: bytes, executable: frozenset[int]) -> Mapping[int, frozenset[int]]:
    """Statements come before those within them, so that the innermost one of a line counts."""
    texts = source.split(b"\n")
    found: dict[int, frozenset[int]] = {}
    for node in ast.walk(tree):
        if not isinstance(node, ast.stmt | ast.ExceptHandler):
            continue
        first, last = _head(node)
        body = _first_of_body(node, last, executable)
        if first == last and not body:
            continue
        own = frozenset(line for line in range(first, last + 1) if line in executable)
        for line in range(first, last + 1):
            text = texts[line - 1].strip() if line <= len(texts) else b""
            if text and not text.startswith(b"#"):
                found[line] = body if line in executable else own | body
    return found


def _head(node: ast.stmt | ast.ExceptHandler) -> tuple[int, int]:
    """The lines of a statement without those that it holds: a function's are its decorators and its signature."""
    decorators = getattr(node, "decorator_list", [])
    first = min([node.lineno, *(each.lineno for each in decorators)])
    inner = list(_inner_starts(node))
    last = min(inner) - 1 if inner else node.end_lineno or node.lineno
    return first, max(last, node.lineno)


def _inner_starts(node: ast.AST) -> Iterator[int]:
    body = getattr(node, "body", [])
    for each in body if isinstance(body, list) else []:
        yield min([each.lineno, *(decorator.lineno for decorator in getattr(each, "decorator_list", []))])
    for case in getattr(node, "cases", []):
        yield case.pattern.lineno


def _first_of_body(node: ast.AST, head_end: int, executable: frozenset[int]) -> frozenset[int]:
    """The first line of a function's body that a tracer sees."""
    if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        return frozenset()
    end = node.end_lineno or node.lineno
    first = next((line for line in range(head_end + 1, end + 1) if line in executable), None)
    return frozenset() if first is None else frozenset({first})
