"""``watchkeeper lease``: somebody alone may touch something for a while."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path

import click
import msgspec

from watchkeeper.app import find_log, find_place, now, open_log, read_state
from watchkeeper.cli.exits import Exit
from watchkeeper.cli.options import json_option, repo_option
from watchkeeper.cli.output import find_terminal, show, show_document
from watchkeeper.cli.verb import verb
from watchkeeper.controlroom.wording.times import render_moment, render_moment_iso
from watchkeeper.model.agents import Lease
from watchkeeper.model.errors import UsageError
from watchkeeper.model.events import LeaseReleased, LeaseTaken
from watchkeeper.model.ids import Millis, ProjectId, Seq
from watchkeeper.model.printing import printable
from watchkeeper.record.log import Log

_MOST_MINUTES = 7 * 24 * 60
_KINDS = ("lease-taken", "lease-released")


@verb(
    examples=(
        "watchkeeper lease update_stage_field --to codex-1",
        "watchkeeper lease 'migrations/**' --minutes 120 --note 'renumbering'",
        "watchkeeper lease update_stage_field --release",
        "watchkeeper lease",
    ),
    then="watchkeeper status",
)
@click.argument("subject", required=False)
@click.option("--to", "holder", metavar="NAME", help="A session, an agent, or a person. Default: you.")
@click.option("--minutes", type=click.IntRange(1, _MOST_MINUTES), default=30, show_default=True, help="How long.")
@click.option("--note", default="", metavar="TEXT", help="Why; kept in the log.")
@click.option("--release", is_flag=True, help="Let everybody touch it again.")
@click.option("--force", is_flag=True, help="Also what somebody else holds.")
@repo_option
@json_option
def command(
    *,
    subject: str | None,
    holder: str | None,
    minutes: int,
    note: str,
    release: bool,
    force: bool,
    folder: Path,
    as_json: bool,
) -> int:
    """Let one session, agent or person alone touch SUBJECT for a while; without SUBJECT, list the leases.

    SUBJECT is a symbol (its full name, or the end of it), a path or glob, or a resource such as a table. Agents whose
    hooks are installed, or that `run` started and that ask first, are kept from writing it, and told who holds it and
    for how long. Leases end by themselves. What another holds is not taken from it, but for --force: of two who want
    the same at once, one gets it. Exit code 0.
    """
    place = find_place(folder, os.environ)
    if subject is not None:
        if not subject.strip():
            raise UsageError("SUBJECT is empty", slug="lease-subject", hint="watchkeeper lease update_stage_field")
        who = holder or os.environ.get("USER") or os.environ.get("LOGNAME") or "somebody"
        wanted = Lease(subject, who, Millis(now() + minutes * 60_000), note)
        with open_log(place.home) as log:
            if release:
                log.append(place.project, [LeaseReleased(subject)], now())
            else:
                _take(log, place.project, wanted, is_forced=force)
    leases = _leases(place.home, place.project)
    if as_json:
        documents = [{**msgspec.to_builtins(each), "until": render_moment_iso(each.until)} for each in leases]
        show_document({"project": place.project, "leases": documents})
    else:
        terminal = find_terminal(sys.stdout, os.environ)
        lines = [
            f"{printable(each.subject)}  held by {printable(each.holder)} until {render_moment(each.until)}"
            + (terminal.paint("dim", f"  {printable(each.note)}") if each.note else "")
            for each in leases
        ]
        show(lines or ["nothing is held"], "watchkeeper status")
    return Exit.NOTHING


def _take(log: Log, project: ProjectId, wanted: Lease, *, is_forced: bool) -> None:
    """Of several processes that want the same, one gets it. Raises UsageError where another holds it."""
    while True:
        newest = log.latest(project, limit=1, kinds=_KINDS)
        held = read_state(log, project).leases.get(wanted.subject)
        if held is not None and held.until > now() and held.holder != wanted.holder and not is_forced:
            raise UsageError(
                f"{printable(held.subject)} is held by {printable(held.holder)} until {render_moment(held.until)}",
                slug="lease-held",
                hint=f"wait for it, or take it: watchkeeper lease {shlex.quote(wanted.subject)} --force",
            )
        last = newest[-1].seq if newest else Seq(0)
        if log.append_if(project, [LeaseTaken(wanted)], now(), kinds=_KINDS, last=last) is not None:
            return


def _leases(home: Path, project: ProjectId) -> list[Lease]:
    log = find_log(home)
    if log is None:
        return []
    with log:
        leases = read_state(log, project).leases.values()
    return sorted((each for each in leases if each.until > now()), key=lambda each: (each.until, each.subject))
