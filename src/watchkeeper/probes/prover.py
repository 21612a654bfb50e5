"""Prove or clear: from a set of live changes to what running their merge says. Blocks; one call is one attempt."""

from __future__ import annotations

import time
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from watchkeeper.code.tree import SourceTree
from watchkeeper.model.conflicts import Conflict
from watchkeeper.model.findings import Finding
from watchkeeper.model.ids import Sha
from watchkeeper.model.probing import LiveTree, Outcome, Proof
from watchkeeper.probes.choice import Choice, choose_tests
from watchkeeper.probes.covering import Gap, Lines, changed_lines, describe_gaps, find_gaps
from watchkeeper.probes.emergence import find_emergent
from watchkeeper.probes.presets import CommandCheck, files_read
from watchkeeper.probes.reports import TestEnd, TestResult, failures
from watchkeeper.probes.runs import Ran, Selection
from watchkeeper.probes.static import StaticProver, TreeReader
from watchkeeper.probes.virtual import VirtualMerge, VirtualMerges

if TYPE_CHECKING:
    from watchkeeper.probes.commands import CommandRunner
    from watchkeeper.sandbox.job import Cancel

_MOST_FAILING = 40
_MOST_DECISIVE = 20
"""So many changed test files are few enough to run first: whether they fail is then known early."""


class Plan(msgspec.Struct, frozen=True):
    """Everything that the commands need to know of a merge, made where trees can be read; the rest can run elsewhere.

    ``wanted`` are the lines of each side that a clearing run has to execute, with what no run can execute in ``blind``.
    """

    merge: VirtualMerge
    choice: Choice
    wanted: tuple[Lines, ...] = ()
    blind: tuple[tuple[Gap, ...], ...] = ()


class Checks(NamedTuple):
    """The commands to run: analysers, and the project's tests where it has any."""

    analysers: tuple[CommandCheck, ...] = ()
    tests: CommandCheck | None = None


class Prover:
    """The whole way, for one owner: static checks, then analysers, then tests, until one of them proves it."""

    def __init__(
        self, merges: VirtualMerges, reader: TreeReader, static: StaticProver, commands: CommandProver | None = None
    ) -> None:
        self._merges = merges
        self._reader = reader
        self._static = static
        self._commands = commands

    def prove(
        self,
        changes: Sequence[LiveTree],
        onto: Sha | None,
        suspicions: Sequence[Conflict],
        cancel: Cancel | None = None,
    ) -> Proof:
        """What running the merge of the changes says. Raises: GitError."""
        started = time.monotonic()
        merge = self._merges.merge(changes, onto)
        proof = self.prove_statically(merge)
        if self._commands is not None and proof.outcome is Outcome.NOT_DISPROVED:
            proof = self._commands.prove(self.plan(merge), proof, cancel)
        wall = round((time.monotonic() - started) * 1000)
        return msgspec.structs.replace(proof, wall_ms=wall, conflicts=tuple(each.id for each in suspicions))

    def prove_statically(self, merge: VirtualMerge) -> Proof:
        """What the built-in checks say: ``proved``, ``not-disproved``, or that there is no merge to look at."""
        if not merge.is_clean:
            return _proof(merge, Outcome.COULD_NOT_RUN, reason=merge.reason)
        found = self._static.look(merge)
        if found.emergent:
            by = tuple(dict.fromkeys(each.check for each in found.emergent))
            return _proof(merge, Outcome.PROVED, found.emergent, by=by, wall_ms=found.wall_ms)
        reason = "static checks find nothing"
        if found.could_not:
            reason += f"; could not look: {found.could_not[0]}"
        return _proof(merge, Outcome.NOT_DISPROVED, by=found.checks, reason=reason, wall_ms=found.wall_ms)

    def prepare(self, base: Sha) -> None:
        """Read a merge base before it is needed. Raises: GitError."""
        self._reader.source_tree(self._merges.tree_of(base), base)

    def plan(self, merge: VirtualMerge) -> Plan:
        """Which tests to run, and which lines they have to execute to clear the merge."""
        merged = self._reader.source_tree(merge.merged, merge.base)
        wanted: list[Lines] = []
        blind: list[tuple[Gap, ...]] = []
        for at in range(len(merge.changes)):
            lines, unseen = changed_lines(merged, self._without(merge, at), merge.paths)
            wanted.append(lines)
            blind.append(unseen)
        return Plan(merge, choose_tests(merged.index, merge.paths), tuple(wanted), tuple(blind))

    def _without(self, merge: VirtualMerge, at: int) -> SourceTree:
        """The merge without one of its changes: what else is in the merge is that change's."""
        others = [change for number, change in enumerate(merge.changes) if number != at]
        if not others:
            return self._reader.source_tree(self._merges.tree_of(merge.base), merge.base)
        rest = self._merges.merge(others, merge.base)
        return self._reader.source_tree(rest.merged or merge.sides[0], merge.base)


class CommandProver:
    """The part that runs commands: needs nothing but the plan, so that it can work beside everything else."""

    def __init__(self, runner: CommandRunner, checks: Checks) -> None:
        self._runner = runner
        self._checks = checks

    @property
    def has_checks(self) -> bool:
        return bool(self._checks.analysers or self._checks.tests)

    def prove(self, plan: Plan, before: Proof, cancel: Cancel | None = None) -> Proof:
        """``before`` is what static checks said; the outcome of the first check that proves it, else of the tests."""
        started, runs = time.monotonic(), self._runner.runs
        proof, said = before, _Said(list(before.by), [], "")
        for check in self._checks.analysers:
            found = self._analyse(check, plan.merge, said, cancel)
            if found:
                proof = _proof(plan.merge, Outcome.PROVED, found, by=(check.name,))
                break
        else:
            if self._checks.tests is not None:
                proof = self._test(self._checks.tests, plan, said, cancel)
            elif said.could_not:
                reason = f"{before.reason}; {said.could_not[0]}"
                proof = msgspec.structs.replace(before, by=tuple(said.by), reason=reason)
            else:
                reason = "nothing is found, and there are no tests to clear it ([project] test in watchkeeper.toml)"
                proof = msgspec.structs.replace(before, by=tuple(said.by), reason=reason)
        wall = before.wall_ms + round((time.monotonic() - started) * 1000)
        return msgspec.structs.replace(
            proof, runs=self._runner.runs - runs, wall_ms=wall, isolation=said.isolation or proof.isolation
        )

    @property
    def has_tests(self) -> bool:
        return self._checks.tests is not None

    @property
    def runs(self) -> int:
        """How many commands ran so far."""
        return self._runner.runs

    def failures(
        self,
        merge: VirtualMerge,
        files: Sequence[str],
        only: Sequence[Finding],
        cancel: Cancel | None = None,
        *,
        attempt: int = 0,
    ) -> tuple[tuple[Finding, ...], str]:
        """The tests that fail on a merge, of those in ``files``, or of ``only`` these; and why none could be run.

        Another ``attempt`` runs again what was run on the same merge.
        """
        check = self._checks.tests
        assert check is not None
        near = _near(files, {finding.path for finding in only})
        selection = Selection(near, tuple(finding.subject for finding in only), attempt=attempt)
        ran = self._runner.run(check, merge.merged, selection, cancel=cancel)
        return failures(check.name, ran.tests), ran.reason

    def _analyse(
        self, check: CommandCheck, merge: VirtualMerge, said: _Said, cancel: Cancel | None
    ) -> tuple[Finding, ...]:
        files = files_read(check, merge.paths)
        if files is None:
            return ()
        selection = Selection(files)
        merged = self._runner.run(check, merge.merged, selection, cancel=cancel)
        said.isolation = said.isolation or merged.isolation
        if not merged.could_run:
            said.could_not.append(f"{check.name} could not run: {merged.reason}")
            return ()
        said.by.append(check.name)
        if not merged.report.findings:
            return ()
        alone = [self._runner.run(check, side, selection, cancel=cancel) for side in merge.sides]
        base = [self._runner.run(check, merge.base, selection, cancel=cancel)] if merge.base is not None else []
        failed = next((ran for ran in (*alone, *base) if not ran.could_run), None)
        if failed is not None:
            said.could_not.append(f"{check.name} could not run on one side alone: {failed.reason}")
            return ()
        before = base[0].report.findings if base else ()
        return find_emergent(merged.report.findings, [ran.report.findings for ran in alone], before)

    def _test(self, check: CommandCheck, plan: Plan, said: _Said, cancel: Cancel | None) -> Proof:
        witnessed = tuple(sorted({path for lines in plan.wanted for path in lines}))
        changed = plan.choice.changed if len(plan.choice.changed) <= _MOST_DECISIVE else ()
        selection = Selection(plan.choice.first, (), witnessed, decisive=changed)
        ran = self._runner.run(check, plan.merge.merged, selection, cancel=cancel)
        early = self._judge(check, plan, ran, said, cancel)
        if not ran.ended_early or early.outcome in {Outcome.PROVED, Outcome.COULD_NOT_RUN}:
            return early
        # What a side changed fails, and proves nothing: perhaps it is half done. The others have not run yet.
        ran = self._runner.run(check, plan.merge.merged, msgspec.structs.replace(selection, decisive=()), cancel=cancel)
        whole = self._judge(check, plan, ran, said, cancel)
        # That nothing else is found, or all pass now, does not undo what failed.
        return early if whole.outcome in {Outcome.CLEARED, Outcome.NOT_DISPROVED} else whole

    def _judge(self, check: CommandCheck, plan: Plan, ran: Ran, said: _Said, cancel: Cancel | None) -> Proof:
        """What a run of tests on the merge comes to."""
        said.isolation = said.isolation or ran.isolation
        if not ran.could_run:
            return _proof(plan.merge, Outcome.COULD_NOT_RUN, by=tuple(said.by), reason=f"tests: {ran.reason}")
        if ran.is_empty:
            return _proof(plan.merge, Outcome.NOT_DISPROVED, by=tuple(said.by), reason="there was no test to run")
        failing = [test for test in ran.tests if test.is_failure][:_MOST_FAILING]
        if failing:
            return self._examine(check, plan, failing, said, cancel)
        return _judge_passed(plan, ran, (check.name,), said.could_not)

    def _examine(
        self, check: CommandCheck, plan: Plan, failing: Sequence[TestResult], said: _Said, cancel: Cancel | None
    ) -> Proof:
        """Tests fail on the merge. They count where they fail again there, and pass on either side alone."""
        by, merge = (check.name,), plan.merge
        selection = _only(plan.choice.first, failing)
        alone = [self._runner.run(check, side, selection, cancel=cancel) for side in merge.sides]
        failed = next((ran for ran in alone if not ran.could_run), None)
        if failed is not None:
            reason = f"{failing[0].name} fails on the merge; on one side alone tests cannot be run: {failed.reason}"
            return _proof(merge, Outcome.COULD_NOT_RUN, by=by, reason=reason)
        bad = {test.name for ran in alone for test in ran.tests if test.is_failure}
        # A side without the test (the other brought it) has nothing that could fail; one that cannot even load the
        # test's file does not pass it.
        new = [test for test in failing if not bad & {test.name, test.name.partition("::")[0]}]
        if not new:
            reason = f"{len(failing)} tests fail on the merge, and on one side alone too: {failing[0].name}"
            return _proof(merge, Outcome.NOT_DISPROVED, by=(*said.by, *by), reason=reason)
        repeat = msgspec.structs.replace(selection, attempt=1)
        second = self._runner.run(check, merge.merged, repeat, cancel=cancel)
        if not second.could_run:
            reason = f"{new[0].name} fails on the merge; a second time it could not be run: {second.reason}"
            return _proof(merge, Outcome.COULD_NOT_RUN, by=by, reason=reason)
        again = {test.name for test in second.tests if test.is_failure}
        repeated = [test for test in new if test.name in again]
        if not repeated:
            return _proof(merge, Outcome.FLAKY, by=by, reason=f"{new[0].name} failed once on the merge, then passed")
        return _proof(merge, Outcome.PROVED, failures(check.name, repeated), by=by)


class _Said:
    """What checks said on the way that decides nothing by itself."""

    def __init__(self, by: list[str], could_not: list[str], isolation: str) -> None:
        self.by = by
        self.could_not = could_not
        self.isolation = isolation


def _judge_passed(plan: Plan, ran: Ran, by: tuple[str, ...], could_not: Sequence[str]) -> Proof:
    """All tests that ran passed: cleared only where they executed what both sides changed."""
    count = sum(test.end is TestEnd.PASSED for test in ran.tests)
    tests, execute = ("test passes", "executes") if count == 1 else ("tests pass", "execute")
    if not ran.has_witness:
        reason = f"{count} {tests}, but which lines were executed is not known (it is with pytest)"
        return _proof(plan.merge, Outcome.NOT_DISPROVED, by=by, reason=reason)
    idle = next((change.change for change in plan.merge.changes if not change.paths), None)
    if idle is not None:
        reason = (
            f"{count} {tests}, but {idle} changes nothing (only the path of a worktree counts its uncommitted work)"
        )
        return _proof(plan.merge, Outcome.NOT_DISPROVED, by=by, reason=reason)
    gaps: list[Gap] = []
    for change, wanted, blind in zip(plan.merge.changes, plan.wanted, plan.blind, strict=True):
        gaps += find_gaps(change.change, wanted, blind, ran.executed)
    if gaps:
        reason = f"{count} {tests}, but {describe_gaps(gaps)}"
        return _proof(plan.merge, Outcome.NOT_DISPROVED, by=by, reason=reason)
    if could_not:
        reason = f"{count} {tests} and {execute} both sides' changed lines, but {could_not[0]}"
        return _proof(plan.merge, Outcome.NOT_DISPROVED, by=by, reason=reason)
    reason = f"{count} {tests} on the merge and {execute} every changed line of both sides"
    return _proof(plan.merge, Outcome.CLEARED, by=by, reason=reason)


def _only(files: Sequence[str], failing: Sequence[TestResult]) -> Selection:
    """Just these tests."""
    return Selection(_near(files, {test.path for test in failing}), tuple(test.name for test in failing))


def _near(files: Sequence[str], places: AbstractSet[str]) -> tuple[str, ...]:
    """The files that hold ``places``, which are named as the runner names them: it may be from a folder further in."""
    near = tuple(file for file in files if any(place and file.endswith(place) for place in places))
    return near or tuple(files)


def _proof(
    merge: VirtualMerge,
    outcome: Outcome,
    findings: tuple[Finding, ...] = (),
    *,
    by: tuple[str, ...] = (),
    reason: str = "",
    wall_ms: int = 0,
) -> Proof:
    order = sorted(range(len(merge.changes)), key=lambda at: merge.changes[at].change)
    return Proof(
        changes=tuple(merge.changes[at].change for at in order),
        trees=tuple(merge.changes[at].tree for at in order),
        merged=merge.merged,
        outcome=outcome,
        findings=findings,
        by=by,
        reason=reason,
        wall_ms=wall_ms,
    )
