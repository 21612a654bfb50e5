"""What a change merely carried from one place to another: it was decided before. Pure.

A definition is carried where most of its telling lines went in one place and came in another, whatever it is called
there; a route, where one with the same end came. The simpler way, to look for the same name, misses ``add_group`` that
became ``group.add``.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence

from watchkeeper.code.changed_file import ChangedFile
from watchkeeper.model.footprint import Footprint, Write
from watchkeeper.model.reading import Span
from watchkeeper.model.resources import ResourceKind
from watchkeeper.risk.facts import Role, SurfaceChange
from watchkeeper.risk.files import role_of, sides_of
from watchkeeper.risk.points import PointKind

_MOST = 0.6
_LEAST = 6
_SPLIT = re.compile(r"\s+on\s+\S+$")


class Moves:
    """The lines that went and came, of all files of a change that programs read, tests left out."""

    def __init__(self, files: Sequence[ChangedFile]) -> None:
        self._texts = {file.place: file for file in files}
        looked = [file for file in files if not file.is_binary and _counts(file)]
        sides = [sides_of(file) for file in looked]
        self.gone = Counter(each.strip() for side in sides for each in side.gone.values())
        self.new = Counter(each.strip() for side in sides for each in side.new.values())
        self._new_by_file = {file.place: tuple(side.new.values()) for file, side in zip(looked, sides, strict=True)}

    def went(self, write: Write) -> bool:
        """Whether a definition that is gone is somewhere else now."""
        file = next((each for each in self._texts.values() if each.base_path == write.key.path), None)
        return file is not None and _share(_lines(file.base, write.before), self.new) >= _MOST

    def came(self, write: Write) -> bool:
        """Whether a new definition was somewhere else before."""
        file = self._texts.get(write.path)
        return file is not None and _share(_lines(file.now, write.after), self.gone) >= _MOST

    def names(self, word: str, besides: str, spans: Sequence[Span]) -> bool:
        """Whether a new line names it, but for those of its own definition (``spans`` of the file ``besides``)."""
        pattern = re.compile(rf"(?<![\w-]){re.escape(word)}(?![\w-])")
        for place, lines in self._new_by_file.items():
            own = Counter(_lines(self._texts[place].now, spans)) if place == besides else Counter[str]()
            for line in lines:
                if own[line.strip()] > 0:
                    own[line.strip()] -= 1
                elif pattern.search(line):
                    return True
        return False


def without_moved_routes(surface: Iterable[SurfaceChange], footprint: Footprint) -> tuple[SurfaceChange, ...]:
    """The surface without routes that went in one place and came in another: the one's path ends as the other's, or
    what answers is called the same.
    """
    handlers = _handlers(footprint)
    told = tuple(surface)
    gone = [each.name for each in told if each.kind is PointKind.REMOVED_ROUTE]
    new = [each.name for each in told if each.kind is PointKind.NEW_ROUTE]
    others = {PointKind.NEW_ROUTE: gone, PointKind.REMOVED_ROUTE: new}  # one that was written twice is told once
    return tuple(
        each
        for each in told
        if not any(_same_end(each.name, other) for other in others.get(each.kind, ()))
        and not (each.kind in others and each.name in handlers)
    )


def _handlers(footprint: Footprint) -> frozenset[str]:
    """The routes whose handler answered before, and answers now, by another name of the route."""
    sides: dict[bool, dict[str, set[str]]] = {True: {}, False: {}}
    for touch in footprint.resources:
        access = touch.access
        if access.resource.kind is ResourceKind.ROUTE and access.value and not touch.is_kept:
            handler = access.value.rpartition(".")[2]
            sides[touch.is_new].setdefault(handler, set()).add(access.resource.name)
    both = sides[True].keys() & sides[False].keys()
    return frozenset(name for handler in both for side in sides.values() for name in side[handler])


def _same_end(one: str, other: str) -> bool:
    paths = ["/" + _SPLIT.sub("", each).partition(" ")[2].strip("/") for each in (one, other)]
    shorter, longer = sorted(paths, key=len)
    return shorter != "/" and longer.endswith(shorter)


def _counts(file: ChangedFile) -> bool:
    return role_of(file.place, file.now) in (Role.CODE, Role.DATA)


def _lines(source: bytes | None, spans: Sequence[Span]) -> list[str]:
    if source is None:
        return []
    lines = source.decode("utf-8", "replace").splitlines()
    return [line.strip() for first, last in spans for line in lines[first - 1 : last]]


def _share(lines: Sequence[str], among: Counter[str]) -> float:
    """The part of the telling lines that are among the others; the line that gives the name is not asked."""
    telling = [
        each for each in lines if len(each) >= _LEAST and not re.match(r"(async\s+)?(def|class|function)\b", each)
    ]
    return sum(1 for each in telling if among[each] > 0) / len(telling) if telling else 0.0
