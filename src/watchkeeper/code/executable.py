"""Which lines of a Python file do something when they are run. Pure: the code is compiled, never run."""

from __future__ import annotations

import warnings
from types import CodeType


def executable_lines(source: bytes) -> frozenset[int] | None:
    """The lines that a tracer can see, 1-based; None where the file does not compile with this interpreter."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            code = compile(source, "<merge>", "exec", dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError, MemoryError, OverflowError):
        return None
    found: set[int] = set()
    waiting = [code]
    while waiting:
        block = waiting.pop()
        found.update(_lines_of(block))
        waiting += [constant for constant in block.co_consts if isinstance(constant, CodeType)]
    return frozenset(found)


def _lines_of(block: CodeType) -> set[int]:
    """Without line 0 and a function's own first line, which marks its start and is no statement of it."""
    lines = {line for _, _, line in block.co_lines() if line}
    if block.co_name != "<module>":
        lines.discard(block.co_firstlineno)
    return lines
