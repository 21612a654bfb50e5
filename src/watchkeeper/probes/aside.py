"""The live prover in a process of its own: looking at merges computes, and a save must not wait for that.

The watch's side queues what it wants and fetches what came out; it never blocks. Where the process dies, it is started
again and asked again for what it owed; a pair at which it dies twice says so.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING

import msgspec

from watchkeeper.model.conflicts import Conflict
from watchkeeper.model.ids import ChangeId, Sha
from watchkeeper.model.probing import LiveTree, Outcome, Proof, UnionProof
from watchkeeper.record.messages import decode_message, encode_message
from watchkeeper.sandbox.companion import Companion, receive, send

if TYPE_CHECKING:
    from watchkeeper.probes.live import LiveProver  # what the other side alone needs

Pair = frozenset[ChangeId]
_NICE = 5
_MOST_TRIES = 2
_LONG_LIFE_S = 60.0
_MOST_PAUSE_S = 60.0


class Prove(msgspec.Struct, frozen=True, tag="prove"):
    """Run the merge of a pair."""

    pair: tuple[LiveTree, ...]
    suspicions: tuple[Conflict, ...]


class Unite(msgspec.Struct, frozen=True, tag="unite"):
    """Look at what all these changes break together."""

    changes: tuple[LiveTree, ...]


class Cancel(msgspec.Struct, frozen=True, tag="cancel"):
    """Nobody wants to know of this pair any more."""

    pair: tuple[ChangeId, ...]


class Prepare(msgspec.Struct, frozen=True, tag="prepare"):
    """Read these merge bases before they are needed."""

    bases: tuple[Sha, ...]


class Found(msgspec.Struct, frozen=True):
    """One of the two that came out."""

    pair: Proof | None = None
    union: UnionProof | None = None


Order = Prove | Unite | Cancel | Prepare


class _Ordered(msgspec.Struct, frozen=True):
    order: Order


class ProverAside:
    """What the watch asks. Any thread may; nothing blocks but ``close``.

    ``entry`` (``module:function``) is what the process runs: it gets ``introduction`` first, and then calls ``serve``.
    """

    def __init__(self, entry: str, introduction: msgspec.Struct) -> None:
        self._entry = entry
        self._introduction = encode_message(introduction)
        self._guard = threading.Lock()
        self._orders: SimpleQueue[Order | None] = SimpleQueue()
        self._finished: SimpleQueue[Proof | UnionProof] = SimpleQueue()
        self._ready: Callable[[], None] = lambda: None
        self._owed: dict[Pair, Prove] = {}
        self._tries: dict[Pair, int] = {}
        self._union: Unite | None = None
        self._bases: tuple[Sha, ...] = ()
        self._companion: Companion | None = None
        self._deaths = 0
        self._sender: threading.Thread | None = None
        self._closed = threading.Event()

    @property
    def pid(self) -> int | None:
        """Of the process that proves, while there is one."""
        companion = self._companion
        return companion.pid if companion is not None else None

    def prove(self, pair: Sequence[LiveTree], suspicions: Sequence[Conflict]) -> None:
        order = Prove(tuple(pair), tuple(suspicions))
        key = frozenset(each.change for each in pair)
        with self._guard:
            self._owed[key] = order
            self._tries.pop(key, None)
        self._put(order)

    def unite(self, changes: Sequence[LiveTree]) -> None:
        self._union = Unite(tuple(changes))
        self._put(self._union)

    def prepare(self, bases: Sequence[Sha]) -> None:
        self._bases = tuple(bases)
        self._put(Prepare(self._bases))

    def cancel(self, pair: Pair) -> None:
        with self._guard:
            known = self._owed.pop(pair, None)
        if known is not None:
            self._put(Cancel(tuple(pair)))

    def finished(self) -> Sequence[Proof | UnionProof]:
        found = []
        while True:
            try:
                found.append(self._finished.get_nowait())
            except Empty:
                return found

    def listen(self, ready: Callable[[], None]) -> None:
        self._ready = ready

    def close(self) -> None:
        """End the process and all that it runs; some seconds at most."""
        with self._guard:
            self._closed.set()
            companion = self._companion
        self._orders.put(None)
        if companion is not None:
            companion.end()

    def _put(self, order: Order) -> None:
        with self._guard:
            if self._closed.is_set():
                return
            if self._sender is None:
                self._sender = threading.Thread(target=self._send, name="prove-aside", daemon=True)
                self._sender.start()
        self._orders.put(order)

    def _send(self) -> None:
        """Write what is wanted; the process is started with the first of it."""
        companion = self._start()
        while companion is not None and (order := self._orders.get()) is not None:
            with suppress(OSError):  # it died: whoever reads from it starts the next, which is asked again
                companion.send(encode_message(_Ordered(order)))
            companion = self._companion

    def _start(self) -> Companion | None:
        with self._guard:
            if self._closed.is_set():
                return None
            companion = self._companion = Companion(self._entry)
        with suppress(OSError):
            companion.send(self._introduction)
        threading.Thread(target=self._read, args=(companion,), name="prove-answers", daemon=True).start()
        return companion

    def _read(self, companion: Companion) -> None:
        began = time.monotonic()
        while (message := companion.receive()) is not None:
            self._take(decode_message(message, Found))
        if self._closed.is_set():
            return
        ended = companion.end()
        self._give_up(ended)
        self._deaths = self._deaths + 1 if time.monotonic() - began < _LONG_LIFE_S else 1
        if self._deaths > 1:
            self._closed.wait(min(_MOST_PAUSE_S, 2.0 ** (self._deaths - 2)))
        self._start()
        self._ask_again()

    def _take(self, found: Found) -> None:
        if found.pair is not None:
            key = frozenset(found.pair.changes)
            with self._guard:
                owed = self._owed.get(key)
                if owed is None:
                    return  # nobody wants to know any more
                if {each.tree for each in owed.pair} == set(found.pair.trees):
                    del self._owed[key]
            self._finished.put(found.pair)
        elif found.union is not None:
            if self._union is not None and _is_about(self._union.changes, found.union):
                self._union = None
            self._finished.put(found.union)
        self._ready()

    def _give_up(self, ended: str) -> None:
        """What was owed when it died twice would kill it a third time."""
        given_up = []
        with self._guard:
            for key, order in self._owed.items():
                self._tries[key] = self._tries.get(key, 0) + 1
                if self._tries[key] >= _MOST_TRIES:
                    given_up.append(order)
            for order in given_up:
                self._owed.pop(frozenset(each.change for each in order.pair))
        for order in given_up:
            self._finished.put(_could_not(order, f"the process that looks at merges ended twice ({ended})"))
        if given_up:
            self._ready()

    def _ask_again(self) -> None:
        with self._guard:
            owed = tuple(self._owed.values())
        union = self._union
        self._orders.put(Prepare(self._bases))
        for order in owed:
            self._orders.put(order)
        if union is not None:
            self._orders.put(union)


def serve(prover: LiveProver) -> None:
    """The process's life after its introduction: take orders and send proofs, until the input ends."""
    os.nice(_NICE)
    writing = threading.Lock()

    def tell() -> None:
        with writing, suppress(OSError):  # nobody reads any more: the input ends, too
            for proof in prover.finished():
                found = Found(union=proof) if isinstance(proof, UnionProof) else Found(pair=proof)
                send(sys.stdout.buffer, encode_message(found))

    prover.listen(tell)
    while (message := receive(sys.stdin.buffer)) is not None:
        _obey(prover, decode_message(message, _Ordered).order)
    prover.close()


def _obey(prover: LiveProver, order: Order) -> None:
    match order:
        case Prove(pair, suspicions):
            prover.prove(pair, suspicions)
        case Unite(changes):
            prover.unite(changes)
        case Cancel(pair):
            prover.cancel(frozenset(pair))
        case Prepare(bases):
            prover.prepare(bases)


def _could_not(order: Prove, reason: str) -> Proof:
    pair = sorted(order.pair, key=lambda each: each.change)
    return Proof(
        changes=tuple(each.change for each in pair),
        trees=tuple(each.tree for each in pair),
        merged=Sha(""),
        outcome=Outcome.COULD_NOT_RUN,
        reason=reason,
    )


def _is_about(changes: Sequence[LiveTree], union: UnionProof) -> bool:
    return {(each.change, each.tree) for each in changes} == set(zip(union.changes, union.trees, strict=True))
