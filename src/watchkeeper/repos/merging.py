"""What git says about merging two trees, as values. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum

import msgspec

from watchkeeper.code.linediff import hunks, line_range, split_lines
from watchkeeper.model.footprint import Hunk
from watchkeeper.model.ids import Sha
from watchkeeper.model.reading import Span
from watchkeeper.repos.git import decode_path
from watchkeeper.repos.trees import TreeEntry


class ClashKind(StrEnum):
    """Why git cannot merge a path."""

    CONTENT = "content"
    ADD_ADD = "add/add"
    MODIFY_DELETE = "modify/delete"
    RENAME_DELETE = "rename/delete"
    RENAME_RENAME = "rename/rename"
    FILE_LOCATION = "file location"  # a file added in a folder that the other side renamed
    DIRECTORY_FILE = "directory/file"
    BINARY = "binary"
    MODE = "mode"
    SUBMODULE = "submodule"
    OTHER = "other"


class Clash(msgspec.Struct, frozen=True):
    """One thing that git cannot merge. ``path`` is where it leaves the file, ``paths`` all that are concerned.

    ``base``, ``ours`` and ``theirs`` are the three versions at ``path``, None where there is none. ``message`` is
    git's own sentence.
    """

    path: str
    kind: ClashKind
    message: str
    paths: tuple[str, ...]
    base: TreeEntry | None = None
    ours: TreeEntry | None = None
    theirs: TreeEntry | None = None


class MergeOutcome(msgspec.Struct, frozen=True):
    """The virtual merge of two trees: ``tree`` holds the result, with conflict markers where it is not ``clean``.

    ``failed`` says why git could not tell (``tree`` is ``""`` then): neither clean nor a conflict.
    """

    clean: bool
    tree: Sha
    clashes: tuple[Clash, ...] = ()
    failed: str = ""


class ClashLines(msgspec.Struct, frozen=True):
    """One place where both sides changed the same or touching lines, as spans (first, last line) of each text.

    An insertion point, or lines that a side deleted, is a span whose end lies before its start.
    """

    base: Span
    ours: Span
    theirs: Span


def parse_outcome(tree: Sha, clean: bool, stages: Sequence[bytes], messages: Sequence[Sequence[str]]) -> MergeOutcome:
    """The outcome from the parts of ``git merge-tree -z``.

    ``stages`` are its ``mode id stage TAB path`` records, ``messages`` its (path ..., type, text).
    """
    if clean:
        return MergeOutcome(clean=True, tree=tree)
    versions = _versions(stages)
    clashes = [_clash(message, versions) for message in messages if message[-2].startswith(("CONFLICT", "ERROR"))]
    binary = {clash.path for clash in clashes if clash.kind is ClashKind.BINARY}
    told = [clash for clash in clashes if clash.path not in binary or clash.kind is not ClashKind.CONTENT]
    named = {path for clash in clashes for path in clash.paths}
    untold = [_clash([path, "CONFLICT", f"CONFLICT in {path}"], versions) for path in versions if path not in named]
    return MergeOutcome(clean=False, tree=tree, clashes=(*told, *untold))


def clash_lines(base: bytes, ours: bytes, theirs: bytes) -> tuple[ClashLines, ...]:
    """Where two edits of one text overlap or touch, in order; what both made alike is left out.

    Touching edits clash too: so does ``git merge`` (``xdl_merge``) judge.
    """
    our_lines, their_lines = split_lines(ours), split_lines(theirs)
    found = []
    for start, end, mine, its in _groups(hunks(base, ours), hunks(base, theirs)):
        our_start, our_end = _stretch(mine, start, end)
        their_start, their_end = _stretch(its, start, end)
        if our_lines[our_start:our_end] != their_lines[their_start:their_end]:
            found.append(ClashLines((start + 1, end), (our_start + 1, our_end), (their_start + 1, their_end)))
    return tuple(found)


def marker_lines(merged: bytes) -> tuple[Span, ...]:
    """The spans between conflict markers, both included, in a file that git merged with conflicts."""
    spans, start = [], 0
    for number, line in enumerate(merged.split(b"\n"), start=1):
        if line.startswith(b"<<<<<<< "):
            start = number
        elif line.startswith(b">>>>>>> ") and start:
            spans.append((start, number))
            start = 0
    return tuple(spans)


_KINDS = (
    ("binary", ClashKind.BINARY),
    ("submodule", ClashKind.SUBMODULE),
    ("add/add", ClashKind.ADD_ADD),
    ("modify/delete", ClashKind.MODIFY_DELETE),
    ("rename/delete", ClashKind.RENAME_DELETE),
    ("rename/rename", ClashKind.RENAME_RENAME),
    ("rename involved", ClashKind.RENAME_RENAME),
    ("directory rename", ClashKind.FILE_LOCATION),
    ("file/directory", ClashKind.DIRECTORY_FILE),
    ("distinct modes", ClashKind.MODE),
    ("distinct types", ClashKind.MODE),
    ("content", ClashKind.CONTENT),
)
"""Parts of git's type and sentence; the first that occurs decides. ``contents`` is also the type of add/add."""

_Versions = Mapping[str, Mapping[int, TreeEntry]]
_Group = tuple[int, int, Sequence[Hunk], Sequence[Hunk]]


def _versions(stages: Sequence[bytes]) -> dict[str, dict[int, TreeEntry]]:
    found: dict[str, dict[int, TreeEntry]] = {}
    for record in stages:
        meta, path = record.split(b"\t", 1)
        mode, sha, stage = meta.decode("ascii").split(" ")
        found.setdefault(decode_path(path), {})[int(stage)] = TreeEntry(mode, Sha(sha))
    return found


def _clash(message: Sequence[str], versions: _Versions) -> Clash:
    *paths, kind, text = message
    judged = f"{kind} {text.partition(':')[0]}".lower()
    sides = versions.get(paths[0], {})
    return Clash(
        path=paths[0],
        kind=next((value for part, value in _KINDS if part in judged), ClashKind.OTHER),
        message=text.strip(),
        paths=tuple(paths),
        base=sides.get(1),
        ours=sides.get(2),
        theirs=sides.get(3),
    )


def _groups(mine: Sequence[Hunk], its: Sequence[Hunk]) -> Iterator[_Group]:
    """Base ranges that both sides changed, with each side's hunks in them."""
    waiting = sorted(
        [
            (*line_range(hunk.base_start, hunk.base_count), side, hunk)
            for side, found in ((0, mine), (1, its))
            for hunk in found
        ],
        key=lambda item: item[:3],
    )
    sides: tuple[list[Hunk], list[Hunk]] = ([], [])
    start = end = -1
    for first, last, side, hunk in waiting:
        if first > end:
            if all(sides):
                yield start, end, *sides
            sides, start, end = ([], []), first, last
        sides[side].append(hunk)
        end = max(end, last)
    if all(sides):
        yield start, end, *sides


def _stretch(side: Sequence[Hunk], start: int, end: int) -> tuple[int, int]:
    """Where a base range is in one side's text."""
    base_first, _ = line_range(side[0].base_start, side[0].base_count)
    _, base_last = line_range(side[-1].base_start, side[-1].base_count)
    now_first, _ = line_range(side[0].now_start, side[0].now_count)
    _, now_last = line_range(side[-1].now_start, side[-1].now_count)
    return now_first - (base_first - start), now_last + (end - base_last)
