"""Which kinds enough projects found independently, and are no standard yet: what people are asked about. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec

from watchkeeper.model.ids import Millis, ProjectId
from watchkeeper.model.scouting import KindId, StandardState
from watchkeeper.model.scouting_state import FindingStanding, ScoutState, StandardsState
from watchkeeper.scouts.convergence.independence import DAY, Independent, count_independent, kinds_of

QUIET = Millis(90 * DAY)
"""How long a retired standard's kind is only a candidate by what was found after it was retired."""


class Candidate(msgspec.Struct, frozen=True):
    """A kind that could be a standard. ``projects`` found it, in this order; ``count`` of them independently."""

    kind: KindId
    severity: int
    projects: tuple[ProjectId, ...]
    count: int
    needed: int
    first_at: Millis
    independent: Independent

    @property
    def evidence(self) -> Mapping[ProjectId, tuple[FindingStanding, ...]]:
        return self.independent.evidence


def find_candidates(
    states: Mapping[ProjectId, ScoutState],
    standards: StandardsState,
    now: Millis,
    severity_of: Callable[[KindId], int],
) -> tuple[Candidate, ...]:
    """The gravest and most agreed first; the same folds give the same order. ``severity_of`` is the catalogue's."""
    found = []
    for kind in kinds_of(states):
        retired = _retired_at(kind, standards)
        if retired is None:
            continue
        since = retired if now - retired < QUIET else Millis(0)
        told = count_independent(kind, states, now, severity=severity_of(kind), since=since)
        if told.is_enough:
            grave = max(severity_of(kind), _severity(told))
            found.append(Candidate(kind, grave, tuple(told.evidence), told.count, told.needed, told.first_at, told))
    return tuple(sorted(found, key=lambda each: (-each.severity, -each.count, each.first_at, each.kind)))


def _retired_at(kind: KindId, standards: StandardsState) -> Millis | None:
    """When its standard was retired last; 0: it never had one. None: it has one that is not retired."""
    at = Millis(0)
    for each in standards.standards.values():
        if each.standard.kind == kind:
            if each.state is not StandardState.RETIRED:
                return None
            at = max(at, each.moves[-1][0] if each.moves else Millis(0))
    return at


def _severity(told: Independent) -> int:
    """What most of its findings are, the lower one where they are even: one grave finding does not make it grave."""
    all_found = sorted(each.finding.severity for found in told.evidence.values() for each in found)
    return all_found[(len(all_found) - 1) // 2]
