"""Where in the application a statement comes from: the first frame of the stack that lies in its repository."""

from __future__ import annotations

import sys
from pathlib import Path
from types import CodeType, FrameType
from typing import NamedTuple

_FOREIGN = ("site-packages", "dist-packages", ".venv", "node_modules", ".tox")
_MOST_FRAMES = 200
_MOST_KEPT = 20_000
_HERE = str(Path(__file__).parent)


class Site(NamedTuple):
    """One line of the application. ``path`` is relative to its root; ``symbol`` is a qualified name in that file."""

    path: str = ""
    line: int = 0
    symbol: str = ""

    @property
    def shown(self) -> str:
        return f"{self.path}:{self.line}" if self.path else ""


NOWHERE = Site()


class Finder:
    """Of one application. Frames are judged by their code once; finding a site walks the stack and compares."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._prefix = f"{root}/"
        # By the address of the code, which is kept so that no other can have it: hashing a code object takes longer
        # than all the rest.
        self._known: dict[int, tuple[str, str] | None] = {}
        self._sites: dict[tuple[int, int], Site] = {}
        self._kept: list[CodeType] = []

    def find(self, depth: int = 1) -> Site:
        """The nearest line of the application above the caller; ``NOWHERE``: none is. Never raises."""
        found = self._find_above(sys._getframe(depth))  # noqa: SLF001 - traceback.walk_stack is ten times slower
        if found is NOWHERE and "greenlet" in sys.modules:  # SQLAlchemy's asyncio: its stack ends at the greenlet
            parent = sys.modules["greenlet"].getcurrent().parent
            while parent is not None and found is NOWHERE:
                found, parent = self._find_above(parent.gr_frame), parent.parent
        return found

    def _find_above(self, frame: FrameType | None) -> Site:
        known = self._known
        for _ in range(_MOST_FRAMES):
            if frame is None:
                return NOWHERE
            code = frame.f_code
            try:
                mine = known[id(code)]
            except KeyError:
                mine = self._judge(code)
            if mine is not None:
                return self._site(code, frame.f_lineno, mine)
            frame = frame.f_back
        return NOWHERE

    def _site(self, code: CodeType, line: int, mine: tuple[str, str]) -> Site:
        key = (id(code), line)
        found = self._sites.get(key)
        if found is None:
            if len(self._sites) >= _MOST_KEPT:
                self._sites.clear()
            found = self._sites[key] = Site(mine[0], line, mine[1])
        return found

    def _judge(self, code: CodeType) -> tuple[str, str] | None:
        if len(self._known) >= _MOST_KEPT:
            self._known, self._sites, self._kept = {}, {}, []
        name = code.co_filename
        is_mine = name.startswith(self._prefix) and not name.startswith(_HERE)
        relative = name[len(self._prefix) :]
        if not is_mine or any(part in _FOREIGN for part in relative.split("/")):
            found = None
        else:
            found = relative, code.co_qualname.replace(".<locals>", "")
        self._kept.append(code)
        self._known[id(code)] = found
        return found
