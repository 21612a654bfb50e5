"""A SQLite file as the watch sees it: not at all. What is told of it is what applications say that have it open.

The file is never opened: where this process had it open too, closing it once would give up all locks that it has there.
"""

from __future__ import annotations

import stat
from collections.abc import Awaitable, Callable, Collection
from pathlib import Path
from urllib.parse import unquote, urlsplit

from watchkeeper.database.ports import Ages, ServerUnseenError
from watchkeeper.database.rights import missing_inside
from watchkeeper.database.sighting import Engine, Glance, ServerFacts, Sighting
from watchkeeper.model.errors import UsageError
from watchkeeper.model.ids import Millis

SCHEME = "sqlite"
_FORMAT = "3"
_NEVER_STARTED = Millis(0)


class SqliteFile:
    """One file, at the address ``sqlite:///PATH``. ``speakers`` counts the processes that may be asked in ``folder``.

    Nobody outside is shown who has its lock and who waits: that is said as what is hidden, and until a process has been
    found that speaks, that there is none.
    """

    def __init__(
        self, dsn: str, folder: Path, speakers: Callable[[], Awaitable[int]], clock: Callable[[], Millis]
    ) -> None:
        self._path = parse_address(dsn)
        self._folder, self._speakers, self._clock = folder, speakers, clock
        self._has_spoken = False

    @property
    def name(self) -> str:
        """What the database is called where nobody has named it."""
        return self._path.name

    async def facts(self) -> ServerFacts:
        """That it is there, and who speaks of it."""
        self._look_up()
        self._has_spoken = self._has_spoken or await self._speakers() > 0
        return ServerFacts(
            version=_FORMAT,
            started=_NEVER_STARTED,
            database="",
            user="",
            sees_all=False,
            engine=Engine.SQLITE,
            hidden=missing_inside("" if self._has_spoken else str(self._folder)),
        )

    async def glance(self, ages: Ages) -> Glance:
        """Whether it is still there, by the clock of this machine."""
        del ages
        self._look_up()
        return Glance(self._clock(), _NEVER_STARTED)

    async def look(self, ages: Ages, also: Collection[int] = ()) -> Sighting:
        """Nobody."""
        del ages, also
        return Sighting(self._clock(), _NEVER_STARTED)

    async def cancel(self, backend: int, waiting_since: Millis) -> bool:
        """Nothing can be ended from outside."""
        del backend, waiting_since
        return False

    async def close(self) -> None:
        """Nothing is held."""

    def _look_up(self) -> None:
        try:
            found = self._path.stat()
        except OSError as error:
            raise ServerUnseenError(f"{self._path}: {error.strerror or 'it cannot be looked at'}") from None
        if not stat.S_ISREG(found.st_mode):
            raise ServerUnseenError(f"{self._path} is no file")


def is_address(dsn: str) -> bool:
    """Whether an address is one of SQLite, be it a wrong one."""
    return dsn.partition(":")[0].partition("+")[0].lower() == SCHEME


def parse_address(dsn: str) -> Path:
    """The file of ``sqlite:///PATH``; four slashes where the path begins at the root. Raises UsageError."""
    try:
        parts = urlsplit(dsn)
    except ValueError:
        parts = urlsplit("")
    path = unquote(parts.path).removeprefix("/")
    if not is_address(dsn) or parts.netloc or path in ("", ":memory:") or "\0" in path:
        raise UsageError(
            "The address of the database cannot be understood",
            slug="database-address",
            hint="write sqlite:///PATH, with four slashes where the path begins at the root; it has to be a file",
        ) from None
    return Path(path)
