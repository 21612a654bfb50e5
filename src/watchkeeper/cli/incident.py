"""``watchkeeper incident``: everything about one incident, with the code of both sides as it runs."""

from __future__ import annotations

import difflib
import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import click

from watchkeeper.app import Place, find_place, now
from watchkeeper.blaming.record import read_code_around, read_incidents
from watchkeeper.cli.exits import Exit
from watchkeeper.cli.incident_lines import incident_block
from watchkeeper.cli.incidents import standing_document
from watchkeeper.cli.options import json_option, repo_option
from watchkeeper.cli.output import Terminal, find_terminal, printable, show, show_document
from watchkeeper.cli.verb import verb
from watchkeeper.cli.wording import render_ago
from watchkeeper.model.errors import UsageError, WatchkeeperError
from watchkeeper.model.incident_state import IncidentStanding, IncidentState
from watchkeeper.model.incidents import Incident, IncidentOpened, Origin

_CONTEXT = 2
_MOST_SIDES = 6


@verb(
    examples=(
        "watchkeeper incident i-1a2b3c4d",
        "watchkeeper incident i-1a2b --svg graph.svg",
        "watchkeeper incident i-1a2b3c4d --json",
    ),
    then="watchkeeper incidents",
)
@click.argument("incident", metavar="ID")
@click.option(
    "--svg", "picture", metavar="FILE", type=click.Path(path_type=Path, dir_okay=False), help="Draw who waits for whom."
)
@repo_option
@json_option
def command(*, incident: str, picture: Path | None, folder: Path, as_json: bool) -> int:
    """Show one incident: both sides' lines as they run, the two changes, what to do, and which rules missed it.

    ID is an incident's id, or how it begins. The code is that of the deployed commit, not of the branch. Exit code 1
    while the incident is open, else 0.
    """
    place = find_place(folder, os.environ)
    found = find_incident(read_incidents(place), incident)
    if picture is not None:
        _draw(found.incident, picture)
    code = _read_code(place, found.incident)
    if as_json:
        document = {**standing_document(found), "code": [{"at": at, "lines": lines} for at, lines in code.items()]}
        show_document({"project": place.project, "incident": document})
    else:
        show(_page(found, code, find_terminal(sys.stdout, os.environ)), _next_step(found))
    return Exit.FOUND if found.is_open else Exit.NOTHING


def find_incident(state: IncidentState, text: str) -> IncidentStanding:
    """The incident whose id is ``text`` or begins with it, with or without ``i-``.

    Raises UsageError: ``unknown-incident``, with near ids, or ``ambiguous-incident``.
    """
    wanted = text.strip().lower()
    prefix = wanted if wanted.startswith("i-") else f"i-{wanted}"
    meant = [each for name, each in state.incidents.items() if prefix != "i-" and name.startswith(prefix)]
    if len(meant) == 1:
        return meant[0]
    names = [str(each.incident.id) for each in meant]
    if meant:
        raise UsageError(
            f"{text!r} may mean {len(meant)} incidents: {', '.join(names[:8])}",
            slug="ambiguous-incident",
            hint="give more of the id",
            facts={"given": text, "candidates": " ".join(names)},
        )
    near = difflib.get_close_matches(prefix, [str(name) for name in state.incidents], n=3)
    raise UsageError(
        f"There is no incident {text!r} in this repository" + (f"; did you mean {', '.join(near)}?" if near else ""),
        slug="unknown-incident",
        hint=f"watchkeeper incident {near[0]}" if near else "watchkeeper incidents --all",
        facts={"given": text, "suggestions": " ".join(near)},
    )


def _draw(incident: Incident, path: Path) -> None:
    from watchkeeper.database.wait_graph import render_svg

    try:
        path.write_text(render_svg(incident) + "\n", encoding="utf-8")
    except OSError as error:
        raise WatchkeeperError(
            f"{printable(str(path))} cannot be written: {error.strerror}",
            slug="picture-not-written",
            hint="give a file in a folder that exists and is yours",
        ) from error


def _read_code(place: Place, incident: Incident) -> Mapping[str, list[tuple[int, str]]]:
    origins = [origin for party in incident.parties for origin in party.attribution.origins]
    kept = {_at(each): each for each in origins if each.revision is not None}
    return read_code_around(place, list(kept.values())[:_MOST_SIDES], _CONTEXT)


def _at(origin: Origin) -> str:
    return f"{origin.path}:{origin.line}"


def _page(found: IncidentStanding, code: Mapping[str, list[tuple[int, str]]], terminal: Terminal) -> Iterator[str]:
    incident, moment = found.incident, now()
    yield from incident_block(IncidentOpened(incident), terminal)
    times = f", {found.occurrences} times since {render_ago(found.first_at, moment)}" if found.occurrences > 1 else ""
    if found.ended is not None:
        detail = f": {printable(found.detail)}" if found.detail else ""
        yield f"  over ({found.ended.value}{detail}) after {found.lasted_ms / 1000:.1f} s{times}"
    else:
        yield f"  open{times}"
    if incident.conflict is not None:
        yield f"  the two changes are conflict {incident.conflict}, proved at run time"
    yield from _changes(incident)
    for at, lines in code.items():
        yield ""
        yield terminal.paint("bold", printable(f"{at}, as it runs"))
        number = int(at.rpartition(":")[2])
        yield from (f"{'>' if line == number else ' '} {line:>5}  {printable(text)}" for line, text in lines)


def _changes(incident: Incident) -> Iterator[str]:
    """Each commit behind the parties, once, with what it says of itself."""
    told = set()
    for party in incident.parties:
        for origin in party.attribution.origins[:3]:
            if origin.commit is None or origin.commit in told:
                continue
            told.add(origin.commit)
            who = origin.agent or origin.author
            for_what = f" for issue {origin.issue}" if origin.issue else ""
            within = f" ({origin.engagement})" if origin.engagement else ""
            yield printable(f"  {origin.commit[:10]} by {who}{for_what}{within}: {origin.subject}")


def _next_step(found: IncidentStanding) -> str:
    conflict = found.incident.conflict
    if conflict is not None:
        return f"watchkeeper conflicts {conflict}"
    return printable(found.incident.advice[0]) if found.is_open and found.incident.advice else "watchkeeper incidents"
