"""What expressions of database code stand for while a function is followed."""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from watchkeeper.code.database.claims import Claim, Lock, Pairs
from watchkeeper.code.database.python_models import Maker, Model
from watchkeeper.code.database.steps import Call
from watchkeeper.model.confidence import Confidence
from watchkeeper.model.resources import AccessMode


class Connection(NamedTuple):
    """A connection, session, cursor or transaction. ``fresh``: made right here, so a ``with`` around it ends it.

    ``ends``: leaving a ``with`` around it ends the transaction, not the connection.
    """

    name: str
    fresh: bool = False
    ends: bool = False
    orm: bool = False


class Text(NamedTuple):
    """SQL text, with named holes."""

    sql: str


class ModelClass(NamedTuple):
    """A mapped class, or a ``Table``."""

    model: Model


class Row(NamedTuple):
    """An object of a mapped class. ``fresh``: constructed, and not yet added. ``given`` are the values it was given."""

    model: Model
    connection: str = ""
    row: Pairs = ()
    fresh: bool = False
    given: Pairs = ()
    name: str = ""
    confidence: Confidence = Confidence.SURE


class Query(msgspec.Struct, frozen=True):
    """A statement that is being put together. ``verb``: ``select``, ``insert``, ``update``, ``delete``."""

    verb: str
    models: tuple[Model, ...]
    connection: str = ""
    columns: tuple[str, ...] = ()
    row: Pairs = ()
    values: Pairs = ()
    unique: tuple[tuple[str, ...], ...] = ()
    lock: Lock | None = None
    waits: bool = True


class Pending(NamedTuple):
    """Work handed to another thread or task; it is waited for when its result is asked for."""

    calls: tuple[Call, ...]


class Executor(NamedTuple):
    """A pool of threads; leaving a ``with`` around it waits for all that was handed to it."""

    handed: list[Call]


class Batch(NamedTuple):
    """What alters one table in parts: Alembic's ``batch_alter_table``."""

    table: str


class Imported(NamedTuple):
    """A name of the project or of an outside package, not followed further."""

    dotted: str


Value = Connection | Text | ModelClass | Row | Query | Pending | Executor | Maker | Batch | Imported | None


def select_claims(query: Query) -> list[Claim]:
    """A query's reads; the first table is locked where the query says so."""
    claims = []
    for index, model in enumerate(dict.fromkeys(model.table for model in query.models)):
        if query.lock is not None and index == 0:
            claims.append(Claim(model, query.lock, AccessMode.LOCK, query.columns, query.row, waits=query.waits))
        else:
            claims.append(Claim(model, Lock.READ, AccessMode.READ, query.columns if index == 0 else ()))
    return claims


def update_claims(model: Model, columns: tuple[str, ...], row: Pairs, given: Pairs = ()) -> list[Claim]:
    """An update of some columns, with the parents that a foreign key makes it look at."""
    keys = {model.columns.get(model.key, model.key)}
    lock = Lock.UPDATE if keys & set(columns) else Lock.NO_KEY_UPDATE
    claim = Claim(model.table, lock, AccessMode.WRITE, columns or ("*",), row)
    return [claim, *_parents(model, columns, dict(given))]


def insert_claims(model: Model, given: Pairs, unique: tuple[tuple[str, ...], ...] = ()) -> list[Claim]:
    """An insert, with the parents that its foreign keys look at."""
    columns = tuple(column for column, _ in given)
    claim = Claim(
        model.table, Lock.INSERT, AccessMode.WRITE, columns or ("*",), values=given, unique=(*model.unique, *unique)
    )
    return [claim, *_parents(model, columns, dict(given))]


def delete_claims(model: Model, row: Pairs) -> list[Claim]:
    """The deletion of rows."""
    return [Claim(model.table, Lock.UPDATE, AccessMode.WRITE, ("*",), row)]


def _parents(model: Model, columns: tuple[str, ...], given: dict[str, str]) -> list[Claim]:
    claims = []
    for column in columns:
        parent = model.parents.get(column, "")
        if parent and given.get(column) != "=None":
            table, _, key = parent.rpartition(".")
            row = ((key, given.get(column, "")),) if table else ()
            claims.append(Claim(table or parent, Lock.KEY_SHARE, AccessMode.READ, row=row, implied=True))
    return claims
