"""``watchkeeper standards list``: all standards, and what could become one."""

from __future__ import annotations

from pathlib import Path

import msgspec

from watchkeeper.app import now
from watchkeeper.cli.exits import Exit
from watchkeeper.cli.fleet_place import fleet_option
from watchkeeper.cli.options import json_option, repo_option
from watchkeeper.cli.output import show, show_document
from watchkeeper.cli.standards_desk import open_desk, standard_line
from watchkeeper.cli.verb import verb
from watchkeeper.model.printing import printable


@verb(
    examples=("watchkeeper standards list", "watchkeeper standards list --json"), then="watchkeeper standards show ID"
)
@fleet_option
@repo_option
@json_option
def command(*, file: Path | None, folder: Path, as_json: bool) -> int:
    """List standards, and the kinds that could become one.

    A candidate is a kind that three projects found within 30 days (two, where it is grave) in runs that had not been
    told of it, and not in the same copied code. New ones are recorded. Contradictions are listed too: what one project
    did as a fix, and another holds for a fault.
    """
    with open_desk(file, folder) as desk:
        noted = desk.note_candidates()
        state = desk.state()
        waiting = [found for found, judged in state.contradictions.values() if judged is None]
        if as_json:
            standards = [msgspec.to_builtins(each) for each in state.standards.values()]
            show_document({"standards": standards, "new": list(noted), "contradictions": msgspec.to_builtins(waiting)})
            return Exit.NOTHING
        at = now()
        lines = [standard_line(each, at) for each in state.standards.values()]
        lines += [printable(f"who is right? {each.key}  {each.text}") for each in waiting]
        first = next(iter(state.standards), "ID")
        show(lines or ["no kind was found independently in three projects yet"], f"watchkeeper standards show {first}")
    return Exit.NOTHING
