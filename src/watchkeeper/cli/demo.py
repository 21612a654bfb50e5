"""``watchkeeper demo``: the main job in thirty seconds, in a temporary repository."""

from __future__ import annotations

import click

from watchkeeper.app import unbuilt
from watchkeeper.cli.options import json_lines_option
from watchkeeper.cli.verb import verb


@verb(examples=("watchkeeper demo", "watchkeeper demo --keep"), then="watchkeeper watch")
@click.option("--keep", is_flag=True, help="Leave the temporary repository in place and say where it is.")
@json_lines_option
def command(*, keep: bool, as_json: bool) -> int:
    """See two changes collide, in a temporary repository with a small application.

    Two scripted editors type in two worktrees. The conflict is on the screen before either commits, while git says that
    the merge is clean. Takes under 30 seconds; no key, no server. Exit code 0 when the conflict was shown.
    """
    del keep, as_json
    raise unbuilt("demo")
