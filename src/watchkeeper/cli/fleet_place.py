"""The fleet that a verb speaks of: its file, its projects, its record, and what would be decided now."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click
import msgspec

from watchkeeper.app import find_log, now, open_log
from watchkeeper.durable.thishost import find_host_name
from watchkeeper.fleet.config import FleetConfig
from watchkeeper.fleet.hours import Moment, find_day_begin
from watchkeeper.fleet.machine import LocalMachine, find_zone
from watchkeeper.fleet.plan import Machine, Plan
from watchkeeper.fleet.planner import plan
from watchkeeper.fleet.reading import find_fleet_file, load_fleet, not_found
from watchkeeper.fleet.roster import Roster, call_roll
from watchkeeper.fleet.spending import SpendBook
from watchkeeper.model.fleet import Spend
from watchkeeper.model.fleet_state import FleetState, fold_fleet
from watchkeeper.record.home import find_home

if TYPE_CHECKING:
    from watchkeeper.record.log import Log

fleet_option: Callable[[Any], Any] = click.option(
    "--fleet",
    "file",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="The fleet's file. Default: fleet.toml here or above, or your own.",
)


class FleetPlace(NamedTuple):
    """A fleet as it is configured, with the projects that this machine works on."""

    config: FleetConfig
    roster: Roster
    home: Path


class FleetPicture(NamedTuple):
    """What is recorded of each project, what was spent today, and what would be decided now."""

    states: Mapping[str, FleetState]
    spent: Mapping[str, Spend]
    machine: Machine
    plan: Plan
    moment: Moment


def find_fleet(file: Path | None, folder: Path = Path()) -> FleetPlace:
    """Raises NotARepositoryError (``fleet-not-found``), UsageError; of projects that are not there the roster tells."""
    path = find_fleet_file(folder, os.environ, file)
    if path is None:
        raise not_found(None)
    config = load_fleet(path)
    home = find_home(os.environ)
    if config.store and "://" not in config.store:
        home = Path(path.parent, Path(config.store).expanduser())
    return FleetPlace(config, call_roll(config, find_host_name(os.environ)), home)


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


def look_at_fleet(place: FleetPlace, log: Log | None) -> FleetPicture:
    """Fold, measure and plan; records nothing. What agents at work take is known to the daemon alone."""
    from watchkeeper.record.codec import FLEET_KINDS

    names = {member.project: member.entry.name for member in place.roster.members}
    states = dict.fromkeys(names.values(), FleetState())
    book = SpendBook()
    for project, name in names.items() if log is not None else ():
        assert log is not None
        events = list(log.read(project, kinds=FLEET_KINDS))
        states[name] = fold_fleet(events)
        book.take(events)
    moment = Moment(now(), find_zone(place.config.fleet.time_zone, os.environ))
    spent = book.since(find_day_begin(moment))
    by_name = {name: spent.get(project, Spend()) for project, name in names.items()}
    path = os.environ.get("PATH", os.defpath)
    machine = LocalMachine(place.config.agents, path, place.config.origin.parent, find_host_name(os.environ)).measure(
        {}
    )
    sizes = {each.name: each.memory_mb for each in place.config.agents}
    live = [each.engagement for state in states.values() for each in state.live()]
    # What they take is missing from what is free already: only the daemon knows which processes they are.
    machine = msgspec.structs.replace(machine, used_mb={each.id: sizes.get(each.agent, 0) for each in live})
    return FleetPicture(states, by_name, machine, plan(states, place.config, moment, machine, by_name), moment)
