"""Lines of symbols and the changes in them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from watchkeeper.model.footprint import Hunk
from watchkeeper.model.reading import Span


def subtract_spans(spans: Iterable[Span], cut: Iterable[Span]) -> tuple[Span, ...]:
    """The lines of ``spans`` that are not in ``cut``."""
    left = list(spans)
    for first, last in sorted(cut):
        split: list[Span] = []
        for start, end in left:
            if last < start or first > end:
                split.append((start, end))
                continue
            if start < first:
                split.append((start, first - 1))
            if last < end:
                split.append((last + 1, end))
        left = split
    return tuple(left)


def touched_spans(hunks: Iterable[Hunk], spans: Sequence[Span], *, base: bool) -> tuple[Span, ...]:
    """The changed lines inside ``spans``; a pure deletion counts as the line it happened at."""
    found: list[Span] = []
    for hunk in hunks:
        start, count = (hunk.base_start, hunk.base_count) if base else (hunk.now_start, hunk.now_count)
        first, last = start, start + max(count, 1) - 1
        for begin, end in spans:
            if first <= end and last >= begin:
                found.append((max(first, begin), min(last, end)))
    return tuple(sorted(set(found)))


def share_of(touched: Iterable[Span], own: Iterable[Span]) -> float:
    """How much of ``own`` was touched, from 0 to 1."""
    total = sum(last - first + 1 for first, last in own)
    return min(1.0, sum(last - first + 1 for first, last in touched) / total) if total else 1.0
