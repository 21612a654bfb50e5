"""``watchkeeper replay``: what Watchkeeper would have said in this repository's own past."""

from __future__ import annotations

import os
from pathlib import Path

import click

from watchkeeper.app import find_place, unbuilt
from watchkeeper.cli.options import json_option, repo_option, target_option
from watchkeeper.cli.verb import verb


@verb(
    examples=("watchkeeper replay", "watchkeeper replay --days 365", "watchkeeper replay --merges 500 --json"),
    then="watchkeeper watch",
)
@click.option(
    "--days", type=click.IntRange(min=1), default=90, show_default=True, metavar="N", help="How far to look back."
)
@click.option("--merges", type=click.IntRange(min=1), metavar="N", help="The last N merges instead of days.")
@target_option
@repo_option
@json_option
def command(*, days: int, merges: int | None, target: str | None, folder: Path, as_json: bool) -> int:
    """Judge the tool on this repository's own history: what it would have caught, and its noise.

    Goes through the merges of the target branch, forms the pairs of changes that were open at the same time, and says
    what Watchkeeper would have reported at each severity, beside "same file". Nothing is recorded. Exit code 1 when
    something was found, else 0.
    """
    find_place(folder, os.environ, {"target": target})
    del days, merges, as_json
    raise unbuilt("replay")
