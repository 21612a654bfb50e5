"""Conflicts and their proofs in words. Pure."""

from __future__ import annotations

from typing import assert_never

from watchkeeper.model.events import (
    CloseReason,
    ConflictChanged,
    ConflictClosed,
    ConflictDismissed,
    ConflictOpened,
    ConflictProbed,
    RuleDemoted,
    RuleRestored,
)
from watchkeeper.model.printing import printable
from watchkeeper.model.probing import Outcome, Proof

_OUTCOMES = {
    Outcome.PROVED: "proved",
    Outcome.PROVED_AT_RUN_TIME: "proved at run time",
    Outcome.CLEARED: "cleared",
    Outcome.NOT_DISPROVED: "not disproved",
    Outcome.FLAKY: "flaky",
    Outcome.COULD_NOT_RUN: "could not be run",
}
_CLOSED = {
    CloseReason.RESOLVED: "the code no longer shows it",
    CloseReason.GONE: "one of the changes is gone",
    CloseReason.RENAMED: "it goes on by another name",
    CloseReason.LANDED: "both changes have landed",
}

ConflictEvent = ConflictOpened | ConflictChanged | ConflictClosed | ConflictDismissed | ConflictProbed


def describe_conflict(event: ConflictEvent) -> str:
    """What happened, in one clause that begins with the conflict's id."""
    match event:
        case ConflictOpened(conflict):
            goes_on = f" (goes on from {', '.join(event.succeeds)})" if event.succeeds else ""
            return f"{conflict.id} opened{goes_on}: {printable(conflict.summary)}"
        case ConflictChanged(conflict):
            return f"{conflict.id} changed: {printable(conflict.summary)}"
        case ConflictClosed():
            return f"{event.id} closed: {_CLOSED[event.reason]}"
        case ConflictDismissed():
            by = f" by {printable(event.by)}" if event.by else ""
            reason = f": {printable(event.reason)}" if event.reason else ""
            return f"{event.id} dismissed{by} as {event.severity.value}{reason}"
        case ConflictProbed():
            return f"{event.id} {proof_words(event.proof)}"
        case _:
            assert_never(event)


def proof_words(proof: Proof) -> str:
    """``proved: `_fmt_exc` is used but not defined (names, 40 ms)``: the outcome, the first finding, who says so."""
    found = "; ".join(printable(each.message) for each in proof.findings[:1])
    more = f" and {len(proof.findings) - 1} more" if len(proof.findings) > 1 else ""
    said = f"{found}{more}" if found else printable(proof.reason)
    by = ", ".join(printable(each) for each in proof.by)
    took = f"{proof.wall_ms / 1000:.1f} s" if proof.wall_ms >= 1000 else f"{proof.wall_ms} ms"
    past = "saved since, being run again" if proof.is_past else ""
    detail = ", ".join(part for part in (by, took, past) if part)
    return f"{_OUTCOMES[proof.outcome]}: {said} ({detail})" if said else _OUTCOMES[proof.outcome]


def describe_rule(event: RuleDemoted | RuleRestored) -> str:
    """What became of a rule, and by how many outcomes."""
    became = "is shown one severity lower" if isinstance(event, RuleDemoted) else "is shown in full again"
    return f"rule {printable(event.rule)} {became}: {event.proved} of its last {event.conclusive} outcomes were proofs"
