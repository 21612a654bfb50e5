"""Routes: one method and path, answered by both; which of the two answers is left to their order."""

from __future__ import annotations

from collections.abc import Iterator

from watchkeeper.conflicts.meeting import both_define, meeting
from watchkeeper.conflicts.pair import Pair
from watchkeeper.model.conflicts import Conflict, Severity
from watchkeeper.model.resources import ResourceKind

RULE = "route-twice"


def find_route_conflicts(pair: Pair) -> Iterator[Conflict]:
    """The same route added by both in different places."""
    for name, one, two in both_define(pair, ResourceKind.ROUTE):
        owners = {one.access.value, two.access.value} - {""}
        if len(owners) > 1:  # two applications
            continue
        yield meeting(
            pair,
            RULE,
            Severity.MAJOR,
            name,
            [(pair.first, one, "adds the route"), (pair.second, two, "adds the route")],
            summary=f"{pair.first.label} and {pair.second.label} both add the route {name}",
            why="merged, one of the two handlers is never reached, or the application does not start",
            next_step=f"keep one of the two handlers of {name}, or give one another path",
        )
