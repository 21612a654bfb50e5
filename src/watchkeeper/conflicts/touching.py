"""Whether two changes of one file come so near to each other that git must be asked."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from watchkeeper.conflicts.pair import TextClash
from watchkeeper.model.footprint import FileTouch, Footprint, Hunk, TouchKind

_MARGIN = 3  # our diff and git's may place a hunk a few lines apart


def must_ask_git(one: Footprint, two: Footprint) -> bool:
    """Whether a textual conflict is possible at all: cheap, and never wrong about "no"."""
    first, second = _by_place(one), _by_place(two)
    for path in first.keys() & second.keys():
        if _may_clash(first[path], second[path]):
            return True
    return _folders_move(one, two) or _folders_move(two, one)


def predict_clashes(one: Footprint, two: Footprint) -> Iterator[TextClash]:
    """What git will probably say, from the hunks alone; for trees that are not in git."""
    first, second = _by_place(one), _by_place(two)
    for path in sorted(first.keys() & second.keys()):
        a, b = first[path], second[path]
        if a.digest and a.digest == b.digest:
            continue
        if a.kind is not TouchKind.MODIFIED or b.kind is not TouchKind.MODIFIED:
            if {a.kind, b.kind} == {TouchKind.MODIFIED, TouchKind.DELETED}:
                yield TextClash(path=path, kind="modify/delete")
            elif a.kind is TouchKind.ADDED and b.kind is TouchKind.ADDED:
                yield TextClash(path=path, kind="add/add")
            continue
        met = [(x, y) for x in a.hunks for y in b.hunks if _near(x, y, 0)]
        if met:
            yield TextClash(
                path=path,
                kind="content",
                ours=tuple((x.now_start, x.now_start + max(x.now_count, 1) - 1) for x, _ in met),
                theirs=tuple((y.now_start, y.now_start + max(y.now_count, 1) - 1) for _, y in met),
            )


def _by_place(footprint: Footprint) -> Mapping[str, FileTouch]:
    places = {touch.now_path: touch for touch in footprint.files}
    places.update({touch.path: touch for touch in footprint.files})
    return places


def _may_clash(one: FileTouch, two: FileTouch) -> bool:
    if one.digest and one.digest == two.digest:
        return False
    if one.kind is not TouchKind.MODIFIED or two.kind is not TouchKind.MODIFIED:
        return True
    if one.is_binary or two.is_binary or (one.mode_changed and two.mode_changed):
        return True
    if one.unknown or two.unknown:
        return True  # its hunks may be those of the last version that could be read
    return any(_near(a, b, _MARGIN) for a in one.hunks for b in two.hunks)


def _near(one: Hunk, two: Hunk, margin: int) -> bool:
    """Whether the base ranges overlap or touch, give or take ``margin`` lines."""
    return _first(one) <= _end(two) + margin and _first(two) <= _end(one) + margin


def _first(hunk: Hunk) -> int:
    """The line boundary before the hunk: a pure insertion sits after its ``base_start``."""
    return hunk.base_start - 1 if hunk.base_count else hunk.base_start


def _end(hunk: Hunk) -> int:
    return _first(hunk) + hunk.base_count


def _folders_move(mover: Footprint, other: Footprint) -> bool:
    """Whether one side renames files of a folder into which the other adds: git may move the addition along."""
    left = {_folder(touch.path) for touch in mover.files if touch.kind is TouchKind.RENAMED}
    return bool(left) and any(_folder(touch.now_path) in left for touch in _added(other.files))


def _added(files: Iterable[FileTouch]) -> Iterator[FileTouch]:
    return (touch for touch in files if touch.kind in (TouchKind.ADDED, TouchKind.RENAMED))


def _folder(path: str) -> str:
    return path.rpartition("/")[0]
