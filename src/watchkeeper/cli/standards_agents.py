"""``watchkeeper standards agents``: the block of AGENTS.md that says what every project is held to."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from watchkeeper.cli.exits import Exit
from watchkeeper.cli.fleet_place import fleet_option
from watchkeeper.cli.options import json_option, repo_option
from watchkeeper.cli.output import say, show_document
from watchkeeper.cli.standards_desk import open_desk
from watchkeeper.cli.verb import verb


@verb(
    examples=("watchkeeper standards agents", "watchkeeper standards agents --write"),
    then="watchkeeper standards list",
)
@click.option("--write", "writes", is_flag=True, help="Write it into the repository's AGENTS.md instead.")
@fleet_option
@repo_option
@json_option
def command(*, writes: bool, file: Path | None, folder: Path, as_json: bool) -> int:
    """Print AGENTS.md with the block of all standards.

    Everything outside of the block stays as it is, byte for byte; writing it twice is writing it once. The file keeps
    within 15,000 characters: what did not fit is said. Agents that the fleet starts are given the standards anyway.
    """
    from watchkeeper.repos.repository import find_repository

    top = find_repository(folder).found_at or folder
    place = top / "AGENTS.md"
    text = place.read_bytes().decode("utf-8", "surrogateescape") if place.is_file() else ""
    with open_desk(file, folder) as desk:
        written = desk.agents_md(text)
    changed = written.text != text
    if writes and changed:
        place.write_bytes(written.text.encode("utf-8", "surrogateescape"))
    if as_json:
        show_document({"file": str(place), "changed": changed, "left_out": list(written.left_out)})
    elif writes:
        say(f"{place} {'is written' if changed else 'says so already'}")
    else:
        sys.stdout.write(written.text)
    for each in written.left_out:
        say(f"there was no room for {each}")
    return Exit.NOTHING
