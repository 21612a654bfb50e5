"""``watchkeeper ack``: a person knows of a matter, and does not want to be told again until it gets worse."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from watchkeeper.app import now
from watchkeeper.cli.exits import Exit
from watchkeeper.cli.fleet_place import fleet_option
from watchkeeper.cli.options import json_option, parse_moment, repo_option
from watchkeeper.cli.output import Terminal, find_terminal, show, show_document
from watchkeeper.cli.verb import verb
from watchkeeper.controlroom.picture import Picture, Reader
from watchkeeper.controlroom.scope import find_scope, open_scope_log
from watchkeeper.controlroom.wording.times import render_ago, render_moment, render_moment_iso
from watchkeeper.model.attention import Matter, MatterAcknowledged, MatterSnoozed
from watchkeeper.model.errors import UsageError
from watchkeeper.model.hosts import FLEET
from watchkeeper.model.ids import Millis
from watchkeeper.model.printing import printable
from watchkeeper.review.needs import find_matters, find_open, urgency_now

_UNITS = {"m": 60, "h": 3600, "d": 86400, "w": 604800}


class Until(click.ParamType[Millis]):
    """How long from now (``30m``, ``2h``, ``3d``, ``1w``), or until when (``2026-03-01T08:00``), as Millis."""

    name = "until"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Millis:
        found = parse_until(str(value), now())
        if found is None:
            self.fail(f"{value!r} is no time to come: write 30m, 2h, 3d, 1w or 2026-03-01T08:00", param, ctx)
        return found


def parse_until(text: str, at: Millis) -> Millis | None:
    """The moment that ``text`` means, None where it means none or one that is past."""
    ahead = re.fullmatch(r"(\d{1,6})\s*([mhdw])", text.strip())
    found = Millis(at + int(ahead[1]) * _UNITS[ahead[2]] * 1000) if ahead else parse_moment(text, at)
    return found if found is not None and found > at else None


@verb(
    examples=(
        "watchkeeper ack                      what there is to acknowledge",
        "watchkeeper ack m-1a2b3c4d",
        "watchkeeper ack 1a2b --until 2h      tell me again then",
    ),
    then="watchkeeper brief",
)
@click.argument("identity", metavar="[ID]", required=False)
@click.option("--until", type=Until(), metavar="WHEN", help="Put it off: 30m, 2h, 3d, or 2026-03-01T08:00.")
@fleet_option
@repo_option
@json_option
def command(*, identity: str | None, until: Millis | None, file: Path | None, folder: Path, as_json: bool) -> int:
    """Say that you know of a matter. You are not told of it again until it gets worse, or comes back.

    ID is as `watchkeeper brief --all` and messages show it, or how it begins. With --until you are told again then, or
    when it gets worse. Without ID: the list of what needs somebody. Exit code 0; without ID 1 where there is something.
    """
    scope = find_scope(file, folder, os.environ)
    with open_scope_log(scope, os.environ) as log:
        picture = Reader(log, scope, now).look()
        matters = find_matters(picture, scope)
        if identity is None:
            return _list(picture, find_open(picture, matters), as_json=as_json)
        matter = find_matter(matters, identity)
        by = os.environ.get("USER") or os.environ.get("LOGNAME") or ""
        told = (
            MatterSnoozed(matter.fingerprint, until, matter.weight, by)
            if until is not None
            else MatterAcknowledged(matter.fingerprint, matter.weight, by)
        )
        log.append(FLEET, [told], now())
    if as_json:
        show_document({"matter": matter_document(matter), "until": render_moment_iso(until) if until else None})
    else:
        how = f"put off until {render_moment(until)}, or until it gets worse" if until else "known, until it gets worse"
        show([f"{matter.id} is {how}: {printable(matter.title)}"], "watchkeeper brief")
    return Exit.NOTHING


def find_matter(matters: Sequence[Matter], name: str) -> Matter:
    """The one whose id is, or begins with, ``name``. Raises UsageError (``unknown-matter``, ``ambiguous-matter``)."""
    wanted = name.strip().lower().removeprefix("m-")
    found = [each for each in matters if wanted and each.fingerprint.startswith(wanted[:64])]
    if not found:
        raise UsageError(
            f"Nothing that needs somebody is called {name!r}; it may be over",
            slug="unknown-matter",
            hint="watchkeeper ack",
            facts={"id": name},
        )
    if len(found) > 1:
        raise UsageError(
            f"{len(found)} matters begin with {name!r}",
            slug="ambiguous-matter",
            hint=f"watchkeeper ack {found[0].id}",
            facts={"id": name},
        )
    return found[0]


def matter_document(matter: Matter) -> dict[str, object]:
    """A matter for programs."""
    return {
        "id": matter.id,
        "fingerprint": matter.fingerprint,
        "kind": matter.kind.value,
        "urgency": matter.urgency.value,
        "title": matter.title,
        "reason": matter.reason,
        "project": matter.project,
        "about": matter.about,
        "since": render_moment_iso(matter.since),
        "weight": matter.weight,
        "page": matter.page,
        "step": {"label": matter.step.label, "command": matter.step.command} if matter.step is not None else None,
    }


def _list(picture: Picture, matters: Sequence[Matter], *, as_json: bool) -> int:
    if as_json:
        show_document({"matters": [matter_document(each) for each in matters]})
    else:
        terminal = find_terminal(sys.stdout, os.environ)
        lines = [line for each in matters for line in _lines(each, picture, terminal)]
        first = f"watchkeeper ack {matters[0].id}" if matters else "watchkeeper brief"
        show(lines or ["nothing needs you"], first)
    return Exit.FOUND if matters else Exit.NOTHING


def _lines(matter: Matter, picture: Picture, terminal: Terminal) -> list[str]:
    name = f"{matter.project}: " if matter.project else ""
    urgency = urgency_now(matter, picture.at).value
    about = ", ".join([urgency, matter.kind.value, render_ago(matter.since, picture.at), printable(matter.reason)])
    return [
        f"{terminal.paint('bold', matter.id)}  {printable(name)}{printable(matter.title)}",
        terminal.paint("dim", f"{' ' * 12}{about}"),
        *([f"{' ' * 12}{printable(matter.step.command)}"] if matter.step is not None and matter.step.command else []),
    ]
