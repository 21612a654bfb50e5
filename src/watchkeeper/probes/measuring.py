"""Which changed lines of an entry the tests executed, where they ran on a tree that others changed too. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet

from watchkeeper.code.linediff import hunks
from watchkeeper.code.tree import SourceTree
from watchkeeper.model.exposure import Exposure, Measured, lines_of, spans_of
from watchkeeper.model.footprint import Hunk
from watchkeeper.model.reading import Span
from watchkeeper.probes.runs import Ran


def measure(exposure: Exposure, own: SourceTree, merged: SourceTree, ran: Ran) -> Measured:
    """What a run on ``merged`` says of a change's lines, which are given in its ``own`` tree.

    A line that others took out of the merge is not asked for; a file that cannot be followed there is not measured.
    """
    if not ran.has_witness:
        return unmeasured(exposure, "which lines its command executes is not known (it is with pytest)")
    missed: dict[str, tuple[Span, ...]] = {}
    of: dict[str, int] = {}
    unseen: list[str] = []
    for path, spans in exposure.lines.items():
        before, now = own.source(path), merged.source(path)
        if before is None or now is None:
            unseen.append(f"which changed lines of {path} tests execute: it is not at its place in the tree that ran")
            continue
        places = follow_lines(lines_of(spans), hunks(before, now) if before != now else ())
        executed = ran.executed.get(path, frozenset())
        of[path] = len(places)
        if left := [line for line, place in places.items() if place not in executed]:
            missed[path] = spans_of(left)
    return Measured(missed, of, (*unseen, *exposure.unseen))


def unmeasured(exposure: Exposure, reason: str) -> Measured:
    """Nothing is known of it, and why."""
    told = (f"which changed lines tests execute: {reason}",) if exposure.lines else ()
    return Measured(unseen=(*told, *exposure.unseen))


def follow_lines(lines: Iterable[int], changes: Sequence[Hunk]) -> Mapping[int, int]:
    """Where lines of one text stand in another, which differs by ``changes``; those that it does not have are left
    out.
    """
    found: dict[int, int] = {}
    gone = _gone(changes)
    for line in lines:
        if line not in gone:
            found[line] = line + sum(each.now_count - each.base_count for each in changes if _is_before(each, line))
    return found


def _gone(changes: Sequence[Hunk]) -> AbstractSet[int]:
    return {line for each in changes for line in range(each.base_start, each.base_start + each.base_count)}


def _is_before(change: Hunk, line: int) -> bool:
    """As in a unified diff: lines that were only added stand behind line ``base_start``."""
    return change.base_start + max(change.base_count, 1) <= line
