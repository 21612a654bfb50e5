"""Many changes at once: what their union breaks that none breaks alone, and the fewest of them that it takes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
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


_Seen = Mapping[tuple[ChangeId, ...], AbstractSet[FindingKey]]


class MinimalSet(msgspec.Struct, frozen=True):
    """The fewest changes that together have the findings; ``asked`` is how many merges were looked at to find it."""

    changes: tuple[ChangeId, ...]
    findings: tuple[Finding, ...]
    asked: int
    is_monotone: bool = True


class UnionReport(msgspec.Struct, frozen=True):
    """What the union of all changes says. ``left_out`` could not be merged with the others, with the reason.

    ``runs`` counts the commands that ran, ``could_not`` says why tests could not be run. ``flaky`` are tests that
    failed on a merge and then passed on the same one: no set is told by them.
    """

    changes: tuple[ChangeId, ...]
    sets: tuple[MinimalSet, ...] = ()
    left_out: tuple[tuple[ChangeId, str], ...] = ()
    runs: int = 0
    could_not: str = ""
    flaky: tuple[str, ...] = ()


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
        found = self._explain(self._static.look(union).emergent, union, self._statically(union), {})
        tested = self._test(union, cancel)
        runs = self._commands.runs - before if self._commands is not None else 0
        return UnionReport(names, (*found, *tested.sets), left_out, runs, tested.could_not, tested.flaky)

    def _test(self, union: VirtualMerge, cancel: Cancel | None) -> _Tested:
        """What tests say of the union. They have to fail twice on it, and twice on the set that is told."""
        commands = self._commands
        if commands is None or not commands.has_tests:
            return _Tested()
        files = choose_tests(self._reader.source_tree(union.merged, union.base).index, union.paths).first
        first, could_not = commands.failures(union, files, (), cancel)
        if not first:
            return _Tested(could_not=could_not)
        again, could_not = commands.failures(union, files, first, cancel, attempt=1)
        if could_not:
            return _Tested(could_not=f"{first[0].subject} fails on it; a second time: {could_not}")
        keys = {finding.key for finding in again}
        flaky = [finding.subject for finding in first if finding.key not in keys]
        failing = self._without_old(again, files, union, cancel)[:_MOST_FAILURES]
        everybody = tuple(change.change for change in union.changes)
        sets = self._explain(failing, union, self._by_tests(files, failing, cancel), {everybody: keys})
        told, doubted, could_not = self._repeated(sets, union, files, failing, cancel)
        return _Tested(tuple(told), could_not, (*flaky, *doubted))

    def _repeated(
        self,
        sets: Sequence[MinimalSet],
        union: VirtualMerge,
        files: Sequence[str],
        failing: Sequence[Finding],
        cancel: Cancel | None,
    ) -> tuple[list[MinimalSet], list[str], str]:
        """The sets whose own merge fails again, the tests that pass there a second time, and what could not be run."""
        assert self._commands is not None
        told, doubted, reason = list[MinimalSet](), list[str](), ""
        for each in sets:
            merge = self._merges.merge(
                [change for change in union.changes if change.change in each.changes], union.base
            )
            again, could_not = self._commands.failures(merge, files, failing, cancel, attempt=1)
            reason = reason or could_not
            keys = {finding.key for finding in again}
            kept = tuple(finding for finding in each.findings if finding.key in keys)
            if kept:
                told.append(msgspec.structs.replace(each, findings=kept))
            if not could_not:
                doubted += [finding.subject for finding in each.findings if finding.key not in keys]
        return told, doubted, reason

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

    def _explain(
        self, findings: Sequence[Finding], union: VirtualMerge, present: Present, seen: _Seen
    ) -> list[MinimalSet]:
        """Each finding's minimal set; findings of one set are told together. What one change has alone is its own.

        ``seen`` is what merges are known to have beforehand.
        """
        known = dict(seen)
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


class _Tested(msgspec.Struct, frozen=True):
    """What the tests of a union come to."""

    sets: tuple[MinimalSet, ...] = ()
    could_not: str = ""
    flaky: tuple[str, ...] = ()
