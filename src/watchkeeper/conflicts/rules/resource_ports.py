"""Ports: two that listen on the same one."""

from __future__ import annotations

from collections.abc import Iterator

from watchkeeper.conflicts.meeting import both_define, is_told_as_text, meeting
from watchkeeper.conflicts.pair import Pair
from watchkeeper.model.confidence import Confidence
from watchkeeper.model.conflicts import Conflict, Severity
from watchkeeper.model.resources import ResourceKind

RULE = "port-twice"


def find_port_conflicts(pair: Pair) -> Iterator[Conflict]:
    """The same port newly taken by two listeners; certain only where both are published on one host."""
    for port, one, two in both_define(pair, ResourceKind.PORT):
        if one.access.value == two.access.value or is_told_as_text(pair, one, two):
            continue
        is_published = one.access.confidence is two.access.confidence is Confidence.SURE
        yield meeting(
            pair,
            RULE,
            Severity.MAJOR if is_published else Severity.MINOR,
            port,
            [(pair.first, one, "listens"), (pair.second, two, "listens")],
            summary=f"{pair.first.label} and {pair.second.label} both take port {port}",
            why="on one host the second to start finds the port in use",
            next_step=f"give one of the two a port other than {port}",
        )
