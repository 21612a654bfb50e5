"""``watchkeeper issue list`` and ``show``."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from watchkeeper.app import find_place, now
from watchkeeper.cli.exits import Exit
from watchkeeper.cli.issue_words import issue_document, issue_lines, list_lines
from watchkeeper.cli.options import json_option, repo_option
from watchkeeper.cli.output import find_terminal, show, show_document
from watchkeeper.cli.verb import verb
from watchkeeper.forge.names import find_issue
from watchkeeper.model.fleet import IssueState
from watchkeeper.model.fleet_state import FleetState, IssueStanding
from watchkeeper.model.printing import printable
from watchkeeper.tracking import read_fleet

_MOST = 100


@verb(
    examples=(
        "watchkeeper issue list",
        "watchkeeper issue list --label ready",
        "watchkeeper issue list --state all --json",
    ),
    then="watchkeeper issue show ID",
)
@click.option(
    "--state", "which", type=click.Choice(["open", "closed", "all"]), default="open", show_default=True, help="Which."
)
@click.option("--label", "labels", multiple=True, metavar="LABEL", help="Only those with it; several: with all.")
@click.option("--of-fleet", is_flag=True, help="Those of the fleet itself: where scouts could not look.")
@repo_option
@json_option
def list_issues(*, which: str, labels: tuple[str, ...], of_fleet: bool, folder: Path, as_json: bool) -> int:
    """List issues, and what each waits for or who has it.

    The most urgent come first, then the oldest. Exit code 0.
    """
    place = find_place(folder, os.environ)
    state = read_fleet(place, of_fleet=of_fleet)
    shown = [each for each in state.issues.values() if _fits(each, which, labels)]
    shown.sort(key=lambda each: (each.state is IssueState.CLOSED, each.issue.priority, each.issue.filed_at))
    if as_json:
        show_document({"project": place.shared, "issues": [issue_document(state, each) for each in shown]})
        return Exit.NOTHING
    lines = list_lines(state, shown[:_MOST], now(), find_terminal(sys.stdout, os.environ))
    if len(shown) > _MOST:
        lines.append(f"and {len(shown) - _MOST} more: watchkeeper issue list --json")
    step = f"watchkeeper issue show {printable(shown[0].issue.id)}" if shown else "watchkeeper issue new TITLE"
    show(lines or [_nothing(state, which, labels)], step)
    return Exit.NOTHING


@verb(examples=("watchkeeper issue show shop#12", "watchkeeper issue show 12 --json"), then="watchkeeper issue list")
@click.argument("name", metavar="ID")
@repo_option
@json_option
def show_issues(*, name: str, folder: Path, as_json: bool) -> int:
    """Show one issue.

    Its text, what it waits for, who has it, and what was said. Exit code 0.
    """
    place = find_place(folder, os.environ)
    state = read_fleet(place, of_fleet=name.startswith("fleet#"))
    own = state.issues[find_issue(state.issues, name)]
    if as_json:
        show_document({"project": place.shared, "issue": issue_document(state, own, whole=True)})
    else:
        show(issue_lines(state, own, now(), find_terminal(sys.stdout, os.environ)), "watchkeeper issue list")
    return Exit.NOTHING


def _fits(own: IssueStanding, which: str, labels: tuple[str, ...]) -> bool:
    return which in ("all", own.state.value) and set(labels) <= set(own.issue.labels)


def _nothing(state: FleetState, which: str, labels: tuple[str, ...]) -> str:
    if not state.issues:
        return "no issue was filed yet"
    return "no issue fits" if labels or which == "all" else f"no issue is {which}"
