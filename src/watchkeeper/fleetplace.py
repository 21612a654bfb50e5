"""The fleet as this machine has it: its file, its projects, its state folder, its record."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from watchkeeper.app import find_log, open_log
from watchkeeper.durable.thishost import find_host_name
from watchkeeper.fleet.config import FleetConfig
from watchkeeper.fleet.reading import find_fleet_file, load_fleet, not_found
from watchkeeper.fleet.roster import Roster, call_roll
from watchkeeper.record.home import find_home

if TYPE_CHECKING:
    from watchkeeper.record.log import Log


class FleetPlace(NamedTuple):
    """A fleet as it is configured, with the projects that this machine works on."""

    config: FleetConfig
    roster: Roster
    home: Path


def find_fleet(file: Path | None, folder: Path = Path(), environ: Mapping[str, str] = os.environ) -> FleetPlace:
    """Raises NotARepositoryError (``fleet-not-found``), UsageError; of projects that are not there the roster tells."""
    path = find_fleet_file(folder, environ, file)
    if path is None:
        raise not_found(None)
    config = load_fleet(path)
    home = find_home(environ)
    if config.store and "://" not in config.store:
        home = Path(path.parent, Path(config.store).expanduser())
    return FleetPlace(config, call_roll(config, find_host_name(environ)), home)


@contextmanager
def open_fleet_log(place: FleetPlace, *, creates: bool = False) -> Iterator[Log | None]:
    """The record of the fleet; None where nothing was recorded and nothing is to be made. Raises WatchkeeperError."""
    store = place.config.store
    if "://" in store:
        from watchkeeper.record.log import Log
        from watchkeeper.record.store import open_url_store

        with Log(open_url_store(store)) as log:
            yield log
        return
    found = open_log(place.home) if creates else find_log(place.home)
    if found is None:
        yield None
        return
    with found:
        yield found
