"""``watchkeeper dispatch``: what would be started now, and why nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from watchkeeper.app import now
from watchkeeper.cli.exits import Exit
from watchkeeper.cli.fleet_place import FleetPicture, fleet_option, look_at_fleet
from watchkeeper.cli.options import json_option
from watchkeeper.cli.output import show, show_document
from watchkeeper.cli.verb import verb
from watchkeeper.fleetplace import FleetPlace, find_fleet, open_fleet_log
from watchkeeper.model.events import Event
from watchkeeper.model.fleet import Choice, Dispatch, DispatchDecided
from watchkeeper.model.printing import printable

if TYPE_CHECKING:
    from watchkeeper.record.log import Log


@verb(
    examples=(
        "watchkeeper dispatch --dry-run",
        "watchkeeper dispatch",
        "watchkeeper dispatch --dry-run --json",
    ),
    then="watchkeeper fleet",
)
@click.option("--dry-run", is_flag=True, help="Record nothing.")
@fleet_option
@json_option
def command(*, dry_run: bool, file: Path | None, as_json: bool) -> int:
    """Decide what is started now, by the same rules as the fleet's daemon, and say why nothing else is.

    Without --dry-run the decisions are recorded, where they differ from the last ones; agents are started by the daemon
    (`watchkeeper up`), which looks whenever something was recorded. What issues will probably touch is known to the
    daemon alone: it may order some that are shown as free here. Exit code 0.
    """
    place = find_fleet(file)
    with open_fleet_log(place, creates=not dry_run) as log:
        picture = look_at_fleet(place, log)
        recorded = _record(place, picture, log) if log is not None and not dry_run else 0
    if as_json:
        show_document(_document(place, picture, recorded))
    else:
        show(_lines(place, picture), "watchkeeper fleet" if recorded or not dry_run else "watchkeeper dispatch")
    return Exit.NOTHING


def _record(place: FleetPlace, picture: FleetPicture, log: Log) -> int:
    """What was decided differently; nothing of a project of which somebody else recorded something meanwhile."""
    from watchkeeper.record.codec import FLEET_KINDS

    count = 0
    for member in place.roster.members:
        state = picture.states[member.entry.name]
        decisions = [each for each in picture.plan.decisions[member.entry.name] if each.choice is not Choice.START]
        events: list[Event] = [DispatchDecided(each) for each in decisions if state.dispatched.get(each.issue) != each]
        done = log.append_if(member.project, events, now(), kinds=FLEET_KINDS, last=state.seq)
        count += len(done or ())
    return count


def _document(place: FleetPlace, picture: FleetPicture, recorded: int) -> dict[str, object]:
    return {
        "starts": [{**each._asdict(), "budget": msgspec.to_builtins(each.budget)} for each in picture.plan.starts],
        "stops": [each._asdict() for each in picture.plan.stops],
        "scouts": list(picture.plan.scouts),
        "wake_at": picture.plan.wake_at,
        "decisions": {
            name: [msgspec.to_builtins(each) for each in found] for name, found in picture.plan.decisions.items()
        },
        "problems": {name: error.message for name, error in place.roster.problems.items()},
        "recorded": recorded,
    }


def _lines(place: FleetPlace, picture: FleetPicture) -> Iterator[str]:
    for stop in picture.plan.stops:
        yield f"stop   {stop.engagement} of {stop.project}: {printable(stop.why)}"
    for name, decided in picture.plan.decisions.items():
        yield from (_line(name, each) for each in decided if each.issue is not None)
        yield _line(name, picture.plan.of(name))
    for name, error in place.roster.problems.items():
        yield f"{'idle':<7}{name}: {printable(error.message)}"


def _line(name: str, decided: Dispatch) -> str:
    by = f" by {printable(decided.agent)}" if decided.agent else ""
    return f"{decided.choice.value:<7}{printable(decided.issue or name)}{by}: {printable(decided.why)}"
