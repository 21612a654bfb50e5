"""``watchkeeper down``: end the daemon of this repository."""

from __future__ import annotations

import os
import time
from pathlib import Path

from watchkeeper.app import find_place, find_socket
from watchkeeper.cli.daemon import find_standing
from watchkeeper.cli.exits import Exit
from watchkeeper.cli.fleet_place import fleet_option
from watchkeeper.cli.options import json_option, repo_option
from watchkeeper.cli.output import show, show_document
from watchkeeper.cli.verb import verb
from watchkeeper.model.errors import WatchkeeperError

_END_S = 20.0


@verb(
    examples=("watchkeeper down", "watchkeeper down --fleet ~/work/fleet.toml"),
    then="watchkeeper up",
)
@fleet_option
@repo_option
@json_option
def command(*, file: Path | None, folder: Path, as_json: bool) -> int:
    """End the daemon of this repository. Nothing that was recorded is lost. Agents go on without it.

    With --fleet the daemon of that fleet is ended, and with it its agents: their work is pinned, and goes on with the
    next `watchkeeper up`.

    Exit code 0 when no daemon runs any more, also where none did.
    """
    from watchkeeper.watch.attached import ask

    if file is not None:
        from watchkeeper.cli.fleet_running import down_fleet

        return down_fleet(file, as_json=as_json)
    place = find_place(folder, os.environ)
    socket = find_socket(place)
    standing = find_standing(socket)
    if standing is not None:
        ask(socket, {"ask": "stop"})
        _wait_gone(socket, standing.pid)
    if as_json:
        show_document({"ended": standing.pid if standing else None})
    else:
        said = f"ended the daemon (process {standing.pid})" if standing else "no daemon was running here"
        show([said], "watchkeeper up")
    return Exit.NOTHING


def _wait_gone(socket: Path, pid: int) -> None:
    ends = time.monotonic() + _END_S
    while time.monotonic() < ends:
        if not _is_running(pid):
            return
        time.sleep(0.05)
    raise WatchkeeperError(
        f"The daemon (process {pid}) did not end within {_END_S:.0f} s",
        slug="daemon-stuck",
        hint=f"kill -9 {pid}",
        facts={"pid": str(pid), "socket": str(socket)},
    )


def _is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
