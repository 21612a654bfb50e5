"""``watchkeeper jump``: an entry goes before all others."""

from __future__ import annotations

import os
from pathlib import Path

import click

from watchkeeper.app import find_place
from watchkeeper.cli.exits import Exit
from watchkeeper.cli.options import json_option, repo_option
from watchkeeper.cli.output import show, show_document
from watchkeeper.cli.verb import verb
from watchkeeper.controlroom.wording.landing import name_all
from watchkeeper.landing.entering import find_entry, get_waiter, jump, jump_cost
from watchkeeper.landing.waiters import Place
from watchkeeper.model.printing import printable
from watchkeeper.queueing import open_book


@verb(
    examples=(
        "watchkeeper jump fix-login",
        "watchkeeper jump fix-login --yes",
    ),
    then="watchkeeper queue",
)
@click.argument("name", metavar="ENTRY")
@click.option("--yes", "is_meant", is_flag=True, help="Do it.")
@repo_option
@json_option
def command(*, name: str, is_meant: bool, folder: Path, as_json: bool) -> int:
    """Let an entry go before all others; says what that costs, and does it only with `--yes`.

    Runs that go on without it are ended and begun anew behind it. Exit code 0.
    """
    place = find_place(folder, os.environ)
    with open_book(place) as book:
        entry = find_entry(book.queue, name)
        cost = jump_cost(book.queue, entry)
        is_held = get_waiter(book.queue, entry).place is Place.HELD
        by = os.environ.get("USER", "")
        events = book.tell_if(lambda queue: jump(queue, entry, by)) if is_meant else ()
    behind = name_all(cost.behind) or "nobody"
    runs = f"{cost.runs} run{'' if cost.runs == 1 else 's'}"
    told = f"ends {runs} of others, and passes {behind}{', once it is released' if is_held else ''}"
    if as_json:
        show_document(
            {
                "project": place.project,
                "entry": entry,
                "runs": cost.runs,
                "passes": cost.behind,
                "held": is_held,
                "changed": bool(events),
            }
        )
    elif is_meant:
        show([f"{printable(entry)} goes first: {told}"], "watchkeeper queue")
    else:
        show([f"{printable(entry)} would go first: {told}"], f"watchkeeper jump {name} --yes")
    return Exit.NOTHING
