"""How a matter is made: its sentence is cut, its fingerprint follows from kind, project and subject alone. Pure."""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec

from watchkeeper.controlroom.picture import ProjectPicture
from watchkeeper.controlroom.scope import Scope
from watchkeeper.model.attention import Matter, MatterKind, Urgency, matter_fingerprint
from watchkeeper.model.ids import Millis
from watchkeeper.review.links import Commands
from watchkeeper.review.words import sentence


class Maker:
    """Makes matters of one project, or, with ``""`` and None, of the whole fleet."""

    def __init__(self, name: str = "", project: ProjectPicture | None = None) -> None:
        self.name = name
        self._id = project.source.project if project is not None else None

    def make(self, kind: MatterKind, urgency: Urgency, title: str, *, about: str, **fields: Any) -> Matter:
        """``fields`` are those of ``Matter``; ``title`` may be too long and have others' words in it."""
        matter = Matter(
            self.fingerprint(kind, about), kind, urgency, sentence(title), project=self.name, project_id=self._id,
            about=about,
        )  # fmt: skip
        return msgspec.structs.replace(matter, **fields)

    @staticmethod
    def under(matter: Matter, parent: str) -> Matter:
        """The same, silenced by the matter with the fingerprint ``parent``."""
        return msgspec.structs.replace(matter, parent=parent)

    def fingerprint(self, kind: MatterKind, about: str) -> str:
        """That of a matter of this project, also where it was not made."""
        return matter_fingerprint(kind, self.name, about)


class View(NamedTuple):
    """One project as matters are made of it. ``attempts``: so often an issue is tried before a person is needed."""

    name: str
    project: ProjectPicture
    maker: Maker
    commands: Commands
    now: Millis
    attempts: int


def view_of(name: str, project: ProjectPicture, scope: Scope, now: Millis) -> View:
    """As ``View``."""
    attempts = scope.config.fleet.max_attempts if scope.config is not None else 3
    return View(name, project, Maker(name, project), Commands(project, scope), now, attempts)
