"""What one look at a database server shows: values, with the server's own clock. Pure."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from watchkeeper.model.ids import Millis

PREPARED = 0
"""The backend of a prepared transaction: it has no connection, and ``pg_blocking_pids`` says 0."""

CLIENT = "client backend"


class Engine(StrEnum):
    """What kind of server it is."""

    POSTGRESQL = "PostgreSQL"
    MARIADB = "MariaDB"


class Glance(msgspec.Struct, frozen=True):
    """What the cheap query says: whether a closer look is worth its price.

    ``waiting`` counts lock requests that are not granted, ``resting`` transactions whose client has been silent for as
    long as a wait may last, ``idle`` and ``long`` those past the ages that were asked for. ``started`` is when the
    server was: another value is another server.
    """

    at: Millis
    started: Millis
    waiting: int = 0
    resting: int = 0
    idle: int = 0
    long: int = 0


class Wants(msgspec.Struct, frozen=True):
    """The lock that a backend waits for. ``what`` names it for people, ``relation`` is the table it is about, if any.

    ``since`` is when the wait began, None where the server does not say.
    """

    kind: str
    mode: str
    what: str = ""
    relation: str = ""
    since: Millis | None = None


class Backend(msgspec.Struct, frozen=True):
    """One connection of the server, or a prepared transaction (``pid`` 0).

    ``blockers`` are all that the server names, ``ahead`` those of them that only stand before it in the queue.
    ``leader`` is the backend that a parallel worker works for. ``is_hidden``: the role may not see what it does.
    ``statement`` is as the server has it: with its tag, and cut. ``is_taking``: it is not the last one, but the one of
    its transaction that took the lock that others wait for, as far as the server remembers.
    """

    pid: int
    database: str = ""
    user: str = ""
    application: str = ""
    client: str = ""
    port: int = -1
    kind: str = CLIENT
    leader: int | None = None
    state: str = ""
    wait_type: str = ""
    wait: str = ""
    transaction_since: Millis | None = None
    statement_since: Millis | None = None
    state_since: Millis | None = None
    statement: str = ""
    is_taking: bool = False
    is_hidden: bool = False
    blockers: tuple[int, ...] = ()
    ahead: tuple[int, ...] = ()
    wants: Wants | None = None
    holds: tuple[str, ...] = ()

    @property
    def is_idle_in_transaction(self) -> bool:
        return self.state.startswith("idle in transaction")


class Sighting(msgspec.Struct, frozen=True):
    """Everybody who waits, whom they wait for, and who is in a transaction for long. Other backends are not listed."""

    at: Millis
    started: Millis
    backends: tuple[Backend, ...] = ()


class ServerFacts(msgspec.Struct, frozen=True):
    """What stays the same while a server runs.

    ``sees_all``: the role may see what others do; without it states, ages and statements of other roles are hidden.
    ``hidden`` says what is, and what shows it, where that is not a matter of one right.
    """

    version: str
    started: Millis
    database: str
    user: str
    sees_all: bool
    deadlock_timeout_ms: int = 1000
    statement_size: int = 1024
    log: str = ""  # path of the server's log, as far as the role may ask
    engine: Engine = Engine.POSTGRESQL
    hidden: str = ""
