"""``watchkeeper rules``: what became of each rule's suspicions."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from watchkeeper.app import Place, find_log, find_place
from watchkeeper.cli.exits import Exit
from watchkeeper.cli.options import json_option, repo_option
from watchkeeper.cli.output import find_terminal, show, show_document
from watchkeeper.cli.verb import verb
from watchkeeper.conflicts.scoring import Ending, RuleRecord, count_rules
from watchkeeper.model.printing import printable

if TYPE_CHECKING:
    from watchkeeper.record.log import Log

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
        "watchkeeper rules --risk",
        "watchkeeper rules --json",
    ),
    then="watchkeeper conflicts",
)
@click.option("--risk", is_flag=True, help="The points of risk instead: how often what they stood on was wrong.")
@repo_option
@json_option
def command(*, risk: bool, folder: Path, as_json: bool) -> int:
    """Say what became of each rule's suspicions in this repository. Exit code 0.

    Each suspicion counts once, as proved where it ever was, else by its newest ending. Precision is the share of proofs
    among the last 20 endings that were conclusive: proved, cleared or dismissed. A rule below 30 % of a full 20 is
    shown one severity lower, until it is at 40 % again. With --risk each landed change counts once for each kind of
    point that it had: as wrong where it was found wrong, as fine where a person has read it and it was not.
    """
    place = find_place(folder, os.environ)
    log = find_log(place.home)
    if risk:
        return _risk(place, log, as_json=as_json)
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


def _risk(place: Place, log: Log | None, *, as_json: bool) -> int:
    from watchkeeper.model.review_state import ReviewState, fold_review
    from watchkeeper.record.codec import REVIEW_KINDS
    from watchkeeper.review.outcomes import count_points

    review = ReviewState()
    if log is not None:
        with log:
            review = fold_review(log.read(place.project, kinds=REVIEW_KINDS))
    found = count_points(review.changes)
    if as_json:
        points = [{**msgspec.to_builtins(each), "precision": each.precision} for each in found.kinds]
        told = {"surveyed": found.surveyed, "wrong": found.wrong, "missed": found.missed}
        show_document({"project": place.project, "points": points, **told})
        return Exit.NOTHING
    head = find_terminal(sys.stdout, os.environ).paint(
        "bold", _point_row("point", ["raised", "wrong", "fine"], "precision")
    )
    lines = [head]
    for each in found.kinds:
        share = "-" if each.precision is None else f"{each.precision:.0%} of {each.wrong + each.fine}"
        lines.append(_point_row(printable(each.kind), [str(each.raised), str(each.wrong), str(each.fine)], share))
    lines.append(f"{found.surveyed} landed changes, {found.wrong} found wrong, {found.missed} of these had no point")
    show(lines if found.surveyed else ["no landed change was surveyed yet"], "watchkeeper decisions")
    return Exit.NOTHING


def _point_row(kind: str, cells: Sequence[str], last: str) -> str:
    return f"{kind:<22}" + "".join(f"{cell:>8}" for cell in cells) + f"  {last}"


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
