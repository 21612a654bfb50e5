"""Queues, topics and tasks: declared twice and differently, or taken away while the other side newly uses them."""

from __future__ import annotations

from collections.abc import Iterator

from watchkeeper.conflicts.meeting import Doing, both_define, is_told_as_text, meeting
from watchkeeper.conflicts.pair import Pair
from watchkeeper.model.conflicts import Conflict, Severity
from watchkeeper.model.resources import ResourceKind

RULE = "topic"
_KIND = ResourceKind.TOPIC


def find_topic_conflicts(pair: Pair) -> Iterator[Conflict]:
    """What both do to one name."""
    for name, one, two in both_define(pair, _KIND):
        is_task = name.startswith("task ")
        if (not is_task and one.access.value == two.access.value) or is_told_as_text(pair, one, two):
            continue
        yield meeting(
            pair,
            f"{RULE}-twice",
            Severity.MAJOR,
            name,
            [(pair.first, one, "declares it"), (pair.second, two, "declares it")],
            summary=f"{pair.first.label} and {pair.second.label} both declare the {name}",
            why="one name has one handler" if is_task else "a second declaration with other arguments is refused",
            next_step=f"give one of the two another name than {name.partition(' ')[2]}, or make them one",
        )
    for goer, user in pair.directions():
        for name, gone, needed in Doing(goer, _KIND).removed_under(Doing(user, _KIND)):
            yield meeting(
                pair,
                f"{RULE}-gone",
                Severity.MAJOR,
                name,
                [(goer, gone, "removes it"), (user, needed, "newly uses it")],
                summary=f"{goer.label} removes or renames the {name}, which {user.label} newly uses",
                why="what is sent there is received by nobody",
                next_step=f"have {user.label} use the name that {goer.label} gives it",
            )
