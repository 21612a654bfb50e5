"""What proving a suspicion came to: values, recorded as events."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from watchkeeper.model.findings import Finding
from watchkeeper.model.ids import ChangeId, ConflictId, Sha


class Outcome(StrEnum):
    """What running the virtual merge, or the world, said of a suspicion."""

    PROVED = "proved"  # a finding of the merge that neither side has alone
    PROVED_AT_RUN_TIME = "proved-at-run-time"  # it happened: an incident was traced to both sides
    CLEARED = "cleared"  # tests that cover both sides' changed lines on the merge passed
    NOT_DISPROVED = "not-disproved"  # nothing was found, but what ran does not cover both sides
    FLAKY = "flaky"  # a new failure that did not repeat on the same tree
    COULD_NOT_RUN = "could-not-run"  # no check could be run: nothing follows from it

    @property
    def is_conclusive(self) -> bool:
        return self.is_proof or self is Outcome.CLEARED

    @property
    def is_proof(self) -> bool:
        """The conflict is real: on a merge that was run, or where it hurt."""
        return self in (Outcome.PROVED, Outcome.PROVED_AT_RUN_TIME)


class LiveTree(msgspec.Struct, frozen=True):
    """A change as it is at the moment: its tree in the hub, what it started from, and the paths that it touches.

    ``joint`` are the trees of it and one other change of the same checkout together, where these are known: what git
    would make of the two does not matter then.
    """

    change: ChangeId
    base: Sha | None
    tree: Sha
    paths: frozenset[str] = frozenset()
    joint: tuple[tuple[ChangeId, Sha], ...] = ()


class UnionProof(msgspec.Struct, frozen=True):
    """What the merge of many changes at once says: the fewest that break each other, each set as a proof.

    ``changes`` are those that were merged, with their ``trees``; what git could not merge with the others is left out.
    """

    changes: tuple[ChangeId, ...]
    trees: tuple[Sha, ...]
    sets: tuple[Proof, ...] = ()


class Proof(msgspec.Struct, frozen=True):
    """What was run on the virtual merge of ``changes``, and what came of it.

    ``changes`` are sorted; ``trees`` are theirs, in that order, and ``merged`` the tree that git makes of them all.
    Of what happened at run time ``trees`` are the two commits, and ``merged`` the commit that runs.
    ``findings`` are emergent: the merge has them, and neither side alone, nor the base. ``by`` names the checks that
    decided, ``reason`` is one clause for people. ``runs`` counts commands that were run (static checks are none), and
    ``wall_ms`` how long it took. ``conflicts`` are the suspicions that it speaks of.
    ``is_past``: files were saved while it ran, and the merge of now is still to be run.
    """

    changes: tuple[ChangeId, ...]
    trees: tuple[Sha, ...]
    merged: Sha
    outcome: Outcome
    findings: tuple[Finding, ...] = ()
    by: tuple[str, ...] = ()
    reason: str = ""
    runs: int = 0
    wall_ms: int = 0
    conflicts: tuple[ConflictId, ...] = ()
    isolation: str = ""  # "full", or what the commands' sandbox lacked; "" where no command ran
    is_past: bool = False
