"""``watchkeeper incidents``: what stands still in the databases that are watched, and what did."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import msgspec

from watchkeeper.app import find_place, now
from watchkeeper.blaming.record import read_incidents
from watchkeeper.cli.exits import Exit
from watchkeeper.cli.options import json_option, repo_option
from watchkeeper.cli.output import Terminal, find_terminal, printable, show, show_document
from watchkeeper.cli.verb import verb
from watchkeeper.cli.wording import render_ago
from watchkeeper.model.ids import Millis
from watchkeeper.model.incident_state import DatabaseStanding, IncidentStanding


@verb(
    examples=(
        "watchkeeper incidents",
        "watchkeeper incidents --all",
        "watchkeeper incidents --json",
    ),
    then="watchkeeper incident ID",
)
@click.option("--all", "everything", is_flag=True, help="Those that are over too.")
@repo_option
@json_option
def command(*, everything: bool, folder: Path, as_json: bool) -> int:
    """List what stands still in databases, and the changes behind it; the newest first.

    What is listed was recorded by `watchkeeper db watch` or the daemon. Exit code 1 when an open incident is listed,
    else 0.
    """
    place = find_place(folder, os.environ)
    state = read_incidents(place)
    known = sorted(state.incidents.values(), key=lambda each: (not each.is_open, -each.opened_at))
    listed = [each for each in known if everything or each.is_open]
    if as_json:
        document = {"incidents": [standing_document(each) for each in listed]}
        databases = [msgspec.to_builtins(each) for each in state.databases.values()]
        show_document({"project": place.project, **document, "databases": databases})
    else:
        terminal, moment = find_terminal(sys.stdout, os.environ), now()
        lines = [line for each in listed for line in _lines(each, moment, terminal)]
        lines += [_unseen(each) for each in state.databases.values() if each.reason]
        over = sum(not each.is_open for each in known)
        hidden = f" ({over} over: --all lists them)" if over and not everything else ""
        lines.append(f"open incidents: {sum(each.is_open for each in listed)}{hidden}")
        show(lines, f"watchkeeper incident {listed[0].incident.id}" if listed else "watchkeeper db watch")
    return Exit.FOUND if any(each.is_open for each in listed) else Exit.NOTHING


def standing_document(standing: IncidentStanding) -> dict[str, object]:
    """An incident for programs: the incident's own fields, and where it stands."""
    incident = msgspec.to_builtins(standing.incident)
    return {
        **incident,
        "is_open": standing.is_open,
        "first_at": standing.first_at,
        "opened_at": standing.opened_at,
        "occurrences": standing.occurrences,
        "ended": standing.ended.value if standing.ended is not None else None,
        "ended_at": standing.ended_at,
        "lasted_ms": standing.lasted_ms,
        "detail": standing.detail,
    }


def _lines(standing: IncidentStanding, moment: Millis, terminal: Terminal) -> Iterator[str]:
    incident = standing.incident
    times = f", {standing.occurrences} times" if standing.occurrences > 1 else ""
    if standing.ended is not None:
        stood = f"over ({standing.ended.value}), stood {standing.lasted_ms / 1000:.1f} s"
    else:
        stood = "open"
    head = f"{incident.kind.value} {incident.id} in {printable(incident.database)}"
    yield terminal.paint("red" if standing.is_open else "dim", head)
    yield f"  {stood}, since {render_ago(standing.opened_at, moment)}{times}"
    yield f"  {printable(incident.summary)}"


def _unseen(each: DatabaseStanding) -> str:
    how = "is seen in part" if each.is_partial else "cannot be seen"
    return f"{printable(each.database)} {how}: {printable(each.reason)}"
