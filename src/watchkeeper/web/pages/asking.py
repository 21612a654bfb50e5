"""What a page is asked with, and what it answers: values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

from watchkeeper.controlroom.picture import Picture, ProjectPicture
from watchkeeper.model.errors import UsageError
from watchkeeper.model.events import Recorded
from watchkeeper.model.ids import Millis, ProjectId
from watchkeeper.web.room import Room

T = TypeVar("T")

SHOWN = 50
"""So many rows are on one page of a list."""


class Asking(NamedTuple):
    """One look at one page. ``may_act``: the viewer's role allows acts."""

    room: Room
    picture: Picture
    params: Mapping[str, str]
    query: Mapping[str, str]
    may_act: bool = True

    @property
    def now(self) -> Millis:
        return self.picture.at

    @property
    def is_all(self) -> bool:
        """Everything is asked for, not only what needs somebody."""
        return self.query.get("show") == "all"

    def projects(self) -> Iterator[tuple[str, ProjectPicture]]:
        """Those that the filter leaves, in the order of the file."""
        wanted = self.query.get("project", "")
        return ((name, each) for name, each in self.picture.projects.items() if wanted in ("", name))

    def latest(self, project: ProjectId | None, limit: int, subject: str = "") -> tuple[Recorded, ...]:
        """The newest events up to the picture's own: a row that is newer would be sent twice to who comes back."""
        found = self.room.reader.log.latest(project, limit=limit, subject=subject)
        return tuple(each for each in found if each.seq <= self.picture.seq)

    def project(self, name: str) -> ProjectPicture:
        """Raises UsageError (``not-there``)."""
        return require(self.picture.projects.get(name), "project", name)


class Answer(NamedTuple):
    """What the template is given. ``title`` is the page's; ``here`` names its place in the navigation."""

    title: str
    template: str
    context: Mapping[str, Any]
    here: str = ""


class Part(NamedTuple):
    """One page of a list: its rows, of how many, and the numbers of the pages around it (0: there is none)."""

    rows: Sequence[Any]
    total: int
    page: int
    before: int
    after: int


def cut(asking: Asking, rows: Sequence[T], name: str = "page", size: int = SHOWN) -> Part:
    """The part of a list that is asked for; a number that is none, or too high, is the nearest that is one."""
    given = asking.query.get(name, "1")
    last = max(1, -(-len(rows) // size))
    page = min(max(1, int(given) if given.isascii() and given.isdigit() and len(given) < 9 else 1), last)
    start = (page - 1) * size
    return Part(rows[start : start + size], len(rows), page, page - 1, page + 1 if page < last else 0)


def require(found: T | None, what: str, name: str) -> T:
    """Raises UsageError (``not-there``) for None."""
    if found is None:
        raise UsageError(
            f"There is no {what} {name[:100]!r} here",
            slug="not-there",
            hint="reload the page that led here: it may be gone since it was shown",
            facts={"what": what, "name": name[:100]},
        )
    return found
