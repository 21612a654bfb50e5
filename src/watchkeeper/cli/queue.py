"""``watchkeeper queue``: who waits for the target branch, on what, for what, since when."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click
import msgspec

from watchkeeper.app import find_place, find_socket, now
from watchkeeper.cli.daemon import is_answering
from watchkeeper.cli.exits import Exit
from watchkeeper.cli.options import json_option, repo_option
from watchkeeper.cli.output import find_terminal, show, show_document
from watchkeeper.cli.queue_words import (
    audit_lines,
    outcome_document,
    page_lines,
    queue_document,
    queue_lines,
    returned_lines,
    what_next,
)
from watchkeeper.cli.verb import verb
from watchkeeper.landing.audit import Audit, audit_landings
from watchkeeper.landing.entering import halt, resume
from watchkeeper.landing.page import EntryPage
from watchkeeper.landing.view import find_red, find_returned, view_queue
from watchkeeper.landing.waiters import Place
from watchkeeper.model.printing import printable
from watchkeeper.queueing import is_driven, open_book, read_entry_page


@verb(
    examples=(
        "watchkeeper queue",
        "watchkeeper queue fix-login          what became of it, and the other side's diff",
        "watchkeeper queue --halt 'the release is being cut'",
        "watchkeeper queue --resume",
        "watchkeeper queue --audit            whether everything that landed had passed before",
    ),
    then="watchkeeper land CHANGE",
)
@click.argument("name", metavar="[ENTRY]", required=False)
@click.option("--halt", "why", metavar="TEXT", help="Let nothing land until somebody resumes it.")
@click.option("--resume", "resumes", is_flag=True, help="Land again; what was red or could not be run is tried again.")
@click.option("--audit", "audits", is_flag=True, help="Hold all that landed against its promises, by the whole log.")
@repo_option
@json_option
def command(*, name: str | None, why: str | None, resumes: bool, audits: bool, folder: Path, as_json: bool) -> int:
    """Show the queue: position, what each entry is tested on, what it waits for and since when.

    An entry is one revision of a change: `fix-login/2`. With ENTRY: what became of it, and where it came back what it
    goes wrong with: who made that, for which issue, and its diff. Exit code 0, or 1 where the entry came back, where
    nothing lands because the target branch fails or somebody said so, or where --audit finds a promise broken.
    """
    place = find_place(folder, os.environ)
    if name is not None:
        return _show_entry(read_entry_page(place, name), as_json=as_json)
    with open_book(place) as book:
        if audits:
            return _show_audit(audit_landings(book.history()), as_json=as_json)
        if why is not None:
            book.tell_if(lambda queue: halt(queue, why))
        if resumes:
            book.tell_if(lambda queue: resume(queue, os.environ.get("USER", "")))
        view, returned = view_queue(book.queue), find_returned(book.history())
        red = find_red(book.queue, book.history())
    drives = is_driven(place) or is_answering(find_socket(place))
    if as_json:
        show_document({"project": place.project, **queue_document(view, is_driven=drives), "returned": returned})
    else:
        terminal = find_terminal(sys.stdout, os.environ)
        lines = [*queue_lines(view, now(), terminal, is_driven=drives), *returned_lines(returned)]
        held = [row.id for row in view.rows if row.place is Place.HELD]
        idle = [row.id for row in view.rows if row.place is not Place.HELD and not drives]
        other = [f"watchkeeper queue {each.id}" for each in returned[-1:]]
        other += [f"watchkeeper release {each}" for each in held]
        show(lines, what_next(book.queue.halted, red, idle) or printable([*other, "watchkeeper land CHANGE"][0]))
    return Exit.FOUND if view.halted else Exit.NOTHING


def _show_entry(page: EntryPage, *, as_json: bool) -> int:
    is_back = page.outcome.state == "bounced"
    if as_json:
        show_document({"entry": outcome_document(page.outcome), "own": page.own, "sides": page.sides})
    else:
        show(page_lines(page), "merge the target branch, and land it again" if is_back else "watchkeeper queue")
    return Exit.FOUND if is_back else Exit.NOTHING


def _show_audit(audit: Audit, *, as_json: bool) -> int:
    if as_json:
        show_document({"audit": msgspec.to_builtins(audit)})
    else:
        show(audit_lines(audit), "watchkeeper log" if audit.broken else "watchkeeper queue")
    return Exit.FOUND if audit.broken else Exit.NOTHING
