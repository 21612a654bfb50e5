"""``watchkeeper db watch``: what stands still in a database, and because of whom."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
import threading
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from watchkeeper.app import Place, find_place, now
from watchkeeper.cli.exits import Exit
from watchkeeper.cli.incident_lines import incident_block
from watchkeeper.cli.options import json_lines_option, repo_option
from watchkeeper.cli.output import Terminal, find_terminal, say, show, show_document
from watchkeeper.cli.verb import verb
from watchkeeper.controlroom.wording.incident import describe_incidents
from watchkeeper.controlroom.wording.times import render_moment_iso
from watchkeeper.model.errors import NotARepositoryError, UsageError, WatchkeeperError
from watchkeeper.model.incidents import DatabaseUnseen, IncidentChanged, IncidentEvent, IncidentOpened
from watchkeeper.model.printing import printable
from watchkeeper.record.config import DatabaseConfig

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
@click.option("--poll", type=click.IntRange(20, 60_000), metavar="MS", help="How often to look. Default: 200.")
@click.option(
    "--cancel-waiter", type=click.FloatRange(min=0.5), metavar="S",
    help="End the statement of who has waited for so long for an idle holder. Default: never.",
)  # fmt: skip
@click.option(
    "--log", "log_path", type=click.Path(path_type=Path), metavar="PATH", help="Follow the server's log, or its folder."
)
@click.option(
    "--env", "environment", metavar="NAME", default="",
    help="The environment that it serves, as `watchkeeper deployed` calls it. Default: the only one there is.",
)  # fmt: skip
@click.option("--all-databases", is_flag=True, help="Report the other databases of the server too.")
@click.option("--once", is_flag=True, help="Look once and end: exit code 1 when something stands still.")
@click.option("--kept", is_flag=True, hidden=True)
@repo_option
@json_lines_option
def command(
    *, dsn: str | None, dsn_env: str | None, name: str, poll: int | None, cancel_waiter: float | None,
    log_path: Path | None, environment: str, all_databases: bool, once: bool, kept: bool, folder: Path, as_json: bool,
) -> int:  # fmt: skip
    """Say what stands still in a database, and because of whom.

    PostgreSQL 13 and later, also through a pooler, MariaDB (mysql://...), or a SQLite file (sqlite:///PATH), of which
    its applications tell, with watchkeeper-tag inside; DSN is its address. An address with a password belongs into a
    variable, where no list of processes shows it. The role needs no rights of a superuser; without `pg_monitor`
    (MariaDB: `PROCESS`) it is said what is hidden. In a repository what is seen is recorded, and `[database]` of its
    watchkeeper.toml says what is not given here. Takes no locks, ends nothing unless told to.
    Exit code 0, with --once 1 when something stands still, 4 when the server cannot be reached.
    """
    from watchkeeper.database.sqlite import is_address
    from watchkeeper.lockwatch import WatchOptions, make_watcher, open_recording
    from watchkeeper.lockwatch.deploying import ask_command
    from watchkeeper.lockwatch.tracing import open_tracing

    place = _find_place(folder)
    configured = place.config.database if place is not None else DatabaseConfig()
    waits = cancel_waiter or configured.cancel_waiter_s
    options = WatchOptions(
        _address(dsn, dsn_env or configured.dsn_env),
        name or configured.name,
        poll or configured.poll_ms,
        int(waits * 1000) if waits else None,
        log_path or (Path(configured.log) if configured.log else None),
        all_databases,
    )
    if once and is_address(options.dsn):
        raise UsageError(
            "A SQLite file cannot be looked at once: its applications tell what happens from now on",
            slug="database-once",
            hint="watchkeeper db watch sqlite:///PATH, and let it run",
        )
    if dsn and _PASSWORD.search(dsn):
        say(f"lists of processes show this password; put the address into {_ENVIRONMENT}")
    view = _View(find_terminal(sys.stdout, os.environ), as_json=as_json)
    with ExitStack() as stack:
        if place is None:
            say("not in a repository: nothing is recorded")
            watcher = make_watcher(options, os.environ, view.take)
        else:
            view.recording = stack.enter_context(open_recording(place))
            served = environment or configured.environment
            tracing = open_tracing(place, view.recording.log, served, ask_command(place))
            tracer, find_open = stack.enter_context(tracing), view.recording.find_open
            watcher = make_watcher(options, os.environ, view.take, tracer=tracer, find_open=find_open)
        if once:
            return asyncio.run(_look_once(watcher, view, as_json=as_json))
        return asyncio.run(_follow(watcher, is_kept=kept))


def _find_place(folder: Path) -> Place | None:
    try:
        return find_place(folder, os.environ)
    except NotARepositoryError:
        return None


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


async def _follow(watcher: Watcher, *, is_kept: bool) -> int:
    loop = asyncio.get_running_loop()
    for each in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(each, watcher.stop)
    if is_kept:
        threading.Thread(target=_end_with_input, args=(loop, watcher), daemon=True).start()
    await watcher.run()
    return Exit.NOTHING


def _end_with_input(loop: asyncio.AbstractEventLoop, watcher: Watcher) -> None:
    """Whoever started us is gone when our input ends."""
    while sys.stdin.buffer.read(1):
        pass
    loop.call_soon_threadsafe(watcher.stop)
