"""``watchkeeper findings``: what scouts found, what became of it, how right each rule was, and what a person says."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import click
import msgspec

from watchkeeper.app import now
from watchkeeper.cli.exits import Exit
from watchkeeper.cli.fleet_place import fleet_option
from watchkeeper.cli.options import json_option, repo_option
from watchkeeper.cli.output import Terminal, find_terminal, show, show_document
from watchkeeper.cli.verb import verb
from watchkeeper.controlroom.wording.scouting import place_of
from watchkeeper.controlroom.wording.times import render_ago
from watchkeeper.model.errors import UsageError
from watchkeeper.model.ids import Millis
from watchkeeper.model.printing import printable
from watchkeeper.model.scouting import FindingId, Verdict
from watchkeeper.model.scouting_state import FindingStanding, ScoutState
from watchkeeper.scouts.precision import Precision, precisions

_MOST_SHOWN = 50


class _Of(NamedTuple):
    """A finding and the project that it is in."""

    project: str
    standing: FindingStanding


@verb(
    examples=(
        "watchkeeper findings",
        "watchkeeper findings f-1a2b3c",
        "watchkeeper findings src/api.py --all",
        "watchkeeper findings f-1a2b3c --judge false --reason 'its client has a timeout'",
        "watchkeeper findings --precision",
    ),
    then="watchkeeper scout",
)
@click.argument("which", metavar="[ID|PATH]", required=False)
@click.option("--project", metavar="NAME", help="Only of this project.")
@click.option("--dimension", metavar="NAME", help="Only along this dimension.")
@click.option("--rule", metavar="CHECK:RULE", help="Only of this rule.")
@click.option("--kind", metavar="KIND", help="Only of this kind.")
@click.option("--all", "show_all", is_flag=True, help="What is gone, refuted or judged, too.")
@click.option("--precision", "asks_precision", is_flag=True, help="How right each rule and each dimension was.")
@click.option("--judge", "verdict", type=click.Choice([each.value for each in Verdict]), help="Say what a finding is.")
@click.option("--of-kind", "kind_now", metavar="KIND", help="Say of which kind a finding is.")
@click.option("--reason", default="", metavar="TEXT", help="Why; kept in the log.")
@fleet_option
@repo_option
@json_option
def command(
    *, which: str | None, project: str | None, dimension: str | None, rule: str | None, kind: str | None,
    show_all: bool, asks_precision: bool, verdict: str | None, kind_now: str | None, reason: str,
    file: Path | None, folder: Path, as_json: bool,
) -> int:  # fmt: skip
    """List what scouts found and what still holds, the gravest first; or show one finding whole.

    ID may be how the id begins. A finding that is judged false counts against its rule, and is never filed again; nor
    is what is judged wont-fix or duplicate. A rule of which less than 0.7 of the last 20 judged were true is muted: it
    is recorded, and gives nobody work. Exit code 1 where something holds, else 0.
    """
    from watchkeeper.controlroom.scope import find_scope, open_scope_log, require_project
    from watchkeeper.scoutdeck.hands import read_all

    scope = find_scope(file, folder, os.environ)
    if project:
        require_project(scope, project)
    with open_scope_log(scope, os.environ) as log:
        states = read_all(log)
        names = {each.shared: each.name for each in scope.projects if project in (None, each.name)}
        known = {names[key]: state for key, state in states.items() if key in names}
        if asks_precision:
            return _show_precision(known, as_json=as_json)
        if verdict or kind_now:
            from watchkeeper.scoutdeck.judging import judge, say_kind

            found = _find_one(known, which)
            shared = next(key for key, name in names.items() if name == found.project)
            of = shared, found.standing.finding.id
            who = os.environ.get("USER") or os.environ.get("LOGNAME") or "somebody"
            done = [judge(log, of, Verdict(verdict), reason, who, now())] if verdict else []
            done += [say_kind(log, of, kind_now, who, now())] if kind_now else []
            return _show_done(done, as_json=as_json)
        if which and _is_id(which):
            from watchkeeper.scoutdeck.converging import describe_solutions
            from watchkeeper.scoutdeck.standards import Held

            found = _find_one(known, which)
            solved = describe_solutions(log, [Held(each.name, each.place) for each in scope.projects])
            return _show_one(found, solved.get(found.standing.finding.id, ""), as_json=as_json)
        wanted = _Wanted(which, dimension, rule, kind, show_all)
        return _show(list(_chosen(known, wanted)), as_json=as_json)


class _Wanted(NamedTuple):
    path: str | None
    dimension: str | None
    rule: str | None
    kind: str | None
    show_all: bool


def _chosen(known: Mapping[str, ScoutState], wanted: _Wanted) -> Iterator[_Of]:
    for name, state in known.items():
        for each in state.findings.values():
            found = each.finding
            if not wanted.show_all and (not each.holds or each.refuted is not None):
                continue
            if wanted.path and not f"{found.path}/".startswith(f"{wanted.path.rstrip('/')}/"):
                continue
            if wanted.dimension and found.dimension != wanted.dimension:
                continue
            if wanted.rule and wanted.rule not in (found.rule, f"{found.check}:{found.rule}"):
                continue
            if wanted.kind and each.kind_id != wanted.kind:
                continue
            yield _Of(name, each)


def _is_id(text: str) -> bool:
    return text.startswith("f-") and all(char in "0123456789abcdef" for char in text[2:])


def _find_one(known: Mapping[str, ScoutState], name: str | None) -> _Of:
    """Raises UsageError: none, or several."""
    if not name:
        raise UsageError("Which finding is it? Its id is missing", slug="usage", hint="watchkeeper findings")
    wanted = name if name.startswith("f-") else f"f-{name}"
    found = [
        _Of(project, each)
        for project, state in known.items()
        for key, each in state.findings.items()
        if key.startswith(wanted)
    ]
    if len(found) == 1:
        return found[0]
    if not found:
        raise UsageError(f"There is no finding {name!r} here", slug="not-there", hint="watchkeeper findings --all")
    names = ", ".join(FindingId(each.standing.finding.id) for each in found[:5])
    raise UsageError(f"{name} may be any of {names}", slug="ambiguous-finding", hint="give more of the id")


def _show(found: Sequence[_Of], *, as_json: bool) -> int:
    ordered = sorted(found, key=_by_impact)
    if as_json:
        show_document({"findings": [_document(each) for each in ordered]})
    else:
        terminal, at = find_terminal(sys.stdout, os.environ), now()
        lines = [_line(each, terminal, at) for each in ordered[:_MOST_SHOWN]]
        if len(ordered) > _MOST_SHOWN:
            lines.append(f"{len(ordered) - _MOST_SHOWN} more: name a path, a --dimension or a --rule")
        first = ordered[0].standing.finding.id if ordered else ""
        show(lines or ["nothing holds of what scouts found"], f"watchkeeper findings {first}".rstrip())
    return Exit.FOUND if any(each.standing.holds for each in found) else Exit.NOTHING


def _by_impact(of: _Of) -> tuple[float, str, str, int]:
    found = of.standing.finding
    return -found.severity * found.confidence, of.project, found.path, found.line


def _line(of: _Of, terminal: Terminal, at: Millis) -> str:
    found, grave = of.standing.finding, {1: "small", 2: "minor", 3: "major", 4: "grave"}
    word = grave[found.severity].ljust(5)
    colour = "red" if found.severity >= 4 else "yellow" if found.severity == 3 else "dim"
    state = _state(of.standing, at)
    claim = printable(f"{of.project}  {place_of(found)}: {found.claim}")
    by = ", ".join(each for each in (f"{found.check}:{found.rule}", state) if each)
    return f"{found.id}  {terminal.paint(colour, word)}  {claim}  ({printable(by)})"


def _state(standing: FindingStanding, at: Millis) -> str:
    if standing.gone is not None:
        return f"gone {render_ago(standing.gone_at or at, at)}"
    if standing.judged is not None:
        return f"{standing.judged.verdict.value}, says {standing.judged.by}"
    if standing.refuted is not None:
        return "refuted"
    return f"filed as {standing.issue}" if standing.issue is not None else ""


def _show_one(of: _Of, solved: str, *, as_json: bool) -> int:
    standing = of.standing
    found, at = standing.finding, now()
    if as_json:
        show_document({**_document(of), "solved": solved})
        return Exit.FOUND if standing.holds else Exit.NOTHING
    kind = f", kind {standing.kind_id}" if standing.kind_id else ""
    inside = f", in {found.symbol}" if found.symbol else ""
    sure = f"severity {found.severity} of 4, confidence {found.confidence:.2f}"
    lines = [
        printable(f"{found.id}  {of.project}  {place_of(found)}"),
        printable(f"  {found.claim}"),
        printable(f"  {found.dimension}, {found.check}:{found.rule}, {sure}{kind}"),
        printable(f"  first seen {render_ago(standing.at, at)}, at {found.commit[:10]}{inside}"),
    ]
    lines += ["", *(f"    {printable(line)}" for line in found.quote.splitlines())] if found.quote else []
    lines += (
        ["", "how it was found:", *(f"  {printable(line)}" for line in found.evidence.splitlines())]
        if found.evidence
        else []
    )
    lines += ["", "how to show that it is false:", f"  {printable(found.disprove)}"] if found.disprove else []
    says = {True: "it holds", False: "it is false", None: "it cannot be decided"}
    lines += [printable(f"{each.by} tried it: {says[each.holds]}: {each.reason}") for each in standing.tried]
    if state := _state(standing, at):
        lines.append(printable(state))
    lines += ["", *(printable(line) for line in solved.splitlines())] if solved else []
    show(lines, f"watchkeeper findings {found.id} --judge false --reason '...'")
    return Exit.FOUND if standing.holds else Exit.NOTHING


def _show_precision(known: Mapping[str, ScoutState], *, as_json: bool) -> int:
    found = precisions(each for state in known.values() for each in state.findings.values())
    counts: dict[str, int] = {}
    for state in known.values():
        for each in state.findings.values():
            counts[f"{each.finding.check}:{each.finding.rule}"] = (
                counts.get(f"{each.finding.check}:{each.finding.rule}", 0) + 1
            )
    if as_json:
        show_document({"precision": {name: _precision_document(each) for name, each in sorted(found.items())}})
        return Exit.NOTHING
    lines = [_precision_line(name, each, counts.get(name)) for name, each in sorted(found.items(), key=_worst_first)]
    show(lines or ["nothing was found yet"], "watchkeeper findings")
    return Exit.NOTHING


def _worst_first(pair: tuple[str, Precision]) -> tuple[bool, float, str]:
    name, each = pair
    return each.rate is None, each.rate or 0.0, name


def _precision_line(name: str, precision: Precision, found: int | None) -> str:
    of = f", {found} found" if found is not None else ""
    if precision.rate is None:
        return f"{printable(name)}: nobody has judged any{of}"
    low, high = precision.interval
    muted = ", MUTED: it gives nobody work" if precision.is_muted else ""
    rate = f"{precision.right} of {precision.judged} true ({precision.rate:.2f}, 95 % {low:.2f} to {high:.2f})"
    return f"{printable(name)}: {rate}{of}{muted}"


def _precision_document(precision: Precision) -> dict[str, object]:
    low, high = precision.interval
    return {
        "right": precision.right, "judged": precision.judged, "rate": precision.rate, "interval": [low, high],
        "muted": precision.is_muted, "trusted": precision.is_trusted,
    }  # fmt: skip


def _show_done(done: Sequence[str], *, as_json: bool) -> int:
    if as_json:
        show_document({"done": list(done)})
    else:
        show([printable(each) for each in done], "watchkeeper findings")
    return Exit.NOTHING


def _document(of: _Of) -> dict[str, object]:
    standing = of.standing
    return {
        "project": of.project,
        **msgspec.to_builtins(standing),
        "holds": standing.holds,
        "refuted": standing.refuted is not None,
        "kind_id": standing.kind_id,
    }
