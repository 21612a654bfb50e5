"""One command on one tree: what was asked, and what came of it. Values."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from watchkeeper.model.findings import CheckReport, CheckState
from watchkeeper.probes.reports import TestResult


class Ran(msgspec.Struct, frozen=True):
    """One command on one tree: what it found, or which tests ran, and which lines each of them executed.

    ``reason`` says why it could not run; nothing else counts then. ``is_empty``: no test was there to run.
    ``ended_early``: tests that were to run first failed, and no other ran. ``exit_code`` is the command's, where it
    ended by itself.
    """

    report: CheckReport
    tests: tuple[TestResult, ...] = ()
    executed: Mapping[str, frozenset[int]] = {}
    has_witness: bool = False
    is_empty: bool = False
    wall_s: float = 0.0
    isolation: str = ""
    ended_early: bool = False
    exit_code: int | None = None

    @property
    def could_run(self) -> bool:
        return self.report.state is CheckState.DONE

    @property
    def reason(self) -> str:
        return self.report.reason


class Selection(msgspec.Struct, frozen=True):
    """Which tests to run, or files to read: those of ``files`` that the tree has (empty: all), of these only the ids of
    ``only``.

    ``witnessed`` are the files whose executed lines matter, where ``is_whole`` of all tests together, which costs far
    less, else of those that pass. ``attempt`` tells repeated runs of the same apart. The
    tests of ``decisive`` files run first, and where one of them fails no others do, as far as the runner can do that.
    """

    files: tuple[str, ...] = ()
    only: tuple[str, ...] = ()
    witnessed: tuple[str, ...] = ()
    attempt: int = 0
    decisive: tuple[str, ...] = ()
    is_whole: bool = False


EVERYTHING = Selection()


def could_not_run(check: str, reason: str) -> Ran:
    """A run that says nothing, and why."""
    return Ran(CheckReport(check, (), CheckState.COULD_NOT_RUN, reason))
