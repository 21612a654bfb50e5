"""Whether a statement would wait for a transaction of the same task: nobody would ever break that wait."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from watchkeeper_tag.statements import Access, Lock
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
_ROWS = frozenset({Lock.KEY_SHARE, Lock.SHARE, Lock.NO_KEY_UPDATE, Lock.UPDATE})


class Claim(NamedTuple):
    """What a statement takes, or has taken: a table with a lock, and the row if it names one (column, value)."""

    table: str
    lock: Lock
    row: tuple[tuple[str, str], ...] = ()
    columns: tuple[str, ...] = ()
    waits: bool = True


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


def resolve(access: Access, parameters: object) -> Claim:
    """The claim of one execution: pins with the values that were given; a value that is not there pins nothing."""
    row = tuple((pin.column, value) for pin in access.pins if (value := _value(pin, parameters)) is not None)
    return Claim(access.table, access.lock, row, access.columns, access.waits)


def would_wait(wanted: Claim, held: Claim) -> bool:
    """Whether PostgreSQL lets ``wanted`` wait for ``held``, in another transaction, as far as texts can tell."""
    if not wanted.waits or wanted.table != held.table:
        return False
    one, other = wanted.lock, held.lock
    if Lock.ADVISORY in (one, other):
        return one is other and wanted.row == held.row
    if Lock.TABLE in (one, other):
        return True
    if one is Lock.INSERT and other is Lock.INSERT:  # the same unique key, if there is one
        return bool(wanted.row) and set(wanted.row) == set(held.row)
    if one not in _ROWS or other not in _ROWS or _are_distinct(wanted.row, held.row):
        return False
    return frozenset((one, other)) in _ROW_CONFLICTS


def is_same_rows(wanted: Claim, held: Claim) -> bool:
    """Whether both may be about one row of one table."""
    return wanted.table == held.table and bool(wanted.table) and not _are_distinct(wanted.row, held.row)


def nested_words(wanted: Claim, site: Site, held: Write) -> str:
    """Both sides in a sentence."""
    what = wanted.table or "an advisory lock"
    here = site.shown or "this statement"
    there = held.set or held.site.shown or "an earlier statement"
    return (
        f"{here} ({site.symbol or 'unknown'}) locks {what} over a second connection while the same task holds it "
        f"uncommitted since {there} ({held.site.symbol or 'unknown'}): it would wait for ever"
    )


def _are_distinct(one: Iterable[tuple[str, str]], other: Iterable[tuple[str, str]]) -> bool:
    known = dict(one)
    return any(column in known and known[column] != value for column, value in other)


def _value(pin: object, parameters: object) -> str | None:
    from watchkeeper_tag.statements import Pin

    assert isinstance(pin, Pin)
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
    return None if found is None or len(text := str(found)) > 200 else text
