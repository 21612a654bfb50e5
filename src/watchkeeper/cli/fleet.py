"""``watchkeeper fleet``: what each project does now, and why."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec

from watchkeeper.cli.exits import Exit
from watchkeeper.cli.fleet_place import FleetPicture, fleet_option, look_at_fleet
from watchkeeper.cli.options import json_option
from watchkeeper.cli.output import Terminal, find_terminal, show, show_document
from watchkeeper.cli.verb import verb
from watchkeeper.controlroom.wording.fleet import spend_words
from watchkeeper.controlroom.wording.times import render_ago
from watchkeeper.fleet.budgets import total
from watchkeeper.fleetplace import FleetPlace, find_fleet, open_fleet_log
from watchkeeper.model.fleet import Choice, Spend
from watchkeeper.model.fleet_state import EngagementStanding
from watchkeeper.model.printing import printable


@verb(
    examples=(
        "watchkeeper fleet",
        "watchkeeper fleet --fleet ~/work/fleet.toml",
        "watchkeeper fleet --json",
    ),
    then="watchkeeper dispatch --dry-run",
)
@fleet_option
@json_option
def command(*, file: Path | None, as_json: bool) -> int:
    """Say what each project of the fleet does now, or why nothing, what was spent today, and what is next.

    Reads the record and this machine, and changes nothing. Exit code 1 when a project cannot be worked on, or something
    needs a person.
    """
    place = find_fleet(file)
    with open_fleet_log(place) as log:
        picture = look_at_fleet(place, log)
    needs = [each for found in picture.plan.decisions.values() for each in found if each.choice is Choice.HOLD]
    if as_json:
        show_document(fleet_document(place, picture))
    else:
        terminal = find_terminal(sys.stdout, os.environ)
        first = next(iter(place.roster.problems.values()), None)
        step = first.hint if first else f"watchkeeper overrule {needs[0].issue}" if needs else "watchkeeper dispatch"
        show(_lines(place, picture, terminal), printable(step))
    return Exit.FOUND if place.roster.problems or needs else Exit.NOTHING


def fleet_document(place: FleetPlace, picture: FleetPicture) -> dict[str, object]:
    """The whole for programs."""
    return {
        "file": str(place.config.origin),
        "spent": msgspec.to_builtins(total(picture.spent.values())),
        "budget": msgspec.to_builtins(place.config.fleet.budget),
        "machine": {"host": picture.machine.host, "free_mb": picture.machine.free_mb, "load": picture.machine.load},
        "projects": [_project_document(name, picture) for name in picture.states],
        "problems": [
            {"project": name, "slug": error.slug, "message": error.message, "hint": error.hint}
            for name, error in place.roster.problems.items()
        ],
    }


def _project_document(name: str, picture: FleetPicture) -> dict[str, object]:
    return {
        "name": name,
        "decision": msgspec.to_builtins(picture.plan.of(name)),
        "issues": [msgspec.to_builtins(each) for each in picture.plan.decisions[name] if each.issue is not None],
        "engagements": [
            {"id": each.engagement.id, "issue": each.engagement.issue, "agent": each.engagement.agent,
             "stage": each.stage.value, "since": each.since, "spend": msgspec.to_builtins(each.spend)}
            for each in picture.states[name].live()
        ],
        "spent": msgspec.to_builtins(picture.spent[name]),
        "next": [each.issue for each in picture.plan.starts if each.project == name],
    }  # fmt: skip


def _lines(place: FleetPlace, picture: FleetPicture, terminal: Terminal) -> list[str]:
    width = max((len(each.name) for each in place.config.projects), default=0)
    lines = [f"{printable(str(place.config.origin))}: {_whole(place, picture)}"]
    for name in picture.states:
        lines += _project_lines(name, picture, width, terminal)
    for name, error in place.roster.problems.items():
        lines.append(f"{name:<{width}}  cannot be worked on: {printable(error.message)} [{error.slug}]")
    known = {*picture.states, *place.roster.problems}
    lines += [
        f"{e.name:<{width}}  {printable(e.host)} works on it" for e in place.config.projects if e.name not in known
    ]
    return lines


def _whole(place: FleetPlace, picture: FleetPicture) -> str:
    live = sum(1 for state in picture.states.values() for _ in state.live())
    free = f", {picture.machine.free_mb} MB free" if picture.machine.free_mb is not None else ""
    spent = total(picture.spent.values())
    return f"{live} of {place.config.fleet.concurrency} at work{free}, today {_spent(spent)}"


def _spent(spend: Spend) -> str:
    return spend_words(spend) if spend != Spend() else "nothing spent"


def _project_lines(name: str, picture: FleetPicture, width: int, terminal: Terminal) -> Iterator[str]:
    state, decided = picture.states[name], picture.plan.of(name)
    waiting = sum(1 for _ in state.open_issues())
    idle = terminal.paint("dim", "idle: ") if decided.choice is Choice.IDLE else ""
    yield f"{name:<{width}}  {idle}{printable(decided.why)} ({waiting} open, today {_spent(picture.spent[name])})"
    for each in state.live():
        yield f"{'':<{width}}    {_engagement(each, picture)}"
    for start in picture.plan.starts:
        if start.project == name:
            yield f"{'':<{width}}    next: {printable(start.issue)} by {printable(start.agent)}: {printable(start.why)}"
    for one in picture.plan.decisions[name]:
        if one.issue is not None and one.choice is Choice.HOLD:
            yield f"{'':<{width}}    for you: {printable(one.issue)}: {printable(one.why)}"


def _engagement(standing: EngagementStanding, picture: FleetPicture) -> str:
    made, since = standing.engagement, render_ago(standing.since, picture.moment.at)
    reason = f" ({printable(standing.reason)})" if standing.reason else ""
    what = f"{made.id} {standing.stage.value}{reason} since {since}: {printable(made.issue)} by {printable(made.agent)}"
    return f"{what}, {_spent(standing.spend)}"
