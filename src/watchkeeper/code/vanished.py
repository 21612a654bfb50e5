"""Which lines of two changes a resolution of their conflict does not have any more. Pure.

A line counts as many times as it occurs. What was moved within a file, or to another one, has not vanished.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from enum import StrEnum

import msgspec

from watchkeeper.code.linediff import hunks, line_range, split_lines


class Side(StrEnum):
    OURS = "ours"
    THEIRS = "theirs"


class VanishedLine(msgspec.Struct, frozen=True):
    """A line that a side added and the result has fewer times than it should.

    ``number`` is its place in that side's text. ``is_spacing``: the result has it with other white space.
    """

    side: Side
    path: str
    number: int
    text: bytes
    is_spacing: bool = False


class Losses(msgspec.Struct, frozen=True):
    """All vanished lines, and the files that hold no lines (binary) in which a side's content is not the result's."""

    lines: tuple[VanishedLine, ...]
    not_analysed: tuple[str, ...] = ()


Texts = Mapping[str, bytes]
"""File contents by path. Files that are equal in base, both sides and the result may be left out of all four."""


def find_vanished(base: Texts, ours: Texts, theirs: Texts, result: Texts) -> Losses:
    """The lines that either side added to ``base`` and ``result`` does not have; lines without any sign are not told.

    A line that both sides added has to be there once. It is looked for where the side had it, then in all other files,
    where copies that belong there anyway (the side's own, what the other added) do not count; at last without regard to
    white space. A line that only the *end* of a line differs in (CRLF) is one of spacing.
    """
    trees = (base, ours, theirs, result)
    paths = sorted({path for texts in trees for path in texts})
    unread = {path for path in paths if any(b"\0" in texts.get(path, b"") for texts in trees)}
    counted = [{path: _count(texts.get(path, b"")) for path in paths if path not in unread} for texts in trees]
    ours_lost = _lost_of(Side.OURS, ours, base, _Counts(*counted))
    swapped = _Counts(counted[0], counted[2], counted[1], counted[3])
    theirs_lost = _lost_of(Side.THEIRS, theirs, base, swapped)
    return Losses((*ours_lost, *theirs_lost), tuple(path for path in sorted(unread) if _is_lost(path, *trees)))


class _Counts(msgspec.Struct, frozen=True):
    """How often each line occurs, by path; ``side`` is the one whose lines are looked for."""

    base: dict[str, Counter[bytes]]
    side: dict[str, Counter[bytes]]
    other: dict[str, Counter[bytes]]
    result: dict[str, Counter[bytes]]


def _lost_of(side: Side, texts: Texts, base: Texts, counts: _Counts) -> Iterator[VanishedLine]:
    lost = {path: missing for path in counts.side if (missing := _missing(counts, path))}
    if not lost:
        return
    spare = _spare(counts)
    for missing in lost.values():
        _take(missing, spare)
    spacing = _spacing(lost, counts)
    for path, missing in lost.items():
        for number, text in _added_lines(base.get(path, b""), texts.get(path, b"")):
            line = _shown(text)
            if missing[line] > 0:
                missing[line] -= 1
                is_spacing = spacing[path][line] > 0
                spacing[path][line] -= is_spacing
                yield VanishedLine(side, path, number, line, is_spacing)


def _missing(counts: _Counts, path: str) -> Counter[bytes]:
    """How many of the copies that the side added are not in the file's result.

    Of the base's copies those count as still there that the other side left: one of them is no copy of ours.
    """
    base, side, other, result = (each[path] for each in (counts.base, counts.side, counts.other, counts.result))
    missing: Counter[bytes] = Counter()
    for line, count in side.items():
        added = count - base[line]
        if added > 0 and line.strip():
            there = max(0, result[line] - min(base[line], other[line]))
            if there < added:
                missing[line] = added - there
    return missing


def _spare(counts: _Counts) -> Counter[bytes]:
    """Copies in the result that nobody else put there: where a side's lines went that are not where it had them."""
    spare: Counter[bytes] = Counter()
    for path, result in counts.result.items():
        base, side, other = counts.base[path], counts.side[path], counts.other[path]
        for line, count in result.items():
            belongs = side[line] + max(0, other[line] - base[line])
            if count > belongs:
                spare[line] += count - belongs
    return spare


def _take(missing: Counter[bytes], spare: Counter[bytes]) -> None:
    for line in list(missing):
        found = min(missing[line], spare[line])
        missing[line] -= found
        spare[line] -= found


def _spacing(lost: Mapping[str, Counter[bytes]], counts: _Counts) -> dict[str, Counter[bytes]]:
    """How many of the missing lines the file's result has with other white space, beyond what all others have."""
    found: dict[str, Counter[bytes]] = {}
    for path, missing in lost.items():
        here: Counter[bytes] = Counter()
        for line, count in (counts.result[path] - counts.side[path] - counts.other[path]).items():
            here[_squeezed(line)] += count
        found[path] = Counter()
        for line, count in missing.items():
            same = min(count, here[_squeezed(line)])
            here[_squeezed(line)] -= same
            found[path][line] = same
    return found


def _added_lines(base: bytes, now: bytes) -> Iterator[tuple[int, bytes]]:
    """The lines that differ from the base, with their numbers; then all others, for what a move makes of a diff."""
    lines = split_lines(now)
    changed = [index for hunk in hunks(base, now) for index in range(*line_range(hunk.now_start, hunk.now_count))]
    known = set(changed)
    for index in (*changed, *(index for index in range(len(lines)) if index not in known)):
        yield index + 1, lines[index]


def _is_lost(path: str, base: Texts, ours: Texts, theirs: Texts, result: Texts) -> bool:
    """A file without lines: a side that changed it is not what came out."""
    old, new = base.get(path), result.get(path)
    return any(side.get(path) not in {old, new} for side in (ours, theirs))


def _count(text: bytes) -> Counter[bytes]:
    return Counter(_shown(line) for line in split_lines(text))


def _shown(line: bytes) -> bytes:
    """Without its newline: the last line of a file need not have one."""
    return line.removesuffix(b"\n")


def _squeezed(line: bytes) -> bytes:
    return b"".join(line.split())
