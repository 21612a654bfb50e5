"""``watchkeeper standards show``: one standard whole."""

from __future__ import annotations

from pathlib import Path

import click
import msgspec

from watchkeeper.app import now
from watchkeeper.cli.exits import Exit
from watchkeeper.cli.fleet_place import fleet_option
from watchkeeper.cli.options import json_option, repo_option
from watchkeeper.cli.output import show, show_document
from watchkeeper.cli.standards_desk import open_desk, standard_lines
from watchkeeper.cli.verb import verb
from watchkeeper.model.scouting import StandardState

_NEXT = {
    StandardState.CANDIDATE: "watchkeeper standards write {} --text FILE --rule tree:RULE --owner NAME",
    StandardState.PROPOSED: "watchkeeper standards move {} adopted --reason '...'",
    StandardState.ADOPTED: "watchkeeper standards move {} enforced",
    StandardState.ENFORCED: "watchkeeper standards count {}",
    StandardState.RETIRED: "watchkeeper standards list",
}


@verb(examples=("watchkeeper standards show std-missing-timeout",), then="watchkeeper standards list")
@click.argument("name", metavar="ID")
@fleet_option
@repo_option
@json_option
def command(*, name: str, file: Path | None, folder: Path, as_json: bool) -> int:
    """Show one: its text, check, census, campaign and exemptions.

    The campaign counts from the census at adoption: what of it is burnt down, what is new since, what is let be.
    """
    with open_desk(file, folder) as desk:
        standing = desk.get(name)
        if as_json:
            campaign = msgspec.to_builtins(desk.campaign(standing.standard.id))
            show_document({"standard": msgspec.to_builtins(standing), "campaign": campaign})
        else:
            show(standard_lines(desk, standing, now()), _NEXT[standing.state].format(standing.standard.id))
    return Exit.NOTHING
