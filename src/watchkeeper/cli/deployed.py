"""``watchkeeper deployed``: says which commit runs where, so that incidents are traced at it."""

from __future__ import annotations

import getpass
import os
import re
import sys
from collections.abc import Iterable
from pathlib import Path

import click
import msgspec

from watchkeeper.app import Place, find_place, now, open_log
from watchkeeper.blaming.record import read_incidents
from watchkeeper.cli.exits import Exit
from watchkeeper.cli.options import json_option, repo_option
from watchkeeper.cli.output import find_terminal, printable, show, show_document
from watchkeeper.cli.verb import verb
from watchkeeper.cli.wording import render_ago
from watchkeeper.model.errors import UsageError
from watchkeeper.model.ids import Sha
from watchkeeper.model.incident_state import Deployment
from watchkeeper.model.incidents import RevisionDeployed

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,59}")


@verb(
    examples=(
        "watchkeeper deployed HEAD --env production",
        'watchkeeper deployed "$GIT_COMMIT" --env staging',
        "watchkeeper deployed",
    ),
    then="watchkeeper incidents",
)
@click.argument("revision", metavar="[REV]", required=False)
@click.option("--env", "environment", metavar="NAME", help="Where it runs, as in production. Needed with a REV.")
@repo_option
@json_option
def command(*, revision: str | None, environment: str | None, folder: Path, as_json: bool) -> int:
    """Say that a commit runs somewhere from now on, or list what runs where. Exit code 0.

    One line in a deploy script, run in the repository: what stands still in that environment's databases is then traced
    to the lines of that commit, also where the branch has moved on. REV is a commit, or a branch or tag, looked up now.
    Tags of `watchkeeper-tag` say it themselves, and count for more.
    """
    place = find_place(folder, os.environ)
    if revision is None:
        if environment is not None:
            raise click.UsageError("Say which commit runs there: watchkeeper deployed REV --env NAME")
        return _show_all(place, as_json=as_json)
    if environment is None:
        raise click.UsageError("Say where it runs: --env NAME")
    if not _NAME.fullmatch(environment):
        raise click.UsageError(f"{environment!r} is no name: use letters, digits, '-', '_' and '.', as in production")
    event = RevisionDeployed(environment, _resolve(place, revision), _who())
    with open_log(place.home) as log:
        log.append(place.project, [event], now())
    if as_json:
        show_document({"project": place.project, "deployed": msgspec.to_builtins(event)})
    else:
        show([f"{event.revision[:12]} runs in {environment}"], "watchkeeper incidents")
    return Exit.NOTHING


def _resolve(place: Place, revision: str) -> Sha:
    """The commit. Raises UsageError for one that this repository does not have: nothing could be traced at it."""
    found = place.repository.find_commit(revision)
    if found is not None:
        return found
    if re.fullmatch(r"[0-9a-f]{7,64}", revision):
        raise UsageError(
            f"{revision} is no commit that {printable(str(place.repository.common_dir))} has",
            slug="unknown-deployment",
            hint="fetch it first: git fetch --all; then say again that it is deployed",
            facts={"revision": revision},
        )
    return place.repository.resolve(revision)


def _show_all(place: Place, *, as_json: bool) -> int:
    deployed = sorted(read_incidents(place).deployed.values(), key=lambda each: each.environment)
    if as_json:
        show_document({"project": place.project, "deployed": [msgspec.to_builtins(each) for each in deployed]})
    elif deployed:
        show(_lines(deployed), "watchkeeper incidents")
    else:
        show(["nobody has said which commit runs where"], "watchkeeper deployed HEAD --env production")
    return Exit.NOTHING


def _lines(deployed: Iterable[Deployment]) -> Iterable[str]:
    terminal, moment = find_terminal(sys.stdout, os.environ), now()
    for each in deployed:
        by = f", said by {printable(each.by)}" if each.by else ""
        name = terminal.paint("bold", printable(each.environment))
        yield f"{name}: {each.revision[:12]} since {render_ago(each.since, moment)}{by}"


def _who() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a number without a name, in a container
        return ""
