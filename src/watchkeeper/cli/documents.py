"""Conflicts, changes and events as documents for programs; the fields are listed in ``docs/cli.md``."""

from __future__ import annotations

import json
from collections.abc import Iterable

import msgspec

from watchkeeper.conflicts.standing import ConflictState
from watchkeeper.controlroom.wording.times import render_moment_iso
from watchkeeper.model.agents import AgentEvent
from watchkeeper.model.changes import Change
from watchkeeper.model.conflicts import Conflict
from watchkeeper.model.events import Opaque, Recorded
from watchkeeper.model.probing import Proof
from watchkeeper.record.codec import kind_of


def conflict_document(conflict: Conflict) -> dict[str, object]:
    """A conflict: everything that its readers need, without what only the log needs."""
    return {
        "id": conflict.id,
        "kind": conflict.kind.value,
        "rule": conflict.rule,
        "severity": conflict.severity.value,
        "confidence": conflict.confidence.value,
        "changes": list(conflict.changes),
        "subjects": list(conflict.subjects),
        "summary": conflict.summary,
        "why": conflict.why,
        "evidence": [msgspec.to_builtins(each) for each in conflict.evidence],
        "next_step": conflict.next_step,
    }


def state_document(state: ConflictState) -> dict[str, object]:
    """A conflict and where it stands."""
    return {
        **conflict_document(state.conflict),
        "severity": state.severity.value,
        "suspected": state.conflict.severity.value,
        "outcome": state.proof.outcome.value if state.proof else None,
        "proof": proof_document(state.proof) if state.proof else None,
        "status": state.status.value,
        "opened_at": render_moment_iso(state.opened_at),
        "changed_at": render_moment_iso(state.changed_at),
        "closed": state.closed.value if state.closed else None,
        "unanswered": list(state.unanswered),
    }


def proof_document(proof: Proof) -> dict[str, object]:
    """What running the merge came to; each finding with its identity, which no line number is part of."""
    return {
        "outcome": proof.outcome.value,
        "by": list(proof.by),
        "reason": proof.reason,
        "findings": [{**msgspec.to_builtins(each), "identity": list(each.key)} for each in proof.findings],
        "changes": list(proof.changes),
        "trees": list(proof.trees),
        "merged": proof.merged,
        "runs": proof.runs,
        "wall_ms": proof.wall_ms,
        "isolation": proof.isolation or None,
        "is_past": proof.is_past,
    }


def change_document(change: Change) -> dict[str, object]:
    """A change: who, where, from which base."""
    return {
        "id": change.id,
        "source": change.source.value,
        "label": change.label,
        "head": change.head,
        "base": change.base,
        "path": change.path,
        "branch": change.branch,
        "author": change.author,
        "since": render_moment_iso(change.since) if change.since else None,
    }


def check_document(changes: Iterable[Change], conflicts: Iterable[Conflict]) -> dict[str, object]:
    """What ``check`` and each picture of ``watch`` say."""
    return {
        "changes": [change_document(change) for change in changes],
        "conflicts": [conflict_document(conflict) for conflict in conflicts],
    }


def event_document(recorded: Recorded) -> dict[str, object]:
    """An event with its place in the log; one of a newer version as that version wrote it."""
    event = recorded.event
    return {
        "seq": recorded.seq,
        "at": render_moment_iso(recorded.at),
        "project": recorded.project,
        "kind": kind_of(event),
        "event": _parsed(event.payload) if isinstance(event, Opaque) else msgspec.to_builtins(event),
    }


def agent_event_document(event: AgentEvent) -> dict[str, object]:
    """One thing that an agent did."""
    return {"type": "agent-event", **msgspec.to_builtins(event)}


def _parsed(payload: str) -> object:
    try:
        return json.loads(payload)
    except ValueError:
        return payload
