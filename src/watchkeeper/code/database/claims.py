"""Claims on rows and tables, and which of them waits for which, as PostgreSQL decides it."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from watchkeeper.model.confidence import Confidence
from watchkeeper.model.resources import AccessMode

Pairs = tuple[tuple[str, str], ...]
"""Columns and the values they are compared with or set to.

A value is a text: ``=7`` a literal, ``@name`` a parameter of the function, ``""`` unknown, anything else an expression.
"""


class Lock(StrEnum):
    """What a statement holds until its transaction ends, the weakest first."""

    READ = "reads"
    KEY_SHARE = "key-share"  # on the parent row of a foreign key
    SHARE = "share"
    INSERT = "inserts into"
    NO_KEY_UPDATE = "writes"
    UPDATE = "locks"  # FOR UPDATE, DELETE, or an UPDATE of a key column
    TABLE_SHARE = "blocks writes to"  # CREATE INDEX, LOCK TABLE ... SHARE
    EXCLUSIVE = "alters"  # ALTER, DROP, TRUNCATE, LOCK TABLE
    ADVISORY = "takes the advisory lock"


class Claim(msgspec.Struct, frozen=True, gc=False):
    """One statement's claim on one table.

    ``row`` are the key columns that pin the row, ``values`` what an insert gives, ``unique`` the sets of columns that
    may hold each combination once. ``waits``: it stands still for a lock in its way (not SKIP LOCKED, not NOWAIT).
    ``implied``: no text names the table, a foreign key does. ``form``: the `Alteration`, where it is one.
    """

    table: str
    lock: Lock
    mode: AccessMode
    columns: tuple[str, ...] = ()
    row: Pairs = ()
    values: Pairs = ()
    unique: tuple[tuple[str, ...], ...] = ()
    waits: bool = True
    implied: bool = False
    confidence: Confidence = Confidence.SURE
    form: str = ""


_ROWS = frozenset({Lock.KEY_SHARE, Lock.SHARE, Lock.NO_KEY_UPDATE, Lock.UPDATE})
_WRITES = frozenset({Lock.INSERT, Lock.NO_KEY_UPDATE, Lock.UPDATE})
_ROW_CONFLICTS = frozenset(
    frozenset(pair)
    for pair in (
        (Lock.KEY_SHARE, Lock.UPDATE),
        (Lock.SHARE, Lock.NO_KEY_UPDATE),
        (Lock.SHARE, Lock.UPDATE),
        (Lock.NO_KEY_UPDATE, Lock.NO_KEY_UPDATE),
        (Lock.NO_KEY_UPDATE, Lock.UPDATE),
        (Lock.UPDATE, Lock.UPDATE),
    )
)


def must_wait(wanted: Claim, held: Claim) -> bool:
    """Whether a statement that makes ``wanted`` stands still until the transaction that made ``held`` ends.

    Rows that may be the same are taken to be the same; two different literals and two different parameters are not.
    """
    if not wanted.waits or wanted.table != held.table:
        return False
    locks = frozenset({wanted.lock, held.lock})
    if Lock.EXCLUSIVE in locks or locks == {Lock.ADVISORY}:
        return True
    if Lock.TABLE_SHARE in locks:
        return bool(locks & _WRITES)
    if locks == {Lock.INSERT}:
        return _same_unique_key(wanted, held)
    return locks in _ROW_CONFLICTS and not are_distinct(wanted.row, held.row)


def conflicts(one: Lock, other: Lock) -> bool:
    """Whether two claims on one table can stand in each other's way at all."""
    locks = frozenset({one, other})
    return Lock.EXCLUSIVE in locks or locks == {Lock.ADVISORY} or locks in _ROW_CONFLICTS


def are_distinct(one: Pairs, other: Pairs) -> bool:
    """Whether two rows are different ones for all that can be read."""
    there = dict(other)
    return any(column in there and _values_differ(value, there[column]) for column, value in one)


def _values_differ(one: str, other: str) -> bool:
    if not one or not other or one == other:
        return False
    if one[0] == other[0] and one[0] in "=@":
        return True
    short, long = sorted((one, other), key=len)
    return long.startswith((f"{short} + ", f"{short} - "))  # ``n`` and ``n + 1``


def _same_unique_key(wanted: Claim, held: Claim) -> bool:
    """Two inserts wait for each other only where both give the same value to the same unique columns."""
    ours, theirs = dict(wanted.values), dict(held.values)
    for columns in {*wanted.unique, *held.unique}:
        if all(ours.get(column) and ours.get(column) == theirs.get(column) for column in columns):
            return True
    return False
