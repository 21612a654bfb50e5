"""``watchkeeper decisions``: what agents decided that nobody asked for, and what is to become of it."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click
import msgspec

from watchkeeper.app import now
from watchkeeper.cli.exits import Exit
from watchkeeper.cli.fleet_place import fleet_option
from watchkeeper.cli.options import Moment, json_option, repo_option
from watchkeeper.cli.output import Terminal, find_terminal, show, show_document
from watchkeeper.cli.verb import verb
from watchkeeper.controlroom.wording.times import render_ago
from watchkeeper.model.errors import UsageError
from watchkeeper.model.ids import Millis
from watchkeeper.model.printing import printable
from watchkeeper.model.review import DecisionId, DecisionVerdict
from watchkeeper.model.review_state import DecisionStanding

if TYPE_CHECKING:
    from watchkeeper.controlroom.judging import Done
    from watchkeeper.controlroom.picture import Picture, Reader

_MOST_SHOWN = 50
_JUDGED = {
    DecisionVerdict.ACCEPTED: "accepted",
    DecisionVerdict.QUESTIONED: "questioned",
    DecisionVerdict.REVERTED: "reverted",
}


class _Of(NamedTuple):
    """A decision and the project that it was made in."""

    project: str
    standing: DecisionStanding


@verb(
    examples=(
        "watchkeeper decisions",
        "watchkeeper decisions --accept d-1a2b3c4d",
        "watchkeeper decisions --question d-1a2b --reason 'why not what we use elsewhere?'",
        "watchkeeper decisions --revert d-1a2b",
    ),
    then="watchkeeper brief",
)
@click.option("--all", "show_all", is_flag=True, help="Those that were asked for, or judged, too.")
@click.option("--since", type=Moment(), help="Only newer ones: 30m, 2h, 3d, 2026-03-01.")
@click.option("--project", metavar="NAME", help="Only of this project.")
@click.option("--accept", "accepted", multiple=True, metavar="ID", help="It stands. Can be given several times.")
@click.option("--question", "questioned", metavar="ID", help="Make an issue of it; --reason says what is asked.")
@click.option("--revert", "reverted", metavar="ID", help="Take its change out again, through the queue.")
@click.option("--reason", default="", metavar="TEXT", help="Why; kept in the log.")
@fleet_option
@repo_option
@json_option
def command(
    *, show_all: bool, since: Millis | None, project: str | None, accepted: tuple[str, ...], questioned: str | None,
    reverted: str | None, reason: str, file: Path | None, folder: Path, as_json: bool,
) -> int:  # fmt: skip
    """List what agents decided that nobody asked for, the newest first, and say what is to become of it.

    Decisions are found in what landed: a new dependency, table, public name, route or environment variable, a check
    that is gone, a feature taken away, a changed default; and in what was said: by an agent, in a commit's body, in a
    decision record. ID may be how the id begins. Exit code 1 where one is open, else 0.
    """
    from watchkeeper.controlroom.picture import Reader
    from watchkeeper.controlroom.scope import find_scope, open_scope_log, require_project

    if sum(map(bool, (accepted, questioned, reverted))) > 1:
        raise UsageError(
            "A decision is either accepted, questioned or reverted",
            slug="usage",
            hint="watchkeeper decisions --help",
        )
    scope = find_scope(file, folder, os.environ)
    if project:
        require_project(scope, project)
    with open_scope_log(scope, os.environ) as log:
        reader = Reader(log, scope, now)
        known = _all(reader.look(), project)
        if accepted or questioned or reverted:
            wanted = [_find(known, each) for each in (*accepted, questioned, reverted) if each]
            done = [
                _act(reader, each, is_question=bool(questioned), accepts=bool(accepted), reason=reason)
                for each in wanted
            ]
            return _show_done(done, as_json=as_json)
        found = [each for each in known if show_all or _is_open(each.standing)]
        found = [each for each in found if since is None or each.standing.at >= since]
        return _show(found[::-1], as_json=as_json)


def _all(picture: Picture, project: str | None) -> list[_Of]:
    """All decisions, the oldest first."""
    found = [
        _Of(name, standing)
        for name, each in picture.projects.items()
        if project is None or name == project
        for standing in each.review.decisions.values()
    ]
    return sorted(found, key=lambda each: each.standing.seq)


def _is_open(standing: DecisionStanding) -> bool:
    return standing.judged is None and not standing.decision.asked_for


def _find(known: Sequence[_Of], name: str) -> _Of:
    """The decision whose id begins so. Raises UsageError."""
    wanted = name if name.startswith("d-") else f"d-{name}"
    found = [each for each in known if each.standing.decision.id.startswith(wanted)]
    if len(found) == 1:
        return found[0]
    if not found:
        raise UsageError(f"There is no decision {name!r} here", slug="not-there", hint="watchkeeper decisions --all")
    names = ", ".join(each.standing.decision.id for each in found[:5])
    raise UsageError(f"{name} may be any of {names}", slug="ambiguous-decision", hint="give more of the id")


def _act(reader: Reader, of: _Of, *, is_question: bool, accepts: bool, reason: str) -> Done:
    from watchkeeper.controlroom.actions import Actions
    from watchkeeper.controlroom.deciding import Deciding
    from watchkeeper.controlroom.judging import Person, Role

    person = Person(os.environ.get("USER") or os.environ.get("LOGNAME") or "", Role.OPERATOR, "cli")
    identity: DecisionId = of.standing.decision.id
    if accepts:
        return Actions(reader, now).accept_decision(person, of.project, identity, reason)
    deciding = Deciding(reader, now)
    if is_question:
        return deciding.question(person, of.project, identity, reason)
    return deciding.revert(person, of.project, identity, reason)


def _show_done(done: Sequence[Done], *, as_json: bool) -> int:
    if as_json:
        show_document({"done": [{"sentence": each.sentence, "changed": each.changed} for each in done]})
    else:
        show([printable(each.sentence) for each in done], "watchkeeper decisions")
    return Exit.NOTHING


def _show(found: Sequence[_Of], *, as_json: bool) -> int:
    is_open = any(_is_open(each.standing) for each in found)
    if as_json:
        show_document({"decisions": [_document(each) for each in found]})
        return Exit.FOUND if is_open else Exit.NOTHING
    terminal = find_terminal(sys.stdout, os.environ)
    lines = [line for each in found[:_MOST_SHOWN] for line in _lines(each, terminal)]
    if len(found) > _MOST_SHOWN:
        lines.append(f"and {len(found) - _MOST_SHOWN} older ones: --json shows all")
    first = next((each.standing.decision.id for each in found if _is_open(each.standing)), "")
    then = f"watchkeeper decisions --accept {first}" if first else "watchkeeper brief"
    show(lines or ["nothing was decided that nobody asked for, as far as what landed was looked at"], then)
    return Exit.FOUND if is_open else Exit.NOTHING


def _document(of: _Of) -> dict[str, object]:
    told: dict[str, object] = msgspec.to_builtins(of.standing)
    return {"project": of.project, **told}


def _lines(of: _Of, terminal: Terminal) -> list[str]:
    decision, judged = of.standing.decision, of.standing.judged
    state = _JUDGED[judged.verdict] if judged is not None else "asked for" if decision.asked_for else "open"
    who = decision.agent or decision.change or "an agent"
    head = f"{decision.id}  {decision.kind.value:<15} {state:<10} {of.project}  {render_ago(of.standing.at, now())}"
    place = f"{decision.path}:{decision.line}" if decision.path else "in words"
    commit = f" {decision.commit[:10]}" if decision.commit else ""
    lines = [
        terminal.paint("yellow", head) if state == "open" else head,
        f"    {printable(decision.title)}",
        f"    {printable(place)} by {printable(who)}{commit}{_for(decision.issue)}",
    ]
    return [*lines, *([f"    why: {printable(decision.why)}"] if decision.why else [])]


def _for(issue: str) -> str:
    return f" for {printable(issue)}" if issue else ""
