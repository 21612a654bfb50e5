"""``watchkeeper deployed``: which commit runs where; one line in a deploy script."""

from __future__ import annotations

import os
from pathlib import Path

import click
import msgspec

from watchkeeper.app import find_place, now, open_log
from watchkeeper.cli.exits import Exit
from watchkeeper.cli.options import json_option, repo_option
from watchkeeper.cli.output import show, show_document
from watchkeeper.cli.verb import verb
from watchkeeper.controlroom.wording.times import render_ago
from watchkeeper.model.errors import UsageError
from watchkeeper.model.incident_state import Deployment
from watchkeeper.model.printing import printable


@verb(
    examples=("watchkeeper deployed $(git rev-parse HEAD) --env production", "watchkeeper deployed"),
    then="watchkeeper incidents",
)
@click.argument("revision", metavar="REV", required=False)
@click.option("--env", "environment", metavar="NAME", default="", help="The environment in which it runs.")
@repo_option
@json_option
def command(*, revision: str | None, environment: str, folder: Path, as_json: bool) -> int:
    """Say which commit runs in an environment from now on; without REV, list what was said.

    What goes wrong at run time is traced in the code of that commit, never in what has changed since. A tag of
    `watchkeeper-tag` that names the commit counts more. Exit code 0, 2 for a commit that this repository does not have.
    """
    from watchkeeper.lockwatch.deploying import find_incidents, read_incidents, record_deployed

    place = find_place(folder, os.environ)
    if revision is None:
        _show(list(find_incidents(place).deployed.values()), as_json=as_json)
        return Exit.NOTHING
    if not environment:
        raise UsageError(
            "It is not said where it runs", slug="no-environment", hint=f"watchkeeper deployed {revision} --env NAME"
        )
    with open_log(place.home) as log:
        who = os.environ.get("USER") or os.environ.get("LOGNAME") or ""
        record_deployed(place, log, revision, environment, who)
        state = read_incidents(log, place)
    _show([state.deployed[environment]], as_json=as_json)
    return Exit.NOTHING


def _show(known: list[Deployment], *, as_json: bool) -> None:
    if as_json:
        show_document({"deployed": [msgspec.to_builtins(each) for each in known]})
        return
    lines = [
        f"{printable(each.environment)}: {each.revision[:12]}, since {render_ago(each.since, now())}"
        f"{f', by {printable(each.by)}' if each.by else ''}"
        for each in known
    ]
    show(lines or ["nobody said what runs"], "watchkeeper incidents")
