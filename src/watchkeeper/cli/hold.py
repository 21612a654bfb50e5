"""``watchkeeper hold``: an entry waits for a person."""

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
from watchkeeper.queueacts import hold_entry, withdraw_entry


@verb(
    examples=(
        "watchkeeper hold fix-login --reason 'after the release'",
        "watchkeeper hold fix-login --withdraw",
    ),
    then="watchkeeper release ENTRY",
)
@click.argument("name", metavar="ENTRY")
@click.option("--reason", default="somebody said so", show_default=True, metavar="TEXT", help="Shown in the queue.")
@click.option("--withdraw", "leaves", is_flag=True, help="Take it out of the queue instead.")
@repo_option
@json_option
def command(*, name: str, reason: str, leaves: bool, folder: Path, as_json: bool) -> int:
    """Let an entry of the queue wait until somebody releases it; it keeps its place.

    ENTRY is a change (`fix-login`) or one revision of it (`fix-login/2`). What is run with it is begun anew without it.
    Entries that have its commits in them wait with it. With `--withdraw` it leaves the queue for good; its commit stays
    on its branch. Exit code 0.
    """
    place = find_place(folder, os.environ)
    by = os.environ.get("USER", "")
    entry, events = withdraw_entry(place, name, reason) if leaves else hold_entry(place, name, reason, by)
    with_it = held_with(events, entry)
    if as_json:
        show_document(
            {"project": place.project, "entry": entry, "changed": len(events) > len(with_it), "with_it": with_it}
        )
    else:
        lines = [f"{printable(entry)} {'left the queue' if leaves else 'waits for a person'}"]
        show([*lines, *above_lines(with_it)], "watchkeeper queue")
    return Exit.NOTHING
