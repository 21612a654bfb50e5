"""What each function of a revision sends to its databases: statement by statement, connection by connection. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cached_property

import msgspec

from watchkeeper.code.database.claims import Claim, Lock
from watchkeeper.code.database.files import read_database
from watchkeeper.code.database.replay import Held, Outcome, Sent, replay
from watchkeeper.code.database.steps import FileSteps, Procedure
from watchkeeper.code.tree import SourceTree
from watchkeeper.model.ids import SymbolKey
from watchkeeper.model.resources import AccessMode

FORMAT = 2
"""Raised when the same code gives another index: kept ones of before are no longer asked."""

_SUFFIXES = (".py", ".ts", ".tsx", ".js", ".jsx", ".mjs", ".cjs", ".mts", ".cts")
_MOST_SENT = 400  # of one function


class Site(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A line that calls a function, and the function that it stands in."""

    path: str
    symbol: str
    line: int


class Made(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One claim: the line that makes it, the function that line stands in, and what it claims.

    ``via`` are the calls that led there, the outermost first.
    """

    path: str
    symbol: str
    line: int
    table: str
    lock: Lock
    mode: AccessMode
    columns: tuple[str, ...] = ()
    implied: bool = False
    via: tuple[Site, ...] = ()

    @property
    def place(self) -> tuple[str, int]:
        return self.path, self.line


class Statement(msgspec.Struct, frozen=True, array_like=True):
    """What is sent at once over the connection ``link``, which people know as ``shown``."""

    link: str
    shown: str
    made: tuple[Made, ...]


class Second(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A connection is taken at this line while ``link`` is held."""

    path: str
    symbol: str
    line: int
    link: str


class Routine(msgspec.Struct, frozen=True, array_like=True):
    """A function with what it calls, three calls deep: its statements in order.

    ``hangs`` are pairs of statements: the second waits for what the first holds in the same thread.
    """

    path: str
    symbol: str
    sent: tuple[Statement, ...]
    hangs: tuple[tuple[int, int], ...] = ()
    seconds: tuple[Second, ...] = ()


class CodeIndex(msgspec.Struct, frozen=True, dict=True):
    """All routines of a revision that speak to a database."""

    routines: tuple[Routine, ...] = ()

    @cached_property
    def by_table(self) -> dict[str, tuple[int, ...]]:
        """The routines (by number) that claim anything on a table; ``""``: advisory locks."""
        found: dict[str, dict[int, None]] = {}
        for number, routine in enumerate(self.routines):
            for statement in routine.sent:
                for made in statement.made:
                    found.setdefault(table_of(made), {})[number] = None
        return {table: tuple(numbers) for table, numbers in found.items()}

    def of_tables(self, tables: Iterable[str]) -> Iterator[Routine]:
        """The routines that claim anything on one of these tables, each once."""
        numbers = dict.fromkeys(number for table in tables for number in self.by_table.get(table, ()))
        return (self.routines[number] for number in numbers)


def table_of(made: Made | Claim) -> str:
    """What is claimed, as it can be compared: an advisory lock's key is known when it runs, and not before."""
    return "" if made.lock is Lock.ADVISORY else made.table


def read_index(tree: SourceTree) -> CodeIndex:
    """The index of a tree. Never raises for what a file says; what cannot be read says nothing."""
    files: dict[str, FileSteps] = {}
    for path in sorted(tree.index.paths):
        source = tree.source(path) if path.endswith(_SUFFIXES) else None
        if source is not None:
            steps = read_database(path, source, tree)
            if steps.procedures:
                files[path] = steps

    def look_up(key: SymbolKey) -> Procedure | None:
        file = files.get(key.path)
        return file.procedures.get(key.qualname) if file is not None else None

    found = []
    for path, file in files.items():
        for name in sorted(file.procedures):
            outcome = replay(SymbolKey(path, name), file.procedures[name], look_up, listening=True)
            if outcome.sent or outcome.seconds:
                found.append(_routine(path, name, outcome))
    return CodeIndex(tuple(found))


def _routine(path: str, name: str, outcome: Outcome) -> Routine:
    sent = outcome.sent[:_MOST_SENT]
    numbers: dict[tuple[str, Held], int] = {}
    for number, each in enumerate(sent):
        for held in each.claims:
            numbers.setdefault((each.link.name, held), number)
    hangs = {
        (numbers[holder], numbers[waiter])
        for hang in outcome.hangs
        if (holder := (hang.holder.name, hang.held)) in numbers and (waiter := (hang.link.name, hang.wanted)) in numbers
    }
    seconds = dict.fromkeys(
        Second(each.place.symbol.path, each.place.symbol.qualname, each.place.line, each.holder.name)
        for each in outcome.seconds
    )
    return Routine(path, name, tuple(map(_statement, sent)), tuple(sorted(hangs)), tuple(seconds))


def _statement(sent: Sent) -> Statement:
    made = tuple(
        Made(
            held.place.symbol.path,
            held.place.symbol.qualname,
            held.place.line,
            held.claim.table,
            held.claim.lock,
            held.claim.mode,
            held.claim.columns,
            held.claim.implied,
            tuple(Site(symbol.path, symbol.qualname, line) for symbol, line in held.place.sites),
        )
        for held in sent.claims
    )
    return Statement(sent.link.name, sent.link.shown, made)
