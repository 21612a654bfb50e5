"""How the verbs start and end a fleet's daemon."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Sequence
from pathlib import Path

from watchkeeper.app import now
from watchkeeper.cli.daemon import start_detached
from watchkeeper.cli.exits import Exit
from watchkeeper.cli.output import say, show, show_document
from watchkeeper.fleetdeck.daemon import Fleet, FleetDaemon, find_daemon
from watchkeeper.fleetdeck.projects import Project
from watchkeeper.fleetplace import FleetPlace, find_fleet, open_fleet_log
from watchkeeper.model.errors import WatchkeeperError
from watchkeeper.model.printing import printable
from watchkeeper.record.home import make_home
from watchkeeper.scoutdeck.cascade import FleetScouts

_END_S = 60.0
_LOOK_S = 0.1
LOG = "fleet.log"


def up_fleet(file: Path | None, *, foreground: bool, as_json: bool) -> int:
    """Run the fleet: in this terminal, or in a process of its own."""
    place = find_fleet(file)
    running = find_daemon(place.home)
    if foreground:
        return _run(place)
    pid = running or _start(place)
    if as_json:
        show_document({"started": not running, "fleet": str(place.config.origin), "pid": pid})
    else:
        what = "the fleet runs already" if running else "the fleet runs"
        lines = [f"{what}: {printable(str(place.config.origin))} (process {pid})"]
        lines += [f"{name} cannot be worked on: {e.message}" for name, e in place.roster.problems.items()]
        lacks = _lacks(place)
        show([*lines, *([f"nothing can be dispatched: it has no {lacks}"] if lacks else [])], _next_step(place, lacks))
    return Exit.FOUND if place.roster.problems else Exit.NOTHING


def _lacks(place: FleetPlace) -> str:
    return "[agent.NAME]" if not place.config.agents else "[[project]]" if not place.config.projects else ""


def _next_step(place: FleetPlace, lacks: str) -> str:
    return f"write {lacks} in {printable(str(place.config.origin))}" if lacks else "watchkeeper fleet"


def down_fleet(file: Path | None, *, as_json: bool) -> int:
    """End its daemon; agents are ended and their work is pinned."""
    place = find_fleet(file)
    pid = find_daemon(place.home)
    if pid > 0:
        os.kill(pid, signal.SIGTERM)
        ends = time.monotonic() + _END_S
        while find_daemon(place.home) == pid:
            if time.monotonic() > ends:
                raise WatchkeeperError(
                    f"The fleet's daemon (process {pid}) did not end within {_END_S:.0f} s",
                    slug="daemon-stuck",
                    hint=f"kill -9 {pid}",
                    facts={"pid": str(pid)},
                )
            time.sleep(_LOOK_S)
    if as_json:
        show_document({"ended": pid or None})
    else:
        said = f"ended the fleet's daemon (process {pid}); its work is kept" if pid else "no fleet was running here"
        show([said], "watchkeeper up --fleet FILE")
    return Exit.NOTHING


def _run(place: FleetPlace) -> int:
    os.environ["WATCHKEEPER_HOME"] = str(make_home(place.home))  # for all that we start
    if "://" in place.config.store:
        os.environ["WATCHKEEPER_STORE"] = place.config.store

    async def live() -> None:
        with open_fleet_log(place, creates=True) as log:
            assert log is not None
            fleet = Fleet(place.config, place.roster, place.home, log, dict(os.environ))
            daemon = FleetDaemon(fleet, _tell, make_scouts=lambda projects: _make_scouts(fleet, projects))
            loop = asyncio.get_running_loop()
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.add_signal_handler(number, daemon.stop)
            loop.add_signal_handler(signal.SIGHUP, lambda: None)
            await daemon.run()

    asyncio.run(live())
    return Exit.NOTHING


def _tell(sentence: str) -> None:
    say(printable(sentence))


def _make_scouts(fleet: Fleet, projects: Sequence[Project]) -> FleetScouts:
    places = [(each.name, each.place) for each in projects]
    return FleetScouts(places, fleet.log, fleet.config.agents, fleet.environ, now, _tell)


def _start(place: FleetPlace) -> int:
    command = ("up", "--foreground", "--fleet", str(place.config.origin))
    log = make_home(place.home) / LOG
    return start_detached(command, log, place.config.origin.parent, lambda: max(find_daemon(place.home), 0) or None)
