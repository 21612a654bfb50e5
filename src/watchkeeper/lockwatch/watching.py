"""Composition root of the database watch: joins what is seen in a database with record, hub and code."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from watchkeeper.app import Place, now, open_log
from watchkeeper.conflicts.lifecycle import fold_all
from watchkeeper.conflicts.standing import State
from watchkeeper.database.journals import VARIABLE, SocketJournals, find_folder
from watchkeeper.database.keeping import resume
from watchkeeper.database.mariadb import SCHEMES, MariaDbServer
from watchkeeper.database.ports import Deadlocks, Tracer
from watchkeeper.database.postgres import PostgresServer
from watchkeeper.database.processes import LocalProcesses
from watchkeeper.database.serverlog import ServerLog
from watchkeeper.database.sqlite import SqliteFile, is_address
from watchkeeper.database.verdict import judge
from watchkeeper.database.watcher import Settings, Sink, Watcher
from watchkeeper.lockwatch.deploying import read_incidents
from watchkeeper.model.errors import WatchkeeperError
from watchkeeper.model.ids import Sha
from watchkeeper.model.incidents import Incident, IncidentChanged, IncidentEvent, IncidentOpened

if TYPE_CHECKING:
    from watchkeeper.record.log import Log


class WatchOptions(msgspec.Struct, frozen=True):
    """What a person may say about a watch. ``name`` is what the database is called; ``""``: after its address."""

    dsn: str
    name: str = ""
    poll_ms: int = 200
    cancel_waiter_ms: int | None = None
    log: Path | None = None
    every_database: bool = False


class Recording:
    """Records what a watch tells, in the log of a project. Kept when ``append`` returns."""

    def __init__(self, log: Log, place: Place) -> None:
        self.log = log
        self._place, self._project = place, place.project
        self._state = State()

    def append(self, events: Sequence[IncidentEvent]) -> None:
        """With what they say of two changes. Raises WatchkeeperError."""
        for event in events:
            if isinstance(event, IncidentOpened | IncidentChanged):
                self._judge(event)
            else:
                self.log.append(self._project, [event], now())

    def _judge(self, event: IncidentOpened | IncidentChanged) -> None:
        self._state = fold_all(self.log.read(self._project, after=self._state.seq), self._state)
        verdict = judge(event.incident, self._state, self._is_in)
        incident = msgspec.structs.replace(event.incident, conflict=verdict.conflict, missed=verdict.missed)
        self.log.append(self._project, [type(event)(incident), *verdict.events], now())

    def _is_in(self, commit: Sha, tip: Sha) -> bool:
        """What the repository no longer has, or not yet, is in nothing."""
        try:
            return self._place.repository.is_ancestor(commit, tip)
        except WatchkeeperError:
            return False

    def find_open(self, database: str) -> tuple[Incident, ...]:
        """The incidents of a database that were told, and not that they are over."""
        state = read_incidents(self.log, self._place)
        return tuple(each.incident for each in state.open_incidents() if each.incident.database == database)


@contextmanager
def open_recording(place: Place) -> Iterator[Recording]:
    """The log of the project, closed at the end. Raises WatchkeeperError."""
    with open_log(place.home) as log:
        yield Recording(log, place)


def make_watcher(
    options: WatchOptions,
    environ: Mapping[str, str],
    sink: Sink,
    *,
    tracer: Tracer | None = None,
    find_open: Callable[[str], tuple[Incident, ...]] = lambda _name: (),
) -> Watcher:
    """A watch of one database, wired; nothing is connected yet. Its address says what kind of database it is.

    ``find_open`` gives what an earlier watch of the database left open. Raises UsageError for an address that cannot be
    understood, WatchkeeperError where the driver is missing.
    """
    server: PostgresServer | MariaDbServer | SqliteFile
    folder = find_folder(environ)
    journals = SocketJournals(folder, is_named=bool(environ.get(VARIABLE)))
    log: Deadlocks | None = ServerLog(options.log) if options.log else None
    if options.dsn.partition(":")[0].partition("+")[0].lower() in SCHEMES:
        server = log = MariaDbServer(options.dsn)
    elif is_address(options.dsn):
        server, log = SqliteFile(options.dsn, folder, journals.count, now), None
    else:
        server = PostgresServer(options.dsn)
    name = options.name or server.name
    settings = Settings(
        name=name,
        poll_ms=options.poll_ms,
        every_database=options.every_database,
        cancel_waiter_ms=options.cancel_waiter_ms,
    )
    return Watcher(
        server,
        settings,
        sink,
        journals=journals,
        processes=LocalProcesses(),
        tracer=tracer,
        log=log,
        kept=resume(find_open(name)),
    )
