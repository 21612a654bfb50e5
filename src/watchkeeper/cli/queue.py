"""``watchkeeper queue``: who waits for the target branch, on what, for what, since when."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from watchkeeper.app import find_place, now, open_book
from watchkeeper.cli.exits import Exit
from watchkeeper.cli.options import json_option, repo_option
from watchkeeper.cli.output import find_terminal, show, show_document
from watchkeeper.cli.queue_words import queue_document, queue_lines
from watchkeeper.cli.verb import verb
from watchkeeper.landing.entering import halt, resume
from watchkeeper.landing.view import view_queue


@verb(
    examples=(
        "watchkeeper queue",
        "watchkeeper queue --halt 'the release is being cut'",
        "watchkeeper queue --resume",
    ),
    then="watchkeeper land CHANGE",
)
@click.option("--halt", "why", metavar="TEXT", help="Let nothing land until somebody resumes it.")
@click.option("--resume", "resumes", is_flag=True, help="Land again; what was red or could not be run is tried again.")
@repo_option
@json_option
def command(*, why: str | None, resumes: bool, folder: Path, as_json: bool) -> int:
    """Show the queue: position, what each entry is tested on, what it waits for and since when.

    An entry is one revision of a change: `fix-login/2`. What went back and why is in `watchkeeper log`. Exit code 0, or
    1 where nothing lands because the target branch fails, or because somebody said so.
    """
    place = find_place(folder, os.environ)
    with open_book(place) as book:
        if why is not None:
            book.tell_if(lambda queue: halt(queue, why))
        if resumes:
            book.tell_if(lambda queue: resume(queue, os.environ.get("USER", "")))
        view = view_queue(book.queue)
    if as_json:
        show_document({"project": place.project, **queue_document(view)})
    else:
        show(queue_lines(view, now(), find_terminal(sys.stdout, os.environ)), "watchkeeper land CHANGE")
    return Exit.FOUND if view.halted else Exit.NOTHING
