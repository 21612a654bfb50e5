"""``watchkeeper up``: watch in the background, so that agents can take part."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import click

from watchkeeper.app import Place, find_place, find_socket
from watchkeeper.cli.daemon import find_standing, start_detached
from watchkeeper.cli.exits import Exit
from watchkeeper.cli.fleet_place import fleet_option
from watchkeeper.cli.options import json_option, repo_option
from watchkeeper.cli.output import show, show_document
from watchkeeper.cli.status import standing_document
from watchkeeper.cli.verb import verb
from watchkeeper.daemon import open_watch, serve
from watchkeeper.model.errors import NotARepositoryError, WatchkeeperError
from watchkeeper.record.home import make_home

if TYPE_CHECKING:
    from watchkeeper.watch.hosting import Standing

_AGAIN_S = 3.0


@verb(
    examples=(
        "watchkeeper up",
        "watchkeeper up --fleet ~/work/fleet.toml",
        "watchkeeper up --foreground",
    ),
    then="watchkeeper status",
)
@click.option("--foreground", is_flag=True, help="Stay in this terminal, for service managers; Ctrl-C ends it.")
@click.option("--kept", is_flag=True, hidden=True, help="End with whoever started this: its input ends then.")
@fleet_option
@repo_option
@json_option
def command(*, foreground: bool, kept: bool, file: Path | None, folder: Path, as_json: bool) -> int:
    """Watch this repository in the background, and let agents take part; or run a whole fleet.

    Agents whose hooks are installed (`watchkeeper hooks install`) are told of conflicts while they work. `watchkeeper
    watch` shows what the daemon sees, `watchkeeper down` ends it. One daemon a repository: a second `up` says that the
    first one runs. With --fleet the fleet that FILE describes is run: its projects are watched, its issues are
    dispatched to agents, their changes are landed; so it is where you are in no repository, and a fleet.toml is there
    or above, or your own. Exit code 0 when it runs.
    """
    if file is not None or _is_fleet_meant(folder):
        from watchkeeper.cli.fleet_running import up_fleet

        return up_fleet(file, foreground=foreground, as_json=as_json)
    place = find_place(folder, os.environ)
    standing = find_standing(find_socket(place))
    if kept:
        return _keep(place)
    if standing is None and foreground:
        return _run(place)
    started = standing is None
    if standing is None:
        standing = _start(place)
    if as_json:
        show_document({"started": started, "daemon": standing_document(standing)})
    else:
        what = "watching" if started else "it is watching already"
        show([f"{what}: {standing.repository} (process {standing.pid})"], "watchkeeper status")
    return Exit.NOTHING


def _is_fleet_meant(folder: Path) -> bool:
    """Nobody named a repository, and there is none; a fleet's file is."""
    from watchkeeper.fleet.reading import find_fleet_file
    from watchkeeper.repos.repository import find_repository

    if folder != Path():
        return False
    try:
        find_repository(folder)
    except NotARepositoryError:
        return find_fleet_file(folder, os.environ) is not None
    return False


def _keep(place: Place) -> int:
    """Watch as long as whoever started us lives; where somebody watches already, wait until he does no more."""
    over = threading.Event()

    def listen() -> None:
        while sys.stdin.buffer.read(1):
            pass
        over.set()
        signal.raise_signal(signal.SIGTERM)

    threading.Thread(target=listen, daemon=True).start()
    while find_standing(find_socket(place)) is not None:
        if over.wait(_AGAIN_S):
            return Exit.NOTHING
    return _run(place)


def _run(place: Place) -> int:
    from watchkeeper.watch.engine import LiveWatch

    async def live() -> None:
        watch = LiveWatch(parts)
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, watch.stop)
        loop.add_signal_handler(signal.SIGHUP, lambda: None)  # the terminal that started it may close
        async with asyncio.TaskGroup() as tasks:
            serving = tasks.create_task(serve(watch, parts, place))
            try:
                await watch.run()
            finally:
                serving.cancel()
        if watch.is_stuck:
            os._exit(Exit.NOTHING)

    with open_watch(place) as parts:
        if parts.ledger.recorder:
            raise WatchkeeperError(
                f"Process {parts.ledger.recorder} watches this repository already, and is no daemon",
                slug="watched-already",
                hint="end it, or look with: watchkeeper watch",
                facts={"pid": str(parts.ledger.recorder)},
            )
        asyncio.run(live())
    return Exit.NOTHING


def _start(place: Place) -> Standing:
    """Start a process of its own, and wait until it answers. Raises WatchkeeperError with what it said last."""
    folder = make_home(place.home) / "projects" / place.project
    folder.mkdir(parents=True, exist_ok=True)
    command = ("up", "--foreground", "--repo", str(place.repository.found_at))
    return start_detached(command, folder / "daemon.log", Path("/"), lambda: find_standing(find_socket(place)))
