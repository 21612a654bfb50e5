"""Proofs for a live watch: what is quick at once, commands in the background, within a budget; what is stale ends."""

from __future__ import annotations

import heapq
import threading
import time
from collections.abc import Callable, Sequence
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

Pair = frozenset[ChangeId]
_UNION: Pair = frozenset()
_MOST_SAVED_S = 60.0
"""Unused budget is kept for so many seconds of work: after a quiet night the first proof need not wait."""


class _Job:
    """Work for the background, in the order of ``order``; ``pair`` is empty for the union of all changes."""

    def __init__(
        self, pair: Pair, order: tuple[int, ...], run: Callable[[threading.Event], Proof | UnionProof | None]
    ) -> None:
        self.pair = pair
        self.run = run
        self.cancel = threading.Event()
        self._order = order

    def __lt__(self, other: _Job) -> bool:
        return self._order < other._order


class Budget:
    """Lets work begin while it has not taken more than its share of time. ``share`` in processors."""

    def __init__(self, share: float, now: float) -> None:
        self._share = share
        self._left_s = _MOST_SAVED_S * share
        self._at = now

    def wait_s(self, now: float) -> float:
        """How long to wait before the next piece of work."""
        self._fill(now)
        if self._left_s > 0:
            return 0.0
        return (-self._left_s + 0.05) / self._share if self._share > 0 else float("inf")

    def spend(self, seconds: float, now: float) -> None:
        """So long a piece of work has run."""
        self._fill(now)
        self._left_s -= seconds

    def _fill(self, now: float) -> None:
        self._left_s = min(self._left_s + (now - self._at) * self._share, _MOST_SAVED_S * self._share)
        self._at = now


class LiveProver:
    """What the watch asks. ``prove`` is for the watch's own thread; one thread of its own runs commands."""

    def __init__(
        self,
        prover: Prover,
        merges: VirtualMerges,
        is_ancestor: IsAncestor,
        commands: CommandProver | None = None,
        *,
        budget: float = 0.5,
        make_sets: Callable[[], SetFinder] | None = None,
    ) -> None:
        """``make_sets`` is called in the background, once: what it makes is used by no other thread."""
        self._prover = prover
        self._merges = merges
        self._is_ancestor = is_ancestor
        self._commands = commands if budget > 0 else None
        self._budget = Budget(budget, time.monotonic())
        self._make_sets = make_sets if budget > 0 else None
        self._sets: SetFinder | None = None
        self._finished: SimpleQueue[Proof | UnionProof] = SimpleQueue()
        self._ready: Callable[[], None] = lambda: None
        self._changed = threading.Condition()
        self._waiting: list[_Job] = []
        self._current: _Job | None = None
        self._number = 0
        self._closed = False
        self._thread: threading.Thread | None = None

    def prove(self, pair: Sequence[LiveTree], suspicions: Sequence[Conflict]) -> Proof:
        """Static checks now; where they say nothing, commands are put in line. Raises: GitError."""
        key = frozenset(each.change for each in pair)
        self.cancel(key)
        started = time.monotonic()
        merge = self._merges.merge(pair, newest_base(pair, self._is_ancestor))
        proof = self._prover.prove_statically(merge)
        if self._commands is not None and proof.outcome is Outcome.NOT_DISPROVED:
            plan = self._prover.plan(merge)
            severity = max((each.severity.rank for each in suspicions), default=0)
            proof = msgspec.structs.replace(proof, is_final=False)
            # The gravest suspicion first, then the pair that touches fewest files.
            order = (0, -severity, len(merge.paths), self._number)
            before = proof
            self._put(_Job(key, order, lambda cancel: self._run_commands(plan, before, cancel)))
        return msgspec.structs.replace(proof, wall_ms=round((time.monotonic() - started) * 1000))

    def unite(self, changes: Sequence[LiveTree]) -> None:
        """When nothing else waits, what all of them break together."""
        self.cancel(_UNION)
        if self._make_sets is not None:
            taken = tuple(changes)
            self._put(_Job(_UNION, (1, self._number), lambda cancel: self._run_union(taken, cancel)))

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
        with self._changed:
            self._waiting = [job for job in self._waiting if job.pair != pair]
            heapq.heapify(self._waiting)
            if self._current is not None and self._current.pair == pair:
                self._current.cancel.set()

    def close(self) -> None:
        """What runs is cancelled; its guardian ends it."""
        with self._changed:
            self._closed = True
            self._waiting.clear()
            if self._current is not None:
                self._current.cancel.set()
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join(timeout=10)

    def _put(self, job: _Job) -> None:
        with self._changed:
            self._number += 1
            heapq.heappush(self._waiting, job)
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="prove", daemon=True)
                self._thread.start()
            self._changed.notify_all()

    def _work(self) -> None:
        while (job := self._next()) is not None:
            started = time.monotonic()
            proof = job.run(job.cancel)
            now = time.monotonic()
            with self._changed:
                self._current = None
                self._budget.spend(now - started, now)
            if proof is not None and not job.cancel.is_set():
                self._finished.put(proof)
                self._ready()

    def _next(self) -> _Job | None:
        """The job to run, when there is one and the budget allows it; None at the end."""
        with self._changed:
            while not self._closed:
                wait = self._budget.wait_s(time.monotonic()) if self._waiting else None
                if self._waiting and not wait:
                    self._current = heapq.heappop(self._waiting)
                    return self._current
                self._changed.wait(wait)
            return None

    def _run_commands(self, plan: Plan, before: Proof, cancel: threading.Event) -> Proof:
        assert self._commands is not None
        try:
            proof = self._commands.prove(plan, before, cancel)
        except WatchkeeperError as error:
            proof = msgspec.structs.replace(before, outcome=Outcome.COULD_NOT_RUN, reason=error.message)
        return msgspec.structs.replace(proof, is_final=True)

    def _run_union(self, changes: Sequence[LiveTree], cancel: threading.Event) -> UnionProof | None:
        """None where it could not be looked at: what was known before stays."""
        assert self._make_sets is not None
        trees = {change.change: change.tree for change in changes}
        try:
            self._sets = self._sets or self._make_sets()
            report = self._sets.find(changes, newest_base(changes, self._is_ancestor), cancel)
        except WatchkeeperError:
            return None
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
        return UnionProof(tuple(trees), tuple(trees.values()), sets)
