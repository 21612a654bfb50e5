"""Things outside the code that code touches: tables, migrations, routes, environment variables and the like."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

import msgspec

from watchkeeper.model.confidence import Confidence


class ResourceKind(StrEnum):
    TABLE = "table"  # a database table; ``Access.columns`` says which columns
    MIGRATION = "migration"  # a migration's parent or number, in one sequence: two children of it are two heads
    ROUTE = "route"  # ``GET /users/{}``
    ENVIRONMENT = "environment"  # an environment variable
    SETTING = "setting"  # a configuration key, dotted
    DEPENDENCY = "dependency"  # a package, as a manifest or lock names it
    PORT = "port"
    TOPIC = "topic"  # a queue, topic or channel


class Resource(NamedTuple):
    """The identity of a resource: its kind and its name in a form in which equal things are equal texts."""

    kind: ResourceKind
    name: str


class AccessMode(StrEnum):
    READ = "read"
    WRITE = "write"  # of what is in it: rows, a message
    LOCK = "lock"  # without changing it: SELECT FOR UPDATE
    DEFINE = "define"  # makes or alters the thing itself: DDL, a route's handler, a variable's default, a version
    REMOVE = "remove"  # takes it away: DROP TABLE


class Alteration(StrEnum):
    """In what way a statement alters a table, as PostgreSQL locks it: in the words of "it ... the table content"."""

    CREATE = "makes"
    DROP_TABLE = "drops"
    DROP_COLUMN = "drops a column of"
    RENAME = "renames, or renames a column of,"
    RETYPE = "changes a column's type in"
    ADD_COLUMN = "adds a column to"
    ADD_REQUIRED = "adds a NOT NULL column without a default to"
    VALIDATE = "checks every row of"  # SET NOT NULL, CHECK, UNIQUE, PRIMARY KEY: a scan under the strongest lock
    NOT_VALID = "adds a constraint NOT VALID to"
    FOREIGN_KEY = "adds a foreign key to"
    REFERENCE = "lets a new foreign key refer to"
    INDEX = "builds an index on"
    CONCURRENT = "concurrently builds an index on"
    BRIEF = "alters"  # the strongest lock, for a moment
    LIGHT = "alters, while others write,"
    EMPTY = "truncates"
    LOCK = "locks"


class Access(msgspec.Struct, frozen=True, gc=False):
    """One place in one file that touches a resource.

    ``line`` is 1-based, ``text`` that line (stripped, at most 160 characters), ``symbol`` the qualname of the symbol
    that holds it (``""``: the module). ``value`` is what is defined, where that can be compared: a version, a default,
    a handler, a migration's own id; of a table an `Alteration`. ``connection`` names the database connection or session
    it goes through, ``held`` those that are open at this point; both are names within the symbol.
    """

    resource: Resource
    mode: AccessMode
    line: int
    text: str
    symbol: str = ""
    columns: tuple[str, ...] = ()
    value: str = ""
    confidence: Confidence = Confidence.SURE
    connection: str = ""
    held: tuple[str, ...] = ()


class NotAnalysed(msgspec.Struct, frozen=True, gc=False):
    """A place that touches some resource which nobody could name: ``execute(sql)`` with SQL from elsewhere."""

    kind: ResourceKind
    line: int
    reason: str


class ResourceReading(msgspec.Struct, frozen=True, gc=False):
    """What one file touches, and where that could not be told."""

    accesses: tuple[Access, ...] = ()
    not_analysed: tuple[NotAnalysed, ...] = ()


class ResourceTouch(msgspec.Struct, frozen=True, gc=False):
    """An access that a change adds, alters or drops: part of its footprint. ``path`` is where it is now.

    An access of which base and now have the same is a touch only where the change altered the symbol around it: then
    it is both ``is_new`` (it is there now) and ``is_kept``. An altered access is a dropped one and a new one.
    """

    path: str
    access: Access
    is_new: bool = True  # False: the base had it, and the change dropped it
    is_kept: bool = False  # the base had it too; the symbol that holds it is not what it was
