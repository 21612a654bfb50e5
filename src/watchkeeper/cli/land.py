"""``watchkeeper land``: finished changes go to the target branch, through the queue."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from watchkeeper.app import find_place, find_socket, open_landing
from watchkeeper.cli.options import json_option, repo_option
from watchkeeper.cli.verb import verb

if TYPE_CHECKING:
    pass


@verb(
    examples=(
        "watchkeeper land                     the worktree where you are",
        "watchkeeper land fix-login add-tax",
        "watchkeeper land fix-login --no-wait",
        "watchkeeper land --from-main         test what went past the queue",
    ),
    then="watchkeeper queue",
)
@click.argument("changes", nargs=-1, metavar="[CHANGE]...")
@click.option("--from-main", is_flag=True, help="Test what came to the target branch past the queue.")
@click.option("--since", metavar="REV", help="With --from-main: the last commit that is known to be good.")
@click.option(
    "--wait/--no-wait", "waits", default=None, help="Wait until it is decided. Default: where no daemon runs."
)
@click.option("--issue", default="", metavar="TEXT", help="The issue that the change resolves; kept in the commit.")
@click.option("--serve", is_flag=True, hidden=True)
@repo_option
@json_option
def command(
    *,
    changes: tuple[str, ...],
    from_main: bool,
    since: str | None,
    waits: bool | None,
    issue: str,
    serve: bool,
    folder: Path,
    as_json: bool,
) -> int:
    """Queue finished changes for the target branch; each lands once a tree with it has passed all tests.

    A CHANGE is a branch, or the path of a worktree (without any: the one where you are); what is not committed is
    refused. Where a daemon runs, it drives the queue; else this command does, until its changes are decided. A change
    that breaks something together with another goes back, with the other named. Exit code 0 where all landed (or were
    queued), 1 where one went back or waits for a person.
    """
    place = find_place(folder, os.environ)
    with open_landing(place) as landing:
        if serve:
            return _serve(landing)
        if from_main:
            return _adopt(place, landing, since, as_json=as_json)
        names = changes or (str(place.repository.found_at),)
        entries = [_submit(place, landing, name, issue, folder) for name in names]
        has_daemon = find_socket(place).exists()
        if waits or (waits is None and not has_daemon):
            _wait(landing, entries, quiet=as_json)
        return _report(landing, entries, as_json=as_json)
