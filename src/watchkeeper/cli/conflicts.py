"""``watchkeeper conflicts``: what is open, or everything about one conflict."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

import click

from watchkeeper.app import Place, find_log, find_place, now, read_state
from watchkeeper.cli.conflict_ids import find_conflict
from watchkeeper.cli.documents import event_document, state_document
from watchkeeper.cli.exits import Exit
from watchkeeper.cli.options import json_option, repo_option, severity_option
from watchkeeper.cli.output import find_terminal, show, show_document
from watchkeeper.cli.verb import verb
from watchkeeper.cli.wording import conflict_page, severity_counts, state_lines
from watchkeeper.conflicts.standing import ConflictState, State, Status, open_conflicts
from watchkeeper.model.conflicts import Severity
from watchkeeper.model.events import Recorded
from watchkeeper.model.ids import ConflictId


@verb(
    examples=(
        "watchkeeper conflicts",
        "watchkeeper conflicts c-1a2b3c4d",
        "watchkeeper conflicts --severity major",
        "watchkeeper conflicts --all --json",
    ),
    then="watchkeeper conflicts",
)
@click.argument("conflict", metavar="[ID]", required=False)
@click.option("--all", "everything", is_flag=True, help="Every severity, and the dismissed ones too.")
@severity_option
@repo_option
@json_option
def command(*, conflict: str | None, everything: bool, severity: str | None, folder: Path, as_json: bool) -> int:
    """List the open conflicts, the worst first; with an ID (or how it begins) show everything about one.

    What is listed was recorded by `watchkeeper watch`. Exit code 1 when an open conflict is listed, else 0.
    """
    place = find_place(folder, os.environ, {"min_severity": severity})
    if conflict is not None:
        return _show_one(place, conflict, as_json=as_json)
    state = _read(place)
    least = Severity.INFO if everything else place.config.min_severity
    listed = _listed(state, least, with_dismissed=everything)
    if as_json:
        show_document({"project": place.project, "conflicts": [state_document(each) for each in listed]})
    else:
        _show_list(place, state, listed)
    return Exit.FOUND if any(each.status is Status.OPEN for each in listed) else Exit.NOTHING


def _read(place: Place) -> State:
    log = find_log(place.home)
    if log is None:
        return State()
    with log:
        return read_state(log, place.project)


def _listed(state: State, least: Severity, *, with_dismissed: bool) -> tuple[ConflictState, ...]:
    dismissed = [each for each in state.conflicts.values() if each.status is Status.DISMISSED]
    found = (*open_conflicts(state), *(dismissed if with_dismissed else ()))
    return tuple(each for each in found if each.severity.rank >= least.rank)


def _show_list(place: Place, state: State, listed: Sequence[ConflictState]) -> None:
    terminal, moment = find_terminal(sys.stdout, os.environ), now()
    lines = []
    for each in listed:
        lines += state_lines(each, moment, terminal)
    shown = [each for each in listed if each.status is Status.OPEN]
    known = {each.conflict.id for each in shown}
    hidden = [each for each in open_conflicts(state) if each.conflict.id not in known]
    if listed:
        lines.append("")
    lines.append(f"open conflicts: {severity_counts(shown)}{_hint_hidden(hidden)}")
    show(lines, _next_step(place, state, listed, hidden))


def _hint_hidden(hidden: Sequence[ConflictState]) -> str:
    return f" (not shown: {severity_counts(hidden)})" if hidden else ""


def _next_step(place: Place, state: State, listed: Sequence[ConflictState], hidden: Sequence[ConflictState]) -> str:
    if listed:
        return f"watchkeeper conflicts {listed[0].conflict.id}"
    if hidden:
        return "watchkeeper conflicts --all"
    if not state.seq:
        return f"watchkeeper watch (nothing was recorded yet about {place.repository.common_dir})"
    return "watchkeeper watch"


def _show_one(place: Place, text: str, *, as_json: bool) -> int:
    state = _read(place)
    found = find_conflict(state, text)
    history = _history(place, found.conflict.id)
    if as_json:
        document = {**state_document(found), "history": [event_document(each) for each in history]}
        show_document({"project": place.project, "conflict": document})
    else:
        terminal = find_terminal(sys.stdout, os.environ)
        show(conflict_page(found, history, now(), terminal), _next_for(found))
    return Exit.FOUND if found.status is Status.OPEN else Exit.NOTHING


def _history(place: Place, conflict: ConflictId) -> tuple[Recorded, ...]:
    log = find_log(place.home)
    if log is None:
        return ()
    with log:
        return tuple(log.read(place.project, subject=conflict))


def _next_for(state: ConflictState) -> str:
    return state.conflict.next_step if state.status is Status.OPEN else "watchkeeper conflicts"
