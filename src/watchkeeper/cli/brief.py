"""``watchkeeper brief``: what the fleet did while nobody looked, and what of it needs somebody."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

import click

from watchkeeper.app import now
from watchkeeper.cli.exits import Exit
from watchkeeper.cli.fleet_place import fleet_option
from watchkeeper.cli.options import Moment, json_option, repo_option
from watchkeeper.cli.output import find_terminal, say, show, show_document
from watchkeeper.cli.verb import verb
from watchkeeper.controlroom.picture import Picture, Reader
from watchkeeper.controlroom.scope import find_scope, open_scope_log
from watchkeeper.controlroom.wording.times import render_moment
from watchkeeper.model.errors import UsageError
from watchkeeper.model.ids import Millis
from watchkeeper.model.printing import printable
from watchkeeper.model.review import Brief, Section, Standing
from watchkeeper.record.home import make_home
from watchkeeper.review.brief import build_brief
from watchkeeper.review.graph_svg import draw_graph
from watchkeeper.review.holistic import describe_graph, make_graph
from watchkeeper.review.looking_again import LiveVerifier
from watchkeeper.review.render import LINES, WIDTH, render_lines, render_markdown, render_text
from watchkeeper.review.rewriting import look_for_rewritings

_DAY_MS = 86_400_000


@verb(
    examples=(
        "watchkeeper brief",
        "watchkeeper brief --since 12h",
        "watchkeeper brief --all                        with details, and what each sentence rests on",
        "watchkeeper brief --markdown > brief.md",
    ),
    then="watchkeeper ack",
)
@click.option("--since", type=Moment(), metavar="WHEN", help="From then on: 12h, 3d ago, or 2026-03-01. Default: 24h.")
@click.option("--all", "whole", is_flag=True, help="Everything, with details and evidence, not one screen.")
@click.option("--plain", is_flag=True, help="One line an entry, with tabs, for programs.")
@click.option("--markdown", is_flag=True, help="As markdown.")
@click.option(
    "--graph",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Write how the changes have to do with each other as a picture (SVG), and say it.",
)
@click.option(
    "--summary", metavar="COMMAND", default="", help="A shell line that sums it up; each sentence is checked."
)
@click.option("--summary-env", "variables", metavar="NAME", multiple=True, help="A variable that the command gets.")
@fleet_option
@repo_option
@json_option
def command(
    *,
    since: Millis | None,
    whole: bool,
    plain: bool,
    markdown: bool,
    graph: Path | None,
    summary: str,
    variables: tuple[str, ...],
    file: Path | None,
    folder: Path,
    as_json: bool,
) -> int:
    """Say what the fleet did, on one screen: what needs you, conflicts and incidents with their outcome, what landed
    in each project, what to read first, what is stuck or idle and why, what it cost.

    Each sentence rests on commits, runs, events or reports, and is looked at again before it is shown: what no longer
    holds is corrected, and what cannot be looked at comes first and is marked. No model is asked. Without a fleet it
    speaks of the repository here. Exit code 1 when something needs you or could not be verified, else 0.

    --summary runs a command in the sandbox, which gets the claims as JSON on its input and prints sentences that name
    the claims they rest on. A sentence that names none, or has a number or a name that they have not, is left out.
    """
    scope = find_scope(file, folder, os.environ)
    with open_scope_log(scope, os.environ) as log:
        reader = Reader(log, scope, now)
        verifier = LiveVerifier(reader)
        picture = verifier.picture
        begin = since or Millis(picture.at - _DAY_MS)
        brief = build_brief(picture, scope, begin, verifier)
        if graph is not None:
            return _show_graph(picture, begin, graph, as_json=as_json)
    if summary:
        brief = _with_summary(brief, summary, variables, scope.home)
    if as_json:
        show_document({"brief": brief})
    elif plain:
        sys.stdout.write("".join(f"{line}\n" for line in render_lines(brief)))
    elif markdown:
        sys.stdout.write(render_markdown(brief, whole=whole))
    else:
        show(_lines(brief, whole=whole), printable(_next_step(brief, is_fleet=scope.config is not None)))
    for name, error in scope.problems.items():
        say(printable(f"{name} is not in it: {error.message}"))
    return Exit.FOUND if needs_somebody(brief) else Exit.NOTHING


def _with_summary(brief: Brief, command: str, variables: Sequence[str], home: Path) -> Brief:
    from watchkeeper.review.summary import summarize
    from watchkeeper.sandbox.run import find_sandbox

    given = {name: os.environ[name] for name in variables if name in os.environ}
    summed, checked = summarize(brief, command, find_sandbox(make_home(home) / "jobs"), given)
    for said, why in checked.refused:
        say(printable(f"left out of the summary, since {why}: {said}" if said else why))
    return summed


def _show_graph(picture: Picture, since: Millis, file: Path, *, as_json: bool) -> int:
    found = make_graph(picture, since, Millis(picture.at + 1), look_for_rewritings(picture, since))
    try:
        file.write_text(draw_graph(found, f"What landed since {render_moment(since)}"), encoding="utf-8")
    except OSError as error:
        raise UsageError(
            f"{file} cannot be written: {error.strerror}", slug="not-writable", hint="name another file"
        ) from error
    if as_json:
        show_document({"graph": {"nodes": [each._asdict() for each in found.nodes],
                                 "links": [each._asdict() for each in found.links]}})  # fmt: skip
    else:
        show([printable(line) for line in describe_graph(found)], f"open {printable(str(file))}")
    return Exit.FOUND if found.links else Exit.NOTHING


def needs_somebody(brief: Brief) -> bool:
    """Something needs a person, or could not be verified."""
    entries = [(section.section, each) for section in brief.sections for each in section.entries]
    return any(section is Section.NEEDS_YOU or each.claim.standing is Standing.UNVERIFIED for section, each in entries)


def _lines(brief: Brief, *, whole: bool) -> list[str]:
    terminal = find_terminal(sys.stdout, os.environ)
    size = shutil.get_terminal_size((WIDTH, LINES))
    width = min(size.columns, 160) if sys.stdout.isatty() else WIDTH
    lines = LINES - 1  # the last one is the next step

    def paint(colour: str, text: str) -> str:
        return terminal.paint(colour, printable(text)) if colour else printable(text)

    return render_text(brief, whole=whole, width=width, lines=lines, paint=paint)


def _next_step(brief: Brief, *, is_fleet: bool) -> str:
    steps = [each.step for section in brief.sections for each in section.entries if each.step is not None]
    return next(
        (each.command for each in steps if each.command), "watchkeeper fleet" if is_fleet else "watchkeeper log"
    )
