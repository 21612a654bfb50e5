"""``watchkeeper bounce``: an entry goes back to who made it."""

from __future__ import annotations

import os
from pathlib import Path

import click

from watchkeeper.app import find_place
from watchkeeper.cli.exits import Exit
from watchkeeper.cli.options import json_option, repo_option
from watchkeeper.cli.output import show, show_document
from watchkeeper.cli.queue_words import above_lines, held_with
from watchkeeper.cli.verb import verb
from watchkeeper.model.printing import printable
from watchkeeper.queueacts import bounce_entry


@verb(
    examples=("watchkeeper bounce fix-login --reason 'wait for the new schema'",),
    then="watchkeeper land CHANGE",
)
@click.argument("name", metavar="ENTRY")
@click.option("--reason", required=True, metavar="TEXT", help="Told to who made it.")
@repo_option
@json_option
def command(*, name: str, reason: str, folder: Path, as_json: bool) -> int:
    """Send an entry back to who made it, with a reason.

    It can be queued again as a new revision: `watchkeeper land`. Entries that have its commits in them wait for a
    person. Exit code 0.
    """
    place = find_place(folder, os.environ)
    entry, events = bounce_entry(place, name, reason, os.environ.get("USER", ""))
    with_it = held_with(events, entry)
    if as_json:
        show_document(
            {"project": place.project, "entry": entry, "changed": len(events) > len(with_it), "with_it": with_it}
        )
    else:
        show([f"{printable(entry)} goes back", *above_lines(with_it)], "watchkeeper queue")
    return Exit.NOTHING
