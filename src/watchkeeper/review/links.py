"""Where things are told of: the paths of their pages, and the commands that act on them. Pure."""

from __future__ import annotations

import shlex
from urllib.parse import quote

from watchkeeper.controlroom.picture import ProjectPicture
from watchkeeper.controlroom.scope import Scope
from watchkeeper.model.review import Step

HOME = "/"
FLEET_PAGE = "/fleet"


def page(kind: str, name: str) -> str:
    """The path of a thing's page; what stands in it is quoted. ``kind`` is the first part: ``conflicts``, ``queue``."""
    return f"/{kind}/{quote(name, safe='')}"


def decision_page(identity: str) -> str:
    """Where a decision stands on the page of all."""
    return f"/decisions#{quote(identity, safe='')}"


def day_page(name: str, day: str) -> str:
    """The log of a project's day, or of the fleet's."""
    return f"/log/{quote(name, safe='')}/{quote(day, safe='')}"


class Commands:
    """Command lines as they have to be typed for one project: where there is a fleet they name its folder."""

    def __init__(self, project: ProjectPicture, scope: Scope) -> None:
        folder = project.source.entry.path if project.source.entry is not None else None
        self._repo = ("--repo", str(folder)) if folder is not None else ()
        fleet = scope.config.origin if scope.config is not None else None
        self._fleet = ("--fleet", str(fleet)) if fleet is not None else ()

    def of_repo(self, *words: str) -> str:
        """A verb that works on a repository."""
        return _line(*words, *self._repo)

    def of_fleet(self, *words: str) -> str:
        """A verb that works on the fleet's file."""
        return _line(*words, *self._fleet)


def fleet_command(scope: Scope, *words: str) -> str:
    """A verb that works on the whole fleet."""
    return _line(*words, *(("--fleet", str(scope.config.origin)) if scope.config is not None else ()))


def _line(*words: str) -> str:
    return shlex.join(("watchkeeper", *words))


def step(label: str, command: str = "", path: str = "") -> Step:
    """The one thing to do."""
    return Step(label, command, path)
