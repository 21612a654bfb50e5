"""``watchkeeper desk``: the process that surveys what landed, closes days, and tells people."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from watchkeeper.app import now
from watchkeeper.cli.exits import Exit
from watchkeeper.cli.fleet_place import fleet_option
from watchkeeper.cli.options import json_option, repo_option
from watchkeeper.cli.output import say, show, show_document
from watchkeeper.cli.verb import verb
from watchkeeper.controlroom.wording.times import render_ago
from watchkeeper.model.printing import printable

if TYPE_CHECKING:
    from watchkeeper.controlroom.picture import Reader
    from watchkeeper.controlroom.scope import Scope
    from watchkeeper.desk.service import DeskStatistics


@verb(
    examples=("watchkeeper desk", "watchkeeper desk --once", "watchkeeper desk --status"),
    then="watchkeeper decisions",
)
@click.option("--once", is_flag=True, help="Survey and close what is due, and end.")
@click.option("--status", is_flag=True, help="Say what the desk that runs has done.")
@click.option("--kept", is_flag=True, hidden=True)
@fleet_option
@repo_option
@json_option
def command(*, once: bool, status: bool, kept: bool, file: Path | None, folder: Path, as_json: bool) -> int:
    """Look at what landed, close each project's day with a work log, and tell people.

    The fleet's daemon keeps one running; without a fleet it works for the repository where it is started. It stops
    nothing. Work logs are in the state folder, `worklogs/PROJECT/DAY.md`, and in the record. One runs for a state
    folder. Exit code 0; with --status 1 where none runs, or one of its loops does not.
    """
    from watchkeeper.controlroom.picture import Reader
    from watchkeeper.controlroom.scope import find_scope, open_scope_log

    scope = find_scope(file, folder, os.environ)
    with open_scope_log(scope, os.environ) as log:
        reader = Reader(log, scope, now)
        if status:
            return _status(scope, reader, as_json=as_json)
        if once:
            return _once(reader, as_json=as_json)
        return asyncio.run(_live(reader, is_kept=kept))


def _status(scope: Scope, reader: Reader, *, as_json: bool) -> int:
    from watchkeeper.desk.service import find_desk, read_statistics

    pid, found = find_desk(scope), read_statistics(reader.log)
    is_well = pid != 0 and found is not None and not any(each.reason for each in found.troubles.values())
    if as_json:
        show_document({"pid": pid or None, "statistics": msgspec.to_builtins(found)})
        return Exit.NOTHING if is_well else Exit.FOUND
    lines = [f"the desk runs (process {pid})" if pid else "no desk runs here"]
    lines += _told(found) if found is not None else ["it has not noted anything yet"]
    show(lines, "watchkeeper decisions" if pid else "watchkeeper desk")
    return Exit.NOTHING if is_well else Exit.FOUND


def _told(found: DeskStatistics) -> list[str]:
    survey, closing = found.survey, found.closing
    lines = [
        f"noted {render_ago(found.at, now())}, started {render_ago(found.began, now())}",
        f"surveyed {survey.surveyed}, could not open {survey.unreadable}, {survey.waiting} waiting",
        f"found {survey.decisions} decisions, and {survey.wrong} changes that were wrong",
        f"closed {closing.closed} days, {closing.late} of them late, {closing.failed} failures",
    ]
    lines += [f"{what} does not run: {printable(each.reason)}" for what, each in found.troubles.items() if each.reason]
    return lines


def _once(reader: Reader, *, as_json: bool) -> int:
    from watchkeeper.desk.closing import Closer
    from watchkeeper.desk.surveyor import Surveyor

    surveyor, closer = Surveyor(reader, now), Closer(reader, os.environ, now)
    surveyor.look()
    closer.look()
    survey, closing = surveyor.statistics, closer.statistics
    if as_json:
        show_document({"survey": msgspec.to_builtins(survey), "closing": msgspec.to_builtins(closing)})
    else:
        said = [f"surveyed {survey.surveyed} changes, found {survey.decisions} decisions, closed {closing.closed} days"]
        said += [f"{survey.waiting} changes could not be opened and are tried again"] if survey.waiting else []
        said += [f"{closing.failed} days could not be closed"] if closing.failed else []
        show(said, "watchkeeper decisions")
    return Exit.FOUND if survey.waiting or closing.failed else Exit.NOTHING


async def _live(reader: Reader, *, is_kept: bool) -> int:
    from watchkeeper.desk.service import make_desk

    desk = make_desk(reader, os.environ, now, os.getpid(), lambda sentence: say(printable(sentence)))
    loop = asyncio.get_running_loop()
    for each in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(each, desk.stop)
    if is_kept:

        def end_with_input() -> None:
            while sys.stdin.buffer.read(1):
                pass
            loop.call_soon_threadsafe(desk.stop)

        threading.Thread(target=end_with_input, daemon=True).start()
    await desk.run()
    return Exit.NOTHING
