"""``watchkeeper status``: whether the daemon runs, who takes part, and what they were told."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from watchkeeper.app import find_place, find_socket, now
from watchkeeper.cli.daemon import find_standing
from watchkeeper.cli.exits import Exit
from watchkeeper.cli.options import json_option, repo_option
from watchkeeper.cli.output import Terminal, find_terminal, show, show_document
from watchkeeper.cli.verb import verb
from watchkeeper.controlroom.wording.times import render_ago
from watchkeeper.model.printing import printable

if TYPE_CHECKING:
    from watchkeeper.model.ids import Millis
    from watchkeeper.watch.hosting import SessionStanding, Standing

_MOST_IDS = 5


@verb(
    examples=(
        "watchkeeper status",
        "watchkeeper status --json",
    ),
    then="watchkeeper watch",
)
@repo_option
@json_option
def command(*, folder: Path, as_json: bool) -> int:
    """Say whether the daemon of this repository runs, which agents take part, and what they were told.

    A notice is queued, then told, then heeded (the conflict closed, was cleared, or became less) or unanswered. Exit
    code 0 when the daemon runs, 4 when it does not.
    """
    place = find_place(folder, os.environ)
    standing = find_standing(find_socket(place))
    if as_json:
        show_document({"daemon": standing_document(standing) if standing else None})
    elif standing is None:
        show(["no daemon is running here"], "watchkeeper up")
    else:
        terminal = find_terminal(sys.stdout, os.environ)
        first = next(iter(standing.unanswered), None)
        show(_lines(standing, now(), terminal), f"watchkeeper conflicts {first}" if first else "watchkeeper watch")
    return Exit.NOTHING if standing is not None else Exit.UNREACHABLE


def standing_document(standing: Standing) -> Mapping[str, object]:
    """For programs."""
    found = msgspec.to_builtins(standing)
    assert isinstance(found, dict)
    return found


def _lines(standing: Standing, at: Millis, terminal: Terminal) -> list[str]:
    separator = terminal.symbol(" · ", " - ")
    counts = separator.join(f"{count} {name}" for name, count in standing.conflicts.items() if count)
    lines = [
        f"watching {printable(standing.repository)} (process {standing.pid}, since {render_ago(standing.since, at)})",
        f"{standing.worktrees} worktrees, {standing.changes} changes, conflicts: {counts or 'none'}",
        *(_session_line(each, at) for each in standing.sessions),
        *(f"problem: {printable(each)}" for each in standing.problems),
    ]
    if standing.unanswered:
        lines.append(f"for you: {', '.join(standing.unanswered[:_MOST_IDS])}: agents were told, and it stands")
    return lines if standing.sessions else [*lines, "no agent that is heard is at work: watchkeeper hooks status"]


def _session_line(session: SessionStanding, at: Millis) -> str:
    told = ", ".join(
        f"{count} {word}"
        for count, word in (
            (session.queued, "to be told"),
            (session.told, "told"),
            (session.heeded, "heeded"),
            (session.unanswered, "unanswered"),
        )
        if count
    )
    where = f"{printable(session.id)}  {printable(session.path)}  at work since {render_ago(session.since, at)}"
    return f"  {where}  {told or 'nothing to tell'}"
