"""``watchkeeper release``: an entry that waits for a person goes on."""

from __future__ import annotations

import os
from pathlib import Path

import click

from watchkeeper.app import find_place
from watchkeeper.cli.exits import Exit
from watchkeeper.cli.options import json_option, repo_option
from watchkeeper.cli.output import show, show_document
from watchkeeper.cli.verb import verb
from watchkeeper.model.printing import printable
from watchkeeper.queueacts import release_entry


@verb(
    examples=("watchkeeper release fix-login",),
    then="watchkeeper queue",
)
@click.argument("name", metavar="ENTRY")
@repo_option
@json_option
def command(*, name: str, folder: Path, as_json: bool) -> int:
    """Let an entry go on that waits for a person.

    Entries wait where their risk is high, where they touch paths that a person looks at, where a resolution dropped
    lines of others, or because of `watchkeeper hold`. Exit code 0.
    """
    place = find_place(folder, os.environ)
    entry, events = release_entry(place, name, os.environ.get("USER", ""))
    if as_json:
        show_document({"project": place.project, "entry": entry, "changed": bool(events)})
    else:
        show([f"{printable(entry)} {'goes on' if events else 'was not held'}"], "watchkeeper queue")
    return Exit.NOTHING
