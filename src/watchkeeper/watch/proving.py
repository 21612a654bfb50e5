"""Suspicions get proved or cleared: which pairs have to be run again, and what is recorded of what comes out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

import msgspec

from watchkeeper.conflicts.emergent import RUN_TIME, attach_proof, make_emergent
from watchkeeper.conflicts.standing import ConflictState, State, Status
from watchkeeper.model.changes import Change
from watchkeeper.model.conflicts import Conflict, Kind
from watchkeeper.model.events import CloseReason, ConflictClosed, ConflictOpened, ConflictProbed, Event
from watchkeeper.model.ids import ChangeId, ConflictId, Sha
from watchkeeper.model.probing import LiveTree, Outcome, Proof, UnionProof
from watchkeeper.watch.pairs import PairKey

About = Callable[[PairKey], tuple[Sequence[Conflict], Sequence[Change]]]
"""What is suspected of changes at the moment, and those of them that are live."""
TreeOf = Callable[[ChangeId], Sha | None]
"""The tree of a live change as it is now; None where it is gone."""
_MOST_PREPARED = 2
_MOST_ASKED = 4
_Standing = tuple[tuple[Sha, ...], tuple[ConflictId, ...]]


class Prover(Protocol):
    """What runs merges, beside the watch: a save never waits for a proof.

    A newer ``prove`` of the same pair takes the place of what was begun for it; now and then that is finished first,
    and comes out with the trees of then. First comes what static checks say, then, where there are commands, what they
    say.
    """

    def prove(self, pair: Sequence[LiveTree], suspicions: Sequence[Conflict]) -> None:
        """Run the merge of a pair. Does not block."""

    def prepare(self, bases: Sequence[Sha]) -> None:
        """Get ready for merges on these bases. Does not block."""

    def unite(self, changes: Sequence[LiveTree]) -> None:
        """Look, in the background, at what all these changes break together. A newer call takes its place."""

    def finished(self) -> Sequence[Proof | UnionProof]:
        """What has come out in the background since this was asked last. Does not block."""

    def listen(self, ready: Callable[[], None]) -> None:
        """Have ``ready`` called, from any thread, when something has come out."""

    def cancel(self, pair: PairKey) -> None:
        """Nobody wants to know of this pair any more."""

    def close(self) -> None:
        """End everything that runs."""


class Proving:
    """Pairs wait here until they are run. A pair is run again only where a tree or a suspicion differs."""

    def __init__(self, prover: Prover, state: Callable[[], State]) -> None:
        self._prover = prover
        self._state = state
        self._waiting: dict[PairKey, None] = {}
        self._standing: dict[PairKey, _Standing] = {}
        self._asked: dict[PairKey, dict[frozenset[Sha], tuple[Conflict, ...]]] = {}
        self._united: frozenset[tuple[ChangeId, Sha]] = frozenset()
        self._awaited: set[PairKey] = set()
        self.proofs = 0
        self.unions = 0

    def prepare(self, changes: Iterable[Change]) -> None:
        """These are live: two of them on one base may meet there."""
        bases = Counter(change.base for change in changes if change.base is not None)
        self._prover.prepare([base for base, count in bases.most_common(_MOST_PREPARED) if count > 1])

    @property
    def has_waiting(self) -> bool:
        return bool(self._waiting)

    @property
    def is_awaiting(self) -> bool:
        """Some pairs are being run."""
        return bool(self._awaited)

    def note(self, pairs: Iterable[PairKey]) -> None:
        """These were compared again; the newest are run first."""
        for pair in pairs:
            self._waiting.pop(pair, None)
            self._waiting[pair] = None

    def next_pair(self) -> PairKey:
        """The pair to run now."""
        return self._waiting.popitem()[0]

    def run(
        self, pair: Sequence[tuple[Change, LiveTree]], suspicions: Sequence[Conflict], known: State
    ) -> tuple[Event, ...]:
        """Have one pair run, and say what follows at once: where nothing is suspected any more, that it is over."""
        key = frozenset(change.id for change, _ in pair)
        standing = (tuple(live.tree for _, live in pair), tuple(sorted(each.id for each in suspicions)))
        if self._standing.get(key) == standing:
            return ()
        if not suspicions:
            self.drop(key)
            return self._closed(key, known, frozenset(), CloseReason.RESOLVED)
        self._standing[key] = standing
        self.proofs += 1
        self._awaited.add(key)
        self._remember(key, frozenset(standing[0]), suspicions)
        self._prover.prove([live for _, live in pair], suspicions)
        return ()

    def take_finished(self, about: About, tree_of: TreeOf) -> tuple[Event, ...]:
        """What came out in the background. Of trees that have moved on since, only what they broke together.

        What was suspected when it was begun and is over by now is nothing new.
        """
        events: list[Event] = []
        for proof in self._prover.finished():
            if isinstance(proof, UnionProof):
                events += self._follow_union(proof, about, tree_of)
                continue
            key = frozenset(proof.changes)
            standing = self._standing.get(key)
            is_now = standing is not None and set(standing[0]) == set(proof.trees)
            if is_now:
                self._awaited.discard(key)
            suspicions, changes = about(key)
            if standing is None or len(changes) < len(key):
                continue
            if is_now:
                events += self._follow(proof, suspicions, changes, self._state())
            elif proof.outcome is Outcome.PROVED and suspicions:
                past = msgspec.structs.replace(proof, is_past=True)
                emergent = make_emergent(past, [*self._suspected_then(proof), *suspicions], changes)
                events += _told(past, suspicions, emergent, self._state())
        return tuple(events)

    def unite(self, changes: Sequence[LiveTree]) -> None:
        """Look at all changes together, where any of them differs from the last time. Two are a pair, not a union."""
        now = frozenset((change.change, change.tree) for change in changes)
        if now != self._united and len(changes) > 2:
            self._united = now
            self._prover.unite(changes)

    def _remember(self, pair: PairKey, trees: frozenset[Sha], suspicions: Sequence[Conflict]) -> None:
        asked = self._asked.setdefault(pair, {})
        asked.pop(trees, None)
        asked[trees] = tuple(suspicions)
        while len(asked) > _MOST_ASKED:
            del asked[next(iter(asked))]

    def _suspected_then(self, proof: Proof) -> tuple[Conflict, ...]:
        """What was suspected of these trees when their merge was asked for."""
        return self._asked.get(frozenset(proof.changes), {}).get(frozenset(proof.trees), ())

    def _follow_union(self, union: UnionProof, about: About, tree_of: TreeOf) -> list[Event]:
        """Sets of two are said of the pair; larger ones are conflicts of their own, closed when they are not found.

        Of a set in which somebody saved meanwhile nothing is said: it may be over, and nobody would take it back.
        """
        is_past = self._united != frozenset(zip(union.changes, union.trees, strict=True))
        self.unions += 1
        known, events, kept = self._state(), list[Event](), set[ConflictId]()
        for found in union.sets:
            proof = msgspec.structs.replace(found, is_past=is_past)
            suspicions, changes = about(frozenset(proof.changes))
            if len(changes) == len(proof.changes):
                emergent = make_emergent(proof, suspicions, changes)
                kept |= {conflict.id for conflict in emergent}
                if all(tree_of(change) == tree for change, tree in zip(proof.changes, proof.trees, strict=True)):
                    events += _told_emergent(emergent, proof, known)
        if is_past:
            return events  # a newer union will say what is over
        members = frozenset(union.changes)
        for identity, each in known.conflicts.items():
            is_open = _is_emergent(each)
            if is_open and len(each.conflict.changes) > 2 and identity not in kept:
                reason = CloseReason.RESOLVED if members >= set(each.conflict.changes) else CloseReason.GONE
                events.append(ConflictClosed(identity, reason))
        return events

    def drop(self, pair: PairKey) -> None:
        """Nobody suspects the pair any more, or one of its changes is gone."""
        self._waiting.pop(pair, None)
        self._awaited.discard(pair)
        self._asked.pop(pair, None)
        if self._standing.pop(pair, None) is not None:
            self._prover.cancel(pair)

    def gone(self, pair: PairKey, known: State) -> tuple[Event, ...]:
        """One of its changes is gone."""
        self.drop(pair)
        return self._closed(pair, known, frozenset(), CloseReason.GONE)

    def close(self) -> None:
        self._prover.close()

    def _follow(
        self, proof: Proof, suspicions: Sequence[Conflict], changes: Sequence[Change], known: State
    ) -> tuple[Event, ...]:
        named = [*self._suspected_then(proof), *suspicions]
        emergent = make_emergent(proof, named, changes) if proof.outcome is Outcome.PROVED else ()
        events = _told(proof, suspicions, emergent, known)
        kept = frozenset(conflict.id for conflict in emergent)
        return (*events, *self._closed(frozenset(proof.changes), known, kept, CloseReason.RESOLVED))

    def _closed(
        self, pair: PairKey, known: State, kept: frozenset[ConflictId], reason: CloseReason
    ) -> tuple[Event, ...]:
        """Emergent conflicts of the pair that are no longer found."""
        return tuple(ConflictClosed(each.id, reason) for each in open_emergent(known, pair) if each.id not in kept)


def _told(proof: Proof, suspicions: Sequence[Conflict], emergent: Sequence[Conflict], known: State) -> list[Event]:
    """What is said of the suspicions and what is emergent, where it is news.

    Of a clash of texts a merge says nothing: where it ran, there was none yet.
    """
    events = _told_emergent(emergent, proof, known)
    for conflict in suspicions:
        if conflict.kind is Kind.TEXT:
            continue
        own = attach_proof(conflict, proof)
        if _is_news(known.conflicts.get(conflict.id), own):
            events.append(ConflictProbed(conflict.id, own))
    return events


def _told_emergent(emergent: Sequence[Conflict], proof: Proof, known: State) -> list[Event]:
    """Emergent conflicts open with their proof."""
    events: list[Event] = []
    for conflict in emergent:
        before = known.conflicts.get(conflict.id)
        if before is None or before.status is Status.CLOSED:
            events.append(ConflictOpened(conflict))
        own = attach_proof(conflict, proof)
        if before is None or before.status is Status.CLOSED or _is_news(before, own):
            events.append(ConflictProbed(conflict.id, own))
    return events


def emergent_pairs(state: State) -> set[PairKey]:
    """The pairs that have open emergent conflicts: what the last run left."""
    return {
        frozenset(each.conflict.changes)
        for each in state.conflicts.values()
        if _is_emergent(each) and len(each.conflict.changes) == 2
    }


def open_emergent(state: State, pair: PairKey) -> tuple[Conflict, ...]:
    """What a pair's merge broke when it was run last."""
    return tuple(
        each.conflict
        for each in state.conflicts.values()
        if _is_emergent(each) and frozenset(each.conflict.changes) == pair
    )


def _is_emergent(state: ConflictState) -> bool:
    """Open since the merge was run: what was seen at run time is no finding of a merge, and does not go with one."""
    conflict = state.conflict
    return conflict.kind is Kind.EMERGENT and state.status is not Status.CLOSED and conflict.rule != RUN_TIME


def _is_news(before: ConflictState | None, proof: Proof) -> bool:
    """Whether a person would notice: the outcome or what was found differs, not how long it took."""
    if before is None or before.proof is None:
        return True
    if before.proof.outcome is Outcome.PROVED_AT_RUN_TIME:
        return False  # it happened, whatever a run says
    return _gist(before.proof) != _gist(proof)


def _gist(proof: Proof) -> tuple[object, ...]:
    return proof.outcome, tuple(finding.key for finding in proof.findings), proof.by, proof.reason
