"""``watchkeeper standards exempt``: a place is let be, with a reason, until a day."""

from __future__ import annotations

from pathlib import Path

import click

from watchkeeper.cli.exits import Exit
from watchkeeper.cli.fleet_place import fleet_option
from watchkeeper.cli.options import Moment, json_option, repo_option
from watchkeeper.cli.output import show, show_document
from watchkeeper.cli.standards_desk import open_desk, who
from watchkeeper.cli.verb import verb
from watchkeeper.model.errors import UsageError
from watchkeeper.model.ids import Millis


@verb(
    examples=(
        "watchkeeper standards exempt std-missing-timeout shop probe.py --reason 'waits on purpose' --until 2027-01-31",
        "watchkeeper standards exempt std-missing-timeout shop probe.py --end",
    ),
    then="watchkeeper standards show ID",
)
@click.argument("name", metavar="ID")
@click.argument("project", metavar="PROJECT")
@click.argument("path", metavar="[PATH]", default="")
@click.option("--reason", default="", metavar="TEXT", help="Why it may be.")
@click.option("--until", type=Moment(), help="The day on which it ends, within a year: 2027-01-31.")
@click.option("--end", "ends", is_flag=True, help="End it now.")
@fleet_option
@repo_option
@json_option
def command(
    *, name: str, project: str, path: str, reason: str, until: Millis | None, ends: bool, file: Path | None,
    folder: Path, as_json: bool,
) -> int:  # fmt: skip
    """Let a place be for a while, or end that.

    Without a PATH the whole project is exempt. When its time is over the place counts again, by itself.
    """
    with open_desk(file, folder) as desk:
        standing, where = desk.get(name), desk.find_project(project)
        identity = standing.standard.id
        if ends:
            changed = desk.end_exemption(identity, where, path, who())
            said = "counts again" if changed else "was not exempt"
        elif until is None:
            raise UsageError(f"An exemption from {identity} ends: --until says when", slug="usage", hint="--until DAY")
        else:
            desk.exempt(identity, where, path, reason, until, who())
            changed, said = True, "is let be"
        if as_json:
            show_document({"standard": identity, "project": project, "path": path, "changed": changed})
        else:
            show([f"{path or project} {said}, of {identity}"], f"watchkeeper standards show {identity}")
    return Exit.NOTHING
