"""``watchkeeper scout``: look at whole projects, along all dimensions, and file what holds."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from watchkeeper.app import now
from watchkeeper.cli.exits import Exit
from watchkeeper.cli.fleet_place import fleet_option
from watchkeeper.cli.options import json_option, repo_option
from watchkeeper.cli.output import Terminal, find_terminal, say, show, show_document
from watchkeeper.cli.verb import verb
from watchkeeper.controlroom.wording.scouting import place_of
from watchkeeper.model.errors import UsageError
from watchkeeper.model.printing import printable
from watchkeeper.model.scouting import LookState

if TYPE_CHECKING:
    from watchkeeper.controlroom.scope import ProjectSource
    from watchkeeper.fleet.config import AgentEntry
    from watchkeeper.record.log import Log
    from watchkeeper.scoutdeck.scouting import Report, Wanted
    from watchkeeper.scoutdeck.standards import Held
    from watchkeeper.scouts.looking import Look

_MARKS = {
    LookState.FOUND: ("yellow", "found"),
    LookState.CLEAN: ("green", "clean"),
    LookState.NOT_APPLICABLE: ("dim", "does not apply"),
    LookState.COULD_NOT_LOOK: ("red", "could not look"),
}
_MOST_SHOWN = 5


@verb(
    examples=(
        "watchkeeper scout",
        "watchkeeper scout shop --dimension security --dimension errors",
        "watchkeeper scout --no-file",
        "watchkeeper scout --init > .scout.toml",
        "watchkeeper scout --show errors",
    ),
    then="watchkeeper findings",
)
@click.argument("project", metavar="[PROJECT]", required=False)
@click.option("--dimension", "dimensions", multiple=True, metavar="NAME", help="Only along this one; several times.")
@click.option("--due", is_flag=True, help="Only along those whose time has come, as the fleet does.")
@click.option("--no-file", "no_file", is_flag=True, help="Record what is found, and file no issue.")
@click.option("--init", "makes_config", is_flag=True, help="Print a .scout.toml that fits, and look at nothing.")
@click.option("--show", "shown", metavar="NAME", help="Print the file of a dimension, and look at nothing.")
@fleet_option
@repo_option
@json_option
def command(
    *, project: str | None, dimensions: tuple[str, ...], due: bool, no_file: bool, makes_config: bool,
    shown: str | None, file: Path | None, folder: Path, as_json: bool,
) -> int:  # fmt: skip
    """Look at a project's whole code, along every dimension, and file issues of what holds.

    PROJECT is a name of fleet.toml; default: the repository here, or all of the fleet. What is looked at is the target
    branch as it is committed. Each dimension ends as found, clean (what was checked is said), does not apply, or could
    not look, which is never clean and files an issue of the fleet. A finding is tried before it is filed, and at most
    as many are filed as the fleet works off. Exit code 1 where something holds or somebody could not look, else 0.
    """
    from watchkeeper.controlroom.scope import find_scope, open_scope_log, require_project
    from watchkeeper.scoutdeck.converging import try_to_converge
    from watchkeeper.scoutdeck.scouting import Wanted
    from watchkeeper.scoutdeck.standards import Held

    scope = find_scope(file, folder, os.environ)
    chosen = (require_project(scope, project),) if project else scope.projects
    for name, error in scope.problems.items() if not project else ():
        say(f"{name} cannot be looked at: {error.message}")
    if not chosen:
        raise UsageError("There is no project to look at", slug="usage", hint="watchkeeper fleet")
    if makes_config or shown:
        return _print_file(chosen[0], shown)
    with open_scope_log(scope, os.environ) as log:
        wanted = Wanted(dimensions, due, not no_file)
        agents = scope.config.agents if scope.config is not None else ()
        held = [Held(each.name, each.place) for each in scope.projects]
        reports = [(each.name, _scout(each, log, wanted, agents, held)) for each in chosen]
        found = try_to_converge(log, held, now, say)
    if as_json:
        projects = [_document(name, report) for name, report in reports]
        contradictions = msgspec.to_builtins(found.contradictions)
        show_document({"projects": projects, "candidates": list(found.candidates), "contradictions": contradictions})
    else:
        terminal = find_terminal(sys.stdout, os.environ)
        lines = [line for name, report in reports for line in _lines(name, report, terminal)]
        lines += [f"a candidate for a standard: {each}" for each in found.candidates]
        lines += [printable(f"two projects contradict each other: {each.text}") for each in found.contradictions]
        show(lines, _next_step(reports))
    is_green = all(report is None or report.is_green for _, report in reports)
    return Exit.NOTHING if is_green else Exit.FOUND


def _print_file(source: ProjectSource, shown: str | None) -> int:
    """For people to keep: what would be in ``.scout.toml``, or a dimension's file."""
    from watchkeeper.app import open_log
    from watchkeeper.scoutdeck.place import open_subject
    from watchkeeper.scouts.dimension import render_dimension

    with open_log(source.place.home) as log, open_subject(source.place, log, source.name) as subject:
        commit = subject.tip()
        if shown is None:
            sys.stdout.write(subject.render_config(commit))
            return Exit.NOTHING
        known = subject.dimensions(commit)
        if shown not in known:
            raise UsageError(
                f"There is no dimension {shown!r}", slug="unknown-dimension", hint=f"there are {', '.join(known)}"
            )
        sys.stdout.write(render_dimension(known[shown]))
        return Exit.NOTHING


def _scout(
    source: ProjectSource, log: Log, wanted: Wanted, agents: Sequence[AgentEntry], held: Sequence[Held]
) -> Report | None:
    from watchkeeper.scoutdeck.converging import describe_solutions
    from watchkeeper.scoutdeck.hands import make_hands
    from watchkeeper.scoutdeck.place import open_subject
    from watchkeeper.scoutdeck.scouting import scout

    say(f"looking at {source.name} ...")
    cancel = threading.Event()
    with _ended_by_hand(cancel), open_subject(source.place, log, source.name) as subject:
        solve = partial(describe_solutions, log, held)
        return scout(subject, wanted, make_hands(subject, os.environ, now, cancel, agents, solve), cancel)


@contextmanager
def _ended_by_hand(cancel: threading.Event) -> Iterator[None]:
    """Ctrl-C ends what runs in the sandbox, too: else it would be waited for."""

    def end(*_: object) -> None:
        cancel.set()
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGINT, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _lines(name: str, report: Report | None, terminal: Terminal) -> Iterator[str]:
    if report is None:
        yield f"{name}: no dimension's time has come"
        return
    yield terminal.paint("bold", f"{name} at {report.run.commit[:10]}")
    width = max(map(len, report.run.looks), default=0)
    for dimension, look in report.run.looks.items():
        yield from _look_lines(dimension.ljust(width), look, report, terminal)
    yield from _filed_lines(report)


def _look_lines(dimension: str, look: Look, report: Report, terminal: Terminal) -> Iterator[str]:
    holding = [each for each in look.findings if _holds(report, each.id)]
    colour, word = _MARKS[look.state]
    what = f": {printable(look.reason)}" if look.reason else ""
    if look.state is LookState.FOUND:
        new = sum(each.id in report.run.new for each in holding)
        what = f": {len(holding)} hold, {new} of them new"
    elif look.state is LookState.CLEAN:
        what = ": " + "; ".join(f"{each.check} ({printable(each.what)})" for each in look.checked if each.what)
    yield f"  {dimension}  {terminal.paint(colour, word)}{what}"
    worst = sorted(holding, key=lambda each: (-each.severity, -each.confidence, each.path, each.line))
    for each in worst[:_MOST_SHOWN]:
        yield printable(f"      {each.id}  {place_of(each)}: {each.claim}")
    if len(worst) > _MOST_SHOWN:
        yield f"      and {len(worst) - _MOST_SHOWN} more: watchkeeper findings --dimension {dimension.strip()}"


def _holds(report: Report, identity: object) -> bool:
    standing = next((each for key, each in report.state.findings.items() if key == identity), None)
    return standing is not None and standing.holds and standing.refuted is None


def _filed_lines(report: Report) -> Iterator[str]:
    refuted = sum(each.holds is False for each in report.tried)
    if report.tried:
        yield f"  tried {len(report.tried)}: {refuted} refuted"
    for each in report.filed:
        yield printable(f"  filed: {each.title}")
    if report.waiting:
        yield f"  {report.waiting} more are fit to be filed, and wait until there is room"
    if report.blind_filed or report.blind_closed:
        yield f"  issues of the fleet, of who could not look: {report.blind_filed} filed, {report.blind_closed} closed"


def _next_step(reports: Sequence[tuple[str, Report | None]]) -> str:
    if any(report is not None and report.filed for _, report in reports):
        return "watchkeeper issue list"
    return "watchkeeper findings"


def _document(name: str, report: Report | None) -> dict[str, object]:
    if report is None:
        return {"project": name, "commit": None, "dimensions": {}, "filed": [], "waiting": 0}
    return {
        "project": name,
        "commit": report.run.commit,
        "run": report.run.id,
        "dimensions": {
            each: {
                "state": look.state.value,
                "reason": look.reason,
                "checked": msgspec.to_builtins(look.checked),
                "findings": [
                    {**msgspec.to_builtins(found), "new": found.id in report.run.new, "holds": _holds(report, found.id)}
                    for found in look.findings
                ],
            }
            for each, look in report.run.looks.items()
        },
        "tried": msgspec.to_builtins(report.tried),
        "filed": msgspec.to_builtins(report.filed),
        "waiting": report.waiting,
    }
