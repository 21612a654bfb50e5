"""All checks by name, and what Watchkeeper's own rules settle."""

from __future__ import annotations

from collections.abc import Mapping

from watchkeeper.scouts.checks import documents, locks, vision
from watchkeeper.scouts.checks.port import Check

_OWN: Mapping[str, Check] = {each.name: each for each in (documents.CHECK, locks.CHECK, vision.CHECK)}


def find_check(dimension: str, name: str) -> Check | None:  # noqa: ARG001 the rules of trees differ by dimension
    """The check of a name, for a dimension; None where there is none."""
    return _OWN.get(name)


DECISIVE: Mapping[str, tuple[str, ...]] = {}
"""For a kind the rules of ours that settle it, in files that they read."""


def rules_of(path: str, source: bytes) -> frozenset[tuple[str, int]] | None:  # noqa: ARG001 see above
    """What our own rules find in a file: rule and line; None where none reads it."""
    return None
