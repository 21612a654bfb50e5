"""Whether a statement would wait for a transaction of the same task: nobody would ever break that wait."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from watchkeeper_tag.statements import Access, Lock, Pin
from watchkeeper_tag.where import Site

_ROW_CONFLICTS = frozenset(
    frozenset(pair)
    for pair in (
        (Lock.KEY_SHARE, Lock.UPDATE),
        (Lock.SHARE, Lock.NO_KEY_UPDATE),
        (Lock.SHARE, Lock.UPDATE),
        (Lock.NO_KEY_UPDATE, Lock.UPDATE),
        (Lock.NO_KEY_UPDATE,),
        (Lock.UPDATE,),
    )
)
_TABLES = frozenset({Lock.TABLE, Lock.EXCLUSIVE, Lock.WRITERS})
_ROWS = frozenset({Lock.KEY_SHARE, Lock.SHARE, Lock.NO_KEY_UPDATE, Lock.UPDATE})


class Claim(NamedTuple):
    """What a statement takes, or has taken: a table with a lock, and the row if it names one (column, value)."""

    table: str
    lock: Lock
    row: tuple[tuple[str, str], ...] = ()
    columns: tuple[str, ...] = ()
    waits: bool = True
    writes: bool = False
    unique: tuple[tuple[str, ...], ...] = ()


class Table(NamedTuple):
    """What is known of a table: sets of columns that are unique, and columns that refer to (table, column)."""

    name: str
    unique: tuple[tuple[str, ...], ...] = ()
    refers: tuple[tuple[str, str, str], ...] = ()


NOTHING = Table("")


class Write(NamedTuple):
    """A claim that a transaction holds, and where it comes from. ``at`` in milliseconds since the epoch."""

    claim: Claim
    site: Site
    set: str
    at: int
    statement: str


class NestedWriteError(RuntimeError):
    """A statement was not sent: it would have waited for a transaction that the same task holds open.

    Without this error it waits for ever. Use the connection that the task already has, or commit first.
    """


_ID = (("id",),)
_MOST_PARENTS = 8


def resolve(access: Access, parameters: object, known: Table = NOTHING) -> Claim:
    """The claim of one execution: pins with the values that were given; a value that is not there pins nothing.

    Where nothing says what is unique in the table, ``id`` is taken for its key.
    """
    row = tuple((pin.column, value) for pin in access.pins if (value := _value(pin, parameters)) is not None)
    unique = (*access.unique, *known.unique) or _ID
    return Claim(access.table, access.lock, row, access.columns, access.waits, access.writes, unique)


def find_parents(insert: Claim, known: Table) -> list[Claim]:
    """The rows that it refers to: the server locks them against being deleted."""
    row = dict(insert.row)
    return [
        Claim(table, Lock.KEY_SHARE, ((key, row[column]),))
        for column, table, key in known.refers[:_MOST_PARENTS]
        if column in row
    ]


def would_wait(wanted: Claim, held: Claim) -> bool:
    """Whether PostgreSQL lets ``wanted`` wait for ``held``, in another transaction, as far as texts can tell."""
    one, other = wanted.lock, held.lock
    if wanted.table != held.table:
        return False
    if not wanted.waits and (one not in _ROWS or other not in _TABLES):  # tables are waited for all the same
        return False
    if Lock.READ in (one, other):
        return Lock.TABLE in (one, other)
    if Lock.ADVISORY in (one, other):
        return one is other and wanted.row == held.row
    if Lock.TABLE in (one, other):
        return True
    if Lock.EXCLUSIVE in (one, other):
        return True
    if one is other is Lock.WRITERS:
        return wanted.writes or held.writes
    if Lock.WRITERS in (one, other):
        return held.writes if one is Lock.WRITERS else wanted.writes
    if one is Lock.INSERT:  # of a key that another transaction has just taken, given up, or is about to change
        return held.writes and _has_same_key(wanted, held)
    if one not in _ROWS or other not in _ROWS or _are_distinct(wanted.row, held.row):
        return False
    return frozenset((one, other)) in _ROW_CONFLICTS


def _has_same_key(wanted: Claim, held: Claim) -> bool:
    one, other = dict(wanted.row), dict(held.row)
    keys = {*wanted.unique, *held.unique}
    return any(key and all(each in one and one[each] == other.get(each) for each in key) for key in keys)


def is_same_rows(wanted: Claim, held: Claim) -> bool:
    """Whether both may be about one row of one table."""
    return wanted.table == held.table and bool(wanted.table) and not _are_distinct(wanted.row, held.row)


def nested_words(wanted: Claim, site: Site, held: Write, *, whole: bool = False, awaited: bool = False) -> str:
    """Both sides in a sentence. ``whole``: the database is locked as one; ``awaited``: another task waits for this."""
    what = wanted.table or "an advisory lock"
    here = site.shown or "this statement"
    there = held.set or held.site.shown or "an earlier statement"
    whose = "the task that waits for this one" if awaited else "the same task"
    what = "the database" if whole else what
    end = "it waits for its whole timeout, and fails" if whole else "it would wait for ever"
    return (
        f"{here} ({site.symbol or 'unknown'}) locks {what} over a second connection while {whose} holds it "
        f"uncommitted since {there} ({held.site.symbol or 'unknown'}): {end}"
    )


def _are_distinct(one: Iterable[tuple[str, str]], other: Iterable[tuple[str, str]]) -> bool:
    known = dict(one)
    return any(column in known and known[column] != value for column, value in other)


def _value(pin: Pin, parameters: object) -> str | None:
    if not pin.is_parameter:
        return pin.value
    try:
        if isinstance(parameters, dict):
            found = parameters[pin.value]
        elif isinstance(parameters, list | tuple) and pin.value.isdigit():
            found = parameters[int(pin.value)]
        else:
            return None
    except (KeyError, IndexError):
        return None
    if isinstance(found, bool):
        return str(found).lower()
    return None if found is None or len(text := str(found)) > 200 else text
