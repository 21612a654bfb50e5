"""Static checks on virtual merges: milliseconds, no checkout, nothing of the change's is run."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Collection, Sequence
from collections.abc import Set as AbstractSet
from typing import Protocol

import msgspec

from watchkeeper.code.checks import run_static
from watchkeeper.code.tree import SourceTree
from watchkeeper.model.findings import CheckReport, CheckState, Finding, FindingKey
from watchkeeper.model.ids import Sha
from watchkeeper.probes.emergence import count_findings, find_emergent
from watchkeeper.probes.virtual import VirtualMerge

_MOST_REPORTS = 400
_Look = tuple[Sha, Sha | None, tuple[str, ...], str]  # tree, base, roots, the one check or all


class TreeReader(Protocol):
    """Gives trees of the hub as checks want to see them."""

    def source_tree(self, tree: Sha, base: Sha | None) -> SourceTree:
        """The tree, known to be near ``base``'s: what they share is read once."""


class StaticFindings(msgspec.Struct, frozen=True):
    """What static checks found emergent, which checks looked, and which could not (with the reason)."""

    emergent: tuple[Finding, ...]
    checks: tuple[str, ...]
    could_not: tuple[str, ...] = ()
    wall_ms: int = 0


class StaticProver:
    """Finds what is emergent in a virtual merge. Not thread-safe, as the reader is not. Reports are remembered."""

    def __init__(self, reader: TreeReader, names: Collection[str] | None = None) -> None:
        self._reader = reader
        self._names = names
        self._reports: OrderedDict[_Look, tuple[CheckReport, ...]] = OrderedDict()

    def look(self, merge: VirtualMerge, *, strict: Collection[str] = ()) -> StaticFindings:
        """The merged tree first; the base only where it has findings, its sides only where the base has fewer.

        Of the checks in ``strict`` a finding counts also where one of the sides has it by itself.
        """
        started = time.monotonic()
        roots = tuple(sorted(merge.paths))
        merged = self._report(merge.merged, merge.base, roots)
        found: list[Finding] = []
        for report in merged:
            if not report.findings:
                continue
            base = self._alone(merge.base, merge.base, roots, report.check) if merge.base else ()
            if count_findings(report.findings) <= count_findings(base):
                continue
            judged = () if report.check in strict else merge.sides
            sides = [self._alone(side, merge.base, roots, report.check) for side in judged]
            found += find_emergent(report.findings, sides, base)
        return StaticFindings(
            emergent=tuple(found),
            checks=tuple(report.check for report in merged if report.state is CheckState.DONE),
            could_not=tuple(f"{report.check}: {report.reason}" for report in merged if report.reason),
            wall_ms=round((time.monotonic() - started) * 1000),
        )

    def added(self, merge: VirtualMerge, paths: AbstractSet[str]) -> frozenset[FindingKey]:
        """What the merge has more of than its base, in the files ``paths``; for finding minimal sets."""
        roots = tuple(sorted(paths))
        merged = count_findings(
            each for report in self._report(merge.merged, merge.base, roots) for each in report.findings
        )
        if merge.base is not None:
            merged -= count_findings(
                each for report in self._report(merge.base, merge.base, roots) for each in report.findings
            )
        return frozenset(merged)

    def _report(self, tree: Sha, base: Sha | None, roots: Sequence[str]) -> tuple[CheckReport, ...]:
        """What every check says of a tree."""
        return self._remembered((tree, base, tuple(roots), ""), self._names)

    def _alone(self, tree: Sha, base: Sha | None, roots: Sequence[str], check: str) -> tuple[Finding, ...]:
        """What one check says of a tree: the others found nothing in the merge, and need not look here."""
        known = self._reports.get((tree, base, tuple(roots), ""))
        reports = known or self._remembered((tree, base, tuple(roots), check), (check,))
        return next(report.findings for report in reports if report.check == check)

    def _remembered(self, key: _Look, names: Collection[str] | None) -> tuple[CheckReport, ...]:
        known = self._reports.get(key)
        if known is None:
            tree, base, roots, _ = key
            source = self._reader.source_tree(tree, base)
            there = [path for path in roots if source.source(path) is not None]
            known = self._reports[key] = run_static(source, there, names)
            while len(self._reports) > _MOST_REPORTS:
                self._reports.popitem(last=False)
        return known
