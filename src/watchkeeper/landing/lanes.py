"""Lanes: groups of entries that have nothing in common, tested beside each other. Pure.

Two entries have something in common where a file that one of them touches, or that depends on it, is such a file of the
other: then some test may see both.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from watchkeeper.landing.line import Cut, in_order
from watchkeeper.landing.waiters import Waiter
from watchkeeper.model.landing import EntryId


class Lane(NamedTuple):
    """A part of the line, in its order, and what of it was asked."""

    line: list[Waiter]
    cuts: list[Cut]


def find_lanes(line: Sequence[Waiter], cuts: Sequence[Cut], most: int) -> list[Lane]:
    """At most ``most`` lanes, those with runs first. Where there are more groups than that, some share a lane.

    What is run stays in one lane: an entry that links two of them makes one of both, and one of their runs ends.
    """
    groups = _components(line)
    place = {waiter.entry.id: number for number, group in enumerate(groups) for waiter in group}
    merged = _join_running(len(groups), cuts, place)
    shared: list[set[int]] = [set(each) for each in merged[:most]]
    for group in merged[most:]:
        min(shared, key=lambda each: sum(len(groups[number]) for number in each)).update(group)
    lanes = []
    for numbers in shared:
        inside = {waiter.entry.id for number in numbers for waiter in groups[number]}
        part = [waiter for waiter in line if waiter.entry.id in inside]
        own = [cut for cut in cuts if inside.issuperset(cut.rest)]
        lanes.append(Lane(part, in_order(own, part)))
    return lanes


def _components(line: Sequence[Waiter]) -> list[list[Waiter]]:
    """The connected groups, in the order of their first members."""
    if any(waiter.entry.reach is None for waiter in line):
        return [list(line)]  # one that may touch anything is connected with all
    groups: list[tuple[set[str], list[Waiter]]] = []
    for waiter in line:
        reach = set(waiter.entry.reach or ())
        touching = [group for group in groups if not reach.isdisjoint(group[0])]
        for group in touching:
            reach |= group[0]
        members = [*(each for group in touching for each in group[1]), waiter]
        groups = [group for group in groups if group not in touching]
        groups.append((reach, members))
    order = {waiter.entry.id: at for at, waiter in enumerate(line)}
    found = [sorted(members, key=lambda each: order[each.entry.id]) for _, members in groups]
    return sorted(found, key=lambda members: order[members[0].entry.id])


def _join_running(count: int, cuts: Sequence[Cut], place: dict[EntryId, int]) -> list[set[int]]:
    """Groups that are tested together belong together; those with runs come first."""
    joined: list[set[int]] = []
    for cut in cuts:
        numbers = {place[entry] for entry in cut.rest if entry in place}
        if not numbers:
            continue
        touching = [each for each in joined if each & numbers]
        joined = [each for each in joined if each not in touching]
        joined.append(numbers.union(*touching))
    seen = set().union(*joined) if joined else set[int]()
    return [*joined, *({number} for number in range(count) if number not in seen)]
