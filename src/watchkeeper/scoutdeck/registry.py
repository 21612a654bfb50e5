"""All checks by name, and what Watchkeeper's own rules settle."""

from __future__ import annotations

from collections.abc import Mapping

from watchkeeper.scouts.checks import coverage, documents, duplication, locks, production, programs, vision
from watchkeeper.scouts.checks.audits import NpmAudit, PipAudit
from watchkeeper.scouts.checks.port import Check

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
    return programs.BY_NAME.get((dimension, name)) or _ANYWHERE.get(name)


DECISIVE: Mapping[str, tuple[str, ...]] = {}
"""For a kind the rules of ours that settle it, in files that they read."""


def rules_of(path: str, source: bytes) -> frozenset[tuple[str, int]] | None:  # noqa: ARG001 until they are there
    """What our own rules find in a file: rule and line; None where none reads it."""
    return None
