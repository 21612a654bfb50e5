"""``watchkeeper standards answer``: what holds where two projects contradict each other."""

from __future__ import annotations

import os
from pathlib import Path

import click

from watchkeeper.app import now
from watchkeeper.cli.exits import Exit
from watchkeeper.cli.fleet_place import fleet_option
from watchkeeper.cli.options import json_option, repo_option
from watchkeeper.cli.output import show, show_document
from watchkeeper.cli.standards_desk import who
from watchkeeper.cli.verb import verb
from watchkeeper.model.printing import printable


@verb(
    examples=("watchkeeper standards answer x-1a2b3c4d5e6f 'limits are kept in Redis'",),
    then="watchkeeper standards list",
)
@click.argument("key", metavar="KEY")
@click.argument("answer", metavar="TEXT")
@fleet_option
@repo_option
@json_option
def command(*, key: str, answer: str, file: Path | None, folder: Path, as_json: bool) -> int:
    """Say what holds where two projects contradict each other.

    KEY is as `watchkeeper standards list` prints it. The answer is kept, and both sides are shown with it.
    """
    from watchkeeper.controlroom.judging import Person, Role
    from watchkeeper.controlroom.picture import Reader
    from watchkeeper.controlroom.scope import find_scope, open_scope_log
    from watchkeeper.controlroom.scouting import Scouting

    scope = find_scope(file, folder, os.environ)
    with open_scope_log(scope, os.environ) as log:
        done = Scouting(Reader(log, scope, now), now).answer(Person(who(), Role.OPERATOR, "cli"), key, answer)
    if as_json:
        show_document({"done": done.sentence})
    else:
        show([printable(done.sentence)], "watchkeeper standards list")
    return Exit.NOTHING
