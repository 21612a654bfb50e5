"""``watchkeeper overrule``: a person lets an issue go on that was held back."""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterable, Mapping
from pathlib import Path

import click

from watchkeeper.app import now
from watchkeeper.cli.exits import Exit
from watchkeeper.cli.fleet_place import fleet_option, look_at_fleet
from watchkeeper.cli.options import json_option
from watchkeeper.cli.output import show, show_document
from watchkeeper.cli.verb import verb
from watchkeeper.fleetplace import find_fleet, open_fleet_log
from watchkeeper.model.errors import UsageError
from watchkeeper.model.fleet import DispatchOverruled, IssueId, IssueState
from watchkeeper.model.fleet_state import FleetState
from watchkeeper.model.printing import printable


@verb(
    examples=(
        "watchkeeper overrule shop#12",
        "watchkeeper overrule 12",
    ),
    then="watchkeeper dispatch --dry-run",
)
@click.argument("name", metavar="ISSUE")
@fleet_option
@json_option
def command(*, name: str, file: Path | None, as_json: bool) -> int:
    """Let an issue go on that waits: ordered behind others that may touch the same, or tried too often.

    It holds for the next try. What it depends on, quiet hours, budgets and a label that puts it off still count.
    ISSUE may be its number alone where only one project has it. Exit code 0.
    """
    place = find_fleet(file)
    with open_fleet_log(place) as log:
        picture = look_at_fleet(place, log)
        issue, project = find_issue(picture.states, name)
        standing = picture.states[project].issues[issue]
        reason = _needless(picture.states[project], issue)
        if not reason and log is not None:
            member = next(each for each in place.roster.members if each.entry.name == project)
            by = os.environ.get("USER") or os.environ.get("LOGNAME") or ""
            log.append(member.project, [DispatchOverruled(issue, by)], now())
    if as_json:
        show_document({"issue": issue, "project": project, "changed": not reason, "reason": reason})
    else:
        said = f"nothing was changed: {reason}" if reason else f"may go on: {printable(standing.issue.title)}"
        show([f"{printable(issue)} {said}"], "watchkeeper dispatch --dry-run")
    return Exit.NOTHING


def find_issue(states: Mapping[str, FleetState], name: str) -> tuple[IssueId, str]:
    """The issue that is meant, and its project. Raises UsageError (``unknown-issue``, ``ambiguous-issue``)."""
    known = {issue: project for project, state in states.items() for issue in state.issues}
    number = name.removeprefix("#")
    found = [issue for issue in known if issue == name] or [
        issue for issue in known if issue.rpartition("#")[2] == number and "#" not in number
    ]
    if not found:
        raise UsageError(
            f"There is no issue {name!r}{_near(name, known)}",
            slug="unknown-issue",
            hint="watchkeeper fleet",
            facts={"issue": name},
        )
    if len(found) > 1:
        raise UsageError(
            f"{name!r} may be {', '.join(found[:5])}",
            slug="ambiguous-issue",
            hint=f"give the whole of it, as in {found[0]}",
            facts={"issue": name, "found": " ".join(found[:50])},
        )
    return found[0], known[found[0]]


def _near(name: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, known, n=3)
    return f"; did you mean {' or '.join(near)}?" if near else ""


def _needless(state: FleetState, issue: IssueId) -> str:
    standing, at_work = state.issues[issue], state.claims(issue)
    if standing.state is IssueState.CLOSED:
        return "it is closed"
    if at_work is not None:
        return f"{at_work.engagement.id} is at work on it"
    return "it may go on already" if standing.is_overruled else ""
