"""``watchkeeper prove``: make the merge that does not exist yet, run checks on it, and say what is emergent."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from watchkeeper.app import find_place, prove
from watchkeeper.cli.documents import change_document, conflict_document, proof_document
from watchkeeper.cli.exits import Exit
from watchkeeper.cli.options import json_option, repo_option, severity_option
from watchkeeper.cli.output import Terminal, find_terminal, say, show, show_document
from watchkeeper.cli.verb import verb
from watchkeeper.cli.wording import conflict_lines, join_names, not_counted_line, proof_line
from watchkeeper.conflicts.standing import severity_after
from watchkeeper.model.conflicts import Conflict, Severity
from watchkeeper.model.printing import printable
from watchkeeper.model.probing import Outcome

if TYPE_CHECKING:
    from watchkeeper.probes.everything import ProveReport
    from watchkeeper.probes.sets import UnionReport


@verb(
    examples=(
        "watchkeeper prove agent-a agent-b",
        "watchkeeper prove ../worktree-a ../worktree-b --checks ty,pytest",
        "watchkeeper prove agent-a agent-b agent-c --json",
    ),
    then="watchkeeper watch",
)
@click.argument("changes", metavar="CHANGE CHANGE...", nargs=-1, required=True)
@click.option(
    "--checks",
    metavar="NAMES",
    help="Analysers to run beside the built-in checks, with commas. Default: as configured, else ty where installed.",
)
@click.option("--static", "only_static", is_flag=True, help="Built-in checks only: no command is run.")
@click.option("--again", is_flag=True, help="Run again what was run on the same trees before.")
@click.option("--base", metavar="REF", help="Compare with this commit. Default: the merge base with the target branch.")
@severity_option
@repo_option
@json_option
def command(
    *,
    changes: tuple[str, ...],
    checks: str | None,
    only_static: bool,
    again: bool,
    base: str | None,
    severity: str | None,
    folder: Path,
    as_json: bool,
) -> int:
    """Make the merge of the changes and run checks on it.

    A CHANGE is a branch or a commit, or the path of a worktree, which alone counts with its uncommitted work.

    What is wrong in the merge and on neither side alone is emergent: it proves a conflict. Tests that pass clear one
    only where they execute the changed lines of both sides. With more than two changes the fewest that break each other
    are named. The project's tests are those of [project] test in watchkeeper.toml. Nothing is recorded. Exit code 1
    when there is a conflict of the severity shown, else 0.
    """
    if len(set(changes)) < 2:
        raise click.UsageError("Two changes or more are needed", click.get_current_context())
    place = find_place(folder, os.environ, {"min_severity": severity})
    names = tuple(name.strip() for name in checks.split(",") if name.strip()) if checks is not None else None
    report = prove(folder, changes, base=base, place=place, checks=names, only_static=only_static, again=again)
    shown = _shown(report, place.config.min_severity)
    if as_json:
        show_document(_document(report, shown))
    else:
        for work in report.not_counted:
            say(not_counted_line(work))
        _show(report, shown)
    return Exit.FOUND if shown or _has_sets(report) else Exit.NOTHING


def _shown(report: ProveReport, least: Severity) -> list[Conflict]:
    """As `conflicts` would show them: what is proved first, what is cleared only where asked for."""
    found = [each for each in report.conflicts if _severity(report, each).rank >= least.rank]
    return sorted(found, key=lambda each: -_severity(report, each).rank)


def _severity(report: ProveReport, conflict: Conflict) -> Severity:
    return severity_after(conflict.severity, report.outcomes[conflict.id].outcome)


def _has_sets(report: ProveReport) -> bool:
    return report.union is not None and bool(report.union.sets)


def _document(report: ProveReport, shown: list[Conflict]) -> dict[str, object]:
    conflicts = []
    for each in shown:
        proof = report.outcomes[each.id]
        severity = _severity(report, each).value
        document = {**conflict_document(each), "severity": severity, "suspected": each.severity.value}
        conflicts.append({**document, "outcome": proof.outcome.value, "proof": proof_document(proof)})
    return {
        "changes": [change_document(change) for change in report.changes],
        "conflicts": conflicts,
        "proofs": [proof_document(proof) for proof in report.proofs],
        "sets": [msgspec.to_builtins(each) for each in report.union.sets] if report.union else [],
        "left_out": [{"change": name, "reason": reason} for name, reason in report.union.left_out]
        if report.union
        else [],
        "could_not": report.union.could_not or None if report.union else None,
        "flaky": list(report.union.flaky) if report.union else [],
        "not_counted": [msgspec.to_builtins(each) for each in report.not_counted],
    }


def _show(report: ProveReport, shown: list[Conflict]) -> None:
    terminal = find_terminal(sys.stdout, os.environ)
    lines: list[str] = []
    for conflict in shown:
        proof, severity = report.outcomes[conflict.id], _severity(report, conflict)
        lines += [*conflict_lines(conflict, terminal, proof=proof, severity=severity), ""]
    told = {(proof.changes, proof.outcome) for each in shown for proof in [report.outcomes[each.id]]}
    for proof in report.proofs:
        if (proof.changes, proof.outcome) not in told:
            lines += [f"{join_names(proof.changes, terminal)}  {proof_line(proof, terminal)}"]
    if report.union is not None:
        lines += _union_lines(report.union, terminal)
    missing = {proof.isolation for proof in report.proofs if proof.isolation not in {"", "full"}}
    lines += [terminal.paint("dim", f"sandbox {printable(each)}") for each in sorted(missing)]
    proved = sum(each.outcome is Outcome.PROVED for each in report.outcomes.values())
    runs = sum(proof.runs for proof in report.proofs) + (report.union.runs if report.union else 0)
    lines.append(f"{len(report.changes)} changes, {len(shown)} conflicts, {proved} proved, {runs} commands run")
    show(lines, printable(shown[0].next_step) if shown else "watchkeeper watch")


def _union_lines(union: UnionReport, terminal: Terminal) -> list[str]:
    lines = []
    for each in union.sets:
        found = "; ".join(printable(finding.message) for finding in each.findings[:2])
        lines.append(f"together {join_names(each.changes, terminal)}: {found} ({each.asked} merges looked at)")
    lines += [f"left out of the union: {printable(reason)}" for _, reason in union.left_out]
    if union.flaky:
        lines.append(f"of all together, failed once and then passed: {', '.join(map(printable, union.flaky[:5]))}")
    if union.could_not:
        lines.append(f"the tests of the union could not be run: {printable(union.could_not)}")
    elif not union.sets:
        lines.append(f"all {len(union.changes)} together: nothing emergent")
    return [*lines, ""]
