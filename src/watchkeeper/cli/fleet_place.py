"""The fleet that a verb speaks of: its file, its projects, its record, and what would be decided now."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click
import msgspec

from watchkeeper.app import now
from watchkeeper.durable.thishost import find_host_name
from watchkeeper.fleet.hours import Moment, find_day_begin
from watchkeeper.fleet.machine import LocalMachine, find_zone
from watchkeeper.fleet.plan import Machine, Plan
from watchkeeper.fleet.planner import plan
from watchkeeper.fleet.spending import SpendBook
from watchkeeper.fleetplace import FleetPlace
from watchkeeper.model.fleet import Spend
from watchkeeper.model.fleet_state import FleetState, fold_fleet

if TYPE_CHECKING:
    from watchkeeper.record.log import Log

fleet_option: Callable[[Any], Any] = click.option(
    "--fleet",
    "file",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="The fleet's file. Default: fleet.toml here or above, or your own.",
)


class FleetPicture(NamedTuple):
    """What is recorded of each project, what was spent today, and what would be decided now."""

    states: Mapping[str, FleetState]
    spent: Mapping[str, Spend]
    machine: Machine
    plan: Plan
    moment: Moment


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
