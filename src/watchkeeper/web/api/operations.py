"""One operation of the API as data: its path, what it takes, what it gives; the description is made of these."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol, TypeVar

import msgspec

from watchkeeper.controlroom.actions import Actions
from watchkeeper.controlroom.judging import Person
from watchkeeper.controlroom.picture import Picture, ProjectPicture, Reader
from watchkeeper.model.errors import UsageError

T = TypeVar("T")


class ApiRoom(Protocol):
    """What the API needs of the room that the pages show."""

    @property
    def reader(self) -> Reader: ...

    @property
    def actions(self) -> Actions: ...


class Parameter(NamedTuple):
    """One value of a query. ``kind`` is ``integer``, ``boolean`` or ``string``; ``most`` its greatest, or length."""

    name: str
    kind: str
    about: str
    default: int | bool | str
    most: int = 0
    choices: tuple[str, ...] = ()


class Asking(NamedTuple):
    """One request, read and checked. ``body`` is of the operation's type."""

    room: ApiRoom
    person: Person
    path: Mapping[str, str]
    query: Mapping[str, Any]
    body: Any = None

    def picture(self) -> Picture:
        return self.room.reader.look()

    def project(self, picture: Picture) -> ProjectPicture:
        """The one of the path. Raises UsageError (``not-there``)."""
        return there(picture.projects.get(self.path["project"]), "project", self.path["project"])

    def find(self, among: Mapping[Any, T], what: str) -> T:
        """The one that the path, or the query, names. Raises UsageError (``not-there``)."""
        name = str(self.path.get(what) or self.query.get("id", ""))
        return there(among.get(name), what, name)

    def cut(self, items: tuple[T, ...]) -> tuple[T, ...]:
        """The part of a list that was asked for."""
        return items[self.query["offset"] : self.query["offset"] + self.query["limit"]]


class Operation(NamedTuple):
    """``name`` is also how it is documented. ``etag``: what it gives depends on the record alone, not on the time."""

    name: str
    method: str
    path: str
    about: str
    answer: type[msgspec.Struct]
    run: Callable[[Asking], Any]
    body: type[msgspec.Struct] | None = None
    parameters: tuple[Parameter, ...] = ()
    etag: bool = False


PAGING = (
    Parameter("limit", "integer", "at most so many", 100, 500),
    Parameter("offset", "integer", "so many are passed over", 0, 1_000_000),
)


def there(found: T | None, what: str, name: str) -> T:
    """``found``. Raises UsageError (``not-there``) where it is None."""
    if found is None:
        raise UsageError(
            f"There is no {what} {name[:100]!r}",
            slug="not-there",
            hint="ask for the list: it may be gone since it was shown",
            facts={"what": what, "name": name[:100]},
        )
    return found
