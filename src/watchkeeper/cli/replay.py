"""``watchkeeper replay``: what Watchkeeper would have said in this repository's own past."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

import click
import msgspec

from watchkeeper.app import find_place, replay
from watchkeeper.cli.documents import conflict_document
from watchkeeper.cli.exits import Exit
from watchkeeper.cli.options import json_option, repo_option, target_option
from watchkeeper.cli.output import Terminal, find_terminal, show, show_document
from watchkeeper.cli.verb import verb
from watchkeeper.cli.wording import mark
from watchkeeper.model.conflicts import Conflict, Severity
from watchkeeper.model.printing import printable
from watchkeeper.watch.history import Sort

if TYPE_CHECKING:
    from watchkeeper.watch.history import PastChange
    from watchkeeper.watch.replay import ReplayedPair, ReplayReport

_MOST_SHOWN = 12
_SORTS = {
    "pull-requests": ["(the branch has no merges: these are the pull requests that this clone has, landed or not)"],
    "commits": [
        "(the branch has no merges and this clone no pull requests: forks are guessed from dates, and the later change",
        "of a pair was rebased on the earlier one, so that little of what really happened can be seen)",
    ],
}
_LEVELS = (Severity.MINOR, Severity.MAJOR, Severity.BLOCKING)


@verb(
    examples=("watchkeeper replay", "watchkeeper replay --days 365", "watchkeeper replay --merges 500 --json"),
    then="watchkeeper watch",
)
@click.option(
    "--days", type=click.IntRange(min=1), default=90, show_default=True, metavar="N", help="How far to look back."
)
@click.option("--merges", type=click.IntRange(min=1), metavar="N", help="The last N merges instead of days.")
@target_option
@repo_option
@json_option
def command(*, days: int, merges: int | None, target: str | None, folder: Path, as_json: bool) -> int:
    """Judge the tool on this repository's own history: what it would have caught, and its noise.

    Goes through the merges of the target branch, forms the pairs of changes that were open at the same time, and says
    what Watchkeeper would have reported at each severity, beside "same file". Nothing is recorded. Exit code 1 when
    something was found, else 0.
    """
    place = find_place(folder, os.environ, {"target": target})
    progress = _Progress(sys.stderr)
    report = replay(place, days=None if merges else days, merges=merges, on_progress=progress.show)
    progress.clear()
    if as_json:
        show_document(_document(report))
    else:
        show(_lines(report, find_terminal(sys.stdout, os.environ)), _next_step(report, merges or days))
    return Exit.FOUND if report.count_at(Severity.MINOR) else Exit.NOTHING


class _Progress:
    """How far it is, on one line of a terminal; silent elsewhere."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream if stream.isatty() else None

    def show(self, done: int, total: int) -> None:
        if self._stream is not None:
            self._stream.write(f"\r{done} of {total} pairs compared")
            self._stream.flush()

    def clear(self) -> None:
        if self._stream is not None:
            self._stream.write("\r\x1b[K")


def _lines(report: ReplayReport, terminal: Terminal) -> list[str]:
    pairs = len(report.pairs)
    lines: list[str] = []
    for each in report.pairs:
        if each.worst is None or each.worst.rank < Severity.MAJOR.rank or len(lines) > _MOST_SHOWN * 4:
            break
        conflict = each.conflicts[0]
        lines += [f"{mark(conflict.severity, terminal)}  {printable(conflict.subjects[0])}: {printable(conflict.why)}"]
        lines += [f"            {printable(past.title)} ({past.landing[:9]})" for past in _both(each)]
        lines += [f"            {printable(conflict.rule)}: {_evidence(conflict)}", ""]
    lines.append(f"{report.changes} changes landed; {pairs} pairs of them were open at the same time")
    lines += _SORTS.get(report.sort.value, [])
    if report.skipped:
        lines.append(
            f"({report.skipped} pairs left out: a change of more files than a person reads, or not in this clone)"
        )
    if pairs:
        lines += ["", f"{'what would have been told':32}{'pairs':>7}{'share':>9}"]
        lines.append(_row("same file (the usual alarm)", report.count_same_file(), pairs))
        lines += [_row(f"{severity.value} and above", report.count_at(severity), pairs) for severity in _LEVELS]
    return lines


def _row(name: str, count: int, pairs: int) -> str:
    return f"{name:32}{count:>7}{count / pairs:>9.1%}"


def _both(each: ReplayedPair) -> tuple[PastChange, PastChange]:
    return each.pair.earlier, each.pair.later


def _evidence(conflict: Conflict) -> str:
    return "; ".join(f"{printable(e.path)}:{e.line} {printable(e.text[:70])}" for e in conflict.evidence[:2])


def _next_step(report: ReplayReport, window: int) -> str:
    for each in report.pairs:
        if each.worst is not None and each.worst.rank >= Severity.MINOR.rank:
            return f"watchkeeper check {each.pair.earlier.head[:12]} {each.pair.later.head[:12]}"
    if report.pairs:
        return "watchkeeper watch"
    if report.sort is Sort.COMMITS:
        return "git fetch origin '+refs/pull/*/head:refs/pull/*/head', then watchkeeper replay again"
    return f"watchkeeper replay --days {4 * window}"


def _document(report: ReplayReport) -> dict[str, object]:
    return {
        "changes": report.changes,
        "pairs": len(report.pairs),
        "skipped": report.skipped,
        "found_in": report.sort.value,
        "same_file": report.count_same_file(),
        "at_least": {severity.value: report.count_at(severity) for severity in Severity},
        "rules": {severity.value: report.count_rules(severity) for severity in Severity},
        "found": [
            {
                "earlier": msgspec.to_builtins(each.pair.earlier),
                "later": msgspec.to_builtins(each.pair.later),
                "same_file": each.shares_file,
                "conflicts": [conflict_document(conflict) for conflict in each.conflicts],
            }
            for each in report.pairs
            if each.conflicts
        ],
    }
