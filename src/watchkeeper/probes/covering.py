"""Whether the tests that ran say anything about both sides: they do where they executed the changed lines. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import PurePosixPath

import msgspec

from watchkeeper.code.executable import Executable, read_executable
from watchkeeper.code.linediff import hunks
from watchkeeper.code.tree import SourceTree

Lines = Mapping[str, frozenset[int]]
"""Line numbers by path."""

_PROSE = frozenset({".md", ".markdown", ".rst", ".adoc"})
_PLACES_OF_PROSE = frozenset(
    {"doc", "docs", "documentation", "changelog", "changelog.d", "changes", "news", "newsfragments", ".github"}
)
_NAMES_OF_PROSE = frozenset(
    {"readme", "license", "licence", "copying", "notice", "authors", "contributors", "contributing", "maintainers",
     "changelog", "changes", "history", "news", "security", "code_of_conduct", "codeowners", "citation", "todo"}
)  # fmt: skip


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
        found[path] = frozenset(_touched(before or b"", now, executable))
    return found, tuple(blind)


def is_documentation(path: str) -> bool:
    """Whether a file is for people alone: no program behaves otherwise for it.

    Prose among the code is none: programs read prompts, templates and fixtures.
    """
    place = PurePosixPath(path)
    name, suffix = place.name.lower(), place.suffix.lower()
    stem = name.removesuffix(suffix)
    if suffix in _PROSE:
        folders = {folder.lower() for folder in place.parts[:-1]}
        return not folders or bool(folders & _PLACES_OF_PROSE) or stem.split("-")[0] in _NAMES_OF_PROSE
    return suffix in {"", ".txt"} and stem.split("-")[0] in _NAMES_OF_PROSE


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


def _touched(before: bytes, now: bytes, executable: Executable) -> Iterable[int]:
    ordered = sorted(executable.lines)
    for hunk in hunks(before, now):
        if hunk.now_count:
            for line in range(hunk.now_start, hunk.now_start + hunk.now_count):
                yield from executable.needed_for(line)
        else:
            yield from [line for line in ordered if line > hunk.now_start][:1]
