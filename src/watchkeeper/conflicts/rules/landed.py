"""landed: the target branch moved under what a live change relies on, or two landed changes meet there."""

from __future__ import annotations

import msgspec

from watchkeeper.conflicts.pair import Pair, fingerprint_of
from watchkeeper.model.conflicts import Conflict
from watchkeeper.model.ids import ConflictId

RULE = "landed"


def restate_landed(pair: Pair, conflict: Conflict) -> Conflict:
    """The same conflict, told to the side that can still do something about it."""
    landed = [party for party in (pair.first, pair.second) if party.is_landed]
    if not landed:
        return conflict
    live = pair.second if landed[0] is pair.first else pair.first
    if len(landed) == 2:
        step = "both are in the target branch already: run the tests that cover both, and repair there"
        summary = f"landed: {conflict.summary}"
    else:
        step = f"rebase {live.label} onto the target branch and adapt it to {landed[0].label}"
        summary = f"already landed under {live.label}: {conflict.summary}"
    fingerprint = fingerprint_of(RULE, conflict.changes, (conflict.fingerprint,))
    return msgspec.structs.replace(
        conflict,
        rule=RULE,
        summary=summary,
        next_step=step,
        fingerprint=fingerprint,
        id=ConflictId(f"c-{fingerprint[:8]}"),
    )
