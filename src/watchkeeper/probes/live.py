"""Proofs for a live watch, beside it: static checks at once, commands within a budget; what is stale ends."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable, Sequence
from queue import Empty, SimpleQueue

import msgspec

from watchkeeper.model.conflicts import Conflict
from watchkeeper.model.errors import WatchkeeperError
from watchkeeper.model.ids import ChangeId, Sha
from watchkeeper.model.probing import LiveTree, Outcome, Proof, UnionProof
from watchkeeper.probes.everything import IsAncestor, newest_base
from watchkeeper.probes.prover import CommandProver, Plan, Prover
from watchkeeper.probes.sets import SetFinder
from watchkeeper.probes.virtual import VirtualMerges
from watchkeeper.probes.work import Budget, Job, Worker

Pair = frozenset[ChangeId]
_UNION: Pair = frozenset()


class LiveProver:
    """What the watch asks. Nothing here blocks it: one thread looks, one runs commands, results are fetched.

    A pair's static outcome comes first. Where it settles nothing and there are commands, only theirs comes. Where saves
    come faster than commands run, every second run is left to finish: it says what the trees of then did.
    """

    def __init__(
        self,
        prover: Prover,
        merges: VirtualMerges,
        is_ancestor: IsAncestor,
        commands: CommandProver | None = None,
        *,
        budget: float = 0.5,
        sets: SetFinder | None = None,
    ) -> None:
        """``prover`` belongs to the thread that looks, ``commands`` and ``sets`` to the one that runs commands."""
        self._prover = prover
        self._merges = merges
        self._is_ancestor = is_ancestor
        self._commands = commands if budget > 0 else None
        self._sets = sets if budget > 0 else None
        self._finished: SimpleQueue[Proof | UnionProof] = SimpleQueue()
        self._ready: Callable[[], None] = lambda: None
        self._looking = Worker("prove", self._failed)
        self._budget = Budget(budget, time.monotonic())
        self._running = Worker("prove-commands", self._failed, self._budget)
        self._taken: dict[Pair, tuple[LiveTree, ...]] = {}
        self._number = 0

    def prove(self, pair: Sequence[LiveTree], suspicions: Sequence[Conflict]) -> None:
        """Static checks in a moment; where they settle nothing, commands, the gravest suspicion first."""
        key = frozenset(each.change for each in pair)
        severity = max((each.severity.rank for each in suspicions), default=0)
        taken = tuple(pair)
        self._running.supersede(key)
        self._taken[key] = taken
        self._number += 1
        order = (-self._number,)  # the newest save first: somebody is looking at it
        self._looking.put(Job(key, order, lambda cancel: self._look(key, taken, severity, cancel)))

    def unite(self, changes: Sequence[LiveTree]) -> None:
        """When nothing else waits, what all of them break together."""
        if self._sets is not None:
            taken = tuple(changes)
            self._running.put(Job(_UNION, (1,), lambda cancel: self._unite(taken, cancel)))

    def prepare(self, bases: Sequence[Sha]) -> None:
        """Read these merge bases, when nothing else waits, before they are needed."""
        for base in bases:
            self._looking.put(Job(base, (1,), lambda _, base=base: self._prover.prepare(base)))  # type: ignore[misc]

    def finished(self) -> Sequence[Proof | UnionProof]:
        found = []
        while True:
            try:
                found.append(self._finished.get_nowait())
            except Empty:
                return found

    def listen(self, ready: Callable[[], None]) -> None:
        self._ready = ready

    def cancel(self, pair: Pair) -> None:
        self._taken.pop(pair, None)
        self._looking.cancel(pair)
        self._running.cancel(pair)

    def close(self) -> None:
        """What runs is cancelled; its guardian ends it."""
        self._running.close()
        self._looking.close()

    def _look(self, key: Pair, pair: Sequence[LiveTree], severity: int, cancel: threading.Event) -> None:
        """Static checks wait for no budget, but what they take is not there for commands."""
        started, taken = time.monotonic(), time.thread_time()
        merge = self._merges.merge(pair, newest_base(pair, self._is_ancestor))
        proof = self._prover.prove_statically(merge)
        ended = time.monotonic()
        self._budget.spend(time.thread_time() - taken, ended)
        proof = msgspec.structs.replace(proof, wall_ms=round((ended - started) * 1000))
        if self._commands is None or proof.outcome is not Outcome.NOT_DISPROVED:
            self._running.cancel(key)
            self._tell(proof, cancel)
            return
        plan = self._prover.plan(merge)
        order = (0, -severity, len(merge.paths), self._number)
        if not cancel.is_set():
            self._running.put(Job(key, order, lambda stale: self._run(plan, proof, stale)))

    def _run(self, plan: Plan, before: Proof, cancel: threading.Event) -> None:
        assert self._commands is not None
        try:
            proof = self._commands.prove(plan, before, cancel)
        except WatchkeeperError as error:
            proof = msgspec.structs.replace(before, outcome=Outcome.COULD_NOT_RUN, reason=error.message)
        self._tell(proof, cancel)

    def _unite(self, changes: Sequence[LiveTree], cancel: threading.Event) -> None:
        """Where it cannot be looked at, what was known before stays."""
        assert self._sets is not None
        trees = {change.change: change.tree for change in changes}
        report = self._sets.find(changes, newest_base(changes, self._is_ancestor), cancel)
        sets = tuple(
            Proof(
                changes=tuple(sorted(each.changes)),
                trees=tuple(trees[name] for name in sorted(each.changes)),
                merged=Sha(""),
                outcome=Outcome.PROVED,
                findings=each.findings,
                by=tuple(dict.fromkeys(finding.check for finding in each.findings)),
                runs=report.runs,
            )
            for each in report.sets
        )
        self._tell(UnionProof(tuple(trees), tuple(trees.values()), sets), cancel)

    def _tell(self, proof: Proof | UnionProof, cancel: threading.Event) -> None:
        if not cancel.is_set():
            self._finished.put(proof)
            self._ready()

    def _failed(self, key: Hashable, error: Exception) -> None:
        """A pair that cannot be run says so: that nothing was found would be a lie."""
        taken = self._taken.get(key) if isinstance(key, frozenset) else None
        if taken is None:
            return
        pair = sorted(taken, key=lambda each: each.change)
        reason = error.message if isinstance(error, WatchkeeperError) else f"{type(error).__name__}: {error}"
        self._finished.put(
            Proof(
                changes=tuple(each.change for each in pair),
                trees=tuple(each.tree for each in pair),
                merged=Sha(""),
                outcome=Outcome.COULD_NOT_RUN,
                reason=reason,
            )
        )
        self._ready()
