"""A project's own commands, for its engagements: set up in a worktree, tests on a tree, both in the sandbox."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from watchkeeper.engagements.ports import Checked, Outcome
from watchkeeper.model.errors import WatchkeeperError
from watchkeeper.model.ids import Sha
from watchkeeper.probes.commands import CommandRunner
from watchkeeper.probes.presets import CommandCheck
from watchkeeper.probes.runs import Ran, Selection

_T = TypeVar("_T")
_MOST_FAILING = 20
_MOST_SAID = 400


class ProjectChecks:
    """``engagements.ports.Checks`` over the runner that probes and the queue have too: no tree is tested twice."""

    def __init__(self, runner: CommandRunner, tests: CommandCheck | None) -> None:
        self._runner = runner
        self._tests = tests

    async def set_up(self, folder: Path) -> str:
        """Why the worktree could not be set up; ``""`` where it is."""
        return await _cancellable(lambda cancel: self._runner.set_up_in(folder, cancel=cancel))

    async def test(self, tree: Sha) -> Checked:
        """What the tests say of the tree."""
        tests = self._tests
        if tests is None:
            return Checked(Outcome.NO_TESTS, "the project has no test command")
        try:
            return await _cancellable(lambda cancel: self._test(tests, tree, cancel))
        except WatchkeeperError as error:
            return Checked(Outcome.COULD_NOT_RUN, error.message)

    def _test(self, tests: CommandCheck, tree: Sha, cancel: threading.Event) -> Checked:
        """What failed is asked once more: a flaky test is no fault of the change."""
        first = _checked(self._runner.run(tests, tree, cancel=cancel), tests)
        if first.outcome is not Outcome.FAILED or cancel.is_set():
            return first
        again = _checked(self._runner.run(tests, tree, Selection(attempt=1), cancel=cancel), tests)
        return again if again.outcome is Outcome.PASSED else first


def _checked(ran: Ran, tests: CommandCheck) -> Checked:
    if not ran.could_run:
        return Checked(Outcome.COULD_NOT_RUN if ran.exit_code is None else Outcome.FAILED, ran.reason[:_MOST_SAID])
    if ran.is_empty:
        return Checked(Outcome.NO_TESTS, "there was no test to run")
    failing = [test for test in ran.tests if test.is_failure]
    if failing:
        told = "\n".join(f"{test.name}: {test.message[:_MOST_SAID]}" for test in failing[:_MOST_FAILING])
        return Checked(Outcome.FAILED, f"{len(failing)} of {len(ran.tests)} tests fail", told)
    count = _counted(len(ran.tests)) if ran.tests else "they pass"
    return Checked(Outcome.PASSED, f"{tests.command}: {count}")


def _counted(passing: int) -> str:
    return "1 test passes" if passing == 1 else f"{passing} tests pass"


async def _cancellable(call: Callable[[threading.Event], _T]) -> _T:
    """In a thread; cancelled, the command is ended, and waited for."""
    cancel = threading.Event()
    running = asyncio.ensure_future(asyncio.to_thread(call, cancel))
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        cancel.set()
        await asyncio.wait({running})
        raise
