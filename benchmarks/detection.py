"""What the detector says of two changes, reduced to what the benchmarks compare."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from watchkeeper.app import check
from watchkeeper.model.conflicts import Conflict, Kind, Severity


def detect(repo: Path, one: str, other: str, *, base: str) -> tuple[Conflict, ...]:
    """The conflicts of two branches or commits of ``repo`` that both start from ``base``, the worst first."""
    return tuple(sorted(check(repo, (one, other), base=base).conflicts, key=lambda c: (-c.severity.rank, c.subjects)))


def at_least(conflicts: Iterable[Conflict], severity: Severity) -> tuple[Conflict, ...]:
    """Those of ``severity`` and above."""
    return tuple(c for c in conflicts if c.severity.rank >= severity.rank)


def semantic(conflicts: Iterable[Conflict]) -> tuple[Conflict, ...]:
    """Those that git does not report itself."""
    return tuple(c for c in conflicts if c.kind is not Kind.TEXT)


def render_worst(conflicts: tuple[Conflict, ...]) -> tuple[str, str, str]:
    """Severity, rule and subject of the worst one; dashes where there is none."""
    if not conflicts:
        return ("-", "-", "-")
    worst = conflicts[0]
    return (worst.severity.value, worst.rule, worst.subjects[0] if worst.subjects else "")
