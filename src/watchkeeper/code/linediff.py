"""Which lines differ between two texts: fast on long files, exact, without a dependency.

Common first and last lines are cut off, then lines that occur once in both texts split what is left (patience diff,
Bram Cohen), and small rests go through Myers' greedy algorithm (E. W. Myers, 1986). A rest too different to be worth
it becomes one hunk: still right, only coarser.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

from watchkeeper.model.footprint import Hunk

Lines = Sequence[bytes]


def hunks(base: bytes, now: bytes) -> tuple[Hunk, ...]:
    """The changed runs of lines, in order, never touching each other; empty for equal bytes.

    Starts are 1-based; a run of no lines has the number of the line before it, as in a unified diff (0: the top).
    Lines end with their newline: a missing newline at the end of the file is a change of its last line.
    """
    if base == now:
        return ()
    return line_hunks(split_lines(base), split_lines(now))


def line_hunks(base: Lines, now: Lines) -> tuple[Hunk, ...]:
    """Like ``hunks``, for texts that are split already."""
    changed: list[Hunk] = []
    done = _Run(0, 0, 0)
    for run in _runs(base, now):
        if run.length:
            _add_change(changed, done, run)
            done = run
    _add_change(changed, done, _Run(len(base), len(now), 0))
    return tuple(changed)


def apply_hunks(base: bytes, now: bytes, changes: Sequence[Hunk]) -> bytes:
    """The text that ``changes`` make of ``base``, the changed lines taken from ``now``: ``now`` for ``hunks``' own."""
    old, new = split_lines(base), split_lines(now)
    parts: list[bytes] = []
    done = 0
    for hunk in changes:
        start, end = line_range(hunk.base_start, hunk.base_count)
        parts += old[done:start]
        first, last = line_range(hunk.now_start, hunk.now_count)
        parts += new[first:last]
        done = end
    return b"".join([*parts, *old[done:]])


def line_range(start: int, count: int) -> tuple[int, int]:
    """A hunk's side as 0-based, half-open indices."""
    first = start - 1 if count else start
    return first, first + count


def split_lines(text: bytes) -> list[bytes]:
    r"""The lines with their ends. Only ``\n`` ends a line, as for git."""
    lines = text.split(b"\n")
    last = lines.pop()
    kept = [line + b"\n" for line in lines]
    return [*kept, last] if last else kept


class _Run(NamedTuple):
    """``length`` equal lines, from these indices on."""

    old: int
    new: int
    length: int


class _Region(NamedTuple):
    """Two stretches of lines still to be compared, half-open."""

    old: int
    old_end: int
    new: int
    new_end: int


_Match = tuple[int, int]
_MAX_DISTANCE = 200


def _add_change(changed: list[Hunk], done: _Run, run: _Run) -> None:
    """The hunk between two runs of equal lines, where there is something between them."""
    old, new = done.old + done.length, done.new + done.length
    old_count, new_count = run.old - old, run.new - new
    if old_count or new_count:
        changed.append(Hunk(old + (old_count > 0), old_count, new + (new_count > 0), new_count))


def _runs(base: Lines, now: Lines) -> Iterator[_Run]:
    """Runs of equal lines, rising on both sides. An own stack: recursion could be as deep as the file is long."""
    todo: list[_Run | _Region] = [_Region(0, len(base), 0, len(now))]
    while todo:
        part = todo.pop()
        if isinstance(part, _Run):
            yield part
        else:
            todo += reversed(_divide(base, now, part))


def _divide(base: Lines, now: Lines, region: _Region) -> list[_Run | _Region]:
    """Split a region into runs of equal lines and smaller regions, in order."""
    head = _common_start(base, now, region)
    rest = _Region(region.old + head, region.old_end, region.new + head, region.new_end)
    tail = _common_end(base, now, rest)
    rest = _Region(rest.old, rest.old_end - tail, rest.new, rest.new_end - tail)
    parts: list[_Run | _Region] = [_Run(region.old, region.new, head)]
    if rest.old < rest.old_end and rest.new < rest.new_end:
        old_lines, new_lines = base[rest.old : rest.old_end], now[rest.new : rest.new_end]
        anchors = _anchors(old_lines, new_lines)
        if anchors:
            parts += _between(anchors, rest)
        else:
            parts += [_Run(rest.old + old, rest.new + new, 1) for old, new in _shortest(old_lines, new_lines)]
    return [*parts, _Run(rest.old_end, rest.new_end, tail)]


def _common_start(base: Lines, now: Lines, region: _Region) -> int:
    most = min(region.old_end - region.old, region.new_end - region.new)
    count = 0
    while count < most and base[region.old + count] == now[region.new + count]:
        count += 1
    return count


def _common_end(base: Lines, now: Lines, region: _Region) -> int:
    most = min(region.old_end - region.old, region.new_end - region.new)
    count = 0
    while count < most and base[region.old_end - 1 - count] == now[region.new_end - 1 - count]:
        count += 1
    return count


def _between(anchors: Sequence[_Match], region: _Region) -> list[_Region]:
    """The regions between anchors. An anchor starts its region: the common start takes it, so each gets smaller.

    Anchors in a row start one region: most of a long file are such rows.
    """
    rows = [after for before, after in pairwise([(-2, -2), *anchors]) if after != (before[0] + 1, before[1] + 1)]
    edges = [(0, 0), *rows, (region.old_end - region.old, region.new_end - region.new)]
    return [
        _Region(region.old + old, region.old + old_end, region.new + new, region.new + new_end)
        for (old, new), (old_end, new_end) in pairwise(edges)
    ]


def _anchors(base: Lines, now: Lines) -> list[_Match]:
    """Lines that occur once on each side, as the longest run that rises on both (patience sorting)."""
    old_counts, new_counts = Counter(base), Counter(now)
    places = {line: index for index, line in enumerate(now) if new_counts[line] == 1}
    pairs = [(index, places[line]) for index, line in enumerate(base) if old_counts[line] == 1 and line in places]
    return _longest_rising(pairs)


def _longest_rising(pairs: Sequence[_Match]) -> list[_Match]:
    tops: list[int] = []  # the smallest end of a rising run of each length
    ends: list[int] = []  # and the index of its pair
    before: list[int] = []
    for index, (_, new) in enumerate(pairs):
        place = bisect_left(tops, new)
        tops[place : place + 1] = [new]
        ends[place : place + 1] = [index]
        before.append(ends[place - 1] if place else -1)
    run: list[_Match] = []
    current = ends[-1] if ends else -1
    while current >= 0:
        run.append(pairs[current])
        current = before[current]
    return run[::-1]


def _shortest(base: Lines, now: Lines) -> list[_Match]:
    """The matched lines of a shortest edit script (Myers); none at all beyond ``_MAX_DISTANCE`` edits."""
    furthest = {1: 0}
    history: list[dict[int, int]] = []
    for distance in range(min(len(base) + len(now), _MAX_DISTANCE) + 1):
        history.append(dict(furthest))
        for diagonal in range(-distance, distance + 1, 2):
            origin = _origin(furthest, diagonal, distance)
            old = furthest[origin] + (origin < diagonal)
            new = old - diagonal
            while old < len(base) and new < len(now) and base[old] == now[new]:
                old, new = old + 1, new + 1
            furthest[diagonal] = old
            if old >= len(base) and new >= len(now):
                return _walk_back(history, old, new)
    return []


def _origin(furthest: Mapping[int, int], diagonal: int, distance: int) -> int:
    """The neighbour diagonal from which the furthest point is reached: above for an insertion, below for a deletion."""
    if diagonal == -distance:
        return diagonal + 1
    if diagonal == distance or furthest[diagonal - 1] >= furthest[diagonal + 1]:
        return diagonal - 1
    return diagonal + 1


def _walk_back(history: Sequence[Mapping[int, int]], old: int, new: int) -> list[_Match]:
    """Follow the furthest points from the end to the start and collect the equal lines passed."""
    matched: list[_Match] = []
    for distance in range(len(history) - 1, -1, -1):
        origin = _origin(history[distance], old - new, distance)
        from_old = history[distance][origin]
        from_new = from_old - origin
        while old > from_old and new > from_new:
            old, new = old - 1, new - 1
            matched.append((old, new))
        old, new = from_old, from_new
    return matched[::-1]
