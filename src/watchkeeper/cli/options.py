"""Options that several verbs have."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from watchkeeper.model.conflicts import Severity
from watchkeeper.model.ids import Millis

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}

repo_option: Callable[[Any], Any] = click.option(
    "--repo",
    "folder",
    metavar="DIR",
    type=click.Path(path_type=Path),
    default=Path(),
    help="The repository: any folder in it. Default: where you are.",
)

json_option: Callable[[Any], Any] = click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON object for programs, also for errors."
)

json_lines_option: Callable[[Any], Any] = click.option(
    "--json", "as_json", is_flag=True, help="Print JSON lines for programs: one object for each event."
)

severity_option: Callable[[Any], Any] = click.option(
    "--severity",
    type=click.Choice([severity.value for severity in Severity]),
    help="The least severity to show. Default: minor, or as configured.",
)

target_option: Callable[[Any], Any] = click.option(
    "--target", metavar="BRANCH", help="The branch that changes land in. Default: as configured, else find it."
)


class Moment(click.ParamType[Millis]):
    """How long ago (``30m``, ``2h``, ``3d``, ``1w``) or when (``2026-03-01``, ``2026-03-01T14:00``), as Millis."""

    name = "when"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Millis:
        from watchkeeper.app import now

        found = parse_moment(str(value), now())
        if found is None:
            self.fail(f"{value!r} is no time: write 30m, 2h, 3d, 1w, 2026-03-01 or 2026-03-01T14:00", param, ctx)
        return found


def parse_moment(text: str, now: Millis) -> Millis | None:
    """The moment that ``text`` means; None where it means none. Times without a zone are local ones."""
    ago = re.fullmatch(r"(\d{1,9})\s*([smhdw])", text.strip())
    if ago:
        return Millis(now - int(ago[1]) * _UNITS[ago[2]] * 1000)
    try:
        return Millis(int(dt.datetime.fromisoformat(text.strip()).astimezone().timestamp() * 1000))
    except (ValueError, OverflowError):
        return None
