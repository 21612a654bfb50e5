"""``watchkeeper incident``: one incident, whole: both sides' lines, the two changes, since when, what to do."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import msgspec

from watchkeeper.app import find_place, now
from watchkeeper.cli.exits import Exit
from watchkeeper.cli.incident_lines import incident_block
from watchkeeper.cli.options import json_option, repo_option
from watchkeeper.cli.output import find_terminal, show, show_document
from watchkeeper.cli.verb import verb
from watchkeeper.controlroom.wording.times import render_ago
from watchkeeper.model.errors import UsageError
from watchkeeper.model.incident_state import IncidentStanding, IncidentState
from watchkeeper.model.incidents import IncidentOpened, Origin
from watchkeeper.model.printing import printable
from watchkeeper.repos.repository import Repository

_AROUND = 2


@verb(
    examples=("watchkeeper incident i-1a2b3c4d", "watchkeeper incident i-1a2b3c4d --svg waits.svg"),
    then="watchkeeper incidents",
)
@click.argument("identity", metavar="ID")
@click.option("--svg", type=click.Path(path_type=Path), metavar="FILE", help="Write the wait graph as a picture.")
@repo_option
@json_option
def command(*, identity: str, svg: Path | None, folder: Path, as_json: bool) -> int:
    """Show one incident: who waits for whom, the code of both sides as it runs, whose it is, and what to do.

    ID may be how the id begins. Exit code 1 while it is open, else 0.
    """
    from watchkeeper.lockwatch.deploying import find_incidents

    place = find_place(folder, os.environ)
    standing = _find(find_incidents(place), identity)
    if svg is not None:
        from watchkeeper.database.wait_graph import render_svg

        svg.write_text(render_svg(standing.incident))
    if as_json:
        show_document({"incident": msgspec.to_builtins(standing)})
    else:
        lines = incident_block(IncidentOpened(standing.incident), find_terminal(sys.stdout, os.environ))
        show([*lines, *_life(standing), *_code(standing, place.repository)], "watchkeeper incidents")
    return Exit.FOUND if standing.is_open else Exit.NOTHING


def _find(state: IncidentState, identity: str) -> IncidentStanding:
    wanted = identity if identity.startswith("i-") else f"i-{identity}"
    found = [each for key, each in state.incidents.items() if key.startswith(wanted)]
    if len(found) == 1:
        return found[0]
    known = ", ".join(each.incident.id for each in found[:5])
    what = f"{len(found)} incidents begin with {printable(wanted)}"
    raise UsageError(
        what if found else f"There is no incident {printable(wanted)}",
        slug="unknown-incident",
        hint=f"say more of it: {known}" if found else "watchkeeper incidents --all",
    )


def _life(standing: IncidentStanding) -> Iterator[str]:
    if standing.occurrences > 1:
        yield f"  seen {standing.occurrences} times, first {render_ago(standing.first_at, now())}"
    if standing.ended is not None:
        detail = f": {printable(standing.detail)}" if standing.detail else ""
        yield f"  over after {standing.lasted_ms / 1000:.1f} s ({standing.ended.value}{detail})"


def _code(standing: IncidentStanding, repository: Repository) -> Iterator[str]:
    """The lines of both sides with those around them, as the revision that runs has them."""
    for party in standing.incident.parties:
        for origin in party.attribution.origins[:2]:
            if origin.revision is not None:
                yield printable(f"  {party.role.value}: {origin.path} in {origin.revision[:12]}")
                yield from _around(origin, repository)


def _around(origin: Origin, repository: Repository) -> Iterator[str]:
    shown = repository.git("cat-file", "blob", f"{origin.revision}:{origin.path}", allowed=(0, 128))
    if shown.code != 0:
        return
    lines = shown.output.decode("utf-8", "replace").splitlines()
    for number in range(max(1, origin.line - _AROUND), min(len(lines), origin.line + _AROUND) + 1):
        mark = ">" if number == origin.line else " "
        yield f"   {mark}{number:5}  {printable(lines[number - 1][:160])}"
