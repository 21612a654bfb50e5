"""Whether a tree that is about to land holds: what has come to be wrong in it by static checks, then its tests.

A static finding speaks against a tree only where it is emergent: neither the target branch nor any of the entries has
it alone, on what it began from, whatever of the branch it took in since. What one entry has by itself is a matter for
its tests and its review; but for migrations, which no order of merging puts right.
"""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

import msgspec

from watchkeeper.model.errors import WatchkeeperError
from watchkeeper.model.exposure import Measured
from watchkeeper.model.findings import Finding
from watchkeeper.model.ids import Sha
from watchkeeper.model.landing import COMMAND, EntryId, Verdict
from watchkeeper.model.landing_ports import Answer, Question
from watchkeeper.model.probing import LiveTree
from watchkeeper.probes.emergence import find_emergent
from watchkeeper.probes.measuring import measure, unmeasured
from watchkeeper.probes.presets import CommandCheck, files_read, runs_pytest
from watchkeeper.probes.prover import Checks
from watchkeeper.probes.reports import TestResult
from watchkeeper.probes.runs import EVERYTHING, Ran, Selection
from watchkeeper.probes.static import StaticProver, TreeReader
from watchkeeper.probes.virtual import VirtualMerge, VirtualMerges
from watchkeeper.record.config import PROJECT_FILE

if TYPE_CHECKING:
    from watchkeeper.probes.commands import CommandRunner, ProjectCommands

_MOST_ROOTS = 2_000
_MOST_FAILING = 200
_MOST_DETAILS = 20
_MOST_DETAIL = 300
_CANNOT_START = (126, 127)
_NO_TESTS = 5
_PYTEST_ENDED = (0, 1)
"""How pytest ends when it came to its end; else tests are left that did not run."""
_VERSION = 5
_STRICT = ("migrations",)
_NOT_NEEDED = "nobody has to wait for a person, whatever they execute"
_ERROR = re.compile(r"[\w.]*(Error|Exception|Warning|Failed)\b")


class StandardsPort(Protocol):
    """Holds what is new in a tree to what every project is held to."""

    @property
    def digest(self) -> str:
        """Of everything that an answer depends on beside the trees; ``""`` while nothing is enforced."""
        ...

    def judge(self, onto: Sha, tree: Sha) -> dict[str, str]:
        """What ``tree`` has beyond ``onto`` and may not, by a name that is the same in other trees."""
        ...


class TreeGate:
    """Safe for threads: static checks are made one at a time, commands beside each other."""

    def __init__(
        self,
        merges: VirtualMerges,
        reader: TreeReader,
        runner: CommandRunner,
        checks: Checks,
        commands: ProjectCommands,
        *,
        judge_settings: Callable[[Sha], str] = lambda _tree: "",
        standards: StandardsPort | None = None,
    ) -> None:
        """``judge_settings`` says why Watchkeeper could not go on with the settings of a tree, where that is so;
        ``standards`` what a tree brings in that it may not."""
        self._judge_settings = judge_settings
        self._standards = standards
        self._merges = merges
        self._reader = reader
        self._static = StaticProver(reader)
        self._runner = runner
        self._checks = checks
        self._guard = threading.Lock()
        self._digest = _digest(checks, commands)

    @property
    def digest(self) -> str:
        """Of the commands and how they are set up, and of what is enforced."""
        enforced = self._standards.digest if self._standards is not None else ""
        return f"{self._digest}-{enforced}" if enforced else self._digest

    def ask(self, question: Question, cancel: threading.Event) -> Answer:
        """Static findings first: where everything is asked for the first time, they are enough, and the answer is cut.

        Asked for everything again it runs everything. Never raises.
        """
        try:
            return self._ask(question, cancel)
        except WatchkeeperError as error:
            return Answer(Verdict.COULD_NOT_RUN, reason=error.message)
        except Exception as error:  # noqa: BLE001 - a fault of ours says nothing about the tree, and ends no queue
            return Answer(Verdict.COULD_NOT_RUN, reason=f"{type(error).__name__}: {error}")

    def _ask(self, question: Question, cancel: threading.Event) -> Answer:
        found = self._look(question) if _asks(question, "static") else {}
        found = {name: detail for name, detail in found.items() if not question.tests or name in question.tests}
        is_enough = not question.tests and not question.attempt
        if found and is_enough:
            return msgspec.structs.replace(_answer(found), is_cut=True)
        for check in self._checks.analysers:
            if _asks(question, check.name):
                said = self._analyse(check, question, cancel)
                if isinstance(said, Answer):
                    return said
                found |= {name: detail for name, detail in said.items() if not question.tests or name in question.tests}
        if cancel.is_set():
            return Answer(Verdict.STOPPED)
        if found and is_enough:
            return msgspec.structs.replace(_answer(found), is_cut=True)
        if question.tests and not _asks(question, "run"):
            return _answer(found)
        tested = self._test(question, cancel)
        if cancel.is_set():
            return Answer(Verdict.STOPPED)
        if tested.verdict in (Verdict.COULD_NOT_RUN, Verdict.STOPPED) or not found:
            return tested
        answer = _answer({**found, **{name: tested.details.get(name, "") for name in tested.failing}})
        return msgspec.structs.replace(answer, measured=tested.measured)

    def _look(self, question: Question) -> dict[str, str]:
        """Emergent static findings, by name, and settings that nothing can land with; what each says."""
        heads = [(entry, self._merges.own_tree(entry.head, entry.base)) for entry in question.entries]
        if not heads:
            return {}
        roots: set[str] = set()
        for entry, tree in heads:
            roots |= set(entry.paths) | self._changed(tree, question.tree)
        changes = tuple(
            LiveTree(entry.change, entry.base, tree, frozenset(sorted(roots)[:_MOST_ROOTS])) for entry, tree in heads
        )
        merge = VirtualMerge(question.onto, changes, tuple(tree for _, tree in heads), question.tree)
        with self._guard:
            found = self._static.look(merge, strict=_STRICT)
            why = self._judge_settings(question.tree) if PROJECT_FILE in roots else ""
        settings = {f"[settings] {PROJECT_FILE}": why} if why else {}
        held: dict[str, str] = {}
        if self._standards is not None:
            held = self._standards.judge(question.onto, question.tree)
        return settings | held | {_name(finding): finding.message for finding in found.emergent}

    def _changed(self, before: Sha, now: Sha) -> set[str]:
        return self._merges.changed_paths(before, now)

    def _analyse(self, check: CommandCheck, question: Question, cancel: threading.Event) -> dict[str, str] | Answer:
        """What an analyser finds that neither the target branch nor any entry has alone; those are run if need be."""
        paths = {path for entry in question.entries for path in entry.paths}
        if check.reads:
            paths |= self._changed(self._merges.tree_of(question.onto), question.tree)
        files = files_read(check, paths)
        if files is None:
            return {}
        ran: list[Ran] = []
        alone = (self._merges.own_tree(entry.head, entry.base) for entry in question.entries)
        for tree in (question.tree, question.onto, *alone):
            if ran and not _beyond(ran):
                return {}
            ran.append(self._runner.run(check, tree, Selection(files), cancel=cancel))
            if not ran[-1].could_run:
                return Answer(Verdict.COULD_NOT_RUN, reason=f"{check.name}: {ran[-1].reason}")
        return {_name(finding): finding.message for finding in _beyond(ran)}

    def _test(self, question: Question, cancel: threading.Event) -> Answer:
        check = self._checks.tests
        if check is None:
            return Answer(Verdict.COULD_NOT_RUN, reason="there is no test command ([project] test in watchkeeper.toml)")
        tests = tuple(test for test in question.tests if not test.startswith("["))
        named = tests if runs_pytest(check.command) and COMMAND not in tests else ()
        selection = EVERYTHING
        if named:
            files = self._files(question.tree, named)
            if not files and not question.must_exist:
                return Answer(Verdict.PASSED)  # who has no such test has nothing that could fail
            selection = Selection(files, named)
        witnessed = self._witnessed(question)
        # Of all tests together: what lands passed all of them in the end.
        selection = msgspec.structs.replace(
            selection, attempt=question.attempt, witnessed=witnessed, is_whole=bool(witnessed)
        )
        ran = self._runner.run(check, question.tree, selection, cancel=cancel)
        is_cut = runs_pytest(check.command) and ran.exit_code not in _PYTEST_ENDED
        if named and is_cut and ran.exit_code != _NO_TESTS and ran.could_run:
            return Answer(Verdict.COULD_NOT_RUN, reason=f"pytest ended with {ran.exit_code} before all tests had run")
        answer = _judge(ran, named, is_whole=not question.tests, is_cut=is_cut and not named)
        answer = msgspec.structs.replace(answer, measured=self._measure(question, ran))
        return _with_missing(answer, ran, named) if question.must_exist else answer

    def _witnessed(self, question: Question) -> tuple[str, ...]:
        """The files whose executed lines matter; none where tests are asked again: what fails because it is watched
        passes then, and sends nobody back."""
        exposures = [each.exposure for each in question.entries if each.exposure is not None]
        is_wanted = question.is_measured and not question.tests
        return tuple(sorted({path for each in exposures for path in each.lines})) if is_wanted else ()

    def _measure(self, question: Question, ran: Ran) -> dict[EntryId, Measured]:
        """Of each entry, which changed lines the tests executed; that nobody could tell is said as well."""
        exposed = [(each, each.exposure) for each in question.entries if each.exposure is not None]
        if question.tests or not exposed:
            return {}
        if not question.is_measured:
            why = _NOT_NEEDED if question.is_plain else "tests could not be run while they were watched"
            told = {entry.id: unmeasured(exposure, why) for entry, exposure in exposed}
            return {key: msgspec.structs.replace(each, is_plain=question.is_plain) for key, each in told.items()}
        with self._guard:
            merged = self._reader.source_tree(question.tree, question.onto)
            trees = {
                each.id: self._reader.source_tree(self._merges.tree_of(each.head), each.base) for each, _ in exposed
            }
            return {entry.id: measure(exposure, trees[entry.id], merged, ran) for entry, exposure in exposed}

    def _files(self, tree: Sha, tests: Sequence[str]) -> tuple[str, ...]:
        """The files of the tests, which are named as the runner names them: it may be from a folder further in."""
        with self._guard:
            paths = self._reader.source_tree(tree, None).index.paths
        places = {test.partition("::")[0] for test in tests}
        return tuple(path for path in paths if any(path == at or path.endswith(f"/{at}") for at in places))


def _beyond(ran: Sequence[Ran]) -> tuple[Finding, ...]:
    """What the first has beyond the second, and beyond what each of the others brings."""
    merged, below, heads = ran[0], ran[1:2], ran[2:]
    before = below[0].report.findings if below else ()
    return find_emergent(merged.report.findings, [each.report.findings for each in heads], before)


def _asks(question: Question, kind: str) -> bool:
    """Whether the question is, among others, for the static checks, the tests, or a check by its name."""
    if not question.tests:
        return True
    if kind == "run":
        return any(not test.startswith("[") for test in question.tests)
    if kind == "static":
        return any(test.startswith("[") for test in question.tests)
    return any(test.startswith(f"[{kind}]") for test in question.tests)


def _name(finding: Finding) -> str:
    """A finding among failing tests: without line numbers, so that it is the same in other trees."""
    return f"[{finding.check}] {finding.path}: {finding.rule}: {finding.subject}"


def _judge(ran: Ran, asked: Sequence[str], *, is_whole: bool, is_cut: bool) -> Answer:
    """What a run of the tests says; of a part of them, only what was asked. One that was cut short says so."""
    if not ran.could_run:
        if ran.exit_code is None or ran.exit_code in (0, *_CANNOT_START):
            return Answer(Verdict.COULD_NOT_RUN, reason=ran.reason)
        return _answer({COMMAND: ran.reason})
    if ran.is_empty and is_whole:
        return Answer(Verdict.COULD_NOT_RUN, reason="there was no test to run")
    failed = {test.name: _said(test) for test in ran.tests if test.is_failure}
    if asked:
        # A file that cannot even be loaded fails all of its tests.
        broken = {name for name in failed if "::" not in name}
        failed = {
            name: failed.get(name, failed.get(name.partition("::")[0], ""))
            for name in asked
            if name in failed or name.partition("::")[0] in broken
        }
    if is_cut and failed:
        failed = {COMMAND: f"it ended with {ran.exit_code} before all tests had run", **failed}
    return _answer(failed)


def _with_missing(answer: Answer, ran: Ran, asked: Sequence[str]) -> Answer:
    """What was run on this tree before and is not there any more (left out, renamed at random) did not pass."""
    there = {test.name for test in ran.tests}
    missing = {name: "it was not run again" for name in asked if name not in there and name not in answer.failing}
    if not missing or answer.verdict not in (Verdict.PASSED, Verdict.FAILED):
        return answer
    return _answer({**{name: answer.details.get(name, "") for name in answer.failing}, **missing})


def _said(test: TestResult) -> str:
    """The line that names the error, else the first one."""
    lines = [line.strip().removeprefix("E ").strip() for line in test.message.splitlines() if line.strip()]
    return next((line for line in lines if _ERROR.match(line)), "".join(lines[:1]))[:_MOST_DETAIL]


def _answer(failed: Mapping[str, str]) -> Answer:
    names = tuple(failed)
    if len(names) > _MOST_FAILING:  # who is not named does not pass for it
        names = (*names[: _MOST_FAILING - 1], COMMAND)
        failed = {**failed, COMMAND: f"{len(failed)} tests fail"}
    details = {name: failed[name][:_MOST_DETAIL] for name in names[:_MOST_DETAILS] if failed[name]}
    return Answer(Verdict.FAILED if names else Verdict.PASSED, names, details=details)


def _digest(checks: Checks, commands: ProjectCommands) -> str:
    """Not of whether it is looked at what tests execute: that a tree passes is the same; who wants to know asks so."""
    parts = (_VERSION, checks.analysers, checks.tests, commands)
    told = json.dumps(msgspec.to_builtins(parts), sort_keys=True)
    return hashlib.blake2b(told.encode(), digest_size=8).hexdigest()
