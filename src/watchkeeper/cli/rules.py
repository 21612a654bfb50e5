"""``watchkeeper rules``: what became of each rule's suspicions."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from watchkeeper.app import find_log, find_place
from watchkeeper.cli.exits import Exit
from watchkeeper.cli.options import json_option, repo_option
from watchkeeper.cli.output import find_terminal, printable, show, show_document
from watchkeeper.cli.verb import verb
from watchkeeper.conflicts.scoring import Ending, RuleRecord, count_rules

_COLUMNS = (
    ("raised", None),
    ("proved", Ending.PROVED),
    ("cleared", Ending.CLEARED),
    ("not disproved", Ending.NOT_DISPROVED),
    ("dismissed", Ending.DISMISSED),
    ("changed course", Ending.CHANGED_COURSE),
)


@verb(
    examples=(
        "watchkeeper rules",
        "watchkeeper rules --json",
    ),
    then="watchkeeper conflicts",
)
@repo_option
@json_option
def command(*, folder: Path, as_json: bool) -> int:
    """Say what became of each rule's suspicions in this repository. Exit code 0.

    Each suspicion counts once, as proved where it ever was, else by its newest ending. Precision is the share of proofs
    among the last 20 endings that were conclusive: proved, cleared or dismissed. A rule below 30 % of a full 20 is
    shown one severity lower, until it is at 40 % again.
    """
    place = find_place(folder, os.environ)
    log = find_log(place.home)
    records: Sequence[RuleRecord] = ()
    if log is not None:
        with log:
            records = sorted(count_rules(log.read(place.project)).values(), key=lambda each: -each.raised)
    if as_json:
        show_document({"project": place.project, "rules": [_document(each) for each in records]})
    else:
        terminal = find_terminal(sys.stdout, os.environ)
        lines = [terminal.paint("bold", _row("rule", [name for name, _ in _COLUMNS], "precision"))]
        lines += [_record_row(each) for each in records]
        show(lines if records else ["no rule has raised anything yet"], "watchkeeper conflicts")
    return Exit.NOTHING


def _document(record: RuleRecord) -> dict[str, object]:
    counts = {name.replace(" ", "_"): _count(record, ending) for name, ending in _COLUMNS}
    return {"rule": record.rule, **counts, "precision": record.precision, "is_demoted": record.is_demoted}


def _record_row(record: RuleRecord) -> str:
    counts = [str(_count(record, ending)) for _, ending in _COLUMNS]
    precision = "-" if record.precision is None else f"{record.precision:.0%} of {len(record.lately)}"
    note = "  shown lower" if record.is_demoted else ""
    return f"{_row(printable(record.rule), counts, precision)}{note}"


def _count(record: RuleRecord, ending: Ending | None) -> int:
    return record.raised if ending is None else record.endings.get(ending, 0)


def _row(rule: str, cells: Sequence[str], last: str) -> str:
    widths = [max(len(name), 6) for name, _ in _COLUMNS]
    return (
        f"{rule:<18}" + "".join(f"{cell:>{width + 2}}" for cell, width in zip(cells, widths, strict=True)) + f"  {last}"
    )
