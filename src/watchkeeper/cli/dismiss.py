"""``watchkeeper dismiss``: a person's word that a conflict does not matter as it stands."""

from __future__ import annotations

import os
from pathlib import Path

import click

from watchkeeper.app import find_log, find_place, now, read_state
from watchkeeper.cli.conflict_ids import find_conflict
from watchkeeper.cli.documents import state_document
from watchkeeper.cli.exits import Exit
from watchkeeper.cli.options import json_option, repo_option
from watchkeeper.cli.output import show, show_document
from watchkeeper.cli.verb import verb
from watchkeeper.conflicts.standing import ConflictState, State, Status
from watchkeeper.model.events import ConflictDismissed


@verb(
    examples=(
        "watchkeeper dismiss c-1a2b3c4d",
        'watchkeeper dismiss 1a2b --reason "agent-b reverts this anyway"',
    ),
    then="watchkeeper conflicts",
)
@click.argument("conflict", metavar="ID")
@click.option("--reason", default="", metavar="TEXT", help="Why; kept in the log.")
@repo_option
@json_option
def command(*, conflict: str, reason: str, folder: Path, as_json: bool) -> int:
    """Say that a conflict does not matter as it stands. It comes back by itself when it gets worse.

    ID may be how the id begins. Dismissing twice, or a closed conflict, changes nothing. Exit code 0.
    """
    place = find_place(folder, os.environ)
    log = find_log(place.home)
    if log is None:
        find_conflict(State(), conflict)  # raises: nothing was ever recorded
        return Exit.INTERNAL
    with log:
        before = find_conflict(read_state(log, place.project), conflict)
        if before.status is Status.OPEN:
            log.append(place.project, [_dismissal(before, reason)], now())
        after = read_state(log, place.project).conflicts[before.conflict.id]
    if as_json:
        show_document({"project": place.project, "conflict": state_document(after)})
    else:
        show([_sentence(before, after)], "watchkeeper conflicts")
    return Exit.NOTHING


def _dismissal(state: ConflictState, reason: str) -> ConflictDismissed:
    return ConflictDismissed(
        id=state.conflict.id,
        severity=max(state.severity, state.conflict.severity, key=lambda severity: severity.rank),
        weight=state.conflict.weight,
        by=os.environ.get("USER") or os.environ.get("LOGNAME") or "",
        reason=reason,
    )


def _sentence(before: ConflictState, after: ConflictState) -> str:
    identity = after.conflict.id
    if before.status is not Status.OPEN:
        return f"{identity} is {before.status.value} already; nothing was changed"
    if after.status is Status.OPEN:
        return f"{identity} got worse in this very moment and stays open"
    return f"{identity} is dismissed; it comes back when it gets worse than {after.severity.value} as it is now"
