"""``watchkeeper standards move``: from candidate to enforced, or back, where everything that is due is there."""

from __future__ import annotations

from pathlib import Path

import click

from watchkeeper.cli.exits import Exit
from watchkeeper.cli.fleet_place import fleet_option
from watchkeeper.cli.options import json_option, repo_option
from watchkeeper.cli.output import show, show_document
from watchkeeper.cli.standards_desk import open_desk, who
from watchkeeper.cli.verb import verb
from watchkeeper.model.scouting import StandardState


@verb(
    examples=(
        "watchkeeper standards move std-missing-timeout proposed",
        "watchkeeper standards move std-missing-timeout adopted --reason 'three outages'",
        "watchkeeper standards move std-missing-timeout enforced",
        "watchkeeper standards move std-missing-timeout retired --reason 'the client has a timeout now'",
    ),
    then="watchkeeper standards show ID",
)
@click.argument("name", metavar="ID")
@click.argument("state", type=click.Choice([each.value for each in StandardState]))
@click.option("--reason", default="", metavar="TEXT", help="Why; needed to go back and to retire.")
@fleet_option
@repo_option
@json_option
def command(*, name: str, state: str, reason: str, file: Path | None, folder: Path, as_json: bool) -> int:
    """Propose, adopt, enforce, take back or retire a standard.

    What is missing is said: a text, a check that finds every case it came from, a census of every project, an owner.
    Adopted, each project that has places gets one issue. Enforced, a change that adds one does not land.
    """
    with open_desk(file, folder) as desk:
        standing = desk.get(name)
        moved = desk.move(standing.standard.id, StandardState(state), who(), reason)
        if as_json:
            show_document({"standard": moved.id, "state": moved.state.value, "by": moved.by})
        else:
            show([f"{moved.id} is {moved.state.value}"], f"watchkeeper standards show {moved.id}")
    return Exit.NOTHING
