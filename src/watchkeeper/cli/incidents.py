"""``watchkeeper incidents``: what stood still in databases, and because of which changes."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click
import msgspec

from watchkeeper.app import find_place, now
from watchkeeper.cli.exits import Exit
from watchkeeper.cli.options import json_option, repo_option
from watchkeeper.cli.output import Terminal, find_terminal, show, show_document
from watchkeeper.cli.verb import verb
from watchkeeper.controlroom.wording.times import render_ago
from watchkeeper.model.incident_state import DatabaseStanding, IncidentStanding
from watchkeeper.model.printing import printable


@verb(
    examples=("watchkeeper incidents", "watchkeeper incidents --all", "watchkeeper incidents --json"),
    then="watchkeeper incident ID",
)
@click.option("--all", "show_all", is_flag=True, help="Those that are over, too.")
@repo_option
@json_option
def command(*, show_all: bool, folder: Path, as_json: bool) -> int:
    """List the incidents that `watchkeeper db watch` has recorded here, the newest first.

    Without `--all` those that are open, and those of the last day. Exit code 1 where one is open, else 0.
    """
    from watchkeeper.lockwatch.deploying import find_incidents

    place = find_place(folder, os.environ)
    state = find_incidents(place)
    found = [each for each in state.incidents.values() if show_all or each.is_open or _is_new(each)]
    found.sort(key=lambda each: (each.is_open, each.opened_at), reverse=True)
    if as_json:
        show_document(
            {
                "incidents": [msgspec.to_builtins(each) for each in found],
                "databases": [msgspec.to_builtins(each) for each in state.databases.values()],
            }
        )
    else:
        terminal = find_terminal(sys.stdout, os.environ)
        lines = [line for each in found for line in _lines(each, terminal)]
        lines += [_unseen(each) for each in state.databases.values() if each.reason]
        show(lines or ["no incident is recorded"], f"watchkeeper incident {found[0].incident.id}" if found else "")
    return Exit.FOUND if any(each.is_open for each in found) else Exit.NOTHING


def _is_new(standing: IncidentStanding) -> bool:
    return now() - standing.changed_at < 24 * 3_600_000


def _lines(standing: IncidentStanding, terminal: Terminal) -> list[str]:
    incident = standing.incident
    often = f", {standing.occurrences} times" if standing.occurrences > 1 else ""
    if standing.is_open:
        how = f"open since {render_ago(incident.since, now())}{often}"
    else:
        ended = standing.ended.value if standing.ended is not None else ""
        lasted = f"lasted {standing.lasted_ms / 1000:.1f} s"
        how = f"{ended}, {lasted}, {render_ago(standing.ended_at or incident.seen, now())}{often}"
    head = f"{incident.id}  {incident.kind.value} in {printable(incident.database)}  {how}"
    return [terminal.paint("red", head) if standing.is_open else head, f"    {printable(incident.summary)}"]


def _unseen(standing: DatabaseStanding) -> str:
    how = "is seen in part" if standing.is_partial else "cannot be seen"
    return f"{printable(standing.database)} {how}: {printable(standing.reason)}"
