"""Conflicts and events as lines of a terminal; pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from watchkeeper.cli.output import Terminal
from watchkeeper.conflicts.standing import ConflictState, Status
from watchkeeper.controlroom.wording.conflicts import proof_words
from watchkeeper.controlroom.wording.events import describe as event_words
from watchkeeper.controlroom.wording.times import render_ago, render_moment
from watchkeeper.model.agents import SessionId
from watchkeeper.model.changes import WorkNotCounted
from watchkeeper.model.conflicts import Conflict, Evidence, Severity
from watchkeeper.model.events import (
    ConflictChanged,
    ConflictClosed,
    ConflictOpened,
    ConflictProbed,
    Event,
    Recorded,
)
from watchkeeper.model.ids import Millis
from watchkeeper.model.printing import printable
from watchkeeper.model.probing import Outcome, Proof

_MARKS = {
    Severity.INFO: ("·", ".", "dim"),
    Severity.MINOR: ("●", "o", "blue"),
    Severity.MAJOR: ("▲", "!", "yellow"),
    Severity.BLOCKING: ("■", "X", "red"),
}
_MOST_FINDINGS = 8


def mark(severity: Severity, terminal: Terminal) -> str:
    """Shape and word, padded to one width, in colour where there is colour."""
    fancy, plain, colour = _MARKS[severity]
    return terminal.paint(colour, f"{terminal.symbol(fancy, plain)} {severity.value:<8}")


def join_names(names: Sequence[str], terminal: Terminal) -> str:
    """``agent-a × agent-b``."""
    return terminal.symbol(" × ", " x ").join(printable(name) for name in names)


def conflict_lines(
    conflict: Conflict,
    terminal: Terminal,
    *,
    about: str = "",
    proof: Proof | None = None,
    severity: Severity | None = None,
) -> list[str]:
    """One conflict in two or three lines: severity, id, sentence; who, which rule, ``about`` (since when); the proof.

    ``severity`` is as it is shown, where that is not the suspicion's own.
    """
    indent = " " * 12
    details = [join_names(conflict.changes, terminal), printable(conflict.rule), *([about] if about else [])]
    separator = terminal.symbol(" · ", " - ")
    lines = [
        f"{mark(severity or conflict.severity, terminal)}  {conflict.id}  {printable(conflict.summary)}",
        terminal.paint("dim", f"{indent}{separator.join(details)}"),
    ]
    return [*lines, f"{indent}{proof_line(proof, terminal)}"] if proof is not None else lines


def state_lines(state: ConflictState, now: Millis, terminal: Terminal) -> list[str]:
    """A conflict as it stands, in two to four lines."""
    about = status_word(state, now)
    lines = conflict_lines(state.conflict, terminal, about=about, proof=state.proof, severity=state.severity)
    if state.unanswered and state.status is Status.OPEN:
        lines.append(" " * 12 + terminal.paint("yellow", unanswered_line(state.unanswered)))
    return lines


def unanswered_line(sessions: Sequence[SessionId]) -> str:
    """``unanswered by codex-1, goose-2: it is for you now``."""
    return f"unanswered by {', '.join(printable(each) for each in sessions)}: it is for you now"


def proof_line(proof: Proof, terminal: Terminal) -> str:
    """What running the merge said, in the colour of its outcome."""
    colour = "red" if proof.outcome.is_proof else "green" if proof.outcome is Outcome.CLEARED else "dim"
    return terminal.paint(colour, proof_words(proof))


def not_counted_line(work: WorkNotCounted) -> str:
    """``agent-a has uncommitted work in ../agent-a, which is not looked at: name the path to include it``."""
    name, path = printable(work.change), printable(work.path)
    if work.reason:
        return f"whether {name} has uncommitted work in {path} cannot be told: {printable(work.reason)}"
    return f"{name} has uncommitted work in {path}, which is not looked at: name the path to include it"


def conflict_page(state: ConflictState, history: Iterable[Recorded], now: Millis, terminal: Terminal) -> list[str]:
    """Everything about one conflict: both sides' lines, why, history. The next step is left to the caller."""
    conflict = state.conflict
    lines = [
        f"{mark(state.severity, terminal)}  {conflict.id}  {printable(conflict.summary)}",
        "",
        _field("state", f"{state.status.value}, {render_ago(state.changed_at, now)}"),
        *_proof_fields(state, terminal),
        _field("changes", join_names(conflict.changes, terminal)),
        _field("kind", f"{conflict.kind.value}, rule {conflict.rule}, {conflict.confidence.value}"),
        _field("about", printable(", ".join(conflict.subjects))),
        _field("why", printable(conflict.why)),
        *([_field("agents", unanswered_line(state.unanswered))] if state.unanswered else []),
    ]
    for side, shown in evidence_of_sides(conflict):
        lines += ["", terminal.paint("bold", side), *shown]
    lines += ["", terminal.paint("bold", "history")]
    return lines + [f"  {event_line(recorded, now, terminal)}" for recorded in history]


def _proof_fields(state: ConflictState, terminal: Terminal) -> list[str]:
    """What running the merge said, finding by finding, and why the severity is not the suspicion's own."""
    lines = []
    if state.proof is not None:
        lines.append(_field("outcome", proof_line(state.proof, terminal)))
        for each in state.proof.findings[:_MOST_FINDINGS]:
            place = f"{printable(each.path)}:{each.line}" if each.line else printable(each.path)
            lines.append(_field("", f"{place}  {printable(each.message)}  ({printable(each.check)}: {each.rule})"))
    if state.severity is not state.conflict.severity:
        why = "its rule was too often wrong lately" if state.is_demoted and state.proof is None else "by its outcome"
        lines.append(_field("suspected", f"{state.conflict.severity.value}; shown as {state.severity.value} {why}"))
    return lines


def evidence_of_sides(conflict: Conflict) -> list[tuple[str, list[str]]]:
    """Each side by its name with the lines that show the conflict; what only the merge shows, under that."""
    sides = [(printable(each), _evidence_lines(conflict.evidence, each)) for each in conflict.changes]
    if any(not each.change for each in conflict.evidence):
        sides = [side for side in sides if side[1]] + [("the merge", _evidence_lines(conflict.evidence, ""))]
    return [(side, lines or ["  (no line of this side shows it)"]) for side, lines in sides]


def _evidence_lines(evidence: Iterable[Evidence], change: str) -> list[str]:
    found = [each for each in evidence if each.change == change]
    lines = []
    for each in found:
        note = f"  ({printable(each.note)})" if each.note else ""
        lines.append(f"  {printable(each.path)}:{each.line}  {printable(each.text.strip())}{note}")
    return lines


def event_line(recorded: Recorded, now: Millis, terminal: Terminal) -> str:
    """One event on one line: when, how long ago, what."""
    ago = render_ago(recorded.at, now)
    return f"{terminal.paint('dim', f'{render_moment(recorded.at)}  {ago:>10}')}  {describe(recorded.event, terminal)}"


def describe(event: Event, terminal: Terminal) -> str:
    """What happened, in one clause, with the marks of what a conflict comes to."""
    words = event_words(event)
    match event:
        case ConflictOpened() | ConflictChanged():
            return f"{mark(event.conflict.severity, terminal)} {words}"
        case ConflictClosed():
            return f"{terminal.symbol('✔', '+')} {words}"
        case ConflictProbed():
            return f"{event.id} {proof_line(event.proof, terminal)}"
        case _:
            return words


def severity_counts(states: Iterable[ConflictState]) -> str:
    """``1 blocking, 2 major``: how many of each severity, the worst first; ``none`` where there are none."""
    severities = [state.severity for state in states]
    counted = [(severity, severities.count(severity)) for severity in reversed(Severity)]
    return ", ".join(f"{count} {severity.value}" for severity, count in counted if count) or "none"


def status_word(state: ConflictState, now: Millis) -> str:
    """Since when it is open, or what else became of it."""
    if state.status is Status.OPEN:
        return f"open since {render_ago(state.opened_at, now).removesuffix(' ago')}"
    return f"{state.status.value} {render_ago(state.changed_at, now)}"


def _field(name: str, value: str) -> str:
    return f"{name:<10}{value}"
