"""What a function does with databases, step by step: the order of statements is kept, values are not."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from watchkeeper.code.database.claims import Claim
from watchkeeper.model.ids import SymbolKey
from watchkeeper.model.resources import NotAnalysed


class Step(msgspec.Struct, frozen=True, gc=False):
    """Something that happens on a 1-based line."""

    line: int


class Use(Step, frozen=True, gc=False):
    """A statement with its claims over a connection.

    ``deferred``: an object was changed, its statement is sent at the next flush. ``flushes``: changed objects are sent
    before it, where the session does that by itself.
    """

    connection: str
    claims: tuple[Claim, ...]
    deferred: bool = False
    flushes: bool = False


class Open(Step, frozen=True, gc=False):
    """A connection or session begins to be there.

    ``lazy``: it takes a connection out of the pool at its first statement only. ``transaction``: locks last until it
    ends; otherwise each statement is its own. ``pool`` names what it is taken from, ``?`` where unknown, ``""``
    where there is none. ``shown`` is how people know it: ``engine.begin()``.
    """

    connection: str
    shown: str
    lazy: bool = False
    transaction: bool = True
    autoflush: bool = True
    pool: str = ""


class Flush(Step, frozen=True, gc=False):
    """Changed objects are sent now."""

    connection: str


class Autoflush(Step, frozen=True, gc=False):
    """From here on queries do (not) send changed objects first."""

    connection: str
    on: bool


class Release(Step, frozen=True, gc=False):
    """A transaction ends; ``close``: its connection is given back for good. ``keeps``: changes are sent before."""

    connection: str
    close: bool = False
    keeps: bool = True


class Call(Step, frozen=True, gc=False):
    """A function of the project is called. ``connections`` and ``values`` say what its parameters are here."""

    callee: SymbolKey
    connections: Mapping[str, str] = {}
    values: Mapping[str, str] = {}


class Fork(Step, frozen=True, gc=False):
    """One of several ways is taken, an empty one among them where none need be."""

    ways: tuple[tuple[Step, ...], ...]


class Leave(Step, frozen=True, gc=False):
    """The function ends here: what follows does not follow this."""


class Procedure(msgspec.Struct, frozen=True):
    """One function: its parameters in order, and its steps."""

    symbol: str
    line: int
    parameters: tuple[str, ...]
    steps: tuple[Step, ...]


class FileSteps(msgspec.Struct, frozen=True):
    """All functions of a file, the module's own statements as ``""``."""

    procedures: Mapping[str, Procedure]
    not_analysed: tuple[NotAnalysed, ...] = ()


EMPTY = FileSteps({})
