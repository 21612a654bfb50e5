"""Whether two edits of one function have nothing to do with each other, as far as its text shows."""

from __future__ import annotations

from collections.abc import Iterator

from watchkeeper.conflicts.pair import Pair, Party
from watchkeeper.model.flow import Flow, names_meet
from watchkeeper.model.footprint import Write
from watchkeeper.model.reading import Span
from watchkeeper.model.resources import Resource


def are_independent(pair: Pair, one: Write, two: Write) -> bool:
    """No name that one sets reaches the other, neither decides whether the other runs, and they share no resource.

    False where that is not known: the language does not tell, or the signature changes too.
    """
    if one.flow is None or two.flow is None or _is_reached(one.flow, two) or _is_reached(two.flow, one):
        return False
    if not set(one.flow.shares).isdisjoint(two.flow.shares):
        return False
    if one.flow.acts and two.flow.acts:
        return False  # what both do outside may meet there: a database, a file, a queue
    return not _share_a_resource(pair, one, two)


def _is_reached(flow: Flow, other: Write) -> bool:
    if other.flow is None or names_meet(flow.reaches, (*other.flow.takes, *other.flow.gives)):
        return True
    return any(_overlap(governed, edited) for governed in flow.governs for edited in other.base_hunks)


def _overlap(one: Span, two: Span) -> bool:
    return one[0] <= two[1] and two[0] <= one[1]


def _share_a_resource(pair: Pair, one: Write, two: Write) -> bool:
    """Whether both touch one thing outside the code, newly or no longer."""
    return not set(_touched(pair.first, one)).isdisjoint(_touched(pair.second, two))


def _touched(party: Party, write: Write) -> Iterator[Resource]:
    for touch in party.footprint.resources:
        if not touch.is_kept and touch.path == write.path and touch.access.symbol == write.key.qualname:
            yield touch.access.resource
