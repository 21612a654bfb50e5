"""``watchkeeper standards write``: what a standard says, and how a violation is told."""

from __future__ import annotations

from pathlib import Path
from typing import TextIO

import click
import msgspec

from watchkeeper.cli.exits import Exit
from watchkeeper.cli.fleet_place import fleet_option
from watchkeeper.cli.options import json_option, repo_option
from watchkeeper.cli.output import show, show_document
from watchkeeper.cli.standards_desk import open_desk, who
from watchkeeper.cli.verb import verb
from watchkeeper.model.errors import UsageError
from watchkeeper.model.scouting import FindingId, KindId, Standard, StandardCheck, StandardId

_TEXT = click.File("r", encoding="utf-8", errors="replace")


@verb(
    examples=(
        "watchkeeper standards write std-missing-timeout --text timeout.md --rule tree:missing-timeout --owner ada",
        "watchkeeper standards write no-print --title 'Code logs' --text no-print.md --pattern no-print.yml \\",
        "    --language python --owner ada",
    ),
    then="watchkeeper standards move ID proposed",
)
@click.argument("name", metavar="ID")
@click.option("--title", default="", metavar="TEXT", help="The rule in one sentence.")
@click.option(
    "--text", "text", type=_TEXT, metavar="FILE", help="The rule, why it is one, how to do it right: markdown."
)
@click.option(
    "--rule", default="", metavar="CHECK:RULE", help="A rule of ours tells a violation: tree:missing-timeout."
)
@click.option("--pattern", type=_TEXT, metavar="FILE", help="A rule of ast-grep tells a violation: YAML.")
@click.option("--language", "languages", multiple=True, help="Of the pattern: python, typescript, tsx, javascript.")
@click.option("--path", "paths", multiple=True, metavar="GLOB", help="Only in such files; several times.")
@click.option("--owner", default="", metavar="NAME", help="Who answers for it.")
@click.option("--fix", type=_TEXT, metavar="FILE", help="What whoever mends an old place is told.")
@click.option("--kind", default="", metavar="KIND", help="Of a new one: the kind of finding that it is about.")
@click.option("--known", multiple=True, metavar="FINDING", help="A finding that its check has to find; several times.")
@fleet_option
@repo_option
@json_option
def command(
    *, name: str, title: str, text: TextIO | None, rule: str, pattern: TextIO | None, languages: tuple[str, ...],
    paths: tuple[str, ...], owner: str, fix: TextIO | None, kind: str, known: tuple[str, ...], file: Path | None,
    folder: Path, as_json: bool,
) -> int:  # fmt: skip
    """Write a standard, or change what it says.

    What is not given stays as it is. A check is run before it is taken: a rule that there is not, or a pattern that
    ast-grep does not understand, is refused.
    """
    if rule and pattern:
        raise UsageError("A violation is told by --rule or by --pattern", slug="usage", hint="give one of them")
    check = None
    if rule:
        check = StandardCheck("rule", rule, (), paths)
    elif pattern is not None:
        check = StandardCheck("pattern", pattern.read(), languages, paths)
    with open_desk(file, folder) as desk:
        standards = desk.state().standards
        identity = StandardId(name if name.startswith("std-") else f"std-{name}")
        standing = standards.get(identity)
        standard = standing.standard if standing is not None else Standard(identity, KindId(kind or name), title, "")
        told = {
            "title": title, "text": text.read() if text is not None else "", "check": check, "owner": owner,
            "fix": fix.read() if fix is not None else "", "kind": KindId(kind),
            "known": tuple(FindingId(each) for each in known),
        }  # fmt: skip
        standard = msgspec.structs.replace(standard, **{key: value for key, value in told.items() if value})
        desk.write(standard, who())
    if as_json:
        show_document({"standard": msgspec.to_builtins(standard)})
    else:
        show([f"{identity} is written"], f"watchkeeper standards count {identity}")
    return Exit.NOTHING
