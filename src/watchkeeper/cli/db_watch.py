"""``watchkeeper db watch``: what stands still in a database, and because of whom."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from watchkeeper.app import find_place, now
from watchkeeper.cli.exits import Exit
from watchkeeper.cli.incident_lines import incident_block
from watchkeeper.cli.incident_words import describe_incidents
from watchkeeper.cli.options import json_lines_option, repo_option
from watchkeeper.cli.output import Terminal, find_terminal, printable, say, show, show_document
from watchkeeper.cli.verb import verb
from watchkeeper.cli.wording import render_moment_iso
from watchkeeper.model.errors import NotARepositoryError, UsageError, WatchkeeperError
from watchkeeper.model.incidents import DatabaseUnseen, IncidentChanged, IncidentEvent, IncidentOpened

if TYPE_CHECKING:
    from watchkeeper.database.watcher import Watcher
    from watchkeeper.lockwatch import Recording

_ENVIRONMENT = "WATCHKEEPER_DSN"
_PASSWORD = re.compile(r"://[^/@\s]*:[^/@\s]+@|password\s*=")


@verb(
    examples=(
        "watchkeeper db watch postgresql://watch@db.example/shop",
        "WATCHKEEPER_DSN=... watchkeeper db watch --name shop --json",
        "watchkeeper db watch --dsn-env DATABASE_URL --once",
    ),
    then="watchkeeper log",
)
@click.argument("dsn", required=False)
@click.option("--dsn-env", metavar="NAME", help=f"Take the address from this variable. Default: {_ENVIRONMENT}.")
@click.option("--name", metavar="NAME", default="", help="What the database is called. Default: NAME@HOST.")
@click.option(
    "--poll", type=click.IntRange(20, 60_000), default=200, show_default=True, metavar="MS", help="How often to look."
)
@click.option(
    "--cancel-waiter", type=click.FloatRange(min=0.5), metavar="S",
    help="End the statement of who has waited for so long for an idle holder. Default: never.",
)  # fmt: skip
@click.option(
    "--log", "log_path", type=click.Path(path_type=Path), metavar="PATH", help="Follow the server's log, or its folder."
)
@click.option("--all-databases", is_flag=True, help="Report the other databases of the server too.")
@click.option("--once", is_flag=True, help="Look once and end: exit code 1 when something stands still.")
@repo_option
@json_lines_option
def command(
    *, dsn: str | None, dsn_env: str | None, name: str, poll: int, cancel_waiter: float | None, log_path: Path | None,
    all_databases: bool, once: bool, folder: Path, as_json: bool,
) -> int:  # fmt: skip
    """Say what stands still in a database, and because of whom.

    PostgreSQL 13 and later, also through a pooler; DSN is its address. An address with a password belongs into a
    variable, where no list of processes shows it. The role needs no rights of a superuser; without `pg_monitor` it is
    said what is hidden. In a repository what is seen is recorded. Takes no locks, ends nothing unless told to.
    Exit code 0, with --once 1 when something stands still, 4 when the server cannot be reached.
    """
    from watchkeeper.blaming.record import open_tracing
    from watchkeeper.lockwatch import WatchOptions, make_watcher, open_recording

    options = WatchOptions(
        _address(dsn, dsn_env),
        name,
        poll,
        int(cancel_waiter * 1000) if cancel_waiter else None,
        log_path,
        all_databases,
    )
    if dsn and _PASSWORD.search(dsn):
        say(f"lists of processes show this password; put the address into {_ENVIRONMENT}")
    view = _View(find_terminal(sys.stdout, os.environ), as_json=as_json)
    with ExitStack() as stack:
        try:
            place = find_place(folder, os.environ)
        except NotARepositoryError:
            say("not in a repository: nothing is recorded")
            watcher = make_watcher(options, os.environ, view.take)
        else:
            view.recording = stack.enter_context(open_recording(place))
            tracer = stack.enter_context(open_tracing(place, name))
            watcher = make_watcher(options, os.environ, view.take, tracer=tracer, find_open=view.recording.find_open)
        return asyncio.run(_look_once(watcher, view, as_json=as_json) if once else _follow(watcher))


class _View:
    """Prints what is told, and records it where there is a record."""

    def __init__(self, terminal: Terminal, *, as_json: bool) -> None:
        self._terminal, self._as_json = terminal, as_json
        self.recording: Recording | None = None
        self.unseen = ""

    def take(self, events: Sequence[IncidentEvent]) -> None:
        """What happened; told also where it cannot be recorded."""
        for event in events:
            if isinstance(event, DatabaseUnseen) and not event.is_partial:
                self.unseen = event.reason
            self._show(event)
        if self.recording is not None:
            try:
                self.recording.append(events)
            except WatchkeeperError as error:
                say(printable(f"not recorded: {error.message}"))

    def _show(self, event: IncidentEvent) -> None:
        if self._as_json:
            kind = str(type(event).__struct_config__.tag)
            show_document({"at": render_moment_iso(now()), "kind": kind, "event": msgspec.to_builtins(event)})
            return
        lines = [describe_incidents(event)]
        if isinstance(event, IncidentOpened | IncidentChanged):
            lines = incident_block(event, self._terminal)
        sys.stdout.write("".join(f"{line}\n" for line in lines))
        sys.stdout.flush()


def _address(dsn: str | None, variable: str | None) -> str:
    """The address. Its text is in no message: it may have a password in it."""
    found = dsn or os.environ.get(variable or _ENVIRONMENT, "")
    if not found:
        raise UsageError(
            f"There is no address of a database: none was given, and {variable or _ENVIRONMENT} is empty",
            slug="database-address",
            hint="watchkeeper db watch postgresql://USER@HOST/NAME",
        )
    return found


async def _look_once(watcher: Watcher, view: _View, *, as_json: bool) -> int:
    await watcher.step()
    await watcher.close()
    if not as_json:
        is_quiet = not (watcher.open or view.unseen)
        show(["nothing stands still"] if is_quiet else [], "watchkeeper db watch")
    if view.unseen:
        return Exit.UNREACHABLE
    return Exit.FOUND if watcher.open else Exit.NOTHING


async def _follow(watcher: Watcher) -> int:
    loop = asyncio.get_running_loop()
    for each in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(each, watcher.stop)
    await watcher.run()
    return Exit.NOTHING
