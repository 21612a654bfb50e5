"""All checks by name, and what Watchkeeper's own rules settle."""

from __future__ import annotations

from collections.abc import Mapping

from watchkeeper.scouts.checks import coverage, documents, duplication, locks, production, programs, vision
from watchkeeper.scouts.checks.audits import NpmAudit, PipAudit
from watchkeeper.scouts.checks.port import Check
from watchkeeper.scouts.rules.reading import read_one
from watchkeeper.scouts.rules.trees import NAME as TREE
from watchkeeper.scouts.rules.trees import TreeCheck

_ANYWHERE: Mapping[str, Check] = {
    each.name: each
    for each in (
        coverage.CHECK,
        documents.CHECK,
        duplication.CHECK,
        locks.CHECK,
        production.CHECK,
        vision.CHECK,
        PipAudit(),
        NpmAudit(),
    )
}


def find_check(dimension: str, name: str) -> Check | None:
    """The check of a name, for a dimension; None where there is none."""
    if name == TREE:
        return TreeCheck(dimension)
    return programs.BY_NAME.get((dimension, name)) or _ANYWHERE.get(name)


DECISIVE: Mapping[str, tuple[str, ...]] = {"missing-timeout": ("missing-timeout",)}
"""For a kind the rules of ours that settle it, in files that ``rules_of`` reads."""


def rules_of(path: str, source: bytes) -> frozenset[tuple[str, int]] | None:
    """What our own rules find in a Python file: rule and line; None where none reads it, or it cannot be read."""
    if not path.endswith(".py"):
        return None
    reading = read_one(path, source)
    if reading.broken or reading.left_out:
        return None
    return frozenset((raw.rule, raw.line) for raw in reading.found)
