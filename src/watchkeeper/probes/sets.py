"""Many changes at once: what their union breaks that none breaks alone, and the fewest of them that it takes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from typing import TYPE_CHECKING

import msgspec

from watchkeeper.model.findings import Finding, FindingKey
from watchkeeper.model.ids import ChangeId, Sha
from watchkeeper.model.probing import LiveTree
from watchkeeper.probes.choice import choose_tests
from watchkeeper.probes.isolation import isolate
from watchkeeper.probes.static import StaticProver, TreeReader
from watchkeeper.probes.virtual import VirtualMerge, VirtualMerges

if TYPE_CHECKING:
    from watchkeeper.probes.prover import CommandProver
    from watchkeeper.sandbox.job import Cancel

_MOST_FAILURES = 60

Present = Callable[[VirtualMerge], AbstractSet[FindingKey]]
"""The findings of interest that a merge has."""


class MinimalSet(msgspec.Struct, frozen=True):
    """The fewest changes that together have the findings; ``asked`` is how many merges were looked at to find it."""

    changes: tuple[ChangeId, ...]
    findings: tuple[Finding, ...]
    asked: int
    is_monotone: bool = True


class UnionReport(msgspec.Struct, frozen=True):
    """What the union of all changes says. ``left_out`` could not be merged with the others, with the reason.

    ``runs`` counts the commands that ran, ``could_not`` what could not.
    """

    changes: tuple[ChangeId, ...]
    sets: tuple[MinimalSet, ...] = ()
    left_out: tuple[tuple[ChangeId, str], ...] = ()
    runs: int = 0
    could_not: str = ""


class SetFinder:
    """Looks at the union first: where it has nothing that needs explaining, that was all. For one owner; blocks."""

    def __init__(
        self,
        merges: VirtualMerges,
        reader: TreeReader,
        static: StaticProver,
        commands: CommandProver | None = None,
    ) -> None:
        self._merges = merges
        self._reader = reader
        self._static = static
        self._commands = commands

    def find(self, changes: Sequence[LiveTree], onto: Sha | None, cancel: Cancel | None = None) -> UnionReport:
        """The minimal conflicting sets among the changes, each with what it has that its members lack alone.

        Raises: GitError.
        """
        union, left_out = self._unite(changes, onto)
        names = tuple(change.change for change in union.changes)
        if len(names) < 2:
            return UnionReport(names, left_out=left_out)
        before = self._commands.runs if self._commands is not None else 0
        found = self._explain(self._static.look(union).emergent, union, self._statically(union))
        could_not = ""
        if self._commands is not None and self._commands.has_tests:
            files = choose_tests(self._reader.source_tree(union.merged, onto).index, union.paths).first
            failing, could_not = self._commands.failures(union, files, (), cancel)
            failing = self._without_old(failing, files, union, cancel)
            if failing:
                found += self._explain(failing[:_MOST_FAILURES], union, self._by_tests(files, failing, cancel))
        runs = self._commands.runs - before if self._commands is not None else 0
        return UnionReport(names, tuple(found), left_out, runs, could_not)

    def _without_old(
        self, failing: tuple[Finding, ...], files: Sequence[str], union: VirtualMerge, cancel: Cancel | None
    ) -> tuple[Finding, ...]:
        """Without the tests that fail on the base: nobody among the changes broke those."""
        assert self._commands is not None
        if not failing:
            return ()
        base = VirtualMerge(union.base, (), (), self._merges.tree_of(union.base))
        old, _ = self._commands.failures(base, files, failing, cancel)
        known = {finding.key for finding in old}
        return tuple(finding for finding in failing if finding.key not in known)

    def _unite(
        self, changes: Sequence[LiveTree], onto: Sha | None
    ) -> tuple[VirtualMerge, tuple[tuple[ChangeId, str], ...]]:
        """All that git can merge; what stops it is left out and named."""
        left, out = list(changes), list[tuple[ChangeId, str]]()
        while True:
            union = self._merges.merge(left, onto) if left else VirtualMerge(onto, ())
            if union.is_clean:
                return union, tuple(out)
            out.append((union.clashing, union.reason))
            left = [change for change in left if change.change != union.clashing]

    def _explain(self, findings: Sequence[Finding], union: VirtualMerge, present: Present) -> list[MinimalSet]:
        """Each finding's minimal set; findings of one set are told together. What one change has alone is its own."""
        known: dict[tuple[ChangeId, ...], AbstractSet[FindingKey]] = {}
        by_name = {change.change: change for change in union.changes}
        order = tuple(by_name)

        def look(members: tuple[ChangeId, ...]) -> AbstractSet[FindingKey]:
            if members not in known:
                merge = self._merges.merge([by_name[member] for member in members], union.base)
                known[members] = present(merge) if merge.is_clean else frozenset()
            return known[members]

        sets: dict[tuple[ChangeId, ...], MinimalSet] = {}
        for finding in findings:
            before = len(known)
            brought = self._brought_by(finding, union)
            isolated = isolate(order, lambda members: finding.key in look(members), brought)  # noqa: B023 - called at once
            if isolated is None or len(isolated.members) < 2:
                continue
            asked = len(known) - before
            told = sets.get(isolated.members)
            sets[isolated.members] = MinimalSet(
                isolated.members,
                (*(told.findings if told else ()), finding),
                (told.asked if told else 0) + asked,
                isolated.is_monotone and (told is None or told.is_monotone),
            )
        return list(sets.values())

    def _brought_by(self, finding: Finding, union: VirtualMerge) -> frozenset[ChangeId]:
        """The change that adds the file that the finding is in; nothing where the base has it, or several add it."""
        adding = [change.change for change in union.changes if finding.path in change.paths]
        base = self._reader.source_tree(self._merges.tree_of(union.base), union.base)
        if len(adding) != 1 or base.source(finding.path) is not None:
            return frozenset()
        return frozenset(adding)

    def _statically(self, union: VirtualMerge) -> Present:
        return lambda merge: self._static.added(merge, union.paths)

    def _by_tests(self, files: Sequence[str], failing: Sequence[Finding], cancel: Cancel | None) -> Present:
        """All failing tests are asked of every merge: what one search learns, the next knows."""
        commands = self._commands
        assert commands is not None

        def present(merge: VirtualMerge) -> AbstractSet[FindingKey]:
            found, _ = commands.failures(merge, files, failing, cancel)
            return {finding.key for finding in found}

        return present
