"""Prove every suspicion among named changes, once: what ``watchkeeper prove`` does."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import combinations

import msgspec

from watchkeeper.conflicts.emergent import attach_proof, make_emergent
from watchkeeper.model.changes import Change, WorkNotCounted
from watchkeeper.model.conflicts import Conflict
from watchkeeper.model.ids import ConflictId, Sha
from watchkeeper.model.probing import LiveTree, Outcome, Proof
from watchkeeper.probes.prover import Prover
from watchkeeper.probes.sets import SetFinder, UnionReport

IsAncestor = Callable[[Sha, Sha], bool]


class ProveReport(msgspec.Struct, frozen=True):
    """Conflicts with what became of each, the proof of each pair that was run, and the minimal sets of more than two.

    ``conflicts`` hold those that only running the merges showed, too. ``outcomes`` has a proof for each of them.
    """

    changes: tuple[Change, ...]
    conflicts: tuple[Conflict, ...]
    outcomes: Mapping[ConflictId, Proof]
    proofs: tuple[Proof, ...]
    union: UnionReport | None = None
    not_counted: tuple[WorkNotCounted, ...] = ()


class Everything:
    """Runs the pairs, then the union where there are more than two changes."""

    def __init__(self, prover: Prover, sets: SetFinder, is_ancestor: IsAncestor) -> None:
        self._prover = prover
        self._sets = sets
        self._is_ancestor = is_ancestor

    def prove_all(
        self, changes: Sequence[Change], live: Sequence[LiveTree], suspicions: Sequence[Conflict]
    ) -> ProveReport:
        """The one pair of two changes; of more than two, the pairs that are suspected, and the union.

        Raises: GitError.
        """
        by_id = {change.id: change for change in changes}
        found: list[Conflict] = []
        outcomes: dict[ConflictId, Proof] = {}
        proofs = []
        for one, two in combinations(live, 2):
            names = tuple(sorted((one.change, two.change)))
            about = [each for each in suspicions if each.changes == names]
            if not about and len(live) > 2:
                continue
            proof = self._prover.prove([one, two], newest_base([one, two], self._is_ancestor), about)
            proofs.append(proof)
            for conflict in settle(proof, about, [by_id[name] for name in names]):
                found.append(conflict)
                outcomes[conflict.id] = attach_proof(conflict, proof)
        union = self._sets.find(live, newest_base(live, self._is_ancestor)) if len(live) > 2 else None
        found.sort(key=lambda c: (-c.severity.rank, -c.confidence.rank, c.changes, c.subjects))
        return ProveReport(tuple(changes), tuple(found), outcomes, tuple(proofs), union)


def settle(proof: Proof, suspicions: Sequence[Conflict], changes: Sequence[Change]) -> tuple[Conflict, ...]:
    """The suspicions, and an emergent conflict for what a proof found that none of them had named."""
    if proof.outcome is not Outcome.PROVED:
        return tuple(suspicions)
    return (*suspicions, *make_emergent(proof, suspicions, changes))


def newest_base(changes: Sequence[LiveTree], is_ancestor: IsAncestor) -> Sha | None:
    """The base that has the others in its history, else that of the first: where the changes are carried to."""
    bases = list(dict.fromkeys(change.base for change in changes if change.base is not None))
    newest = bases[0] if bases else None
    for base in bases[1:]:
        if newest is not None and is_ancestor(newest, base):
            newest = base
    return newest
