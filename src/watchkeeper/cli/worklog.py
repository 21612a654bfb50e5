"""``watchkeeper worklog``: the log of a project's day."""

from __future__ import annotations

import datetime as dt
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from watchkeeper.app import now
from watchkeeper.cli.exits import Exit
from watchkeeper.cli.fleet_place import fleet_option
from watchkeeper.cli.options import json_option, repo_option
from watchkeeper.cli.output import show, show_document
from watchkeeper.cli.verb import verb
from watchkeeper.model.errors import UsageError
from watchkeeper.model.printing import printable
from watchkeeper.model.review import Day, WorkLog

if TYPE_CHECKING:
    from watchkeeper.controlroom.picture import Picture

_MOST_LISTED = 31


@verb(
    examples=(
        "watchkeeper worklog",
        "watchkeeper worklog --day 2026-11-26 --project shop",
        "watchkeeper worklog --list",
    ),
    then="watchkeeper decisions",
)
@click.option("--day", metavar="DATE", help="The day, as its beginning is dated. Default: the newest that is closed.")
@click.option(
    "--project", metavar="NAME", help="Its name, or `fleet` for the whole. Default: the fleet, or the only one."
)
@click.option("--list", "is_list", is_flag=True, help="List the days that are closed, and those that could not be.")
@fleet_option
@repo_option
@json_option
def command(
    *, day: str | None, project: str | None, is_list: bool, file: Path | None, folder: Path, as_json: bool
) -> int:
    """Show the log of a project's day: shipped, completed, carry-over, risks, flags, next.

    Logs are written when a day is over (`fleet.day_begins`), by the desk; `watchkeeper desk --once` writes those that
    are due. Exit code 0; 1 where a day could not be closed.
    """
    from watchkeeper.controlroom.picture import Reader
    from watchkeeper.controlroom.scope import find_scope, open_scope_log
    from watchkeeper.review.boundaries import boundary_of

    scope = find_scope(file, folder, os.environ)
    with open_scope_log(scope, os.environ) as log:
        picture = Reader(log, scope, now).look()
    name = project or ("fleet" if scope.config is not None else next(iter(picture.projects), ""))
    logs, failed = _logs(picture, name)
    if is_list:
        return _list(name, logs, failed, as_json=as_json)
    found = _find(name, logs, failed, day)
    if as_json:
        show_document({"project": name, "log": msgspec.to_builtins(found)})
        return Exit.FOUND if failed else Exit.NOTHING
    _print(found, boundary_of(scope, scope.find(name), os.environ).zone)
    return Exit.FOUND if failed else Exit.NOTHING


def _logs(picture: Picture, name: str) -> tuple[dict[Day, WorkLog], dict[Day, str]]:
    """The days of a project, or of the fleet, and those that could not be closed. Raises UsageError."""
    if name in picture.projects:
        review = picture.projects[name].review
    elif name == "fleet":
        review = picture.fleet_review
    else:
        raise UsageError(
            f"There is no project {name!r} here",
            slug="unknown-project",
            hint=f"use one of: {', '.join(picture.projects)}",
            facts={"project": name},
        )
    return dict(review.days), dict(review.failed)


def _find(name: str, logs: dict[Day, WorkLog], failed: dict[Day, str], day: str | None) -> WorkLog:
    wanted = Day(day) if day else max(logs, default=None)
    if wanted is not None and wanted in logs:
        return logs[wanted]
    why = f": {failed[wanted]}" if wanted is not None and wanted in failed else ""
    raise UsageError(
        f"There is no log of {name} of {wanted or 'any day'}{why}",
        slug="no-worklog",
        hint="watchkeeper worklog --list" if logs else "watchkeeper desk --once",
        facts={"project": name, "day": str(wanted or "")},
    )


def _list(name: str, logs: dict[Day, WorkLog], failed: dict[Day, str], *, as_json: bool) -> int:
    if as_json:
        days = [{"day": day, "headline": log.headline, "empty": log.empty} for day, log in logs.items()]
        show_document({"project": name, "days": days, "failed": failed})
        return Exit.FOUND if failed else Exit.NOTHING
    lines = [f"{day}  {printable(logs[day].empty or logs[day].headline)}" for day in sorted(logs)[-_MOST_LISTED:]]
    lines += [f"{day}  could not be closed: {printable(why)}" for day, why in sorted(failed.items())]
    show(lines or [f"no day of {name} is closed yet"], "watchkeeper worklog" if logs else "watchkeeper desk --once")
    return Exit.FOUND if failed else Exit.NOTHING


def _print(log: WorkLog, zone: dt.tzinfo) -> None:
    from watchkeeper.review.worklog_text import render_worklog

    text = render_worklog(log, zone)
    sys.stdout.write("\n".join(printable(line) for line in text.splitlines()) + "\n")
