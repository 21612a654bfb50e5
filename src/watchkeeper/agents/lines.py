"""Ranges of lines of a file, as agents ask for them: each vendor says it in another way."""

from __future__ import annotations

MAX_LINE = 10**9
"""The last line of a range whose end nobody knows."""

Lines = tuple[int, int] | None
"""The first and the last line, from 1; None for the whole file."""


def lines_between(first: int | None, last: int | None) -> Lines:
    """From ``first`` to ``last``, both counted from 1; None for what is no range.

    Without a last line the range has no end that is known: it goes to ``MAX_LINE``.
    """
    if first is None and last is None:
        return None
    start = max(1, first or 1)
    end = MAX_LINE if last is None else last
    return (start, end) if end >= start else None


def lines_from(first: int | None, count: int | None) -> Lines:
    """``count`` lines from ``first`` on."""
    if first is None and count is None:
        return None
    start = max(1, first or 1)
    return lines_between(start, None if count is None else start + count - 1)
