"""What all pages stand on: the one reading of the record, the acts, a clock, and who attends to which project."""

from __future__ import annotations

import os
import secrets
import socket
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import NamedTuple

from watchkeeper.app import find_socket, now
from watchkeeper.controlroom.actions import Actions
from watchkeeper.controlroom.deciding import Deciding
from watchkeeper.controlroom.picture import Picture, ProjectPicture, Reader
from watchkeeper.controlroom.scope import Scope
from watchkeeper.controlroom.scouting import Scouting
from watchkeeper.model.attention import Matter
from watchkeeper.model.ids import Millis, Seq
from watchkeeper.review.needs import find_matters, find_open

_MATTERS_MS = 5_000
_ATTENDING_MS = 4_000
_ANSWER_S = 0.3
_MOST_SAID = 512


class Said(NamedTuple):
    """What came of an act, shown once on the page that follows. ``is_error``: nothing was done."""

    sentence: str
    is_error: bool = False


class Room:
    """Thread-safe. What is derived of a picture is made once for each picture, not once for each viewer."""

    def __init__(
        self,
        reader: Reader,
        actions: Actions | None = None,
        *,
        clock: Callable[[], Millis] = now,
        environ: Mapping[str, str] = os.environ,
    ) -> None:
        self.reader, self.clock, self.environ = reader, clock, environ
        self.actions = actions or Actions(reader, clock)
        self.deciding = Deciding(reader, clock)
        self.scouting = Scouting(reader, clock)
        self._guard = threading.Lock()
        self._matters: tuple[Seq, Millis, tuple[Matter, ...]] | None = None
        self._absent: tuple[Millis, Seq, Mapping[str, str]] | None = None
        self._said: OrderedDict[str, Said] = OrderedDict()

    @property
    def scope(self) -> Scope:
        return self.reader.scope

    def matters(self, picture: Picture) -> tuple[Matter, ...]:
        """Everything that may need a person, the gravest first; what time alone changes may be seconds late."""
        with self._guard:
            known = self._matters
            if known is None or known[0] != picture.seq or picture.at - known[1] > _MATTERS_MS:
                known = self._matters = (picture.seq, picture.at, find_matters(picture, self.scope))
            return known[2]

    def needs(self, picture: Picture) -> tuple[Matter, ...]:
        """Of these what a person should be asked about now."""
        return find_open(picture, self.matters(picture))

    def absences(self, picture: Picture) -> Mapping[str, str]:
        """Why what is shown may be older than it looks: a clause for each project, by name, that nobody watches."""
        with self._guard:
            known = self._absent
            if known is None or known[1] != picture.seq or self.clock() - known[0] > _ATTENDING_MS:
                said = {name: _absence(each) for name, each in picture.projects.items()}
                found = {name: each for name, each in said.items() if each}
                known = self._absent = (self.clock(), picture.seq, found)
            return known[2]

    def keep_said(self, said: Said) -> str:
        """Keep a sentence for the next page; the name under which it is there, once."""
        name = secrets.token_urlsafe(9)
        with self._guard:
            self._said[name] = said
            while len(self._said) > _MOST_SAID:
                self._said.popitem(last=False)
        return name

    def take_said(self, name: str) -> Said | None:
        """The sentence of that name, once; None where it was shown already."""
        with self._guard:
            return self._said.pop(name, None)


def _absence(project: ProjectPicture) -> str:
    name = project.source.name
    if project.watching is None:
        return f"nobody ever watched {name}"
    if not project.watching.is_on:
        return f"the watch over {name} was stopped"
    if not _is_answering(project):
        return f"the watch over {name} does not answer"
    return ""


def _is_answering(project: ProjectPicture) -> bool:
    """Whether the daemon listens. Another host's cannot be asked from here, and counts as there."""
    entry = project.source.entry
    if entry is not None and entry.host:
        return True
    try:
        with socket.socket(socket.AF_UNIX) as asked:
            asked.settimeout(_ANSWER_S)
            asked.connect(str(find_socket(project.source.place)))
    except OSError:
        return False
    return True
