"""``watchkeeper risk``: how risky a change is, with every reason."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TextIO

import click
import msgspec

from watchkeeper.app import RiskReport, assess_change, find_place
from watchkeeper.cli.exits import Exit
from watchkeeper.cli.options import json_option, repo_option
from watchkeeper.cli.output import find_terminal, say, show, show_document
from watchkeeper.cli.verb import verb
from watchkeeper.cli.wording import not_counted_line
from watchkeeper.model.printing import printable
from watchkeeper.risk.points import RiskPoint

_MOST_POINTS = 20
_MOST_MISSED = 8


@verb(
    examples=(
        "watchkeeper risk",
        "watchkeeper risk agent-a",
        "watchkeeper risk ../worktree-a --intent issue.md --json",
    ),
    then="watchkeeper check",
)
@click.argument("change", metavar="[CHANGE]", required=False)
@click.option("--base", metavar="REF", help="Compare with this commit. Default: the merge base with the target branch.")
@click.option(
    "--intent",
    metavar="FILE",
    type=click.File("r", encoding="utf-8", errors="replace"),
    help="What the change was asked to do, as text (- reads standard input): what it names weighs half.",
)
@repo_option
@json_option
def command(*, change: str | None, base: str | None, intent: TextIO | None, folder: Path, as_json: bool) -> int:
    """Say how risky a change is, and why.

    A CHANGE is a branch or a commit, or the path of a worktree, which alone counts with its uncommitted work. Default:
    the worktree where you are. The score is 0 (nothing that could break changed) to 100; each point has its reason.
    What could not be looked at adds nothing to the score and is listed beside it. Nothing is run and nothing is
    recorded. Exit code 1 when there is a point, or something could not be looked at, else 0.
    """
    place = find_place(folder, os.environ)
    if change is None and place.repository.found_at is None:
        raise click.UsageError("A bare repository has no worktree: name a CHANGE", click.get_current_context())
    name = change or str(place.repository.found_at)
    report = assess_change(folder, name, base=base, place=place, intent=intent.read() if intent else "")
    if as_json:
        show_document(_document(report))
    else:
        for work in report.not_counted:
            say(not_counted_line(work))
        _show(report)
    return Exit.FOUND if report.risk.points or report.risk.could_not else Exit.NOTHING


def _document(report: RiskReport) -> dict[str, object]:
    return {
        "change": report.change.id,
        "base": report.change.base,
        **msgspec.to_builtins(report.risk),
        "not_counted": [msgspec.to_builtins(each) for each in report.not_counted],
    }


def _show(report: RiskReport) -> None:
    risk, label = report.risk, printable(report.change.label)
    terminal = find_terminal(sys.stdout, os.environ)
    lines = [terminal.paint("bold", f"{label}: risk {risk.score} of 100")]
    lines += [_line(point) for point in risk.points[:_MOST_POINTS]]
    if len(risk.points) > _MOST_POINTS:
        lines.append(f"  {len(risk.points) - _MOST_POINTS} more points (--json lists all)")
    lines += [f"not looked at: {printable(each)}" for each in risk.could_not[:_MOST_MISSED]]
    if len(risk.could_not) > _MOST_MISSED:
        lines.append(f"not looked at: {len(risk.could_not) - _MOST_MISSED} more (--json lists all)")
    show(lines, _next_step(report))


def _line(point: RiskPoint) -> str:
    place = f"{point.path}:{point.line}" if point.line else point.path
    named = "" if not place or place in point.reason else f"  ({place})"
    return printable(f"  {point.weight:>3}  {point.kind.value:<19} {point.reason}{named}")


def _next_step(report: RiskReport) -> str:
    place = next((point for point in report.risk.points if point.path), None)
    if place is None:
        return "watchkeeper check"
    return printable(f"read {place.path}:{place.line}" if place.line else f"read {place.path}")
