"""``watchkeeper check``: the same analysis as ``watch``, once, of the changes that are named."""

from __future__ import annotations

import os
from pathlib import Path

import click

from watchkeeper.app import find_place, unbuilt
from watchkeeper.cli.options import json_option, repo_option, severity_option
from watchkeeper.cli.verb import verb


@verb(
    examples=(
        "watchkeeper check agent-a agent-b",
        "watchkeeper check ../worktree-a ../worktree-b",
        "watchkeeper check feature 1a2b3c4 --base release --json",
    ),
    then="watchkeeper watch",
)
@click.argument("changes", metavar="CHANGE CHANGE...", nargs=-1, required=True)
@click.option("--base", metavar="REF", help="Compare with this commit. Default: the merge base with the target branch.")
@severity_option
@repo_option
@json_option
def command(*, changes: tuple[str, ...], base: str | None, severity: str | None, folder: Path, as_json: bool) -> int:
    """Say once which of the given changes conflict.

    A CHANGE is a branch, a commit, or the path of a worktree, which counts with its uncommitted work. Nothing is
    recorded. Exit code 1 when there is a conflict of the severity shown, else 0.
    """
    if len(changes) < 2:
        raise click.UsageError("Two changes or more are needed", click.get_current_context())
    find_place(folder, os.environ, {"min_severity": severity})
    del base, as_json
    raise unbuilt("check")
