"""Merges are run beside the watch: when they come out, somebody may have saved, and it may be over."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from watchkeeper.conflicts.standing import State
from watchkeeper.model.changes import Change, Source
from watchkeeper.model.confidence import Confidence
from watchkeeper.model.conflicts import Conflict, Evidence, Kind, Severity
from watchkeeper.model.events import ConflictOpened, ConflictProbed, Event
from watchkeeper.model.findings import Finding
from watchkeeper.model.ids import ChangeId, ConflictId, Sha
from watchkeeper.model.probing import LiveTree, Outcome, Proof, UnionProof
from watchkeeper.watch.pairs import PairKey
from watchkeeper.watch.proving import Proving

A, B, C = (ChangeId(each) for each in "abc")
BEFORE = {A: Sha("a1"), B: Sha("b1"), C: Sha("c1")}
AFTER = {**BEFORE, B: Sha("b2")}


class ByHand:
    """A prover whose proofs come out when, and as, the test says."""

    def __init__(self) -> None:
        self.out: list[Proof | UnionProof] = []

    def prove(self, pair: Sequence[LiveTree], suspicions: Sequence[Conflict]) -> None: ...
    def prepare(self, bases: Sequence[Sha]) -> None: ...
    def unite(self, changes: Sequence[LiveTree]) -> None: ...
    def listen(self, ready: Callable[[], None]) -> None: ...
    def cancel(self, pair: PairKey) -> None: ...
    def close(self) -> None: ...

    def finished(self) -> Sequence[Proof | UnionProof]:
        out, self.out = self.out, []
        return out


def suspicion(name: str) -> Conflict:
    return Conflict(
        id=ConflictId(f"c-{name}"),
        kind=Kind.STALE_READ,
        rule="stale-read",
        severity=Severity.BLOCKING,
        confidence=Confidence.SURE,
        changes=(A, B),
        subjects=(f"prices:{name}",),
        summary=f"a deletes {name}; b newly calls it",
        why="",
        evidence=(Evidence(A, "prices.py", 1, f"def {name}():"),),
        next_step="",
        fingerprint=name,
    )


RATE, TAX = suspicion("rate"), suspicion("tax")


def proof(*names: str, trees: dict[ChangeId, Sha] = BEFORE) -> Proof:
    findings = tuple(Finding("names", "undefined-name", "use.py", each, f"`{each}` is not there") for each in names)
    return Proof((A, B), (trees[A], trees[B]), Sha("m"), Outcome.PROVED, findings)


def change(identity: ChangeId) -> Change:
    return Change(identity, Source.WORKTREE, identity)


class Watch:
    """Two or three changes; what is suspected of the first two, and their trees, as the test has them."""

    def __init__(self) -> None:
        self.prover, self.suspicions, self.trees = ByHand(), [RATE, TAX], BEFORE
        self.proving = Proving(self.prover, State)

    def run(self) -> None:
        pair = [(change(each), LiveTree(each, None, self.trees[each])) for each in (A, B)]
        self.proving.run(pair, self.suspicions, State())

    def come_out(self, out: Proof | UnionProof) -> list[str]:
        """What opens, by its sentence."""
        return [event.conflict.summary for event in self._events(out) if isinstance(event, ConflictOpened)]

    def proved_by(self, out: Proof | UnionProof) -> list[str]:
        """What it says something of."""
        return [event.id for event in self._events(out) if isinstance(event, ConflictProbed)]

    def _events(self, out: Proof | UnionProof) -> Sequence[Event]:
        self.prover.out.append(out)
        return self.proving.take_finished(
            lambda key: (self.suspicions, [change(each) for each in sorted(key)]), self.trees.get
        )


def test_what_was_suspected_and_is_mended_before_its_proof_comes_out_is_nothing_new() -> None:
    watch = Watch()
    watch.run()
    watch.suspicions = [TAX]
    assert watch.come_out(proof("rate", "tax")) == [], "the merge of now was not asked for yet"


def test_nor_when_the_merge_of_now_was_asked_for() -> None:
    watch = Watch()
    watch.run()
    watch.suspicions, watch.trees = [TAX], AFTER
    watch.run()
    assert watch.come_out(proof("rate", "tax")) == []


def test_what_nobody_had_suspected_is_told_though_somebody_saved_since() -> None:
    watch = Watch()
    watch.run()
    watch.suspicions, watch.trees = [TAX], AFTER
    watch.run()
    assert watch.come_out(proof("fee")) == ["a and b together: `fee` is not there"]


def united(watch: Watch, *names: str) -> UnionProof:
    watch.proving.unite([LiveTree(each, None, tree) for each, tree in BEFORE.items()])
    return UnionProof(tuple(BEFORE), tuple(BEFORE.values()), (proof(*names),))


def test_what_all_changes_together_broke_before_somebody_saved_is_not_told() -> None:
    watch = Watch()
    watch.suspicions = []
    out = united(watch, "rate")
    watch.trees = AFTER
    assert watch.come_out(out) == []


def test_what_all_changes_together_break_is_told_where_those_that_break_it_are_as_they_were() -> None:
    watch = Watch()
    watch.suspicions = []
    out = united(watch, "rate")
    watch.trees = {**BEFORE, C: Sha("c2")}
    assert watch.come_out(out) == ["a and b together: `rate` is not there"]


def test_a_clash_of_texts_that_came_meanwhile_is_not_proved_by_the_merge_of_before() -> None:
    watch = Watch()
    watch.run()
    clash = msgspec.structs.replace(TAX, id=ConflictId("c-text"), kind=Kind.TEXT, rule="text")
    watch.suspicions, watch.trees = [RATE, clash], AFTER
    watch.run()
    assert watch.proved_by(proof("rate", "tax")) == ["c-rate"]
