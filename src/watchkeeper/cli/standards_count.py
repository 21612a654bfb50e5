"""``watchkeeper standards count``: how many places of each project do not keep to a standard."""

from __future__ import annotations

from pathlib import Path

import click
import msgspec

from watchkeeper.cli.exits import Exit
from watchkeeper.cli.fleet_place import fleet_option
from watchkeeper.cli.options import json_option, repo_option
from watchkeeper.cli.output import show, show_document
from watchkeeper.cli.standards_desk import open_desk
from watchkeeper.cli.verb import verb
from watchkeeper.model.printing import printable

_MOST = 8


@verb(examples=("watchkeeper standards count std-missing-timeout",), then="watchkeeper standards show ID")
@click.argument("name", metavar="ID")
@fleet_option
@repo_option
@json_option
def command(*, name: str, file: Path | None, folder: Path, as_json: bool) -> int:
    """Take a census: run its check over every project.

    What could not be counted is said, and is never taken for none. The campaign of an adopted standard follows: a
    project with places has one issue, which is closed when none is left. Exit code 1 where a place is found.
    """
    with open_desk(file, folder) as desk:
        standing = desk.get(name)
        taken = desk.count(standing.standard.id)
        if as_json:
            show_document({"censuses": msgspec.to_builtins(taken)})
        else:
            lines = []
            for each in taken:
                project = desk.name_of(each.project)
                if each.reason:
                    lines.append(printable(f"{project}: could not be counted: {each.reason}"))
                    continue
                lines.append(printable(f"{project}: {len(each.violations)} places in {each.files} files"))
                lines += [printable(f"    {v.path}:{v.line}  {v.quote[:100]}") for v in each.violations[:_MOST]]
            show(lines, f"watchkeeper standards show {standing.standard.id}")
    return Exit.FOUND if any(each.violations or each.reason for each in taken) else Exit.NOTHING
