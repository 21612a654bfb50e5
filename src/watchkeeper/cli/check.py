"""``watchkeeper check``: the same analysis as ``watch``, once, of the changes that are named."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from watchkeeper.app import check, find_place
from watchkeeper.cli.documents import check_document
from watchkeeper.cli.exits import Exit
from watchkeeper.cli.options import json_option, repo_option, severity_option
from watchkeeper.cli.output import find_terminal, say, show, show_document
from watchkeeper.cli.verb import verb
from watchkeeper.cli.wording import conflict_lines, evidence_of_sides, not_counted_line
from watchkeeper.model.conflicts import Conflict
from watchkeeper.model.printing import printable

if TYPE_CHECKING:
    from watchkeeper.watch.check import CheckReport

_MOST_LINES = 4
_MOST_PLACES = 20


@verb(
    examples=(
        "watchkeeper check agent-a agent-b",
        "watchkeeper check ../worktree-a ../worktree-b",
        "watchkeeper check feature 1a2b3c4 --base release --json",
    ),
    then="watchkeeper watch",
)
@click.argument("changes", metavar="CHANGE CHANGE...", nargs=-1, required=True)
@click.option("--base", metavar="REF", help="Compare with this commit. Default: the merge base with the target branch.")
@severity_option
@repo_option
@json_option
def command(*, changes: tuple[str, ...], base: str | None, severity: str | None, folder: Path, as_json: bool) -> int:
    """Say once which of the given changes conflict.

    A CHANGE is a branch or a commit, or the path of a worktree, which alone counts with its uncommitted work.
    Nothing is recorded. Exit code 1 when there is a conflict of the severity shown, else 0.
    """
    if len(changes) < 2:
        raise click.UsageError("Two changes or more are needed", click.get_current_context())
    place = find_place(folder, os.environ, {"min_severity": severity})
    report = check(folder, changes, base=base, place=place)
    shown = [c for c in report.conflicts if c.severity.rank >= place.config.min_severity.rank]
    if as_json:
        unread = [msgspec.to_builtins(each) for each in report.unread]
        missed = [msgspec.to_builtins(each) for each in report.not_analysed]
        beside = [msgspec.to_builtins(each) for each in report.not_counted]
        document = {"unread": unread, "not_analysed": missed, "not_counted": beside}
        show_document({**check_document(report.changes, shown), **document})
    else:
        for work in report.not_counted:
            say(not_counted_line(work))
        _show(report, shown)
    return Exit.FOUND if shown else Exit.NOTHING


def _show(report: CheckReport, shown: Sequence[Conflict]) -> None:
    terminal = find_terminal(sys.stdout, os.environ)
    lines: list[str] = []
    for conflict in shown:
        lines += [*conflict_lines(conflict, terminal), *_sides(conflict), ""]
    lines += [
        f"not analysed: {printable(each.path)} in {printable(each.change)}: {printable(each.reason)}"
        for each in report.unread
    ]
    lines += [
        f"not analysed: {printable(each.path)}:{each.line} in {printable(each.change)}: {each.kind}: "
        f"{printable(each.reason)}"
        for each in report.not_analysed[:_MOST_PLACES]
    ]
    if len(report.not_analysed) > _MOST_PLACES:
        lines.append(f"not analysed: {len(report.not_analysed) - _MOST_PLACES} more places (--json lists all)")
    hidden = len(report.conflicts) - len(shown)
    more = f" ({hidden} below the severity shown: --severity info)" if hidden else ""
    lines.append(f"{len(report.changes)} changes compared, {len(shown)} conflicts{more}")
    show(lines, printable(shown[0].next_step) if shown else "watchkeeper watch")


def _sides(conflict: Conflict) -> list[str]:
    lines = []
    for side, shown in evidence_of_sides(conflict):
        lines += [f"            {side}", *(f"            {line}" for line in shown[:_MOST_LINES])]
    return [*lines, f"            why: {printable(conflict.why)}"]
