"""Which kind each finding is of: its rule says so, or the catalogue; what fits nothing is grouped over all projects."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress

from watchkeeper.model.events import Event
from watchkeeper.model.ids import Millis, ProjectId
from watchkeeper.model.scouting import FindingId, KindAssigned, KindId
from watchkeeper.model.scouting_state import ScoutState
from watchkeeper.scouts.convergence.catalogue import Catalogue
from watchkeeper.scouts.convergence.clustering import Item, cluster
from watchkeeper.scouts.convergence.matching import assign, measure_of, text_of


def sort_kinds(state: ScoutState, catalogue: Catalogue) -> list[Event]:
    """For each finding that nobody has sorted yet what kind it is of, as far as that is clear."""
    waiting = [each.finding for each in state.findings.values() if each.kind is None]
    events: list[Event] = [KindAssigned(each.id, each.kind, "rule", 1.0) for each in waiting if each.kind]
    with suppress(ImportError):  # without what compares texts, rules alone say of which kind a finding is
        events += [each for each in assign(waiting, catalogue) if isinstance(each, KindAssigned)]
    return events


def group_rest(states: Mapping[ProjectId, ScoutState], catalogue: Catalogue) -> dict[ProjectId, list[Event]]:
    """For what no kind of the catalogue fits, of all projects: the groups that it makes, stable over time."""
    items: list[Item] = []
    known: dict[FindingId, KindId] = {}
    homes: dict[FindingId, ProjectId] = {}
    for project, state in states.items():
        for each in state.findings.values():
            if each.kind is None or each.kind.how == "cluster":
                items.append(Item(each.finding.id, Millis(each.at), text_of(each.finding)))
                homes[each.finding.id] = project
                if each.kind is not None:
                    known[each.finding.id] = each.kind.kind
    if len(items) == len(known) or len(items) < 2:
        return {}
    events: dict[ProjectId, list[Event]] = {}
    for assigned in cluster(items, known, measure_of(catalogue)):
        events.setdefault(homes[assigned.id], []).append(assigned)
    return events
