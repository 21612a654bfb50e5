"""A function's steps replayed: which claims are held when a statement is sent, and which of them it waits for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import groupby
from typing import NamedTuple

import msgspec

from watchkeeper.code.database.claims import Claim, Lock, Pairs, must_wait
from watchkeeper.code.database.steps import (
    Autoflush,
    Call,
    Flush,
    Fork,
    Leave,
    Open,
    Procedure,
    Release,
    Step,
    Use,
)
from watchkeeper.model.ids import SymbolKey

DEPTH = 3
_MOST_STEPS = 5_000  # a budget for one function: what is beyond is not looked at
_MOST_HELD = 200

Lookup = Callable[[SymbolKey], Procedure | None]


class Place(NamedTuple):
    """Where a claim is made: the function, the line in it, and the calls that led there.

    ``sites`` are the lines of these calls with the functions that they stand in, the outermost first.
    """

    symbol: SymbolKey
    line: int
    calls: tuple[SymbolKey, ...] = ()
    sites: tuple[tuple[SymbolKey, int], ...] = ()


class Held(NamedTuple):
    """A claim and where it was made."""

    claim: Claim
    place: Place


class Link(NamedTuple):
    """A connection during a replay. ``busy``: it is out of the pool; ``held`` is what its transaction holds."""

    name: str
    shown: str
    lazy: bool = False
    transaction: bool = True
    autoflush: bool = True
    pool: str = "?"
    busy: bool = False
    held: tuple[Held, ...] = ()
    pending: tuple[Held, ...] = ()


class Hang(NamedTuple):
    """``wanted`` over ``link`` waits for ``held`` over ``holder``, which the same thread would have to end."""

    holder: Link
    held: Held
    link: Link
    wanted: Held


class Second(NamedTuple):
    """``link`` is taken from a pool while ``holder`` is out of it."""

    holder: Link
    link: Link
    place: Place


class Order(NamedTuple):
    """In one transaction ``first`` is claimed before ``then``."""

    first: Held
    then: Held


class Sent(NamedTuple):
    """One statement as it is sent over ``link``: its claims, each with the line that made it.

    Of changed objects that are flushed together each table is a statement, with all assignments that it has in it.
    """

    link: Link
    claims: tuple[Held, ...]


class Outcome(msgspec.Struct):
    """What a replay has met. ``cut``: the function was too long to be replayed whole. ``sent``: where it was asked."""

    hangs: list[Hang] = []
    seconds: list[Second] = []
    orders: list[Order] = []
    sent: list[Sent] = []
    cut: bool = False


_State = dict[str, Link]


def replay(key: SymbolKey, procedure: Procedure, lookup: Lookup, *, listening: bool = False) -> Outcome:
    """Replay a function, the functions it calls placed where they are called, three calls deep.

    ``listening``: every statement is noted as it is sent.
    """
    player = _Player(lookup, listening=listening)
    player.run(procedure.steps, {}, _Frame(key, "", {}, {}, ()))
    return player.outcome


class _Frame(NamedTuple):
    """One call: how its names translate to those of the function that is replayed."""

    symbol: SymbolKey
    prefix: str
    connections: Mapping[str, str]
    values: Mapping[str, str]
    calls: tuple[SymbolKey, ...]
    sites: tuple[tuple[SymbolKey, int], ...] = ()

    def place(self, line: int) -> Place:
        return Place(self.symbol, line, self.calls, self.sites)

    def connection(self, name: str) -> str:
        if name.startswith("!") or not name:
            return name
        return self.connections.get(name) or f"{self.prefix}{name}"

    def value(self, text: str) -> str:
        if not self.calls:
            return text
        if text.startswith("@"):
            return self.values.get(text[1:], "")
        return text if text.startswith("=") else ""

    def claim(self, claim: Claim) -> Claim:
        if not self.calls or not (claim.row or claim.values):
            return claim
        return msgspec.structs.replace(claim, row=self._pairs(claim.row), values=self._pairs(claim.values))

    def _pairs(self, pairs: Pairs) -> Pairs:
        return tuple((column, self.value(value)) for column, value in pairs)


class _Player:
    def __init__(self, lookup: Lookup, *, listening: bool) -> None:
        self.outcome = Outcome()
        self._listening = listening
        self._lookup = lookup
        self._left = _MOST_STEPS

    def run(self, steps: tuple[Step, ...], state: _State, frame: _Frame) -> bool:
        """Play steps over a state, which changes. False where they end the function."""
        for step in steps:
            self._left -= 1
            if self._left < 0:
                self.outcome.cut = True
                return True
            match step:
                case Open():
                    self._open(step, state, frame)
                case Use():
                    self._use(step, state, frame)
                case Flush():
                    self._flush(frame.connection(step.connection), state)
                case Autoflush():
                    name = frame.connection(step.connection)
                    if name in state:
                        state[name] = state[name]._replace(autoflush=step.on)
                case Release():
                    self._release(step, state, frame)
                case Call():
                    self._call(step, state, frame)
                case Fork():
                    if not self._fork(step, state, frame):
                        return False
                case Leave():
                    return False
        return True

    def _open(self, step: Open, state: _State, frame: _Frame) -> None:
        name = frame.connection(step.connection)
        if name in state:
            return
        state[name] = Link(name, step.shown, step.lazy, step.transaction, step.autoflush, step.pool)
        if not step.lazy:
            self._take(name, frame.place(step.line), state)

    def _take(self, name: str, place: Place, state: _State) -> None:
        """The connection is taken out of its pool now."""
        link = state[name]
        if link.busy:
            return
        for other in state.values():
            if other.busy and _share_pool(other, link):
                self.outcome.seconds.append(Second(other, link, place))
        state[name] = link._replace(busy=True)

    def _use(self, step: Use, state: _State, frame: _Frame) -> None:
        name = frame.connection(step.connection)
        if not name:
            return
        place = frame.place(step.line)
        made = tuple(Held(frame.claim(claim), place) for claim in step.claims)
        if name not in state:
            state[name] = Link(name, _shown(name), transaction=False, pool="")
        if step.deferred:
            state[name] = state[name]._replace(pending=(*state[name].pending, *made)[-_MOST_HELD:])
            return
        self._take(name, place, state)
        if step.flushes and state[name].autoflush:
            self._flush(name, state)
        self._note(state[name], made)
        for held in made:
            self._claim(name, held, state)

    def _note(self, link: Link, made: tuple[Held, ...]) -> None:
        if self._listening and made and len(self.outcome.sent) < _MOST_STEPS:
            self.outcome.sent.append(Sent(link, made))

    def _claim(self, name: str, wanted: Held, state: _State) -> None:
        link, claim = state[name], wanted.claim
        for other in state.values():
            if other.name != name:
                hangs = (Hang(other, held, link, wanted) for held in other.held if must_wait(claim, held.claim))
                self.outcome.hangs += hangs
        if not link.transaction:
            return
        if claim.lock is not Lock.READ:
            others = (h for h in link.held if h.claim.lock is not Lock.READ and h.claim.table != claim.table)
            self.outcome.orders += (Order(held, wanted) for held in others)
        state[name] = link._replace(held=(*link.held, wanted)[-_MOST_HELD:])

    def _flush(self, name: str, state: _State) -> None:
        """Changed objects are sent, in an order of the session's own: not the order in which they were changed."""
        link = state.get(name)
        if link is None or not link.pending:
            return
        state[name] = link._replace(pending=())
        self._take(name, link.pending[0].place, state)
        ordered = sorted(link.pending, key=lambda h: (h.claim.lock is Lock.INSERT, h.claim.table))
        for _, together in groupby(ordered, key=lambda h: (h.claim.lock is Lock.INSERT, h.claim.table)):
            self._note(state[name], tuple(together))
        for held in ordered:
            self._claim(name, held, state)

    def _release(self, step: Release, state: _State, frame: _Frame) -> None:
        name = frame.connection(step.connection)
        link = state.get(name)
        if link is None:
            return
        if step.keeps:
            self._flush(name, state)
        if step.close:
            state.pop(name, None)
        else:
            state[name] = state[name]._replace(held=(), pending=(), busy=link.busy and not link.lazy)

    def _call(self, step: Call, state: _State, frame: _Frame) -> None:
        if len(frame.calls) >= DEPTH or step.callee in (frame.symbol, *frame.calls):
            return
        procedure = self._lookup(step.callee)
        if procedure is None:
            return
        inner = _Frame(
            step.callee,
            f"{frame.prefix}{step.callee.qualname}@{step.line}/",
            {name: frame.connection(passed) for name, passed in step.connections.items()},
            {name: frame.value(value) for name, value in step.values.items()},
            (*frame.calls, step.callee),
            (*frame.sites, (frame.symbol, step.line)),
        )
        self.run(procedure.steps, state, inner)
        for name in [name for name in state if name.startswith(inner.prefix)]:
            del state[name]

    def _fork(self, step: Fork, state: _State, frame: _Frame) -> bool:
        """Every way from the same state; what is held afterwards is what any way leaves held."""
        states = []
        for way in step.ways:
            mine = dict(state)
            if self.run(way, mine, frame):
                states.append(mine)
        if not states:
            return False
        merged = states[0]
        for other in states[1:]:
            for name, link in other.items():
                merged[name] = _joined(merged[name], link) if name in merged else link
        state.clear()
        state.update(merged)
        return True


def _joined(one: Link, other: Link) -> Link:
    return one._replace(
        busy=one.busy or other.busy,
        held=tuple(dict.fromkeys((*one.held, *other.held))),
        pending=tuple(dict.fromkeys((*one.pending, *other.pending))),
    )


def _share_pool(one: Link, other: Link) -> bool:
    """Whether both may be taken from the same pool; Django keeps one connection a thread, and has none."""
    if not one.pool or not other.pool:
        return False
    return one.pool == other.pool or "?" in (one.pool, other.pool)


def _shown(name: str) -> str:
    return name.removeprefix("!").replace("django:", "Django's connection ")
