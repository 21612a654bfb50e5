"""Which kind each finding is of: its rule says so, or the catalogue proposes."""

from __future__ import annotations

from watchkeeper.model.events import Event
from watchkeeper.model.scouting import KindAssigned
from watchkeeper.model.scouting_state import ScoutState


def sort_kinds(state: ScoutState) -> list[Event]:
    """For each finding that nobody has sorted yet what kind it is of, as far as that is clear."""
    return [
        KindAssigned(each.finding.id, each.finding.kind, "rule", 1.0)
        for each in state.findings.values()
        if each.kind is None and each.finding.kind
    ]
