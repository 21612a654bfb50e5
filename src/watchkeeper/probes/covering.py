"""Whether the tests that ran say anything about both sides: they do where they executed the changed lines. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from watchkeeper.code.documentation import is_documentation
from watchkeeper.code.executable import find_lines_to_try, read_executable
from watchkeeper.code.tree import SourceTree

Lines = Mapping[str, frozenset[int]]
"""Line numbers by path."""


class Gap(msgspec.Struct, frozen=True):
    """What a run leaves open of one side: changed lines that no passed test executed, or why nobody can tell."""

    change: str
    path: str
    lines: tuple[int, ...] = ()
    reason: str = ""


def changed_lines(merged: SourceTree, others: SourceTree, paths: Iterable[str]) -> tuple[Lines, tuple[Gap, ...]]:
    """The executable lines of the merge that come from one side: what is not so in the tree of the ``others``.

    Where lines were only taken away, the next line that is executed stands for them. Beside them what no line can
    stand for: files of other languages, files that do not compile here.
    """
    found: dict[str, frozenset[int]] = {}
    blind: list[Gap] = []
    for path in sorted(paths):
        now, before = merged.source(path), others.source(path)
        is_unread = now is None and path in merged.index.paths
        if (now == before and not is_unread) or is_documentation(path):
            continue
        if is_unread:
            blind.append(Gap("", path, reason="it is a link or too large, and was not read"))
            continue
        if not path.endswith(".py"):
            blind.append(
                Gap("", path, reason="no tracer sees its lines" if now is not None else "no tracer sees it go")
            )
            continue
        if now is None:
            continue  # it is gone: whoever needs it fails
        executable = read_executable(now)
        if executable is None:
            blind.append(Gap("", path, reason="it does not compile with this Python"))
            continue
        found[path] = find_lines_to_try(before or b"", now, executable)
    return found, tuple(blind)


def find_gaps(change: str, wanted: Lines, blind: Sequence[Gap], executed: Lines) -> tuple[Gap, ...]:
    """What of one side's lines was not executed."""
    gaps = [msgspec.structs.replace(gap, change=change) for gap in blind]
    for path, lines in wanted.items():
        left = lines - executed.get(path, frozenset())
        if left:
            gaps.append(Gap(change, path, tuple(sorted(left))))
    return tuple(gaps)


def describe_gaps(gaps: Sequence[Gap]) -> str:
    """``agent-a: engine/stages.py:20-22 was not executed``, the first of them."""
    gap = gaps[0]
    more = f", and {len(gaps) - 1} more places" if len(gaps) > 1 else ""
    if gap.reason:
        return f"{gap.change}: {gap.path}: {gap.reason}{more}"
    lines = str(gap.lines[0]) if len(gap.lines) == 1 else f"{gap.lines[0]}-{gap.lines[-1]}"
    return f"{gap.change}: {gap.path}:{lines} was not executed by any test that ran{more}"
