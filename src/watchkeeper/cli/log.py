"""``watchkeeper log``: what was recorded, in order."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterable
from pathlib import Path

import click

from watchkeeper.app import Place, find_log, find_place, now, open_log, read_state
from watchkeeper.cli.conflict_ids import find_conflict
from watchkeeper.cli.documents import event_document
from watchkeeper.cli.exits import Exit
from watchkeeper.cli.options import Moment, json_lines_option, repo_option
from watchkeeper.cli.output import Terminal, find_terminal, say, show, show_document
from watchkeeper.cli.verb import verb
from watchkeeper.cli.wording import event_line
from watchkeeper.model.events import Recorded
from watchkeeper.model.ids import Millis, Seq

_POLL_S = 0.25


@verb(
    examples=(
        "watchkeeper log",
        "watchkeeper log --since 2h",
        "watchkeeper log --conflict c-1a2b3c4d",
        "watchkeeper log --follow --json",
    ),
    then="watchkeeper conflicts",
)
@click.option("--since", type=Moment(), metavar="WHEN", help="From then on: 30m, 2h, 3d, 1w ago, or 2026-03-01T14:00.")
@click.option("--conflict", metavar="ID", help="Only what happened to this conflict.")
@click.option(
    "--limit", type=click.IntRange(min=1), default=50, show_default=True, metavar="N", help="The newest N events."
)
@click.option("--follow", is_flag=True, help="Go on printing what is recorded, until Ctrl-C.")
@repo_option
@json_lines_option
def command(
    *, since: Millis | None, conflict: str | None, limit: int, follow: bool, folder: Path, as_json: bool
) -> int:
    """Replay what was recorded about this repository, the oldest of the newest N events first. Exit code 0."""
    place = find_place(folder, os.environ)
    events, subject = _newest(place, since, conflict, limit)
    terminal = find_terminal(sys.stdout, os.environ)
    if as_json:
        _print(events, terminal, as_json=True)
    elif follow:
        say("following the log; Ctrl-C ends it")
        _print(events, terminal, as_json=False)
    else:
        lines = [event_line(each, now(), terminal) for each in events]
        show(lines or ["nothing was recorded that fits"], "watchkeeper conflicts" if events else "watchkeeper watch")
    if follow:
        _follow(place, events[-1].seq if events else Seq(0), subject, terminal, as_json=as_json)
    return Exit.NOTHING


def _newest(place: Place, since: Millis | None, conflict: str | None, limit: int) -> tuple[tuple[Recorded, ...], str]:
    """The events to begin with, and the id of the conflict that was asked for, ``""`` for all."""
    log = find_log(place.home)
    if log is None:
        return (), conflict or ""
    with log:
        subject = find_conflict(read_state(log, place.project), conflict).conflict.id if conflict else ""
        return log.latest(place.project, limit=limit, since=since, subject=subject), subject


def _follow(place: Place, after: Seq, subject: str, terminal: Terminal, *, as_json: bool) -> None:
    """Asks the log four times a second: a store that several processes write has no cheaper news on every engine."""
    over = threading.Event()
    # An interrupt is noted and met here: raised anywhere, it may fall into a finalizer of the database's, and be lost.
    before = signal.signal(signal.SIGINT, lambda *_: over.set())
    try:
        with open_log(place.home) as log:
            while not over.is_set():
                events = tuple(log.read(place.project, after=after, subject=subject))
                _print(events, terminal, as_json=as_json)
                after = events[-1].seq if events else after
                over.wait(_POLL_S)
    finally:
        signal.signal(signal.SIGINT, before)
    raise KeyboardInterrupt


def _print(events: Iterable[Recorded], terminal: Terminal, *, as_json: bool) -> None:
    for each in events:
        if as_json:
            show_document(event_document(each))
        else:
            sys.stdout.write(event_line(each, now(), terminal) + "\n")
            sys.stdout.flush()
