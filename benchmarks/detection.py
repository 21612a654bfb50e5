"""What the detector says of two changes, reduced to what the benchmarks compare."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from scratch import CACHE
from watchkeeper.app import find_place, find_target_of, open_analysis
from watchkeeper.model.conflicts import Conflict, Kind, Severity
from watchkeeper.watch.check import check_changes, gather_changes

Detect = Callable[[str, str, str], tuple[Conflict, ...]]
"""The conflicts of two branches or commits that both start from the third, the worst first."""


@contextmanager
def open_detector(repo: Path) -> Iterator[Detect]:
    """What ``watchkeeper check`` does in ``repo``, kept open, so that many pairs share one reading of the base."""
    place = find_place(repo, {**os.environ, "WATCHKEEPER_HOME": str(CACHE / "home")})
    target = find_target_of(place)
    with open_analysis(place) as parts:

        def detect(one: str, other: str, base: str) -> tuple[Conflict, ...]:
            gathered = gather_changes(
                place.repository, parts.objects, parts.analyst, (one, other), target=target, base=base, folder=repo
            )
            report = check_changes(parts.analyst, gathered)
            return tuple(sorted(report.conflicts, key=lambda c: (-c.severity.rank, c.subjects)))

        yield detect


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
