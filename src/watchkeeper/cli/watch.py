"""``watchkeeper watch``: which changes conflict, live, while they are typed."""

from __future__ import annotations

import os
from pathlib import Path

import click

from watchkeeper.app import find_place, unbuilt
from watchkeeper.cli.options import json_lines_option, repo_option, severity_option, target_option
from watchkeeper.cli.verb import verb


@verb(
    examples=(
        "watchkeeper watch",
        "watchkeeper watch --branch 'origin/feature/*'",
        "watchkeeper watch --clone ../other-clone",
        "watchkeeper watch --json",
    ),
    then="watchkeeper conflicts",
)
@click.option("--branch", "branches", multiple=True, metavar="GLOB", help="Follow these branches too; repeatable.")
@click.option("--clone", "clones", multiple=True, metavar="DIR", help="Follow this other clone too; repeatable.")
@click.option("--once", is_flag=True, help="Show the state of now and end: exit code 1 when there is a conflict.")
@target_option
@severity_option
@repo_option
@json_lines_option
def command(
    *,
    branches: tuple[str, ...],
    clones: tuple[str, ...],
    once: bool,
    target: str | None,
    severity: str | None,
    folder: Path,
    as_json: bool,
) -> int:
    """Follow all worktrees of the repository and show which changes conflict, a moment after each save.

    Works at once in any repository, without configuration. Staged, unstaged and untracked work counts; ignored files
    do not. Your repository is only read. Everything is recorded: see `watchkeeper conflicts` and `watchkeeper log`.
    Ctrl-C ends it.
    """
    flags = {"branches": branches or None, "clones": clones or None, "target": target, "min_severity": severity}
    find_place(folder, os.environ, flags)
    del once, as_json
    raise unbuilt("watch")
